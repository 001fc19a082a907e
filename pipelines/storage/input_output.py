"""Lists the images that a user names, and plans the files of their results."""

import pathlib
from collections.abc import Iterable

from pipelines.storage.listing import left_out_words, list_files, list_folder
from pipelines.storage.manifest import is_sharded
from pipelines.system.paths import AnyPath, is_inside
from pipelines.system.terminal import NO_ROOM, InputError


def list_inputs(source: pathlib.Path) -> list[pathlib.Path]:
    """Returns an image, or all images of a folder, at any depth.

    Raises:
      InputError: the file or folder does not exist, or has no image.
    """
    if not source.exists():
        raise InputError(f"input={source} is neither an image nor a folder of images; give one of them")
    return [source] if source.is_file() else [pathlib.Path(file) for file in list_files(source)]


def plan_outputs(source: pathlib.Path, folder: pathlib.Path, suffix: str) -> dict[pathlib.Path, pathlib.Path]:
    """Maps each input file to its output file: the same path below another folder. Writes nothing.

    Args:
      source: as in list_inputs.
      folder: for the outputs.
      suffix: of the outputs, such as `.png`.

    Raises:
      InputError: there is no input, two inputs would have one output, or an output would be among the inputs.
    """
    files = list_inputs(source)
    if source.is_dir() and is_inside(folder, source):
        raise InputError(f"output={folder} is the input's own folder or inside it; give another")
    root = source.parent if source.is_file() else source
    inputs: dict[pathlib.Path, pathlib.Path] = {}
    for file in files:
        output = (folder / file.relative_to(root)).with_suffix(suffix)
        if output in inputs:
            raise InputError(f"{inputs[output]} and {file} would both become {output}; rename one of them")
        if output.resolve() == file.resolve():
            raise InputError(f"output={folder} is the folder of {file}, which would be overwritten; give another")
        inputs[output] = file
    return {file: output for output, file in inputs.items()}


def missing(outputs: dict[pathlib.Path, pathlib.Path], overwrite: bool) -> dict[pathlib.Path, pathlib.Path]:
    """Returns the inputs whose outputs are to be made, with these: those that do not exist, or all to `overwrite`."""
    return {file: output for file, output in outputs.items() if overwrite or not output.exists()}


def kept_line(count: int) -> str:
    """Says in one line that so many results are left as they are."""
    return f"{count} results exist and are left as they are; --overwrite makes them again"


def make_folders(folder: pathlib.Path, outputs: Iterable[pathlib.Path]) -> None:
    """Makes the folders of the outputs below `folder`.

    Raises:
      InputError: one cannot be made.
    """
    try:
        for output in outputs:
            output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        raise InputError(f"output={folder} cannot be written ({error.strerror}); give another folder") from None


def left_out_line(source: AnyPath) -> str:
    """Says in one line what a folder has besides its images; empty if there is nothing else, or of a file or shards."""
    if not source.is_dir() or is_sharded(source):
        return ""
    listing = list_folder(source)
    words = left_out_words(listing.left_out)
    return f"{source}: {len(listing.files)} images{words}" if words else ""
