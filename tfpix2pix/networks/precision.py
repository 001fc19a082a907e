"""Chooses the precision that suits this machine, for `--mixed_precision=auto`."""

import pathlib

CPU_FLAGS = pathlib.Path("/proc/cpuinfo")
# Processors with one of these multiply in bfloat16; TensorFlow's oneDNN kernels use it.
BFLOAT16_FLAGS = frozenset(("avx512_bf16", "amx_bf16"))
# From these compute capabilities on, NVIDIA's tensor cores multiply in bfloat16 (Ampere) and float16 (Volta).
BFLOAT16_CAPABILITY, FLOAT16_CAPABILITY = (8, 0), (7, 0)


def usual_precision() -> str:
    """Returns `bfloat16` or `float16` where all of this machine's GPUs, or else its CPU, are made for it; else `none`.

    bfloat16 goes first: it has the range of float32, so that no update is skipped.
    """
    import tensorflow as tf  # --help does not need it

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return "bfloat16" if BFLOAT16_FLAGS & cpu_flags() else "none"
    # Other makers' GPUs have none.
    details = map(tf.config.experimental.get_device_details, gpus)
    capability = min(each.get("compute_capability", (0, 0)) for each in details)
    if capability >= BFLOAT16_CAPABILITY:
        return "bfloat16"
    return "float16" if capability >= FLOAT16_CAPABILITY else "none"


def cpu_flags() -> set[str]:
    """Returns what the first processor can do, in Linux's words; nothing on other systems."""
    if not CPU_FLAGS.exists():
        return set()
    lines = CPU_FLAGS.read_text().splitlines()
    return set(next((line for line in lines if line.startswith("flags")), "").split())
