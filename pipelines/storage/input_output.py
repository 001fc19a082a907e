"""Lists the images that a user names, and plans the files of their results."""

import pathlib
from collections.abc import Callable, Iterable

from pipelines.storage.listing import left_out_words, list_files, list_folder
from pipelines.storage.manifest import is_sharded
from pipelines.storage.zarr_image import is_zarr
from pipelines.system.paths import AnyPath, is_inside
from pipelines.system.terminal import NO_ROOM, InputError


def list_inputs(source: pathlib.Path, with_zarr: bool = False) -> list[pathlib.Path]:
    """Returns an image, or all images of a folder, at any depth.

    Args:
      source: of both.
      with_zarr: whether folders whose name ends in `.zarr` are images.

    Raises:
      InputError: the file or folder does not exist, or has no image.
    """
    if not source.exists():
        raise InputError(f"input={source} is neither an image nor a folder of images; give one of them")
    if source.is_file() or (with_zarr and is_zarr(source)):
        return [source]
    return [pathlib.Path(file) for file in list_files(source, with_zarr)]


def plan_outputs(
    source: pathlib.Path,
    folder: pathlib.Path,
    suffix: str | Callable[[pathlib.Path], str],
    with_zarr: bool = False,
) -> dict[pathlib.Path, pathlib.Path]:
    """Maps each input file to its output file: the same path below another folder. Writes nothing.

    Args:
      source: as in list_inputs.
      folder: for the outputs.
      suffix: of the outputs, such as `.png`; or a function that tells it for an input.
      with_zarr: as in list_inputs.

    Raises:
      InputError: there is no input, two inputs would have one output, or an output would be among the inputs.
    """
    files = list_inputs(source, with_zarr)
    is_image = files == [source]
    if not is_image and is_inside(folder, source):
        raise InputError(f"output={folder} is the input's own folder or inside it; give another")
    root = source.parent if is_image else source
    inputs: dict[pathlib.Path, pathlib.Path] = {}
    for file in files:
        output = renamed(folder / file.relative_to(root), suffix if isinstance(suffix, str) else suffix(file))
        if output in inputs:
            raise InputError(f"{inputs[output]} and {file} would both become {output}; rename one of them")
        if output.resolve() == file.resolve():
            raise InputError(f"output={folder} is the folder of {file}, which would be overwritten; give another")
        inputs[output] = file
    return {file: output for output, file in inputs.items()}


def renamed(path: pathlib.Path, suffix: str) -> pathlib.Path:
    """Gives a path another suffix; `.ome.tif` and `.ome.tiff` count as one."""
    stem = path.with_suffix("")
    is_ome = path.suffix.lower() in (".tif", ".tiff") and stem.suffix.lower() == ".ome"
    return (stem if is_ome else path).with_suffix(suffix)


def missing(
    outputs: dict[pathlib.Path, pathlib.Path],
    overwrite: bool,
    beside: Callable[[pathlib.Path], pathlib.Path] | None = None,
) -> dict[pathlib.Path, pathlib.Path]:
    """Returns the inputs whose outputs are to be made, with these: those that do not exist, or all to `overwrite`.

    Args:
      outputs: input to output.
      overwrite: whether outputs that exist are made again.
      beside: names another output that is made with each.
    """

    def exists(output: pathlib.Path) -> bool:
        return output.exists() and (beside is None or beside(output).exists())

    return {file: output for file, output in outputs.items() if overwrite or not exists(output)}


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


def left_out_line(source: AnyPath, with_zarr: bool = False) -> str:
    """Says in one line what a folder has besides its images; empty if there is nothing else, or of a file or shards."""
    is_image = with_zarr and isinstance(source, pathlib.Path) and is_zarr(source)
    if is_image or not source.is_dir() or is_sharded(source):
        return ""
    listing = list_folder(source, with_zarr)
    words = left_out_words(listing.left_out)
    return f"{source}: {len(listing.files)} images{words}" if words else ""
