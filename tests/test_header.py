"""Headers that Pillow wrote, and bytes that no program writes; inside a graph, as served models have it."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.header import checked

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
