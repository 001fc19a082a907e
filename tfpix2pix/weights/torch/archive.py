"""Writes a state dict as torch.save does, without torch: the zip format that torch has written since 1.6."""

import pathlib
import struct
import zipfile

import numpy as np

# torch's storage classes of what is written.
STORAGES = {"float32": "FloatStorage", "int64": "LongStorage"}
# torch.serialization writes this version, and its reader wants one.
VERSION = b"3\n"
# Numbers begin at multiples of this, so that torch can map the file into memory.
ALIGNMENT = 64
# The zip format's fixed part of an entry's header, and the head of a field of its extras; torch pads in a field `FB`.
HEADER_BYTES = 30
FIELD = b"FB"
FOLDER = "archive"
ORDERED_DICT = b"ccollections\nOrderedDict\n)R"


def write_tensors(tensors: dict[str, np.ndarray], file: pathlib.Path) -> None:
    """Writes contiguous float32 and int64 tensors, which torch.load reads also with weights_only=True.

    The same tensors always make the same bytes.
    """
    with open(file, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:

        def write(name: str, contents: bytes | memoryview) -> None:
            entry = zipfile.ZipInfo(f"{FOLDER}/{name}")
            start = stream.tell() + HEADER_BYTES + len(entry.filename) + len(FIELD) + 2
            padding = -start % ALIGNMENT
            entry.extra = FIELD + struct.pack("<H", padding) + bytes(padding)
            archive.writestr(entry, contents)

        write("data.pkl", _pickled(tensors))
        write("byteorder", b"little")
        for key, tensor in enumerate(tensors.values()):
            write(f"data/{key}", np.ascontiguousarray(tensor).astype(tensor.dtype.newbyteorder("<")).tobytes())
        write("version", VERSION)


def _pickled(tensors: dict[str, np.ndarray]) -> bytes:
    """Returns the program, in pickle's protocol 2, that makes the state dict."""
    items = b"".join(_text(name) + _tensor(str(key), tensor) for key, (name, tensor) in enumerate(tensors.items()))
    return b"\x80\x02" + ORDERED_DICT + b"(" + items + b"u."


def _tensor(key: str, tensor: np.ndarray) -> bytes:
    kind = STORAGES[tensor.dtype.name]
    storage = _tuple(_text("storage"), b"ctorch\n" + kind.encode() + b"\n", _text(key), _text("cpu"), _int(tensor.size))
    strides = [int(np.prod(tensor.shape[axis + 1 :])) for axis in range(tensor.ndim)]
    arguments = _tuple(
        storage + b"Q",  # is not in the file of objects, but under its key
        _int(0),
        _tuple(*map(_int, tensor.shape)),
        _tuple(*map(_int, strides)),
        b"\x89",  # needs no gradient
        ORDERED_DICT,
    )
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def _tuple(*items: bytes) -> bytes:
    return b"(" + b"".join(items) + b"t"


def _text(text: str) -> bytes:
    encoded = text.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def _int(number: int) -> bytes:
    if number < 1 << 31:
        return b"J" + struct.pack("<i", number)
    encoded = number.to_bytes(number.bit_length() // 8 + 1, "little")
    return b"\x8a" + bytes([len(encoded)]) + encoded
