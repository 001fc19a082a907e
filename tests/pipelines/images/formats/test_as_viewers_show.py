"""What viewers do before they show a picture: turn it, apply its palette and profile; by Pillow, and by hand."""

import io
import zlib

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image, ImageCms, ImageOps

from pipelines.images import codecs
from pipelines.images.formats import color_profile
from pipelines.images.header import BadImageError
from tests.hostile.pictures import chunk, png

HEIGHT, WIDTH = 24, 40
# A smooth picture, so that JPEG changes little, of which no side and no corner is like another.
RGB = np.stack(
    [
        np.add.outer(3 * np.arange(HEIGHT), 2 * np.arange(WIDTH)) + 40,
        np.add.outer(5 * np.arange(HEIGHT), np.arange(WIDTH)) + 10,
        np.subtract.outer(2 * np.arange(HEIGHT), 3 * np.arange(WIDTH)) + 160,
    ],
    axis=-1,
).astype(np.uint8)
ADOBE = imagecodecs.cms_profile("adobergb")
# SMPTE EG 432-1 with D65, as phones and their screens have it.
DISPLAY_P3 = imagecodecs.cms_profile(
    "rgb",
    whitepoint=(0.3127, 0.3290, 1.0),
    primaries=(0.680, 0.320, 1.0, 0.265, 0.690, 1.0, 0.150, 0.060, 1.0),
    gamma=2.2,
)
WINDOW = (2, 3, 9, 14)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def tiff(values, **options):
    file = io.BytesIO()
    try:
        tifffile.imwrite(file, values, **options)
    except NotImplementedError:
        pytest.skip("imagecodecs before 2026, for Python 3.10, writes no numbers of few bits")
    return file.getvalue()


def assert_shown(contents, expected, tolerance=0):
    """Whole, and by a window; `probe` tells its size."""
    header, values = codecs.probe(contents), codecs.decode(contents).values
    assert (header.height, header.width, header.channels) == values.shape == expected.shape
    np.testing.assert_allclose(values.astype(int), expected.astype(int), atol=tolerance)
    top, left, height, width = WINDOW
    part = codecs.decode(contents, window=WINDOW).values
    np.testing.assert_array_equal(part, values[top : top + height, left : left + width])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95}, "WEBP": {"lossless": True}}.get(kind, {})
    contents = saved(Image.fromarray(RGB), kind, exif=exif, **options)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(contents))))
    assert_shown(contents, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_a_tiff_in_tiles_of_planes(orientation):
    """Of 16 bits, which Pillow does not read."""
    deep = RGB.astype(np.uint16) * 257
    options = {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16), "compression": "zlib"}
    contents = tiff(np.moveaxis(deep, 2, 0), extratags=[(274, 3, 1, orientation, True)], **options)
    exif = Image.Exif()
    exif[0x0112] = orientation
    shallow = saved(Image.fromarray(RGB), "PNG", exif=exif)
    assert_shown(contents, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(shallow)))).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    "exif", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_exif_that_cannot_be_read_is_ignored(exif):
    assert_shown(saved(Image.fromarray(RGB), "WEBP", lossless=True, exif=exif), RGB)


@pytest.mark.parametrize("profile", [ADOBE, DISPLAY_P3])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_profile(kind, profile):
    options = {"WEBP": {"lossless": True}}.get(kind, {})
    contents = saved(Image.fromarray(RGB), kind, icc_profile=profile, **options)
    image = Image.open(io.BytesIO(contents)).convert("RGB")
    srgb = ImageCms.createProfile("sRGB")
    expected = np.asarray(ImageCms.profileToProfile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb))
    assert np.abs(expected.astype(int) - np.asarray(image)).max() > 10
    assert_shown(contents, expected, tolerance=1)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_profile_of_16_bits(kind):
    """At full depth: of values that 8 bits have, as with 8; and all values that lie between them stay apart."""
    ramp = np.linspace(0, 65535, 4096).astype(np.uint16).reshape(64, 64)
    deep = np.stack([ramp, ramp[::-1], ramp.T], axis=-1)
    shallow = (deep >> 8).astype(np.uint8)
    srgb, profile = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(ADOBE))
    expected = np.asarray(ImageCms.profileToProfile(Image.fromarray(shallow), profile, srgb)).astype(np.uint16) * 257
    assert_shown(with_profile(kind, shallow.astype(np.uint16) * 257), expected, tolerance=257)
    found = codecs.decode(with_profile(kind, deep)).values
    assert found.dtype == np.uint16
    assert len(np.unique(found[..., 0])) > 1000


def with_profile(kind, values):
    if kind == "TIFF":
        return tiff(values, photometric="rgb", iccprofile=ADOBE)
    # Pillow writes no colors of 16 bits, so the profile's chunk is put behind the header (PNG specification, 5.6).
    plain = imagecodecs.png_encode(values)
    shallow = saved(Image.fromarray(RGB), "PNG", icc_profile=ADOBE)
    start = shallow.index(b"iCCP") - 4
    length = int.from_bytes(shallow[start : start + 4], "big") + 12
    return plain[:33] + shallow[start : start + length] + plain[33:]


def test_profile_beside_alpha():
    rgba = np.dstack([RGB, RGB[..., :1]])
    contents = saved(Image.fromarray(rgba), "PNG", icc_profile=ADOBE)
    opaque = codecs.decode(saved(Image.fromarray(RGB), "PNG", icc_profile=ADOBE)).values
    assert_shown(contents, np.dstack([opaque, RGB[..., :1]]))


def test_gray_profile():
    """A linear profile of gray: half the light is level 188 of sRGB (IEC 61966-2-1)."""
    linear = imagecodecs.cms_profile("gray", gamma=1.0)
    contents = saved(Image.new("L", (40, 24), 128), "PNG", icc_profile=linear)
    assert_shown(contents, np.full((24, 40, 1), 188, np.uint8), tolerance=1)


def test_srgb_and_broken_profiles_change_nothing():
    for profile in (ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), b"broken" * 30, ADOBE[:200]):
        assert_shown(saved(Image.fromarray(RGB), "PNG", icc_profile=profile), RGB)
        assert_shown(saved(Image.fromarray(RGB), "TIFF", icc_profile=profile), RGB)
        # Of RGB, but the picture is gray.
        gray = Image.fromarray(RGB[..., 0])
        assert_shown(saved(gray, "PNG", icc_profile=profile), RGB[..., :1])
    assert color_profile.is_srgb(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    assert not color_profile.is_srgb(ADOBE)


def test_channels_that_are_data_have_no_profile():
    """Red, green, blue and near infrared: four bands, none of them alpha."""
    bands = np.dstack([RGB, RGB[..., :1]])
    contents = tiff(bands, photometric="rgb", extrasamples=["unspecified"], iccprofile=ADOBE)
    assert not codecs.decode(contents).has_alpha
    assert_shown(contents, bands)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("colors", [2, 4, 16, 200])
def test_palette(kind, colors):
    image = Image.fromarray(RGB).quantize(colors)
    contents = saved(image, kind)
    read = Image.open(io.BytesIO(contents))
    assert read.mode == "P"
    assert_shown(contents, np.asarray(read.convert("RGB")))
    np.testing.assert_array_equal(codecs.decode(contents, indices=True).values[..., 0], np.asarray(read))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_gray_of_few_bits(bits):
    """PNG and TIFF tell how many there are, so the largest is white; as indices they stay."""
    values = (RGB[..., 0] % 2**bits).astype(np.uint8)
    image = Image.fromarray(values, "P")
    image.putpalette([level for i in range(2**bits) for level in 3 * [i * 255 // (2**bits - 1)]])
    of_tiff = tiff(values, bitspersample=bits, photometric="minisblack")
    of_png = saved(Image.fromarray(values.astype(bool)), "PNG") if bits == 1 else gray_png(values, bits)
    for contents in (of_tiff, of_png):
        assert_shown(contents, (values * (255 // (2**bits - 1)))[..., None])
        indices = codecs.decode(contents, indices=True).values
        np.testing.assert_array_equal(indices[..., 0], values)
        assert indices.dtype == np.uint8


def gray_png(values, bits):
    """By the PNG specification, 7.2: the leftmost pixel is in the high bits."""

    digits = np.unpackbits(values[..., None], axis=-1)[..., 8 - bits :].reshape(len(values), -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in digits)
    return png(values.shape[1], values.shape[0], chunk(b"IDAT", zlib.compress(rows)), color=0, depth=bits)


def test_twelve_bits_keep_their_numbers():
    values = RGB[..., 0].astype(np.uint16) * 16
    contents = tiff(values, bitspersample=12)
    header, raster = codecs.probe(contents), codecs.decode(contents)
    assert header.bits == raster.bits == 12
    np.testing.assert_array_equal(raster.values[..., 0], values)
    assert codecs.decode(tiff(values)).bits == 16


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_white_is_zero(dtype):
    values = RGB[..., :1].astype(dtype)
    contents = tiff(values[..., 0], photometric="miniswhite")
    assert_shown(contents, np.iinfo(dtype).max - values)
    np.testing.assert_array_equal(codecs.decode(contents, indices=True).values, values)


def test_cmyk():
    """As TensorFlow's kernel reads a JPEG, and as Pillow reads a TIFF."""
    image = Image.fromarray(RGB).convert("CMYK")
    contents = saved(image, "JPEG", quality=95)
    assert_shown(contents, tf.io.decode_jpeg(contents, 3, dct_method="INTEGER_ACCURATE").numpy())
    assert_shown(saved(image, "TIFF"), np.asarray(image.convert("RGB")), tolerance=1)


def test_multiplied_alpha_is_divided_out():
    """TIFF 6.0, section 18: with associated alpha, red of half the alpha is full red."""
    colors = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
    colors[..., 0] = colors[..., 3] = 128
    colors[0] = 0
    contents = tiff(colors, photometric="rgb", extrasamples=["assocalpha"])
    expected = colors.copy()
    expected[1:, :, 0] = 255
    assert codecs.decode(contents).has_alpha
    assert_shown(contents, expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_told(kind):
    rgba = np.dstack([RGB, RGB[..., :1]])
    contents = saved(Image.fromarray(rgba), kind, **({"lossless": True, "exact": True} if kind == "WEBP" else {}))
    assert codecs.probe(contents).has_alpha
    assert codecs.decode(contents).has_alpha
    assert_shown(contents, rgba)


@pytest.mark.parametrize(
    "compression",
    ["raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "jpeg", "group3", "group4", "lzma", "zstd"],
)
def test_compressions_of_libtiff(compression):
    image = Image.fromarray(RGB)
    if compression.startswith("group"):
        image = image.convert("1")
    contents = saved(image, "TIFF", compression=compression)
    if compression.startswith("group") and 4 not in tifffile.TIFF.DECOMPRESSORS:
        with pytest.raises(BadImageError, match="CCITT"):
            codecs.decode(contents)
        return
    expected = np.asarray(Image.open(io.BytesIO(contents)).convert("L" if image.mode == "1" else "RGB"))
    assert_shown(contents, expected.reshape(HEIGHT, WIDTH, -1))


def test_thumbnails_and_levels_are_not_pages():
    """As GDAL (overviews as pages) and OME-TIFF (as sub-pages) have them."""
    for subifds in (0, 1):
        file = io.BytesIO()
        with tifffile.TiffWriter(file) as writer:
            writer.write(RGB, photometric="rgb", tile=(16, 16), subifds=subifds)
            writer.write(RGB[::2, ::2], photometric="rgb", subfiletype=1)
        assert_shown(file.getvalue(), RGB)
        assert codecs.probe(file.getvalue()).pages == 1


def test_a_tile_that_was_not_written_holds_no_data():
    """As GDAL leaves out tiles of a sparse GeoTIFF: zeros, or GDAL_NODATA."""
    tiles = [np.full((16, 16), 7, np.int16), None, None, np.full((16, 16), 9, np.int16)]
    for nodata, tags in ((0, []), (-5, [(42113, 2, 3, "-5", True)])):
        contents = tiff(iter(tiles), shape=(32, 32), dtype=np.int16, tile=(16, 16), extratags=tags)
        expected = np.full((32, 32, 1), nodata, np.int16)
        expected[:16, :16], expected[16:, 16:] = 7, 9
        assert_shown(contents, expected)


def test_jpeg_in_a_tiff_is_what_pillow_shows():
    contents = tiff(RGB, photometric="ycbcr", compression="jpeg", subsampling=(2, 2), tile=(16, 16))
    expected = np.asarray(Image.open(io.BytesIO(contents)).convert("RGB"))
    assert_shown(contents, expected, tolerance=2)
