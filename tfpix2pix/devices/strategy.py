"""Picks the devices that train, and shares batches out to them."""

import ctypes
import sys
from collections.abc import Iterable

import tensorflow as tf

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.cluster import Cluster
from tfpix2pix.devices.rendezvous import rendezvous

# From glibc's malloc.h.
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3


def make_strategy(config: Config, cluster: Cluster | None = None) -> tf.distribute.Strategy:
    """Makes a strategy with one replica on each GPU, or one on the CPU, of this machine or of all workers.

    With several workers it must be called before TensorFlow does anything else; it returns when all have started.

    Args:
      config: gives the strategy's name and the batch size.
      cluster: the workers, if there are several.

    Raises:
      InputError: the batch cannot be shared evenly.
    """
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        keep_freed_memory()
    for gpu in gpus:
        # Take memory as it is needed, so that TensorBoard or a second, small job can run beside.
        tf.config.experimental.set_memory_growth(gpu, True)
    if cluster:
        # Each worker has a replica or more, so this much is certain before anyone waits for the others.
        _check_shares(config, len(cluster.addresses), "workers")
        rendezvous(cluster)
        strategy = _over_workers(cluster, len(gpus))
    else:
        used = gpus[:1] if config.strategy == "one" else gpus
        strategy = tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(len(used))] or ["CPU:0"])
    _check_shares(config, strategy.num_replicas_in_sync, "replicas" if cluster else "GPUs")
    return strategy


def _check_shares(config: Config, count: int, called: str) -> None:
    parts = config.gradient_accumulation
    if config.batch_size % (count * parts):
        shares = f"{count} {called}" + (f", in {parts} parts each" if parts > 1 else "")
        raise InputError(
            f"batch_size={config.batch_size} cannot be shared evenly by {shares}; give a multiple of {count * parts}, "
            "or use fewer of them"
        )


def _over_workers(cluster: Cluster, gpus: int) -> tf.distribute.Strategy:
    implementations = tf.distribute.experimental.CommunicationImplementation
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=implementations.NCCL if gpus else implementations.RING
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster.resolver(gpus), options)


def keep_freed_memory() -> None:
    """Has glibc's allocator keep memory that a step frees for the next step; does nothing with other allocators.

    By default it returns large pieces to the system, which hands them out again page by page: this takes 4 to 8 percent
    of a step of the paper's networks on two cores.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_MMAP_THRESHOLD, 2**25)


def distribute(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Iterable:
    """Shares batches out over this process's replicas, on their devices, as the train step takes them.

    A single CPU takes the dataset as it is. TensorFlow's distributed iterator would set the allocator's trim threshold
    to 128 kB for the whole process (its GeneratorDataset logs it); memory then returns to the system all the time, and
    a step of the paper's networks takes 1.4 times as long.

    Args:
      strategy: of one process or of many.
      dataset: this process's part of each global batch, always of one size; its first replica gets the first share.
    """
    replicas = len(strategy.extended.worker_devices)
    if replicas == 1 and not tf.config.list_physical_devices("GPU"):
        return dataset
    share = dataset.element_spec[0].shape[0] // replicas
    return strategy.distribute_datasets_from_function(lambda _: dataset.rebatch(share, drop_remainder=True))
