"""Reads what torch.save wrote, without torch and without running what a file says should run."""

import collections
import io
import math
import pathlib
import pickle
import pickletools
import zipfile
from typing import Any, NamedTuple

import numpy as np

from pipelines.command import InputError

# The first two objects of the legacy format (torch.serialization: MAGIC_NUMBER, PROTOCOL_VERSION).
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
# How the zip format names what it pickled; storages lie beside it, in data/.
ZIP_PICKLE = "data.pkl"
ZIP_SIGNATURE = b"PK\x03\x04"

# torch's storage classes, all little-endian in files; bfloat16 and the complex ones have no use here.
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}

Tensors = dict[str, np.ndarray]


def read_tensors(file: pathlib.Path) -> Tensors:
    """Returns a flat state dict's tensors by name, read-only.

    Both of torch.save's formats are understood: the zip file of torch 1.6 and later, and the legacy one before it. A
    tensor that was a view, of whatever strides, is one again; tensors that shared memory share it. Nothing is called
    but what makes up tensors, and no more memory is taken than a few times the file's size.

    Args:
      file: a state dict, names to tensors on any device; other objects in it are not understood.

    Raises:
      InputError: it is no such file, or is damaged.
      OSError: it is not there, or cannot be read.
    """
    content = file.read_bytes()
    try:
        return _zip_tensors(content) if content.startswith(ZIP_SIGNATURE) else _legacy_tensors(content)
    # A damaged or hostile pickle can raise anything that Python's own operations raise.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        remedy = "give a whole file that torch.save made of a state dict"
        raise InputError(f"{file}: no tensors can be read ({reason}); {remedy}") from None


def require(tensors: Tensors, name: str, shape: tuple[int, ...], file: pathlib.Path) -> np.ndarray:
    """Returns the named tensor as float32 of the given shape.

    Raises:
      InputError: it is missing, or of another shape; the message names file, which the tensors are from.
    """
    if name not in tensors or tensors[name].shape != shape:
        found = f"has shape {tensors[name].shape}, not {shape}" if name in tensors else "is missing"
        remedy = "it is another network's file; leave the flag out, and the right one is fetched"
        raise InputError(f"{file}: tensor {name} {found}: {remedy}")
    return tensors[name].astype(np.float32)


class _Storage(NamedTuple):
    key: str
    dtype: str
    count: int


class _Tensor(NamedTuple):
    """A view of a storage: offset and strides are in elements."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    """Knows what a state dict is made of, and nothing else.

    What find_class returns cannot be altered by a pickle, or is made anew each time, so none leaves a trace here.
    """

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            # What follows, gradients and hooks, is for training.
            return lambda storage, offset, size, stride, *_: _Tensor(storage, offset, size, stride)
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        raise pickle.UnpicklingError(f"{module}.{name} is not part of a state dict")

    def persistent_load(self, pid: Any) -> _Storage:
        # The legacy format has a sixth entry, for views between storages, which torch has not written since 0.4.
        kind, dtype, key, _, count, *view = pid
        if kind != "storage" or dtype not in STORAGES.values() or any(view):
            raise pickle.UnpicklingError("a storage of an unknown kind")
        return _Storage(str(key), dtype, count)


def _unpickle(stream: io.BytesIO) -> Any:
    """Returns the next object, and leaves the stream behind it."""
    start = stream.tell()
    for opcode, argument, _ in pickletools.genops(stream):
        # The unpickler makes a table as long as the largest index that a pickle uses, were it 2^32.
        if opcode.name.endswith("PUT") and argument > stream.getbuffer().nbytes:
            raise pickle.UnpicklingError("an index larger than the file")
    end = stream.tell()
    return _Unpickler(io.BytesIO(stream.getbuffer()[start:end])).load()


def _legacy_tensors(content: bytes) -> Tensors:
    """Five pickles: two of magic, the system, the state, the storages' keys; then the storages in this order."""
    stream = io.BytesIO(content)
    if _unpickle(stream) != LEGACY_MAGIC or _unpickle(stream) != LEGACY_VERSION:
        raise ValueError("it does not begin as torch.save's files do")
    if _unpickle(stream)["little_endian"] is not True:
        raise ValueError("it is big-endian")
    state = _checked_state(_unpickle(stream))
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    keys = _unpickle(stream)
    arrays = {}
    position = stream.tell()
    for key in keys:
        storage = storages[key]
        (count,) = np.frombuffer(content, "<i8", 1, position)
        if count != storage.count:
            raise ValueError(f"storage {key} has {count} elements instead of {storage.count}")
        position += 8
        # frombuffer raises where the content ends too early.
        arrays[key] = np.frombuffer(content, storage.dtype, int(count), position) if count else _empty(storage)
        position += arrays[key].nbytes
    return {name: _view(tensor, arrays[tensor.storage.key]) for name, tensor in state.items()}


def _zip_tensors(content: bytes) -> Tensors:
    archive = zipfile.ZipFile(io.BytesIO(content))
    # torch compresses nothing, so more than the file holds is a bomb.
    if sum(entry.file_size for entry in archive.infolist()) > len(content):
        raise ValueError("its entries are larger than the file")
    # The folder around everything is called as the file was when torch wrote it.
    pickled = next((name for name in archive.namelist() if name.split("/")[1:] == [ZIP_PICKLE]), None)
    if pickled is None:
        raise ValueError(f"a zip file without {ZIP_PICKLE}")
    folder = pickled.removesuffix(ZIP_PICKLE)
    if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
        raise ValueError("it is big-endian")
    state = _checked_state(_unpickle(io.BytesIO(archive.read(pickled))))
    arrays = {}
    for storage in {tensor.storage for tensor in state.values()}:
        raw = archive.read(f"{folder}data/{storage.key}")
        arrays[storage.key] = np.frombuffer(raw, storage.dtype) if raw else _empty(storage)
    return {name: _view(tensor, arrays[tensor.storage.key]) for name, tensor in state.items()}


def _empty(storage: _Storage) -> np.ndarray:
    # frombuffer refuses to read nothing.
    return np.zeros(0, storage.dtype)


def _checked_state(state: Any) -> dict[str, _Tensor]:
    if not isinstance(state, dict):
        raise ValueError("it holds something else than a state dict")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, _Tensor) or not isinstance(tensor.storage, _Storage):
            raise ValueError(f"its entry {name!r} is not a tensor")
    return state


def _view(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    offset, size, stride = tensor.offset, tensor.size, tensor.stride
    if len(size) != len(stride) or min((offset, *size, *stride)) < 0 or math.prod(size) > storage.size:
        raise ValueError("a tensor does not fit its storage")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    byte_strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, byte_strides, writeable=False)
