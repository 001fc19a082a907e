"""Writes and reads one worker's part of a checkpoint: the model and its pools on the chief, the pools on the others."""

import pathlib
import re

import tensorflow as tf
from google.protobuf.message import DecodeError

from pipelines.system.disk import MIB, sync_file, sync_folder
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix

CHIEF_PREFIX = "state"
WORKER_PREFIX = "worker-"

# What a checkpoint needs besides its tensors: their names, the object graph, and some spare room.
FRAME_BYTES = MIB

# What is the same on all workers: everything but the pools.
SHARED_STATE = (
    "generator",
    "discriminator",
    "generator_optimizer",
    "discriminator_optimizer",
    "step",
    "non_finite_step",
)

# What reading raises if files are cut short, have flipped bits or are missing: their checksums tell. Lack of memory is
# an OpError too, but no damage.
DAMAGE = (tf.errors.OpError, AssertionError, ValueError, LookupError, TypeError, AttributeError, DecodeError)


def part_bytes(model: Pix2Pix, workers: Workers) -> int:
    """Returns an upper bound of the bytes that this worker's part takes; 0 if it has none."""
    if workers.is_chief or model.config.pool_size:
        return model.nbytes(workers.is_chief) + FRAME_BYTES
    return 0


def write_part(model: Pix2Pix, folder: pathlib.Path, workers: Workers) -> None:
    """Writes this worker's part into a folder that all workers share, and has it on the disk."""
    prefix = _prefix(workers)
    if workers.is_chief:
        tf.train.Checkpoint(model=model).write(str(folder / prefix))
    else:
        _pools(model).write(str(folder / prefix))
    # Only this worker's files: beside them TensorFlow makes and removes those of the other workers.
    for file in folder.glob(f"{prefix}.*"):
        sync_file(file)
    sync_folder(folder)


def has_pools_for(model: Pix2Pix, folder: pathlib.Path, workers: Workers) -> bool:
    """Whether a checkpoint has one pool for each of the present replicas. Damage is found later."""
    if not model.config.pool_size:
        return True
    try:
        names = tf.train.load_checkpoint(str(folder / CHIEF_PREFIX)).get_variable_to_shape_map()
    except DAMAGE:
        return True
    pools = {match[1] for name in names if (match := re.match(r"model/pools/(\d+)/", name))}
    count = 1 + len(list(folder.glob(f"{WORKER_PREFIX}*.index")))
    return count == workers.count and len(pools) == len(model.pools)


def read_part(model: Pix2Pix, folder: pathlib.Path, workers: Workers, with_pools: bool) -> None:
    """Restores what all workers share, and with_pools this worker's pools. Raises one of DAMAGE if that fails."""
    if workers.is_chief and with_pools:
        tf.train.Checkpoint(model=model).read(str(folder / CHIEF_PREFIX)).assert_consumed()
        return
    shared = {name: getattr(model, name) for name in SHARED_STATE}
    part = tf.train.Checkpoint(model=tf.train.Checkpoint(**shared))
    part.read(str(folder / CHIEF_PREFIX)).assert_existing_objects_matched().expect_partial()
    if with_pools and model.config.pool_size:
        _pools(model).read(str(folder / _prefix(workers))).assert_consumed()


def _prefix(workers: Workers) -> str:
    return CHIEF_PREFIX if workers.is_chief else f"{WORKER_PREFIX}{workers.index}"


def _pools(model: Pix2Pix) -> tf.train.Checkpoint:
    # Wrapped: a checkpoint does not track a plain list.
    return tf.train.Checkpoint(pools=tf.train.Checkpoint(**{str(i): pool for i, pool in enumerate(model.pools)}))
