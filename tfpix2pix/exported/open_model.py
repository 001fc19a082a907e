"""Opens an exported generator of any format."""

import pathlib

from pipelines.system.terminal import InputError
from tfpix2pix.exported.model_file import ModelFile

MODEL_SUFFIXES = (".tflite", ".onnx")


def is_model(path: pathlib.Path) -> bool:
    """Tells whether a path is that of an exported generator, by its ending or its contents."""
    return (path.is_file() and path.suffix.lower() in MODEL_SUFFIXES) or saved_model_folder(path) is not None


def saved_model_folder(path: pathlib.Path) -> pathlib.Path | None:
    """Returns the folder that holds saved_model.pb: the path itself, or its newest version; None if there is none."""
    if (path / "saved_model.pb").is_file():
        return path
    if not path.is_dir():
        return None
    versions = [p for p in path.iterdir() if p.name.isdecimal() and (p / "saved_model.pb").is_file()]
    return max(versions, key=lambda version: int(version.name), default=None)


def open_model(path: pathlib.Path) -> ModelFile:
    """Opens an exported generator.

    Raises:
      InputError: it is none, cannot be read, or the package that runs it is not installed.
    """
    if not path.exists():
        raise InputError(f"{path} does not exist; give a .tflite or .onnx file, or the folder of a SavedModel")
    # Each needs a package of its own, which is not installed with this one.
    if path.suffix.lower() == ".tflite":
        from tfpix2pix.exported.tflite_file import open_tflite

        return open_tflite(path)
    if path.suffix.lower() == ".onnx":
        from tfpix2pix.exported.onnx_file import open_onnx

        return open_onnx(path)
    from tfpix2pix.exported.saved_model_file import open_saved_model

    folder = saved_model_folder(path)
    if folder is None:
        raise InputError(f"{path} is neither a .tflite file, nor an .onnx file, nor a SavedModel; give one of these")
    return open_saved_model(folder)
