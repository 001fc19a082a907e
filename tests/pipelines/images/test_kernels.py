"""JPEG and PNG files by TensorFlow's kernels against Pillow and NumPy, eagerly and in graphs."""

import functools
import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageCms

from pipelines.images import kernels, transforms
from pipelines.images.header import BadImageError
from pipelines.images.image_format import ImageFormat
from pipelines.images.kernels import decode
from tests.helpers.image_files import RNG, both_ways, file_of, noise, png_by_hand

HEIGHT, WIDTH = 9, 14


@functools.cache
def decoder(channels, **options):
    """One graph for many files, since tracing takes longer than all of them."""
    return tf.function(lambda c: decode(c, channels, **options), input_signature=[tf.TensorSpec((), tf.string)])


def decoded(contents, channels=3, **options):
    """The result, once eager and graph agree to the last bit."""
    eager = decode(tf.constant(contents), channels, **options).numpy()
    np.testing.assert_array_equal(decoder(channels, **options)(contents), eager)
    return eager


def test_decode_in_a_data_set():
    """Where several threads decode at once."""
    files = [FILES["JPEG RGB"], FILES["PNG RGBA"], FILES["PNG gray"], FILES["PNG palette"]] * 3
    dataset = tf.data.Dataset.from_tensor_slices(files).map(decode, num_parallel_calls=4)
    for file, got in zip(files, dataset, strict=True):
        np.testing.assert_array_equal(got, decoded(file))


RGB = Image.fromarray(noise(HEIGHT, WIDTH, 3))
GRAY = Image.fromarray(noise(HEIGHT, WIDTH))
FILES = {
    "JPEG RGB": file_of(RGB, "JPEG"),
    "JPEG RGB 4:4:4": file_of(RGB, "JPEG", subsampling=0, quality=95),
    "JPEG RGB progressive": file_of(RGB, "JPEG", progressive=True),
    "JPEG of an RGBA source": file_of(Image.fromarray(noise(HEIGHT, WIDTH, 4)).convert("RGB"), "JPEG"),
    "JPEG gray": file_of(GRAY, "JPEG"),
    "PNG RGB": file_of(RGB, "PNG"),
    "PNG RGBA": file_of(Image.fromarray(noise(HEIGHT, WIDTH, 4)), "PNG"),
    "PNG gray": file_of(GRAY, "PNG"),
    "PNG gray and alpha": file_of(Image.fromarray(noise(HEIGHT, WIDTH, 2)), "PNG"),
    "PNG RGB with a transparent color": file_of(RGB, "PNG", transparency=RGB.getpixel((3, 3))),
    "PNG gray with a transparent level": file_of(GRAY, "PNG", transparency=GRAY.getpixel((3, 3))),
    "PNG palette": file_of(RGB.quantize(100), "PNG"),
    "PNG palette with a transparent color": file_of(RGB.quantize(100), "PNG", transparency=3),
    "PNG palette of 4 bits": file_of(RGB.quantize(16), "PNG"),
    "PNG palette of 4 bits with a transparent color": file_of(RGB.quantize(16), "PNG", transparency=3),
    "PNG gray of 1 bit": file_of(GRAY.convert("1"), "PNG"),
    "PNG gray of 4 bits": png_by_hand(noise(HEIGHT, WIDTH, 1) >> 4, 4, 0),
}


def over(picture, background):
    """As Pillow lays a picture over a color, in RGB; it rounds to whole levels."""
    ground = Image.new("RGBA", picture.size, background)
    return np.asarray(Image.alpha_composite(ground, picture.convert("RGBA")).convert("RGB"))


@pytest.mark.parametrize("name", FILES)
def test_decode_gives_pillows_pixels(name):
    picture = Image.open(io.BytesIO(FILES[name]))
    np.testing.assert_array_equal(decoded(FILES[name], 4), np.asarray(picture.convert("RGBA")) / np.float32(255))
    if "alpha" in name or "transparent" in name or "RGBA" in name:
        for background in ((255, 255, 255), (10, 200, 30)):
            got = decoded(FILES[name], background=background) * 255
            # Pillow's alpha compositing rounds, and so does its alpha of 8 bits.
            assert abs(got - over(picture, background)).max() <= 1.01
    else:
        np.testing.assert_array_equal(decoded(FILES[name]), np.asarray(picture.convert("RGB")) / np.float32(255))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("is_transparent", [False, True])
def test_decode_keeps_gray_of_every_depth(depth, is_transparent):
    """A transparent level stands in a chunk behind the header; none makes an opaque image."""
    largest = 2**depth - 1
    levels = noise(HEIGHT, WIDTH, 1, dtype=np.uint16) >> (16 - depth)
    contents = (
        png_by_hand(levels, depth, 0, tRNS=struct.pack(">H", int(levels[3, 3, 0])))
        if is_transparent
        else (png_by_hand(levels, depth, 0))
    )
    alpha = levels != levels[3, 3] if is_transparent else np.ones_like(levels)
    gray = (levels / largest).astype(np.float32)
    np.testing.assert_array_equal(decoded(contents, 2), np.concatenate([gray, alpha], axis=-1))
    np.testing.assert_array_equal(decoded(contents, 4), np.concatenate([gray] * 3 + [alpha], axis=-1))
    np.testing.assert_array_equal(decoded(contents, 1), np.where(alpha, gray, 1))
    np.testing.assert_allclose(decoded(contents, 1, background=(0, 255, 0)), np.where(alpha, gray, 0.587), atol=1e-6)


def test_black_strokes_on_nothing_are_black_on_white():
    drawing = Image.new("RGBA", (20, 10), (0, 0, 0, 0))
    drawing.paste((0, 0, 0, 255), (2, 4, 18, 6))
    paper = np.ones((10, 20, 3), np.float32)
    paper[4:6, 2:18] = 0
    for kind in ("RGBA", "LA"):
        contents = file_of(drawing.convert(kind), "PNG")
        np.testing.assert_array_equal(decoded(contents), paper)
        np.testing.assert_array_equal(decoded(contents, 1), paper[..., :1])
        np.testing.assert_array_equal(decoded(contents, 4)[..., :3], np.zeros((10, 20, 3)))


@pytest.mark.parametrize(
    ("dtype", "low", "high", "channels"),
    [
        *((np.uint8, 20, 220, channels) for channels in (1, 2, 3, 4)),
        (np.uint8, 0, 4, 3),
        (np.uint16, 0, 4095, 4),
    ],
)
def test_ranges_are_in_the_files_own_numbers(dtype, low, high, channels):
    """Of colors alone: alpha has a range of its own."""
    stored = RNG.integers(0, high + 30 if high < 255 else high + 900, (HEIGHT, WIDTH, channels)).astype(dtype)
    stored[0, 0], stored[0, 1] = low, high
    depth, color = 8 * np.dtype(dtype).itemsize, {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    got = decoded(png_by_hand(stored, depth, color), channels, value_range=(low, high))
    wanted = np.clip((stored.astype(np.float64) - low) / (high - low), 0, 1)
    if channels in (2, 4):
        wanted[..., -1] = stored[..., -1] / np.iinfo(dtype).max
    np.testing.assert_array_equal(got, wanted.astype(np.float32))
    flipped = decoded(png_by_hand(stored, depth, color), channels, value_range=(high, low))
    np.testing.assert_allclose(flipped[..., 0], 1 - got[..., 0], atol=1e-7)


def test_more_channels_than_a_png_has():
    with pytest.raises(BadImageError, match="12 are asked for"):
        decode(tf.constant(FILES["PNG RGB"]), 12)


@pytest.mark.parametrize("transform", [0, 2], ids=["CMYK", "YCCK"])
def test_decode_mixes_inks(transform):
    cmyk = Image.frombytes("CMYK", (WIDTH, HEIGHT), noise(HEIGHT, WIDTH, 4).tobytes())
    contents = bytearray(file_of(cmyk, "JPEG", quality=95))
    # The last byte of the Adobe segment says how the four channels are coded.
    contents[contents.index(b"Adobe") + 11] = transform
    picture = Image.open(io.BytesIO(contents))
    light = 255 - np.asarray(picture).astype(int)
    got = decoded(bytes(contents))
    np.testing.assert_array_equal(got, (light[..., :3] * light[..., 3:] // 255).astype(np.float32) / 255)
    # Pillow rounds where TensorFlow cuts off.
    assert abs(got * 255 - np.asarray(picture.convert("RGB"))).max() <= 1.001
    np.testing.assert_array_equal(decoded(bytes(contents), 4)[..., 3], np.ones((HEIGHT, WIDTH)))


@pytest.mark.parametrize(("color", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_decode_keeps_16_bits(color, channels):
    pixels = noise(HEIGHT, WIDTH, channels, dtype=np.uint16)
    contents = png_by_hand(pixels, 16, color)
    if color == 0:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(contents))), pixels[..., 0])
    alpha = pixels[..., -1:] if color in (4, 6) else np.full((HEIGHT, WIDTH, 1), 65535)
    rgb = pixels[..., :3] if color in (2, 6) else np.repeat(pixels[..., :1], 3, axis=-1)
    expected = np.concatenate([rgb, alpha], axis=-1).astype(np.float32) / 65535
    np.testing.assert_array_equal(decoded(contents, 4), expected)
    composed = expected[..., :3].astype(np.float64) * expected[..., 3:] + (1 - expected[..., 3:].astype(np.float64))
    np.testing.assert_allclose(decoded(contents), composed, rtol=0, atol=2e-7)
    stored = both_ways(lambda c: kernels.decode_stored(c).image, contents)
    np.testing.assert_array_equal(stored, pixels.astype(np.float32) / 65535)


@pytest.mark.parametrize("kind", ["JPEG RGB", "PNG gray and alpha", "PNG RGB with a transparent color"])
def test_half_of_a_picture(kind):
    contents = tf.constant(FILES[kind])
    whole = kernels.decode_stored(contents).image.numpy()
    np.testing.assert_array_equal(kernels.decode_stored(contents, half="A").image, whole[:, : WIDTH // 2])
    np.testing.assert_array_equal(kernels.decode_stored(contents, half="B").image, whole[:, WIDTH // 2 :])


def test_a_picture_of_odd_width_has_no_halves():
    contents = tf.constant(file_of(Image.fromarray(noise(HEIGHT, WIDTH + 1, 3)), "PNG"))
    with pytest.raises(BadImageError, match="odd"):
        kernels.decode_stored(contents, half="A")


@pytest.mark.parametrize("contents", [b"", b"text", FILES["JPEG RGB"][:-1], FILES["PNG RGB"][:-20], b"\x89PNG"])
def test_decode_refuses_damaged_files(contents):
    with pytest.raises((BadImageError, tf.errors.InvalidArgumentError)):
        decode(tf.constant(contents))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.data.Dataset.from_tensors(contents).map(decode).get_single_element()


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 256), (np.uint16, 65536)])
def test_every_level_is_the_same_in_a_graph(dtype, levels):
    """Whatever TensorFlow makes of the division there: served results shall equal translated ones to the last bit."""
    png = tf.io.encode_png(np.arange(levels, dtype=dtype).reshape(1, -1, 1))
    wanted = (np.arange(levels) / np.float32(levels - 1)).astype(np.float32)
    in_graph = tf.function(lambda contents: transforms.normalize(decode(contents)))(png)
    np.testing.assert_array_equal(decode(png)[0, :, 0], wanted)
    np.testing.assert_array_equal(in_graph[0, :, 0], wanted * np.float32(2) - np.float32(1))


def display_p3():
    """A profile by littlecms with the primaries of Display P3, under this name; as displays and phones have it."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # The description is UTF-16 in version 4.
    return bytes(srgb.replace("sRGB".encode("utf-16-be"), "P3P3".encode("utf-16-be")))


def test_profiles_that_need_a_conversion():
    in_graph = tf.function(kernels.needs_conversion, input_signature=[tf.TensorSpec((), tf.string)])
    readable = tf.function(kernels.can_read, input_signature=[tf.TensorSpec((), tf.string)])
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    png = file_of(RGB, "PNG", icc_profile=srgb)
    cases = [
        (FILES["JPEG RGB"], False),
        (FILES["PNG RGB"], False),
        (file_of(RGB, "JPEG", icc_profile=srgb), False),
        (file_of(RGB, "JPEG", icc_profile=display_p3()), True),
        (file_of(RGB, "PNG", icc_profile=display_p3()), True),
        # Pillow calls every profile so. Python reads it then, and finds that it is sRGB.
        (png, True),
        (png.replace(b"ICC Profile\0", b"sRGB export\0"), False),
    ]
    for contents, wanted in cases:
        assert bool(kernels.needs_conversion(tf.constant(contents))) == wanted
        assert bool(in_graph(contents)) == wanted
        assert bool(readable(contents)) == bool(kernels.can_read(tf.constant(contents))) != wanted
    assert not readable(file_of(RGB, "BMP"))
    np.testing.assert_array_equal(ImageFormat().read(tf.constant(png)), decoded(FILES["PNG RGB"]))
