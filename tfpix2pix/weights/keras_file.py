"""Reads the weights in a `.keras` or `.weights.h5` file by the names of their layers; none of its code or config."""

import contextlib
import io
import math
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Iterator

import h5py
import numpy as np

from pipelines.system.memory import check_memory
from pipelines.system.terminal import InputError, reason
from tfpix2pix.weights.network_weights import KERNELS, SPECTRAL, NetworkWeights, kernel_path

SUFFIXES = (".keras", ".weights.h5")
# In an archive of Keras.
WEIGHTS_FILE = "model.weights.h5"
CONVOLUTION = ("kernel", "bias")
NORM = ("gamma", "beta", "moving_mean", "moving_variance")
# The dimensions of every variable by its name; u is the vector that spectral norm keeps.
RANKS = (
    dict.fromkeys(KERNELS, 4)
    | dict.fromkeys(("key", "query", "value", "output"), 2)
    | dict.fromkeys(("bias", *NORM, SPECTRAL), 1)
)
# What the libraries raise that read a damaged archive or a damaged HDF5 file.
DAMAGE = (OSError, ValueError, LookupError, RuntimeError, TypeError, AttributeError, ArithmeticError, EOFError,
          zipfile.BadZipFile, zlib.error, struct.error)  # fmt: skip
# Layers that only one of the kinds has.
LAYERS_OF_KIND = {"generator": ("up1",), "discriminator": ("logits", "scale1_logits")}


def read_keras_file(path: pathlib.Path) -> NetworkWeights:
    """Reads a generator or discriminator that `model.save` or `model.save_weights` wrote.

    Only numbers are read, which is safe with a file from strangers.

    Args:
      path: ends in one of SUFFIXES.

    Raises:
      InputError: it cannot be read, or holds another network.
    """
    try:
        with _open(path) as file:
            tensors = dict(_tensors(file))
    except DAMAGE as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path} cannot be read as a file of Keras ({reason(error)}); give one that model.save or "
            "model.save_weights wrote"
        ) from None
    for kind, layers in LAYERS_OF_KIND.items():
        first = [name for name in ("down1/kernel", "conv1/kernel", "scale1_down1/kernel") if name in tensors]
        if first and any(kernel_path(tensors, layer) in tensors for layer in layers):
            return NetworkWeights(kind, str(path), tensors)
    raise InputError(
        f"{path} holds no generator or discriminator of this project; give a file that has layers such as up1"
    )


@contextlib.contextmanager
def _open(path: pathlib.Path) -> Iterator[h5py.File]:
    if path.suffix != ".keras":
        with h5py.File(path, "r") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(WEIGHTS_FILE).file_size
        check_memory(f"{path}, whose {WEIGHTS_FILE} has {size:,} bytes,", size, "give another file")
        with h5py.File(io.BytesIO(archive.read(WEIGHTS_FILE)), "r") as file:
            yield file


def _tensors(file: h5py.File) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (path, value) of each weight, such as `down3/kernel`."""
    layers = _member(file, "layers", h5py.Group)
    for key in layers:
        layer = _member(layers, key, h5py.Group)
        if "vars" not in layer:
            continue
        values = _member(layer, "vars", h5py.Group)
        name = values.attrs.get("name", "")
        if not isinstance(name, str) or not len(values) or name.endswith("_dropout"):
            continue
        # Most are numbered; those that only our layers have are saved by name.
        names = dict(zip("0123", NORM if name.endswith("_norm") else CONVOLUTION, strict=False))
        for key in values:
            part = names.get(key, key)
            if part not in RANKS:
                raise ValueError(f"layer {name:.100} has {len(values)} variables, {key:.100} among them")
            tensor = _array(_member(values, key, h5py.Dataset))
            if tensor.ndim != (0 if "attention" in name and part == "gamma" else RANKS[part]):
                raise ValueError(f"layer {name:.100} has a variable of shape {tensor.shape}")
            yield f"{name}/{part}", tensor


def _member(group: h5py.Group, name: str, kind: type) -> h5py.Group | h5py.Dataset:
    """Returns a member that lies in the file itself; links may lead to any file of the machine."""
    if name not in group or not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{group.name} has no {name:.100}")
    member = group[name]
    if not isinstance(member, kind):
        raise ValueError(f"{member.name} is no {kind.__name__}")
    return member


def _array(dataset: h5py.Dataset) -> np.ndarray:
    """Reads numbers that the file really has: one can declare any shape."""
    if dataset.dtype.kind != "f" or dataset.external or dataset.is_virtual or dataset.shape is None:
        raise ValueError(f"{dataset.name} holds no floats")
    # Keras compresses nothing.
    if math.prod(dataset.shape) * dataset.dtype.itemsize != dataset.id.get_storage_size():
        raise ValueError(f"{dataset.name} declares {dataset.shape}, and other numbers are there")
    return np.asarray(dataset[...], np.float32)
