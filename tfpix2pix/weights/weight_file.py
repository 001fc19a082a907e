"""Reads the weights of a network from a file of torch.save or of safetensors, and writes both."""

import os
import pathlib

import numpy as np
import safetensors
import safetensors.numpy

from pipelines.system.disk import whole_file
from pipelines.system.terminal import InputError
from tfpix2pix.weights.network_weights import NetworkWeights
from tfpix2pix.weights.torch.archive import write_tensors
from tfpix2pix.weights.torch.file import read_tensors
from tfpix2pix.weights.torch.networks import from_torch

SAFETENSORS = ".safetensors"
SUFFIXES = (".pth", ".pt", SAFETENSORS)


def read_weights(file: str | os.PathLike[str]) -> NetworkWeights:
    """Reads a network of the PyTorch reference or of pix2pixHD, or a generator that was written under its own names.

    Args:
      file: a state dict, written by torch.save in its old or new format, or by safetensors.

    Raises:
      InputError: it does not exist, is damaged, or holds another network; the message says which.
    """
    path = pathlib.Path(file)
    if not path.is_file():
        raise InputError(f"{file} is not a file; give one such as latest_net_G.pth")
    tensors = _safe_tensors(path) if path.suffix == SAFETENSORS else read_tensors(path)
    return _own(tensors, str(file)) if any("/" in name for name in tensors) else from_torch(tensors, str(file))


def read_weights_of(kind: str, file: str | os.PathLike[str]) -> NetworkWeights:
    """Reads a `generator` or a `discriminator`, as read_weights does.

    Raises:
      InputError: as there, or the file holds the other kind.
    """
    weights = read_weights(file)
    if weights.kind != kind:
        raise InputError(
            f"{file} holds a {weights.kind}; give the {kind}'s file, such as latest_net_{kind[0].upper()}.pth"
        )
    return weights


def write_file(tensors: dict[str, np.ndarray], file: pathlib.Path) -> None:
    """Writes tensors, float32 and int64, as safetensors if the file's name ends so, else as torch.save does.

    The file is there whole or not at all, and the same tensors always make the same bytes.
    """
    with whole_file(file) as temporary:
        if file.suffix == SAFETENSORS:
            # save_file makes a file that nobody else may read.
            temporary.write_bytes(safetensors.numpy.save(tensors, metadata={"format": "pt"}))
        else:
            write_tensors(tensors, temporary)


def _own(tensors: dict[str, np.ndarray], origin: str) -> NetworkWeights:
    """Returns the weights of a generator by the paths of our own variables, which no file of torch has."""
    weights = NetworkWeights("generator", origin, tensors)
    try:
        is_generator = weights.options["depth"] and all(tensor.dtype == np.float32 for tensor in tensors.values())
    except (LookupError, ValueError):
        is_generator = False
    if not is_generator:
        raise InputError(f"{origin} holds no generator; give one that export.card wrote")
    return weights


def _safe_tensors(path: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        return safetensors.numpy.load_file(path)
    except (safetensors.SafetensorError, ValueError, LookupError, TypeError, AttributeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        raise InputError(f"{path}: no tensors can be read ({reason}); give a whole file of float32 tensors") from None
