"""Headers that Pillow wrote, and bytes that no program writes; inside a graph, as served models have it."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images.header import MOST_PARTS, checked, excess, excess_bytes

MAX_PIXELS = 1000


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def in_graph(contents):
    return checked(contents, MAX_PIXELS, "image 3")


def image_bytes(width, height, kind, mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(1, 1), (40, 25), (1, 1000), (1000, 1)])
def test_what_is_in_order_passes_unchanged(kind, size):
    contents = image_bytes(*size, kind)
    assert in_graph(contents).numpy() == contents


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (b"", "image 3 is empty"),
        (b"text", "image 3 is neither JPEG nor PNG"),
        (image_bytes(4, 4, "GIF"), "image 3 is neither JPEG nor PNG"),
        (image_bytes(4, 4, "PNG")[:20], "image 3 is cut short"),
        (image_bytes(77, 13, "PNG"), "image 3 has 13x77 pixels, and at most 1000 are taken"),
        (image_bytes(77, 13, "JPEG"), "image 3 has 13x77 pixels, and at most 1000 are taken"),
        (image_bytes(77, 13, "JPEG", progressive=True), "image 3 has 13x77 pixels"),
        (image_bytes(4, 4, "JPEG")[:20], "Invalid JPEG data"),
    ],
)
def test_what_is_not_is_refused_in_words(contents, words):
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        in_graph(contents)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (2**31, 4), (2**32 - 1, 2**32 - 1)])
def test_sizes_that_no_png_may_have(size):
    contents = bytearray(image_bytes(4, 4, "PNG"))
    contents[16:24] = np.array(size, ">u4").tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="image 3 has a damaged header"):
        in_graph(bytes(contents))


def test_the_largest_sizes_do_not_overflow():
    contents = bytearray(image_bytes(4, 4, "PNG"))
    contents[16:24] = np.array((2**31 - 1, 2**31 - 1), ">u4").tobytes()
    with pytest.raises(tf.errors.InvalidArgumentError, match="image 3 has 2147483647x2147483647 pixels"):
        in_graph(bytes(contents))


def chunk(name, contents):
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def test_a_size_that_the_decoder_does_not_read(capfd):
    """A chunk before IHDR, unknown and so skipped by the decoder, with a small size where IHDR's would be."""
    png = image_bytes(800, 700, "PNG")
    hidden = png[:8] + chunk(b"aaAa", struct.pack(">II", 8, 7) + bytes(5)) + png[8:]
    assert tf.io.decode_png(hidden).shape == (700, 800, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="image 3 has a damaged header"):
        in_graph(hidden)


@pytest.mark.parametrize("first", [0, 1])
def test_two_sizes_in_one_jpeg(first):
    """The decoder refuses what has two frames, in whichever order, and so does the look at its header."""
    jpeg = image_bytes(16, 16, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    small = jpeg[start : start + 19]
    large = small[:5] + struct.pack(">HH", 6000, 6000) + small[9:]
    frames = (small + large, large + small)[first]
    both = jpeg[:start] + frames + jpeg[start + 19 :]
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_jpeg(both)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Invalid JPEG data"):
        in_graph(both)
    # Behind the pixels no size counts any more: neither here nor there.
    behind = jpeg + image_bytes(6000, 10, "JPEG")
    assert tf.io.decode_jpeg(behind).shape == (16, 16, 3)
    assert in_graph(behind).numpy() == behind


@pytest.mark.parametrize("size", [(0, 16), (16, 0), (65535, 65535), (65500, 65500)])
def test_sizes_that_no_jpeg_may_have(size, capfd):
    jpeg = image_bytes(16, 16, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    with pytest.raises(tf.errors.InvalidArgumentError):
        in_graph(jpeg[: start + 5] + struct.pack(">HH", *size) + jpeg[start + 9 :])


def many_scans(count):
    jpeg = image_bytes(16, 16, "JPEG", "L", progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * (count - jpeg.count(b"\xff\xda")) + jpeg[-2:]


def many_texts(count):
    png = image_bytes(16, 16, "PNG")
    text = chunk(b"zTXt", b"k\0\0" + zlib.compress(b"text"))
    return png[:33] + text * count + png[33:]


def many_profiles(count):
    png = image_bytes(16, 16, "PNG")
    profile = chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(200)))
    return png[:33] + profile * count + png[33:]


def test_many_of_them_take_no_memory():
    """Counting stops where they are too many; each counted one is a string of its own."""
    png = image_bytes(4, 4, "JPEG") + b"\xff\xda\0" * 10_000_000
    before = peak_mib()
    with pytest.raises(tf.errors.InvalidArgumentError, match="scans or compressed parts"):
        in_graph(png)
    assert peak_mib() - before < 200


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_a_png_with_more_behind_its_last_row():
    """Of 20 MB, a decoder unpacked 20 GB, for 88 s."""
    pixels = zlib.compress(bytes(8 * (3 * 8 + 1)))
    most = 8 * (8 * 8 + 1) + 2**20

    def of_length(length):
        start, end = image_bytes(8, 8, "PNG")[:33], chunk(b"IEND", b"")
        return start + chunk(b"IDAT", pixels + bytes(length - len(start) - len(end) - 12 - len(pixels))) + end

    assert in_graph(of_length(most)).numpy() == of_length(most)
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        in_graph(of_length(most + 1))
    assert excess(str(error.value)) == f"it has {most + 1} bytes, and 8x8 pixels take at most {most}"


@pytest.mark.parametrize("make", [many_scans, many_texts, many_profiles])
def test_what_makes_a_small_file_much_work(make):
    assert in_graph(make(MOST_PARTS)).numpy() == make(MOST_PARTS)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"image 3 has {MOST_PARTS + 1} scans or compressed parts"):
        in_graph(make(MOST_PARTS + 1))


def test_in_words_with_the_remedy():
    with pytest.raises(tf.errors.InvalidArgumentError) as graph:
        in_graph(image_bytes(77, 13, "PNG"))
    with pytest.raises(tf.errors.InvalidArgumentError) as eager:
        checked(image_bytes(77, 13, "PNG"), MAX_PIXELS)
    for error in (graph, eager):
        words = "it has 13x77 pixels, and at most 1000 are taken; --max_pixels=1001 if you trust it"
        assert excess(str(error.value)) == words
    assert excess("Invalid JPEG data") is None
    # Of 16-bit RGBA, a pixel has 8 bytes.
    assert excess_bytes(8 * 1000 + 2**20, 1000) is None
    assert excess_bytes(10**9, 1000).startswith(
        "it has 1000000000 bytes, more than an image of 1000 pixels; --max_pixels="
    )
