"""Reads a file of torch.save: as it is, or its objects in a new zip file, since no mutation passes zip's checksums."""

import io
import pathlib
import zipfile

import numpy as np

from pipelines.system.terminal import InputError
from tfpix2pix.weights.torch.file import read_tensors

EXPECTED = (InputError,)
ORACLE = pathlib.Path(__file__).parents[1] / "oracle"
WRITTEN = [(ORACLE / name).read_bytes() for name in ("legacy.pth", "zip.pth", "protocol5.pth")]


def objects(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("data.pkl")]
        return archive.read(name)


SEEDS = [*(b"f" + content for content in WRITTEN), *(b"o" + objects(content) for content in WRITTEN[1:])]
SEEDS += [
    b"o\x80\x02}X\x01\x00\x00\x00actorch._utils\n_rebuild_tensor_v2\n(X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x02K\x02\x86K\x02K\x01\x86\x89ccollections\nOrderedDict\n)RtRs.",
    b"o\x80\x02ccollections\nOrderedDict\n]](U\x01aNea\x85R}U\x09_metadataNsb.",
]


def target(data, folder):
    content = data[1:]
    if data[:1] == b"o":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("a/data.pkl", content)
            archive.writestr("a/data/0", bytes(16))
        content = buffer.getvalue()
    (folder / "x.pth").write_bytes(content)
    tensors = read_tensors(folder / "x.pth")
    # No view reaches beyond the file, and all are of numbers.
    assert all(type(name) is str and tensor.dtype.kind in "fiub" for name, tensor in tensors.items())
    assert all(tensor.size <= len(content) for tensor in tensors.values())
    sum(np.count_nonzero(tensor) for tensor in tensors.values())
