"""Pictures of a camera that was held otherwise, against Pillow: eagerly, in tf.data and in an exported model."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from pipelines.images import metadata
from pipelines.images.image_format import ImageFormat
from pipelines.images.kernels import decode
from pipelines.images.orientation import orientation_of
from pipelines.images.pair_format import PairFormat
from tests.helpers.image_files import file_of, noise, png_by_hand

ORIENTATIONS = range(1, 9)
PICTURE = Image.fromarray(noise(10, 14, 3))
AS_READ = tf.function(decode, input_signature=[tf.TensorSpec((), tf.string)])


def exif(orientation):
    """As Pillow writes it, big-endian."""
    data = Image.Exif()
    data[0x010F] = "a camera"
    data[0x0112] = orientation
    return data


def exif_by_hand(orientation, order, kind=3, before=0):
    """TIFF's head, one directory, a few entries before the orientation; in either byte order."""
    other = struct.pack(order + "HHIHH", 0x0100, 3, 1, 7, 0)
    entry = struct.pack(order + "HHI", 0x0112, kind, 1) + struct.pack(
        order + ("HH" if kind == 3 else "I"), orientation, *([0] if kind == 3 else [])
    )
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8 + 6)
    return head + bytes(6) + struct.pack(order + "H", before + 1) + other * before + entry + bytes(4)


def files_of(orientation):
    return [file_of(PICTURE, kind, exif=exif(orientation)) for kind in ("JPEG", "PNG")]


def upright(contents):
    """As Pillow turns it."""
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(contents))).convert("RGB")) / np.float32(255)


def jpeg_with(*segments):
    """A JPEG whose first segments are these, (marker, body)."""
    jpeg = file_of(PICTURE, "JPEG")
    return jpeg[:2] + b"".join(bytes([255, m]) + struct.pack(">H", len(b) + 2) + b for m, b in segments) + jpeg[2:]


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_every_orientation_is_turned_as_pillow_turns_it(orientation):
    for contents in files_of(orientation):
        wanted = upright(contents)
        assert wanted.shape == ((14, 10, 3) if orientation >= 5 else (10, 14, 3))
        np.testing.assert_array_equal(decode(tf.constant(contents)), wanted)
        np.testing.assert_array_equal(AS_READ(contents), wanted)


def test_in_a_data_set_and_in_an_exported_model(tmp_path):
    files = [contents for orientation in ORIENTATIONS for contents in files_of(orientation)]
    form = ImageFormat()
    dataset = tf.data.Dataset.from_tensor_slices(files).map(form.read, num_parallel_calls=2)
    module = tf.Module()
    module.read = tf.function(
        lambda contents: form.read(contents, in_model=True), input_signature=[tf.TensorSpec((), tf.string)]
    )
    tf.saved_model.save(module, str(tmp_path))
    loaded = tf.saved_model.load(str(tmp_path))
    for contents, image in zip(files, dataset, strict=True):
        np.testing.assert_array_equal(image, upright(contents))
        np.testing.assert_array_equal(loaded.read(contents), upright(contents))


def test_a_side_of_a_pair_is_turned_before_it_is_split():
    """A photo of 10 × 14 that is held upright is 14 × 10: its halves are 5 wide."""
    for contents in files_of(6):
        source, target = PairFormat("AtoB", (14, 5)).read(tf.constant(contents))
        np.testing.assert_array_equal(np.concatenate([source, target], axis=1), upright(contents))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("before", [0, 3])
def test_both_byte_orders_wherever_the_entry_stands(order, before):
    for orientation in ORIENTATIONS:
        data = exif_by_hand(orientation, order, before=before)
        assert orientation_of(tf.constant(data)) == orientation
        contents = jpeg_with((0xE1, b"Exif\0\0" + data))
        np.testing.assert_array_equal(decode(tf.constant(contents)), upright(contents))


def test_exif_behind_the_pixels_of_a_png():
    pixels = noise(10, 14, 3)
    png = png_by_hand(pixels, 8, 2, eXIf=exif_by_hand(6, "<"))
    start, chunk = png.index(b"eXIf") - 4, 12 + len(exif_by_hand(6, "<"))
    behind = png[:start] + png[start + chunk : -12] + png[start : start + chunk] + png[-12:]
    for contents in (png, behind):
        np.testing.assert_array_equal(decode(tf.constant(contents)), upright(contents))
        np.testing.assert_array_equal(AS_READ(contents), upright(contents))
        np.testing.assert_array_equal(upright(contents) * 255, np.rot90(pixels, -1))


def test_other_segments_stand_before_exif():
    xmp = (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    photoshop = (0xED, b"Photoshop 3.0\0" + bytes(3000))
    comment = (0xFE, b"Exif\0\0II*\0 is what a comment says")
    contents = jpeg_with(photoshop, xmp, comment, (0xE1, b"Exif\0\0" + exif_by_hand(8, ">")))
    assert orientation_of(metadata.exif_of(tf.constant(contents))) == 8
    np.testing.assert_array_equal(AS_READ(contents), upright(contents))
    np.testing.assert_array_equal(decode(tf.constant(contents)), upright(contents))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"XX*\0\x08\0\0\0\x01\0" + bytes(20),
        exif_by_hand(0, "<"),
        exif_by_hand(9, ">"),
        exif_by_hand(6, "<", kind=4),
        exif_by_hand(6, "<")[:-8],
    ],
)
def test_what_says_no_orientation_changes_nothing(data):
    assert orientation_of(tf.constant(data)) == 1
    contents = jpeg_with((0xE1, b"Exif\0\0" + data))
    plain = decode(tf.constant(file_of(PICTURE, "JPEG")))
    np.testing.assert_array_equal(decode(tf.constant(contents)), plain)
    np.testing.assert_array_equal(AS_READ(contents), plain)


def test_the_same_is_found_in_python_and_in_a_graph():
    """In files whose bytes are changed at random, too."""
    spec = [tf.TensorSpec((), tf.string)]
    functions = [metadata.exif_of, metadata.profile_of]
    graphs = [tf.function(function, input_signature=spec) for function in functions]
    rng = np.random.default_rng(0)
    profile = (0xE2, b"ICC_PROFILE\0\1\1" + bytes(40))
    seeds = [*files_of(6), jpeg_with(profile, (0xE1, b"Exif\0\0" + exif_by_hand(3, "<")))]
    for number in range(300):
        file = bytearray(seeds[number % 3])
        start = slice(0, min(len(file), 120))
        for place in rng.integers(2, start.stop, rng.integers(0, 4)):
            file[place] = rng.choice([0, 1, 2, 16, 0xE1, 0xE2, 0xFE, 0xFF])
        contents = tf.constant(bytes(file[: rng.integers(2, len(file))] if number % 5 == 0 else file))
        for function, graph in zip(functions, graphs, strict=True):
            assert function(contents).numpy() == graph(contents).numpy()
