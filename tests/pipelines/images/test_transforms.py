"""Operations on one pair against Pillow and NumPy, eagerly and inside tf.data."""

import functools
import io
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, JpegImagePlugin

from pipelines.images import transforms
from pipelines.images.choices import RESIZE_METHODS
from pipelines.images.header import BadImageError

RNG = np.random.default_rng(0)
HEIGHT, WIDTH = 9, 14
LEVEL = 1 / 255


def noise(*shape, dtype=np.uint8):
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def file_of(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_by_hand(pixels, depth, color, **more):
    """A PNG after the specification, without filters; pixels are (H, W, C), packed where depth is under 8.

    More chunks stand before the pixels.
    """
    height, width, _ = pixels.shape
    if depth < 8:
        bits = np.unpackbits(pixels.astype(np.uint8), axis=-1)[..., -depth:]
        rows = np.packbits(bits.reshape(height, -1), axis=-1)
    else:
        rows = pixels.astype(f">u{depth // 8}").reshape(height, -1)
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0),
        **{name.encode(): content for name, content in more.items()},
        b"IDAT": zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows)),
        b"IEND": b"",
    }
    parts = [struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks.items()]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def both_ways(function, *inputs):
    """The result, once eager and tf.data, where heights and widths are not known, agree to the last bit."""
    inputs = tuple(tf.convert_to_tensor(x) for x in inputs)
    specs = tuple(tf.TensorSpec([None] * (x.ndim - 1) + list(x.shape[-1:]), x.dtype) for x in inputs)
    eager = function(*inputs)
    mapped = tf.data.Dataset.from_generator(lambda: [inputs], output_signature=specs).map(function)
    tf.nest.map_structure(np.testing.assert_array_equal, eager, mapped.get_single_element())
    return tf.nest.map_structure(lambda x: x.numpy(), eager)


@functools.cache
def decoder(channels, **options):
    """One graph for many files, since tracing takes longer than all of them."""
    return tf.function(
        lambda c: transforms.decode(c, channels, **options), input_signature=[tf.TensorSpec((), tf.string)]
    )


def decoded(contents, channels=3, **options):
    """The result, once eager and graph agree to the last bit."""
    eager = transforms.decode(tf.constant(contents), channels, **options).numpy()
    np.testing.assert_array_equal(decoder(channels, **options)(contents), eager)
    return eager


def test_decode_in_a_data_set():
    """Where several threads decode at once."""
    files = [FILES["JPEG RGB"], FILES["PNG RGBA"], FILES["PNG gray"], FILES["PNG palette"]] * 3
    dataset = tf.data.Dataset.from_tensor_slices(files).map(transforms.decode, num_parallel_calls=4)
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


@pytest.mark.parametrize(("dtype", "low", "high"), [(np.uint8, 0, 4), (np.uint8, 20, 220), (np.uint16, 0, 4095)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
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
        transforms.decode(tf.constant(FILES["PNG RGB"]), 12)


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
    stored = both_ways(lambda c: transforms.decode_stored(c).image, contents)
    np.testing.assert_array_equal(stored, pixels.astype(np.float32) / 65535)


@pytest.mark.parametrize("contents", [b"", b"text", FILES["JPEG RGB"][:-1], FILES["PNG RGB"][:-20], b"\x89PNG"])
def test_decode_refuses_damaged_files(contents):
    with pytest.raises((BadImageError, tf.errors.InvalidArgumentError)):
        transforms.decode(tf.constant(contents))
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.data.Dataset.from_tensors(contents).map(transforms.decode).get_single_element()


def test_to_channels():
    rgba = noise(HEIGHT, WIDTH, 4)
    unit = rgba / np.float32(255)

    def converted(image, channels, **options):
        """The same where a graph knows the number of channels, and where it does not."""
        known = both_ways(lambda x: transforms.to_channels(x, channels, **options), image)
        unknown = tf.function(
            lambda x: transforms.to_channels(x, channels, **options),
            input_signature=[tf.TensorSpec((None, None, None), tf.float32)],
        )
        np.testing.assert_allclose(unknown(image), known, rtol=0, atol=1e-7)
        return known

    rgb = unit[..., :3]
    np.testing.assert_array_equal(converted(unit, 4), unit)
    np.testing.assert_array_equal(converted(rgb, 3), rgb)
    np.testing.assert_array_equal(converted(rgb, 4), np.concatenate([rgb, np.ones_like(rgb[..., :1])], axis=-1))
    gray = converted(rgb, 1)
    # Pillow has the same weights to 4e-6, and rounds to whole levels.
    luminance = np.asarray(Image.fromarray(rgba[..., :3]).convert("L"))
    assert abs(gray[..., 0] * 255 - luminance).max() <= 0.502
    np.testing.assert_array_equal(converted(unit, 2), np.concatenate([gray, unit[..., 3:]], axis=-1))
    np.testing.assert_array_equal(converted(rgb, 2), np.concatenate([gray, np.ones_like(gray)], axis=-1))
    np.testing.assert_allclose(
        transforms.to_channels(np.eye(3, dtype=np.float32)[None], 1)[0, :, 0], [0.299, 0.587, 0.114]
    )
    # What is gray stays to the last bit.
    for channels in (1, 3):
        np.testing.assert_array_equal(converted(gray, channels), np.repeat(gray, channels, axis=-1))
    gray_and_alpha = unit[..., 2:]
    np.testing.assert_array_equal(
        converted(gray_and_alpha, 4), np.concatenate([unit[..., 2:3]] * 3 + [unit[..., 3:]], axis=-1)
    )
    alpha = unit[..., 3:]
    for background in ((255, 255, 255), (0, 128, 255)):
        color = rgb * alpha + np.array(background) / 255 * (1 - alpha)
        np.testing.assert_allclose(converted(unit, 3, background=background), color, rtol=0, atol=1e-6)
        weighed = (color * transforms.LUMINANCE).sum(axis=-1, keepdims=True)
        np.testing.assert_allclose(converted(unit, 1, background=background), weighed, rtol=0, atol=1e-6)
        color = gray_and_alpha[..., :1] * alpha + np.array(background) / 255 * (1 - alpha)
        np.testing.assert_allclose(converted(gray_and_alpha, 3, background=background), color, rtol=0, atol=1e-6)


def test_split():
    image = np.arange(2 * 6 * 3, dtype=np.float32).reshape(2, 6, 3)
    a, b = both_ways(lambda x: transforms.split(x, "AtoB"), image)
    np.testing.assert_array_equal(a, image[:, :3])
    np.testing.assert_array_equal(b, image[:, 3:])
    source, target = both_ways(lambda x: transforms.split(x, "BtoA"), image)
    np.testing.assert_array_equal(source, b)
    np.testing.assert_array_equal(target, a)


def test_split_refuses_an_odd_width():
    def halves(contents):
        return transforms.split(transforms.decode(contents), "AtoB")

    dataset = tf.data.Dataset.from_tensors(file_of(Image.fromarray(noise(4, 7, 3)), "PNG"))
    with pytest.raises(BadImageError, match="width is odd"):
        halves(dataset.get_single_element())
    with pytest.raises(tf.errors.InvalidArgumentError, match="width is odd"):
        dataset.map(halves).get_single_element()


PILLOW = {
    "bicubic": Image.Resampling.BICUBIC,
    "bilinear": Image.Resampling.BILINEAR,
    "lanczos3": Image.Resampling.LANCZOS,
}


def pillow_resize(image, size, method):
    """Without rounding or clipping: one float channel at a time."""
    planes = [Image.fromarray(plane).resize(size[::-1], PILLOW[method]) for plane in np.moveaxis(image, -1, 0)]
    return np.stack(planes, axis=-1)


def resized(image, size, method):
    return both_ways(lambda x: transforms.resize(x, size, method), image)


# Smaller, larger, one side of each, one side as it was.
@pytest.mark.parametrize("size", [(17, 33), (61, 99), (13, 90), (40, 20)])
@pytest.mark.parametrize("method", PILLOW)
def test_resize_is_pillows(method, size):
    image = RNG.random((40, 56, 3), np.float32)
    expected = pillow_resize(image, size, method)
    # float32 places near 56 are off by 56 / 2^24 = 3e-6 pixels, and the kernels' slopes are about 1. Without
    # antialiasing, or with another bicubic (a = -0.75), the difference is over 0.01.
    np.testing.assert_allclose(resized(image, size, method), np.clip(expected, 0, 1), rtol=0, atol=1e-5)


def test_resize_clips_the_overshoot():
    step = np.zeros((8, 8, 1), np.float32)
    step[:, 4:] = 1
    expected = pillow_resize(step, (16, 16), "bicubic")
    assert expected.min() < -0.03
    assert expected.max() > 1.03
    got = resized(step, (16, 16), "bicubic")
    assert (got.min(), got.max()) == (0, 1)


def test_resize_by_area_is_the_mean_of_what_a_pixel_covers():
    image = RNG.random((6, 10, 2), np.float32)
    height, width = 4, 3
    fine = np.kron(image.astype(np.float64), np.ones((height, width, 1)))
    expected = fine.reshape(height, 6, width, 10, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(resized(image, (height, width), "area"), expected, rtol=0, atol=1e-6)


def test_resize_to_nearest_makes_no_new_values():
    image = noise(5, 7, 3).astype(np.float32) / 255
    np.testing.assert_array_equal(resized(image, (15, 14), "nearest"), np.kron(image, np.ones((3, 2, 1))))


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_resize_to_the_same_size_is_the_identity(method):
    image = RNG.random((HEIGHT, WIDTH, 4), np.float32)
    np.testing.assert_array_equal(resized(image, (HEIGHT, WIDTH), method), image)


def test_every_level_survives_normalize_and_to_uint8():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    normal = both_ways(transforms.normalize, levels / np.float32(255))
    np.testing.assert_allclose(normal, levels / 127.5 - 1.0, rtol=0, atol=1e-6)
    assert (normal.min(), normal.max()) == (-1, 1)
    np.testing.assert_array_equal(both_ways(transforms.to_uint8, normal), levels)


def test_to_uint8_takes_the_nearest_level_and_clips():
    levels = np.array([-300.0, -1.0, 0.4, 0.6, 99.6, 100.4, 254.4, 254.6, 256.0, 1000.0])
    got = transforms.to_uint8(tf.constant(levels / 127.5 - 1, tf.float32))
    np.testing.assert_array_equal(got, [0, 0, 0, 1, 100, 100, 254, 255, 255, 255])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_encode_as_png_loses_nothing(channels, mode):
    pixels = noise(HEIGHT, WIDTH, channels)
    contents = both_ways(lambda x: transforms.encode(x, ".png"), pixels / np.float32(127.5) - 1)
    picture = Image.open(io.BytesIO(contents))
    assert (picture.format, picture.mode) == ("PNG", mode)
    np.testing.assert_array_equal(np.asarray(picture).reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_encode_as_jpeg_keeps_colors_in_place(channels):
    # Blocks of 4×4 saturated colors: halved chroma, or a low quality, would wash them out.
    pixels = np.kron(noise(4, 6, channels) // 128 * 255, np.ones((4, 4, 1), np.uint8))
    picture = Image.open(io.BytesIO(transforms.encode(pixels / np.float32(127.5) - 1, ".jpg").numpy()))
    assert picture.format == "JPEG"
    if channels == 3:
        assert JpegImagePlugin.get_sampling(picture) == 0  # 4:4:4
    error = np.asarray(picture).reshape(pixels.shape).astype(int) - pixels
    assert abs(error).mean() < 5


@pytest.mark.parametrize(("dtype", "levels"), [(np.uint8, 256), (np.uint16, 65536)])
def test_every_level_is_the_same_in_a_graph(dtype, levels):
    """Whatever TensorFlow makes of the division there: served results shall equal translated ones to the last bit."""
    png = tf.io.encode_png(np.arange(levels, dtype=dtype).reshape(1, -1, 1))
    wanted = (np.arange(levels) / np.float32(levels - 1)).astype(np.float32)
    in_graph = tf.function(lambda contents: transforms.normalize(transforms.decode(contents)))(png)
    np.testing.assert_array_equal(transforms.decode(png)[0, :, 0], wanted)
    np.testing.assert_array_equal(in_graph[0, :, 0], wanted * np.float32(2) - np.float32(1))
