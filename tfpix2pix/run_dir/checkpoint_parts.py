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

# The average of the generator's weights, where the run has one.
AVERAGE = "averaged_generator"
# What only some runs have. If a run is changed, it may have what its checkpoint has not, or the other way round.
OPTIONAL_STATE = (AVERAGE, "adaptive_strength", "plateau")

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
    """Whether a checkpoint has one pool for each of the present replicas, of their size. Damage is found later."""
    try:
        shapes = tf.train.load_checkpoint(str(folder / CHIEF_PREFIX)).get_variable_to_shape_map()
    except DAMAGE:
        return True
    sizes = [shape[0] for name, shape in shapes.items() if re.match(r"model/pools/\d+/sources/", name)]
    if not model.config.pool_size:
        return not sizes
    count = 1 + len(list(folder.glob(f"{WORKER_PREFIX}*.index")))
    return count == workers.count and sizes == [model.config.pool_size] * len(model.pools)


def holds_average(folder: pathlib.Path) -> bool:
    """Whether a checkpoint has an average of the generator's weights. Raises one of DAMAGE if it cannot be read."""
    return AVERAGE in _optional_state(folder)


def read_part(model: Pix2Pix, folder: pathlib.Path, workers: Workers, with_pools: bool) -> None:
    """Restores what all workers share, and with_pools this worker's pools. Raises one of DAMAGE if that fails.

    An average that the checkpoint does not have, because the run was changed, starts from the generator's weights, an
    adaptive strength from 0, and a plateau from here.
    """
    held = _optional_state(folder)
    wanted = [name for name in OPTIONAL_STATE if getattr(model, name)]
    if workers.is_chief and with_pools and held == wanted:
        tf.train.Checkpoint(model=model).read(str(folder / CHIEF_PREFIX)).assert_consumed()
        return
    shared = {name: getattr(model, name) for name in (*SHARED_STATE, *wanted) if name in SHARED_STATE or name in held}
    if workers.is_chief and with_pools:
        shared |= {"pools": _as_object(model)}
    part = tf.train.Checkpoint(model=tf.train.Checkpoint(**shared))
    part.read(str(folder / CHIEF_PREFIX)).assert_existing_objects_matched().expect_partial()
    if AVERAGE not in held:
        model.start_average()
    if model.plateau and "plateau" not in held:
        model.plateau.start(model.step)
    if with_pools and model.config.pool_size and not workers.is_chief:
        _pools(model).read(str(folder / _prefix(workers))).assert_consumed()


def _optional_state(folder: pathlib.Path) -> list[str]:
    names = tf.train.load_checkpoint(str(folder / CHIEF_PREFIX)).get_variable_to_shape_map()
    return [part for part in OPTIONAL_STATE if any(name.startswith(f"model/{part}/") for name in names)]


def _prefix(workers: Workers) -> str:
    return CHIEF_PREFIX if workers.is_chief else f"{WORKER_PREFIX}{workers.index}"


def _pools(model: Pix2Pix) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(pools=_as_object(model))


def _as_object(model: Pix2Pix) -> tf.train.Checkpoint:
    # A checkpoint does not track a plain list.
    return tf.train.Checkpoint(**{str(i): pool for i, pool in enumerate(model.pools)})
