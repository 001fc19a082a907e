"""What cannot fit into this machine's memory is refused before any of it is taken."""

import os

from pipelines.system.terminal import InputError

FLOAT_BYTES = 4
GIB = 2**30


def check_memory(what: str, needed: int, remedy: str) -> None:
    """Raises InputError where something needs more bytes than the machine has, however little else is in use."""
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise InputError(
            f"{what} needs {needed / GIB:,.0f} GiB of memory or more, and this machine has {there / GIB:,.0f}; {remedy}"
        )
