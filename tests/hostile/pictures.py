"""Makes image files of every kind that people name .jpg and .png: whole ones, spoiled ones and bombs."""

import io
import struct
import zlib
from collections.abc import Callable

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from pipelines.datasets.demo import draw_pair
from tests.hostile.mutations import mutations, retagged, with_checksums

# The side of one image of a pair, in pixels.
SIDE = 64
# The number of spoiled files of each kind.
COUNTS = {
    "JPEG": 40,
    "PNG": 40,
    "TIFF": 30,
    "WebP": 20,
    "NPY": 14,
    "NPZ": 6,
    "GIF": 10,
    "BMP": 10,
    "text": 10,
}
# The names that files of a kind have; of those that are not here, files bear wrong names.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WebP": ".webp", "NPY": ".npy", "NPZ": ".npz"}
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def spoiled(seed: int, share: float = 1.0) -> dict[str, list[tuple[str, bytes]]]:
    """Returns (suffix, contents) of each spoiled file by kind; the same for the same seed.

    Args:
      seed: the seed of the mutations.
      share: the share of COUNTS to make.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for kind, count in COUNTS.items():
        count = round(count * share)
        suffix = SUFFIXES.get(kind, "")
        sources, bombs = whole(kind), BOMBS.get(kind, list)()
        made = list(bombs)
        while len(made) < count:
            source, other = (sources[i] for i in rng.integers(len(sources), size=2))
            change = mutations(source, 10, rng, other)[int(rng.integers(10))]
            if kind == "TIFF" and rng.random() < 0.5:
                change = retagged(source, rng)
            made.append(with_checksums(change) if kind == "PNG" and rng.random() < 0.5 else change)
        found[kind] = [(suffix, contents) for contents in made]
        if not suffix:
            # Some whole files with the wrong suffix.
            found[kind][: len(sources)] = [(suffix, source) for source in sources]
            found[kind] = [(rng.choice([".jpg", ".png"]), contents) for _, contents in found[kind]]
    return found


def whole(kind: str) -> list[bytes]:
    """Makes sound files of a kind."""
    pairs = [Image.fromarray(np.hstack(draw_pair(0, i, SIDE))) for i in range(2)]
    a, b = pairs
    if kind == "JPEG":
        exif = Image.Exif()
        exif[0x0112] = 6
        return [
            saved(a, "JPEG"),
            saved(b, "JPEG", progressive=True, exif=exif),
            saved(a.convert("L"), "JPEG", quality=95),
            saved(b.convert("CMYK"), "JPEG", subsampling=0),
        ]
    if kind == "PNG":
        return [
            saved(a, "PNG"),
            saved(b.convert("RGBA"), "PNG"),
            saved(a.quantize(16), "PNG", transparency=3),
            saved(Image.fromarray(np.asarray(b.convert("L")).astype(np.uint16) * 257), "PNG"),
            interlaced(np.asarray(a)),
        ]
    if kind == "TIFF":
        return tiffs(np.asarray(a), np.asarray(b))
    if kind == "NPY":
        return [array(np.asarray(a)), array(np.asarray(b).astype(np.float32)), array(np.asfortranarray(a))]
    if kind == "NPZ":
        return [array(np.asarray(a), np.savez), array(np.asarray(b), np.savez_compressed)]
    if kind == "GIF":
        return [
            saved(a.quantize(64), "GIF"),
            saved(a.quantize(64), "GIF", save_all=True, append_images=[b.quantize(64)]),
        ]
    if kind == "BMP":
        return [saved(a, "BMP"), saved(b.quantize(16), "BMP")]
    if kind == "WebP":
        exif = Image.Exif()
        exif[0x0112] = 6
        return [
            saved(a, "WEBP"),
            saved(b, "WEBP", lossless=True),
            saved(b.convert("RGBA"), "WEBP", exif=exif, icc_profile=imagecodecs.cms_profile("adobergb")),
        ]
    return [b"<html><body>404 Not Found</body></html>\n" * 20, "größe;breite\n64;128\n".encode("utf-16")]


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """Encodes an image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def array(values: np.ndarray, save: Callable[..., None] = np.save) -> bytes:
    """Encodes an array as .npy or .npz."""
    file = io.BytesIO()
    save(file, values)
    return file.getvalue()


def tiffs(a: np.ndarray, b: np.ndarray) -> list[bytes]:
    """Encodes TIFFs of most kinds: strips and tiles, of several compressions and types, with pages, and by Pillow."""
    made = []
    for values, options in (
        (a, {"photometric": "rgb"}),
        (b, {"photometric": "rgb", "compression": "zlib", "tile": (16, 16), "predictor": True}),
        (a, {"photometric": "rgb", "compression": "lzw", "bigtiff": True}),
        (a, {"photometric": "ycbcr", "compression": "jpeg", "subsampling": (2, 2)}),
        (np.moveaxis(b, 2, 0).astype(np.float32), {"ome": True, "metadata": {"axes": "CYX"}}),
        (b[..., 0].astype(np.uint16), {"imagej": True}),
        (b, {"photometric": "rgb", "iccprofile": imagecodecs.cms_profile("adobergb")}),
    ):
        file = io.BytesIO()
        tifffile.imwrite(file, values, **options)
        made.append(file.getvalue())
    gray = Image.fromarray(b).convert("L")
    return [
        *made,
        saved(gray.convert("1"), "TIFF", compression="group4"),
        saved(gray.quantize(16), "TIFF"),
        saved(gray, "TIFF", save_all=True, append_images=[gray]),
    ]


def chunk(name: bytes, contents: bytes) -> bytes:
    """Makes a chunk of a PNG."""
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def png(width: int, height: int, *middle: bytes, color: int = 2, depth: int = 8, interlace: int = 0) -> bytes:
    """Makes a PNG from its chunks."""
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace))
    return b"\x89PNG\r\n\x1a\n" + start + b"".join(middle) + chunk(b"IEND", b"")


def interlaced(pixels: np.ndarray) -> bytes:
    """Encodes RGB `(H, W, 3)` uint8 as a PNG in seven passes (PNG specification, 8.2)."""
    rows = []
    for top, left, down, right in ADAM7:
        rows += [b"\0" + row.tobytes() for row in pixels[top::down, left::right]]
    return png(pixels.shape[1], pixels.shape[0], chunk(b"IDAT", zlib.compress(b"".join(rows))), interlace=1)


def zeros(width: int, height: int, row_bytes: int) -> bytes:
    """Makes the pixels of a black PNG, a thousandth of their unpacked size."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(1 + row_bytes)) for _ in range(height)]
    return chunk(b"IDAT", b"".join(parts) + packer.flush())


def sized(jpeg: bytes, width: int, height: int) -> bytes:
    """Changes the size in a JPEG's header."""
    place = next(i for i in (jpeg.find(b"\xff\xc0"), jpeg.find(b"\xff\xc2")) if i >= 0)
    return jpeg[: place + 5] + struct.pack(">HH", height, width) + jpeg[place + 9 :]


def many_scans(width: int, height: int, count: int) -> bytes:
    """Makes a progressive JPEG that repeats its last scan."""
    contents = saved(Image.new("L", (width, height), 100), "JPEG", progressive=True)
    end = contents.rindex(b"\xff\xd9")
    last = contents[contents.rindex(b"\xff\xda") : end]
    return contents[:end] + last * count + contents[end:]


def jpeg_bombs() -> list[bytes]:
    """Makes small JPEGs that claim a large size, or cost much work."""
    whole_jpeg = saved(Image.new("RGB", (128, 64), (9, 99, 200)), "JPEG")
    start = whole_jpeg.index(b"\xff\xc0")
    frame = whole_jpeg[start : start + 19]
    two = whole_jpeg[:start] + frame + sized(frame, 60000, 60000) + whole_jpeg[start + 19 :]
    return [
        saved(Image.new("L", (16000, 8000)), "JPEG"),
        sized(whole_jpeg, 65500, 65500),
        sized(whole_jpeg, 65535, 65535),
        sized(whole_jpeg, 0, 64),
        sized(whole_jpeg, 128, 0),
        two,
        many_scans(6000, 6000, 20_000),
    ]


def png_bombs() -> list[bytes]:
    """Makes small PNGs that claim a large size, or cost much work."""
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * (1 + 128 * 3) * 64))
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(7_000_000), 9))
    hidden = chunk(b"aaAa", struct.pack(">II", 128, 64) + bytes(5))
    bomb = png(8000, 8000, zeros(8000, 8000, 24000))
    return [
        bomb,
        # The decoder skips a chunk that it does not know, and a careless reader takes the size from it.
        bomb[:8] + hidden + bomb[8:],
        png(20000, 20000, pixels, interlace=1),
        png(6000, 7000, zeros(6000, 7000, 48000), color=6, depth=16),
        png(2**31 - 1, 2**31 - 1, pixels),
        png(2**32 - 1, 1, pixels),
        png(0, 64, pixels),
        png(128, 0, pixels),
        png(128, 64, text * 900, pixels),
        png(128, 64, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(7_000_000), 9)), pixels),
        png(128, 64, chunk(b"IHDR", struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)), pixels),
    ]


BOMBS = {"JPEG": jpeg_bombs, "PNG": png_bombs}
