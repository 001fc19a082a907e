"""Spoiled TIFF, WebP, NPY, BMP and others: each is an image or a bad one, and takes no more memory than it should."""

import io
import struct
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipelines.images import codecs
from pipelines.images.formats.tiff_stack import MAX_PAGES
from pipelines.images.header import BadImageError
from tests.hostile import pictures

MAX_PIXELS = 500_000
# More than an image of so many pixels may take, several times over.
MAX_BYTES = 40_000_000
KINDS = ("TIFF", "WebP", "NPY", "NPZ", "BMP", "PNG", "JPEG", "GIF", "text")


@pytest.fixture(scope="module")
def spoiled():
    return pictures.spoiled(1)


@pytest.mark.parametrize("kind", KINDS)
def test_spoiled_files(spoiled, kind):
    """Whatever it is, no other exception than BadImageError; probe, check and decode agree on what is refused early."""
    refused = 0
    for _, contents in spoiled[kind]:
        tracemalloc.start()
        for axes, window in (["", None], ("CYX", (1, 2, 3, 4))):
            for indices in (False, True):
                try:
                    found = codecs.decode(contents, axes, MAX_PIXELS, indices=indices, window=window).values
                except BadImageError:
                    refused += 1
                    continue
                assert found.ndim == 3
                assert found.dtype.isnative
                codecs.check(contents, MAX_PIXELS, axes)
                header = codecs.probe(contents, axes)
                if not window and not indices:
                    assert found.shape == (header.height, header.width, header.channels)
                    assert found.dtype == header.dtype
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < MAX_BYTES
    assert refused


def tiff(*tags, body=b"", order="<"):
    """A TIFF of one page: (code, type, count, value) each, then a body; its place is PLACE."""
    start = b"II*\0" if order == "<" else b"MM\0*"
    entries = b"".join(struct.pack(order + "HHII", *tag) for tag in sorted(tags))
    return start + struct.pack(order + "IH", 8, len(tags)) + entries + struct.pack(order + "I", 0) + body


def gray_tiff(height=64, width=64, *, compression=1, rows=64, offsets=(1, None), counts=(1, 4096), extra=(), body=b""):
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression), (262, 3, 1, 1)]
    tags += [(277, 3, 1, 1), (278, 4, 1, rows), *extra]
    place = 8 + 2 + 12 * (len(tags) + 2) + 4
    tags += [(273, 4, offsets[0], place if offsets[1] is None else offsets[1]), (279, 4, *counts)]
    return tiff(*tags, body=body or bytes(4096))


def described(text, values=None):
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((64, 64), np.uint8) if values is None else values, description=text, metadata=None)
    return file.getvalue()


def ome(**sizes):
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((64, 64), np.uint8), ome=True, metadata={"axes": "YX"})
    with tifffile.TiffFile(io.BytesIO(file.getvalue())) as tif:
        text = tif.ome_metadata
    for name, size in sizes.items():
        text = text.replace(f'{name}="1"', f'{name}="{size}"')
    return text


def with_entities():
    """Each entity is ten of the one before."""
    lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    text = ome().split("?>", 1)[1].replace("<Pixels", "<Description>&a9;</Description><Pixels", 1)
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a0 "aaaaaaaaaa">{lines}]>{text}'


def pages(count):
    """Pages that all have the same pixels."""
    made, size = b"II*\0\x08\0\0\0", 2 + 12 * 8 + 4
    data = 8 + count * size
    tags = [(256, 64), (257, 64), (258, 8), (259, 1), (262, 1), (273, data), (278, 64), (279, 4096)]
    page = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", code, 4, 1, value) for code, value in tags)
    for i in range(count):
        made += page + struct.pack("<I", 8 + (i + 1) * size if i < count - 1 else 0)
    return made + bytes(4096)


def shared_strips(count=20_000):
    """Every row is the same megabyte, of which one row is used."""
    packed = zlib.compress(bytes(64)) + bytes(1_000_000)
    start = 8 + 2 + 12 * 9 + 4
    table = start + len(packed)
    body = packed + struct.pack("<I", start) * count + struct.pack("<I", len(packed)) * count
    return gray_tiff(count, compression=8, rows=1, offsets=(count, table), counts=(count, table + 4 * count), body=body)


def npy(text, body=b""):
    header = text.encode() + b" " * (117 - len(text)) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + body


def npz(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, contents in members.items():
            archive.writestr(name, contents)
    return file.getvalue()


def saved(array, save=np.save, **arrays):
    file = io.BytesIO()
    save(file, array, **arrays)
    return file.getvalue()


WHOLE_NPY = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (64, 64), }", bytes(4096))
BOMBS = {
    "TIFF of many pixels": gray_tiff(60_000, 60_000),
    "TIFF of 2^32 rows": gray_tiff(2**32 - 1),
    "TIFF of no rows": gray_tiff(0),
    "TIFF with a pixel of many samples": gray_tiff(extra=[(284, 3, 1, 1)]).replace(
        struct.pack("<HHII", 277, 3, 1, 1), struct.pack("<HHII", 277, 3, 1, 60_000)
    ),
    "TIFF with a strip outside": gray_tiff(counts=(1, 2**31)),
    "TIFF with offsets outside": gray_tiff(offsets=(64, 2**31), rows=1),
    "TIFF with a huge tile": gray_tiff(extra=[(322, 4, 1, 2**20), (323, 4, 1, 2**20)]),
    "TIFF that leads to itself": gray_tiff()[:8] + struct.pack("<H", 0) + struct.pack("<I", 8),
    "TIFF of no page": b"II*\0\0\0\0\0",
    "TIFF cut short": gray_tiff()[:100],
    "TIFF without pixels": gray_tiff(body=b" "),
    "TIFF of many pages": pages(MAX_PAGES + 1),
    "TIFF of shared strips": shared_strips(),
    "OME of many channels": described(ome(SizeC=500_000_000)),
    "OME of many planes": described(ome(SizeT=2000, SizeZ=2000)),
    "OME with entities": described(with_entities()),
    "shaped to more than there is": described('{"shape": [1000000000, 64, 64]}'),
    "NPY cut short": WHOLE_NPY[:-1],
    "NPY of many pixels": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 60000), }"),
    "NPY of a negative shape": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-64, -64), }", bytes(4096)),
    "NPY of no pixels": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 64), }"),
    "NPY of one axis": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (64,), }", bytes(64)),
    "NPY of parentheses": npy("(" * 110),
    "NPY of another version": WHOLE_NPY.replace(b"NUMPY\1", b"NUMPY\3"),
    "objects": saved(np.array([[1, "a"], [None, 2]], dtype=object)),
    "text": saved(np.array([["a", "b"]])),
    "complex": saved(np.ones((4, 4), np.complex64)),
    "records": saved(np.zeros((4, 4), [("r", "u1"), ("g", "u1")])),
    "dates": saved(np.zeros((4, 4), "M8[s]")),
    "NaN": saved(np.array([[0.0, np.nan]])),
    "infinity": saved(np.array([[0.0, 1.0], [-np.inf, 1.0]], np.float16)),
    "both infinities": saved(np.array([[np.inf, -np.inf]])),
    "NPZ of two arrays": saved(np.zeros((4, 4)), np.savez, b=np.zeros((4, 4))),
    "NPZ of no array": npz(),
    "NPZ with a text": npz(**{"a.txt": b"a" * 1000}),
    "NPZ of more than its array": npz(
        **{"a.npy": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 6000), }", bytes(30_000_000))}
    ),
    "NPZ of many members": npz(**{f"{i}.npy": b"" for i in range(1000)}),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name):
    contents = BOMBS[name]
    tracemalloc.start()
    with pytest.raises(BadImageError):
        codecs.decode(contents, max_pixels=2_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A few copies of the file, and what TIFF's reader makes of its tags.
    assert peak < 4 * len(contents) + 8_000_000


def test_a_memory_bound_for_every_number_of_channels():
    """Eight bytes a pixel of max_pixels: RGBA of 16 bits."""
    contents = saved(np.zeros((10, 10, 9), np.uint8))
    with pytest.raises(BadImageError, match="--max_pixels=113"):
        codecs.decode(contents, max_pixels=112)
    assert codecs.decode(contents, max_pixels=113).values.shape == (10, 10, 9)
    with pytest.raises(BadImageError, match="--max_pixels=100"):
        codecs.check(saved(np.zeros((10, 10), np.uint8)), max_pixels=99)


def animation(kind):
    file = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    ("contents", "named"),
    [
        (b"", "empty"),
        (animation("GIF"), "a GIF"),
        (animation("WEBP"), "animation"),
        (b"8BPS\0\1" + bytes(20), "Photoshop"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\0\x18ftypavif" + bytes(20), "AVIF"),
        (b"\0\0\0\x18ftypisom" + bytes(20), "video"),
        (b"\0\0\0\x0cjP  \r\n" + bytes(20), "JPEG 2000"),
        (b"%PDF-1.7" + bytes(20), "PDF"),
        (bytes(128) + b"DICM" + bytes(20), "DICOM"),
        (b"\x89HDF\r\n" + bytes(20), "HDF5"),
        (b"<html>", "no JPEG, PNG, TIFF"),
        (BOMBS["objects"], "Python objects"),
        (BOMBS["complex"], "complex64"),
        (BOMBS["NaN"], "row 0, column 1"),
        (BOMBS["infinity"], "row 1, column 0"),
        (BOMBS["NPZ of two arrays"], "2 members"),
        (saved(np.zeros((2, 3, 4, 5))), "--axes"),
        (BOMBS["TIFF of many pixels"], "60000x60000"),
    ],
)
def test_reasons(contents, named):
    with pytest.raises(BadImageError) as error:
        codecs.decode(contents)
    assert named in error.value.reason
