"""The signatures against the generator itself, called directly."""

import io
import threading

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export.serving.servable import Servable
from pipelines.images import transforms
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from tfpix2pix.networks.generator import unet

SIZE = (16, 24)
DEPTH = 3


def servable(statistics="image", **options):
    generator = unet((None, None), width=4, depth=DEPTH, norm_statistics=statistics, seed=5)
    rng = np.random.default_rng(4)
    # Weights at which the output uses the whole range.
    for variable in generator.trainable_variables:
        variable.assign(rng.normal(0.1, 0.3, variable.shape))
    return Servable(generator, PairFormat("AtoB", SIZE, max_pixels=10_000), DEPTH, **options)


@pytest.fixture(scope="module")
def plain():
    return servable()


@pytest.fixture(scope="module")
def files():
    """Images of several sizes and kinds, as bytes."""
    rng = np.random.default_rng(6)
    made = []
    for size, mode, kind in (((16, 24), "RGB", "PNG"), ((50, 31), "L", "JPEG"), ((9, 90), "RGBA", "PNG")):
        pixels = rng.integers(0, 256, (*size, len(mode)), dtype=np.uint8).squeeze()
        file = io.BytesIO()
        Image.fromarray(pixels, mode).save(file, kind)
        made.append(file.getvalue())
    return made


def expected(plain, contents):
    """What translate writes: one image at a time, by plain functions."""
    source = transforms.normalize(plain.form.read_source(tf.constant(contents), pair=False))
    return transforms.encode(plain.generator(source[None], training=False)[0], ".png").numpy()


def serve(model, contents):
    return list(model.translate_bytes(tf.constant(contents, tf.string))["image_bytes"].numpy())


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_bytes_to_bytes(plain, files):
    results = serve(plain, files)
    for result, file in zip(results, files, strict=True):
        assert pixels(result).shape == (*SIZE, 3)
        # Another batch size, so sums may differ in their last bit.
        assert np.abs(pixels(result) - pixels(expected(plain, file))).max() <= 1
    assert np.ptp(pixels(results[0])) > 200


def test_alone_or_among_others(plain, files):
    alone = [serve(plain, [file])[0] for file in files]
    assert alone == [expected(plain, file) for file in files]
    for result, other in zip(serve(plain, files), alone, strict=True):
        assert np.abs(pixels(result) - pixels(other)).max() <= 1


def test_nothing_in_nothing_out(plain):
    assert serve(plain, []) == []


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (40, 8)])
def test_floats_of_any_size(plain, size):
    source = np.random.default_rng(1).uniform(-1, 1, (2, *size, 3)).astype(np.float32)
    generated = plain.translate(tf.constant(source))["generated"]
    np.testing.assert_allclose(generated, plain.generator(source, training=False), atol=1e-6)


@pytest.mark.parametrize("size", [(8, 12), (0, 8)])
def test_floats_of_a_size_that_does_not_fit(plain, size):
    with pytest.raises(tf.errors.InvalidArgumentError, match="height and width must be multiples of 8"):
        plain.translate(tf.zeros((1, *size, 3)))


@pytest.mark.parametrize("bad", [b"", b"text", "gif", "cut.png", "cut.jpg", "bomb"])
def test_bad_images_are_refused(plain, files, bad):
    words = "image 1"
    if bad == "gif":
        file = io.BytesIO()
        frames = [Image.new("P", (8, 8), i) for i in range(3)]
        frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
        bad = file.getvalue()
    elif bad == "bomb":
        bad = files[0][:16] + np.array((20000, 20000), ">u4").tobytes() + files[0][24:]
        words = "image 1 has 20000x20000 pixels"
    elif str(bad).startswith("cut"):
        whole = files[0] if bad == "cut.png" else files[1]
        bad, words = whole[:-30], "Invalid"
    with pytest.raises(tf.errors.InvalidArgumentError, match=words):
        serve(plain, [files[0], bad])


def test_moving_statistics_are_not_the_images_own(plain, files):
    moving = servable("moving")
    assert serve(moving, files[:1]) == [expected(moving, files[0])] != serve(plain, files[:1])


def test_each_mask_of_dropout_is_another(files):
    generator = unet((None, None), width=4, depth=6, norm_statistics="image", dropout_at_inference=True)
    noisy = Servable(generator, PairFormat("AtoB", (64, 64)), 6)
    assert len({serve(noisy, files[:1])[0] for _ in range(3)}) == 3


@pytest.mark.slow
def test_batches_over_requests(plain, files):
    """Many requests at once: each gets its own result, and a bad one fails alone."""
    batched = servable(max_batch_size=4)
    wanted = [pixels(expected(plain, file)) for file in files]
    results = {}

    def request(i):
        try:
            results[i] = serve(batched, [b"bad"] if i % 5 == 0 else [files[i % 3]])
        except tf.errors.InvalidArgumentError as error:
            results[i] = error.message

    threads = [threading.Thread(target=request, args=(i,)) for i in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for i in range(30):
        if i % 5 == 0:
            assert "image 0 is neither JPEG nor PNG" in results[i]
        else:
            assert np.abs(pixels(results[i][0]) - wanted[i % 3]).max() <= 1


def test_a_request_larger_than_a_batch(plain, files):
    results = serve(servable(max_batch_size=2), files * 3)
    for result, file in zip(results, files * 3, strict=True):
        assert np.abs(pixels(result) - pixels(expected(plain, file))).max() <= 1


def network(source_channels, target_channels):
    generator = unet((None, None), source_channels, target_channels, width=4, depth=DEPTH, norm_statistics="image")
    rng = np.random.default_rng(4)
    for variable in generator.trainable_variables:
        variable.assign(rng.normal(0.1, 0.3, variable.shape))
    return generator


def test_16_bits_in_and_out():
    """Numbers from 100 to 4095, of which a PNG of 16 bits holds each."""
    side = ImageFormat(channels=1, value_range=(100.0, 4095.0))
    model = Servable(network(1, 1), PairFormat("AtoB", SIZE, side, side), DEPTH, dtype="uint16")
    source = np.random.default_rng(3).integers(100, 4096, SIZE, dtype=np.uint16)
    (png,) = serve(model, [imagecodecs.png_encode(source)])
    written = imagecodecs.png_decode(png)
    assert written.dtype == np.uint16
    unit = (source.astype(np.float32) - 100) / (3995 / 2) - 1
    generated = model.generator(unit[None, ..., None], training=False)[0, ..., 0].numpy().clip(-1, 1)
    expected = 100 + (generated.astype(np.float64) + 1) / 2 * 3995
    assert len(np.unique(written)) > 256
    assert abs(written - expected).max() < 0.6


def test_classes_out():
    target = ImageFormat(channels=5, labels=5, palette=[(i, 50 * i, 0) for i in range(5)])
    model = Servable(network(3, 5), PairFormat("AtoB", SIZE, target=target), DEPTH)
    source = np.random.default_rng(3).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    (png,) = serve(model, [imagecodecs.png_encode(source)])
    written = Image.open(io.BytesIO(png))
    assert written.mode == "P"
    scores = model.generator(source[None] / np.float32(127.5) - 1, training=False)[0].numpy()
    np.testing.assert_array_equal(np.asarray(written), scores.argmax(-1))
    np.testing.assert_array_equal(np.asarray(written.convert("RGB"))[..., 1], 50 * scores.argmax(-1))


@pytest.mark.parametrize(
    ("source", "target", "dtype", "words"),
    [
        ({"channels": 12}, {}, "uint8", "sources have 12 channels"),
        ({"channels": 3, "labels": 3}, {}, "uint8", "sources are label maps"),
        ({"percentiles": (1.0, 99.0)}, {}, "uint8", "percentiles"),
        ({"value_range": (-1000.0, 3000.0)}, {}, "uint8", "-1000 to 3000"),
        ({}, {"channels": 5}, "uint8", "5 channels"),
        ({}, {"value_range": (0.0, 1.0)}, "float32", "float32"),
    ],
)
def test_without_files(source, target, dtype, words):
    """What TensorFlow's operations cannot read or write is said, and floats are served."""
    form = PairFormat("AtoB", SIZE, ImageFormat(**source), ImageFormat(**target))
    model = Servable(network(form.source.channels, form.target.channels), form, DEPTH, dtype=dtype)
    assert words in model.no_files
    assert set(model.signatures()) == {"translate"}
    floats = np.random.default_rng(1).uniform(-1, 1, (1, *SIZE, form.source.channels)).astype(np.float32)
    generated = model.translate(tf.constant(floats))["generated"]
    np.testing.assert_allclose(generated, model.generator(floats, training=False), atol=1e-6)
