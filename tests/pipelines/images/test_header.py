"""Headers by Pillow, and headers that no program writes: refused alike in Python and in a graph."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.images.header import DAMAGED, MAX_PARTS, BadImageError, check_header, check_header_in_graph, check_length
from pipelines.images.kernels import decode

MAX_PIXELS = 1000


@tf.function(input_signature=[tf.TensorSpec((), tf.string)])
def in_graph(contents):
    return check_header_in_graph(contents, MAX_PIXELS, "image 3")


def assert_passes(contents):
    check_header(contents, MAX_PIXELS)
    assert in_graph(contents).numpy() == contents


def assert_refused(contents, reason, in_graph_reason=None):
    """In Python and in a graph alike."""
    with pytest.raises(BadImageError) as error:
        check_header(contents, MAX_PIXELS)
    assert reason in error.value.reason
    with pytest.raises(tf.errors.InvalidArgumentError, match=in_graph_reason or f"image 3 has {reason}"):
        in_graph(contents)


def image_bytes(width, height, kind, mode="RGB", **options):
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("size", [(1, 1), (40, 25), (1, 1000), (1000, 1)])
def test_good_headers_pass(kind, size):
    assert_passes(image_bytes(*size, kind))


@pytest.mark.parametrize(
    ("contents", "reason", "in_graph_reason"),
    [
        (b"", "empty", "image 3 is empty"),
        (b"text", "neither JPEG nor PNG", "image 3 is neither JPEG nor PNG"),
        (image_bytes(4, 4, "GIF"), "neither JPEG nor PNG", "image 3 is neither JPEG nor PNG"),
        (image_bytes(4, 4, "PNG")[:20], DAMAGED, "image 3 is cut short"),
        (image_bytes(77, 13, "PNG"), "13x77 pixels, and at most 1000", None),
        (image_bytes(77, 13, "JPEG"), "13x77 pixels, and at most 1000", None),
        (image_bytes(77, 13, "JPEG", progressive=True), "13x77 pixels", None),
        (image_bytes(4, 4, "JPEG")[:20], DAMAGED, "Invalid JPEG data"),
    ],
)
def test_bad_headers_are_refused_with_the_reason(contents, reason, in_graph_reason):
    assert_refused(contents, reason, in_graph_reason)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (2**31, 4), (2**32 - 1, 2**32 - 1)])
def test_invalid_sizes_of_a_png(size):
    contents = bytearray(image_bytes(4, 4, "PNG"))
    contents[16:24] = np.array(size, ">u4").tobytes()
    assert_refused(bytes(contents), DAMAGED, "image 3 has a damaged header")


def test_the_largest_sizes_do_not_overflow():
    contents = bytearray(image_bytes(4, 4, "PNG"))
    contents[16:24] = np.array((2**31 - 1, 2**31 - 1), ">u4").tobytes()
    assert_refused(bytes(contents), "2147483647x2147483647 pixels")


def chunk(name, contents):
    return struct.pack(">I", len(contents)) + name + contents + struct.pack(">I", zlib.crc32(name + contents))


def test_a_forged_size_before_ihdr(capfd):
    """The decoder skips an unknown chunk before IHDR, which has a small size at the position of IHDR's."""
    png = image_bytes(800, 700, "PNG")
    hidden = png[:8] + chunk(b"aaAa", struct.pack(">II", 8, 7) + bytes(5)) + png[8:]
    assert tf.io.decode_png(hidden).shape == (700, 800, 3)
    assert_refused(hidden, DAMAGED, "image 3 has a damaged header")


@pytest.mark.parametrize("first", [0, 1])
def test_two_sizes_in_one_jpeg(first):
    """The decoder refuses two frames in either order, and so does the check of the header."""
    jpeg = image_bytes(16, 16, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    small = jpeg[start : start + 19]
    large = small[:5] + struct.pack(">HH", 6000, 6000) + small[9:]
    frames = (small + large, large + small)[first]
    both = jpeg[:start] + frames + jpeg[start + 19 :]
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_jpeg(both)
    assert_refused(both, DAMAGED, "Invalid JPEG data")
    # Behind the pixels no size counts any more: neither here nor there.
    behind = jpeg + image_bytes(6000, 10, "JPEG")
    assert tf.io.decode_jpeg(behind).shape == (16, 16, 3)
    assert_passes(behind)


@pytest.mark.parametrize("size", [(0, 16), (16, 0), (65535, 65535), (65500, 65500)])
def test_invalid_sizes_of_a_jpeg(size, capfd):
    jpeg = image_bytes(16, 16, "JPEG")
    start = jpeg.index(b"\xff\xc0")
    assert_refused(jpeg[: start + 5] + struct.pack(">HH", *size) + jpeg[start + 9 :], "it ", ".")


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


def test_counting_slow_parts_takes_no_memory():
    """Counting stops when there are too many, since each counted part is a string."""
    png = image_bytes(4, 4, "JPEG") + b"\xff\xda\0" * 10_000_000
    before = peak_mib()
    assert_refused(png, "scans or compressed parts", "scans or compressed parts")
    assert peak_mib() - before < 200


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_a_png_with_data_after_its_last_row():
    """A decoder unpacked 20 MB of them to 20 GB, for 88 s."""
    pixels = zlib.compress(bytes(8 * (3 * 8 + 1)))
    limit = 8 * (8 * 8 + 1) + 2**20

    def of_length(length):
        start, end = image_bytes(8, 8, "PNG")[:33], chunk(b"IEND", b"")
        return start + chunk(b"IDAT", pixels + bytes(length - len(start) - len(end) - 12 - len(pixels))) + end

    assert_passes(of_length(limit))
    assert_refused(of_length(limit + 1), f"{limit + 1} bytes, and 8x8 pixels take at most {limit}")


@pytest.mark.parametrize("make", [many_scans, many_texts, many_profiles])
def test_many_slow_parts_are_refused(make):
    assert_passes(make(MAX_PARTS))
    assert_refused(make(MAX_PARTS + 1), f"{MAX_PARTS + 1} scans or compressed parts")


def test_the_reason_names_the_remedy():
    with pytest.raises(BadImageError, match="--max_pixels=1001"):
        check_header(image_bytes(77, 13, "PNG"), MAX_PIXELS)
    # A pixel of 16-bit RGBA has 8 bytes.
    check_length(8 * 1000 + 2**20, 1000)
    with pytest.raises(BadImageError, match=r"1000000000 bytes.*1000 pixels.*--max_pixels=125000000"):
        check_length(10**9, 1000)


def test_decoding_checks_the_header():
    for contents in (image_bytes(77, 13, "PNG"), b"", image_bytes(4, 4, "GIF")):
        with pytest.raises(BadImageError):
            decode(contents, max_pixels=MAX_PIXELS)
        with pytest.raises(tf.errors.InvalidArgumentError):
            tf.function(lambda c: decode(c, max_pixels=MAX_PIXELS))(tf.constant(contents))
