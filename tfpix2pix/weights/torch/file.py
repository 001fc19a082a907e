"""Reads files of torch.save without torch; objects.py reads the objects inside."""

import io
import math
import pathlib
import struct
import zipfile
from typing import Any

import numpy as np

from pipelines.system.terminal import InputError
from tfpix2pix.weights.torch.objects import Storage, Tensor, read_object

# The first two objects of the legacy format (torch.serialization: MAGIC_NUMBER, PROTOCOL_VERSION).
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001
# The zip format's file of objects; storages lie beside it, in data/.
ZIP_OBJECTS = "data.pkl"
ZIP_SIGNATURE = b"PK\x03\x04"
# The bit of a zip entry's flags that says that it is encrypted.
ENCRYPTED = 0x1
# Errors on damaged or hostile files: ours are ValueErrors, the others come from the standard library's readers.
FAULTS = (ValueError, LookupError, EOFError, NotImplementedError, OverflowError, struct.error, zipfile.BadZipFile)

Tensors = dict[str, np.ndarray]


def read_tensors(file: str | pathlib.Path) -> Tensors:
    """Reads the tensors of a flat state dict by name, as read-only arrays.

    It reads both formats of torch.save: the zip file since torch 1.6, and the legacy one before. A tensor that was a
    view is a view again, unless it has more elements than its storage; tensors that shared memory share it. Nothing
    that the file names is called or imported, and memory stays within a few times the file's size.

    Args:
      file: a state dict, names to tensors on any device; other objects in it are refused.

    Raises:
      InputError: it is not such a file, or it is damaged.
      OSError: it does not exist, or cannot be read.
    """
    content = pathlib.Path(file).read_bytes()
    try:
        return _zip_tensors(content) if content.startswith(ZIP_SIGNATURE) else _legacy_tensors(content)
    except FAULTS as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:200]
        remedy = "give a whole file that torch.save made of a state dict"
        raise InputError(f"{file}: no tensors can be read ({reason}); {remedy}") from None


def require(tensors: Tensors, name: str, shape: tuple[int, ...], file: str | pathlib.Path) -> np.ndarray:
    """Returns the named tensor as float32 of the given shape.

    Raises:
      InputError: it is missing, or has another shape; the message names `file`, from which the tensors are.
    """
    if name not in tensors or tensors[name].shape != shape:
        found = f"has shape {tensors[name].shape}, not {shape}" if name in tensors else "is missing"
        remedy = "this is the file of another network; leave the flag out, and the right file is downloaded"
        raise InputError(f"{file}: tensor {name} {found}: {remedy}")
    return tensors[name].astype(np.float32)


def _legacy_tensors(content: bytes) -> Tensors:
    """Reads five objects (two of magic, the system, the state, the storages' keys), then the storages in order."""
    stream = io.BytesIO(content)
    if read_object(stream) != LEGACY_MAGIC or read_object(stream) != LEGACY_VERSION:
        raise ValueError("it does not begin as torch.save's files do")
    system = read_object(stream)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("it is big-endian")
    state = _checked_state(read_object(stream))
    storages = _storages(state)
    keys = read_object(stream)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise ValueError("it does not say which storages it has")
    arrays = {}
    position = stream.tell()
    for key in keys:
        (count,) = np.frombuffer(content, "<i8", 1, position)
        position += 8
        end = position + int(count) * np.dtype(storages[key].dtype).itemsize
        arrays[key] = _array(storages[key], memoryview(content)[position:end])
        position = end
    return {name: _view(tensor, arrays[tensor.storage.key]) for name, tensor in state.items()}


def _zip_tensors(content: bytes) -> Tensors:
    archive = zipfile.ZipFile(io.BytesIO(content))
    entries = archive.infolist()
    # Entries that are compressed or share their bytes may be a bomb; torch does neither, nor does it encrypt.
    if sum(entry.file_size for entry in entries) > len(content):
        raise ValueError("its entries are larger than the file")
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED for entry in entries):
        raise ValueError("its entries are compressed or encrypted, as torch's never are")
    # The folder around everything has the name that the file had when torch wrote it.
    objects = next((entry.filename for entry in entries if entry.filename.split("/")[1:] == [ZIP_OBJECTS]), None)
    if objects is None:
        raise ValueError(f"a zip file without {ZIP_OBJECTS}")
    folder = objects.removesuffix(ZIP_OBJECTS)
    if f"{folder}byteorder" in archive.NameToInfo and archive.read(f"{folder}byteorder") != b"little":
        raise ValueError("it is big-endian")
    state = _checked_state(read_object(io.BytesIO(archive.read(objects))))
    arrays = {key: _array(storage, archive.read(f"{folder}data/{key}")) for key, storage in _storages(state).items()}
    return {name: _view(tensor, arrays[tensor.storage.key]) for name, tensor in state.items()}


def _checked_state(state: Any) -> dict[str, Tensor]:
    if not isinstance(state, dict):
        raise ValueError("it contains something else than a state dict")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise ValueError(f"its entry {name!r} is not a tensor")
    return state


def _storages(state: dict[str, Tensor]) -> dict[str, Storage]:
    storages: dict[str, Storage] = {}
    for tensor in state.values():
        if storages.setdefault(tensor.storage.key, tensor.storage) != tensor.storage:
            raise ValueError(f"storage {tensor.storage.key} is of two kinds")
    return storages


def _array(storage: Storage, contents: bytes | memoryview) -> np.ndarray:
    # frombuffer refuses empty contents.
    array = np.frombuffer(contents, storage.dtype) if len(contents) else np.zeros(0, storage.dtype)
    if array.size != storage.length:
        raise ValueError(f"storage {storage.key} has {array.size} elements instead of {storage.length}")
    return array


def _view(tensor: Tensor, storage: np.ndarray) -> np.ndarray:
    offset, size, stride = tensor.offset, tensor.size, tensor.stride
    if math.prod(size) > storage.size:
        raise ValueError("a tensor does not fit its storage")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= storage.size:
        raise ValueError("a tensor reaches beyond its storage")
    byte_strides = [step * storage.itemsize for step in stride]
    return np.lib.stride_tricks.as_strided(storage[offset:], size, byte_strides, writeable=False)
