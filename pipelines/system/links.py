"""Links, pipes and devices in a folder that may be from somebody else."""

import os
import pathlib
import stat

from pipelines.system.terminal import InputError


def refuse_links(folder: pathlib.Path, option: str) -> None:
    """Raises InputError if something below a folder that is written into is neither a file nor a folder.

    A link would lead writes out of the folder; a pipe or a device has no end. The folder itself may be a link.

    Args:
      folder: need not exist.
      option: its option's name, for the message.
    """
    for parent, folders, files in os.walk(folder):
        for name in folders + files:
            path = pathlib.Path(parent, name)
            try:
                mode = path.lstat().st_mode  # asked once: a running training may replace it between two questions
            except FileNotFoundError:
                continue
            place = f"{option}={folder} has {path.relative_to(folder)}, which is"
            if stat.S_ISLNK(mode):
                raise InputError(
                    f"{place} a link, and what is written would land elsewhere; replace it by what it leads to, or "
                    f"give another folder ({option} itself may be a link)"
                )
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise InputError(f"{place} neither a file nor a folder; remove it")


def refuse_pipes(folder: pathlib.Path, option: str, read: tuple[str, ...]) -> None:
    """Raises InputError if something that is read below a folder is, or leads to, a pipe or a device.

    They have no end. Links to files and folders may be read, also if they lead out of the folder; one that leads
    nowhere counts as nothing.

    Args:
      folder: need not exist.
      option: its option's name, for the message.
      read: patterns of what is read below it, such as `checkpoints/*`.
    """
    for path in (path for pattern in read for path in folder.glob(pattern)):
        try:
            mode = path.stat().st_mode
        except OSError:
            continue
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(
                f"{option}={folder} has {path.relative_to(folder)}, which is neither a file nor a folder; remove it"
            )
