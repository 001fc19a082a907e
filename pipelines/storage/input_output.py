"""The images that a user names, and the files that become of them."""

import pathlib
from collections.abc import Iterable

from pipelines.storage.image_files import list_files
from pipelines.system.terminal import InputError


def list_inputs(source: pathlib.Path) -> list[pathlib.Path]:
    """An image, or all images of a folder, at any depth.

    Raises:
      InputError: there is no such file or folder, or no image in it.
    """
    if not source.exists():
        raise InputError(f"input={source} is neither an image nor a folder of images")
    return [source] if source.is_file() else list_files(source)


def plan_outputs(source: pathlib.Path, folder: pathlib.Path, suffix: str) -> dict[pathlib.Path, pathlib.Path]:
    """Input file to output file: the same path below another folder, with another suffix. Writes nothing.

    Args:
      source: as list_inputs has it.
      folder: for the outputs.
      suffix: of the outputs, such as `.png`.

    Raises:
      InputError: there is no input, two inputs would have one output, or outputs would be among the inputs.
    """
    files = list_inputs(source)
    if source.is_dir() and source.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise InputError(f"output={folder} is the input's own folder or inside it; give another")
    root = source.parent if source.is_file() else source
    outputs, inputs = {}, {}
    for file in files:
        output = (folder / file.relative_to(root)).with_suffix(suffix)
        if output in inputs:
            raise InputError(f"{inputs[output]} and {file} would both become {output}; rename one of them")
        if output.resolve() == file.resolve():
            raise InputError(f"output={folder} is the folder of {file}, which would be overwritten; give another")
        outputs[file] = output
        inputs[output] = file
    return outputs


def make_folders(folder: pathlib.Path, outputs: Iterable[pathlib.Path]) -> None:
    """Makes the folders that the outputs below `folder` go to.

    Raises:
      InputError: it cannot be written.
    """
    try:
        for output in outputs:
            output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output={folder} cannot be written ({error.strerror}); give another folder") from None
