"""Refuses what cannot fit into this machine's memory, before any of it is allocated."""

import psutil

from pipelines.system.terminal import InputError

FLOAT_BYTES = 4
GIB = 2**30


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Raises InputError if something needs more bytes than the machine has, even with nothing else in use."""
    total = psutil.virtual_memory().total
    if needed > total:
        raise InputError(
            f"{what} needs {needed / GIB:,.0f} GiB of memory or more, and this machine has {total / GIB:,.0f}; {remedy}"
        )
