"""Records the machine and options that the figures of a benchmark depend on, and compares two such records."""

import os
import pathlib
import platform
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
import tensorflow as tf

from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config

# The figures that are compared. Of these a smaller one is better, of all that end in _per_second a larger one.
SMALLER_IS_BETTER = ("seconds_per_step", "seconds_per_inference", "seconds_to_first_step", "peak_rss_mib")
LARGER_IS_BETTER = "_per_second"


def circumstances(config: Config) -> dict[str, Any]:
    """Returns the machine and the chosen options on which figures depend, as JSON has them."""
    gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
    return {
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30),
            "gpus": [details.get("device_name", "GPU") for details in gpus],
        },
        "options": dict(option.split("=", 1) for option in config.chosen()),
    }


def _processor() -> str:
    """Returns the processor's name, which Python's platform does not know on Linux."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def read_record(path: pathlib.Path) -> dict[str, Any]:
    """Reads what `benchmark --output` wrote.

    Raises:
      InputError: there is no such file, or it is something else.
    """
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file that benchmark --output wrote") from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); give a file that benchmark --output wrote") from None
    if not isinstance(record, dict) or not all(_is_number(record.get(name)) for name in SMALLER_IS_BETTER):
        raise InputError(f"{path} has no figures of a benchmark; give a file that benchmark --output wrote")
    return record


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def compare(new: Mapping[str, Any], old: Mapping[str, Any]) -> Iterator[str]:
    """Yields lines that say what the two records differ in, and a table of figures with ratios."""
    for part in ("machine", "versions", "options"):
        before, now = (record[part] if isinstance(record.get(part), dict) else {} for record in (old, new))
        for name in sorted(before.keys() | now.keys()):
            if before.get(name) != now.get(name):
                yield f"{name}: {before.get(name, 'the default')} before, {now.get(name, 'the default')} now"
    yield f"{'':32} {'before':>10} {'now':>10}  ratio (above 1: faster, or smaller, now)"
    for name, value in new.items():
        if not (name in SMALLER_IS_BETTER or name.endswith(LARGER_IS_BETTER)) or not _is_number(old.get(name)):
            continue
        ratio = old[name] / value if name in SMALLER_IS_BETTER else value / old[name]
        yield f"{name:32} {old[name]:10.4g} {value:10.4g}  {ratio:.2f}"
