"""Writes torch's zip format, for tests that need weights of full size and have no torch."""

import pathlib
import pickle
import zipfile

import numpy as np


def plain(value: object) -> bytes:
    """The opcodes that make a plain value, without the frame of a whole pickle."""
    return pickle.dumps(value, protocol=2)[2:-1]


def tensor(key: str, array: np.ndarray) -> bytes:
    """The opcodes that make a contiguous float32 tensor, as torch.save writes them."""
    strides = tuple(step // array.itemsize for step in array.strides)
    storage = (
        b"(" + plain("storage") + b"ctorch\nFloatStorage\n" + plain(key) + plain("cpu") + plain(array.size) + b"tQ"
    )
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = storage + plain(0) + plain(array.shape) + plain(strides) + plain(False) + hooks
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def write(file: pathlib.Path, tensors: dict[str, np.ndarray]) -> pathlib.Path:
    """Writes a state dict, all of whose tensors become contiguous float32, and returns file."""
    arrays = {name: np.ascontiguousarray(array, "<f4").reshape(array.shape) for name, array in tensors.items()}
    items = b"".join(plain(name) + tensor(str(i), array) for i, (name, array) in enumerate(arrays.items()))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}(" + items + b"u.")
        archive.writestr("archive/byteorder", "little")
        for i, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{i}", array.tobytes())
    return file


def write_legacy(file: pathlib.Path, tensors: dict[str, np.ndarray]) -> pathlib.Path:
    """Writes the format before torch 1.6, as `write` has it, and returns file."""
    arrays = {name: np.ascontiguousarray(array, "<f4").reshape(array.shape) for name, array in tensors.items()}
    items = b"".join(plain(name) + tensor(str(i), array) for i, (name, array) in enumerate(arrays.items()))
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    before = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    keys = pickle.dumps([str(i) for i in range(len(arrays))], protocol=2)
    storages = [np.int64(array.size).tobytes() + array.tobytes() for array in arrays.values()]
    file.write_bytes(b"".join([*before, b"\x80\x02}(" + items + b"u.", keys, *storages]))
    return file
