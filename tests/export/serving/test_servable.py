"""The signatures against the generator itself, called directly."""

import io
import threading

import imagecodecs
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.serving.servable import Servable
from pipelines.images import transforms
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from tests.helpers.runs import ROOT
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.translation.any_size import AnySize

SIZE = (16, 24)
DEPTH = 3


def servable(statistics="image", preprocess="resize_and_crop", max_pixels=10_000, **options):
    generator = unet((None, None), width=4, depth=DEPTH, norm_statistics=statistics, seed=5)
    rng = np.random.default_rng(4)
    # Weights at which the output uses the whole range.
    for variable in generator.trainable_variables:
        variable.assign(rng.normal(0.1, 0.3, variable.shape))
    form = PairFormat("AtoB", SIZE, preprocess=preprocess, whole=True, max_pixels=max_pixels)
    return Servable(generator, form, 2**DEPTH, **options)


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
    """Returns the pixels that translate --fit=resize writes, one image at a time, by plain functions."""
    picture = plain.form.source.read(tf.constant(contents))
    source = transforms.normalize(transforms.resize(picture, SIZE, "bicubic"))
    generated = plain.generator(source[None], training=False)[0]
    if picture.shape[:2] != SIZE:
        unit = transforms.resize((generated + 1) / 2, picture.shape[:2], "bicubic")
        generated = transforms.normalize(unit)
    return transforms.encode(generated, ".png").numpy()


def expected_at_its_own_scale(plain, contents):
    """Returns the pixels that translate --fit=pad writes, by NumPy."""
    picture = plain.form.source.read(tf.constant(contents)).numpy()
    height, width = picture.shape[:2]
    rooms = [-side % 2**DEPTH for side in (height, width)]
    top, left = (room // 2 for room in rooms)
    around = [(room // 2, room - room // 2) for room in rooms]
    padded = np.pad(picture, (*around, (0, 0)), mode="reflect")
    generated = plain.generator(2 * padded[None] - 1, training=False)[0]
    return transforms.encode(generated[top : top + height, left : left + width], ".png").numpy()


def serve(model, contents):
    return list(model.translate_bytes(tf.constant(contents, tf.string))["image_bytes"].numpy())


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png))).astype(int)


def test_bytes_to_bytes(plain, files):
    results = serve(plain, files)
    for result, file in zip(results, files, strict=True):
        assert pixels(result).shape[:2] == np.asarray(Image.open(io.BytesIO(file))).shape[:2]
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


def picture_file(*size):
    file = io.BytesIO()
    pixels = np.random.default_rng(sum(size)).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def turned_file(*size):
    """A camera's file of this size, whose EXIF data say that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


@pytest.mark.parametrize("max_batch_size", [0, pytest.param(4, marks=pytest.mark.slow)])
def test_any_size_at_its_own_scale(max_batch_size):
    """Among others or alone, in the order of the request; those of the native size share a batch."""
    model = servable(preprocess="crop", max_batch_size=max_batch_size)
    files = [picture_file(*size) for size in (SIZE, (1, 1), (16, 16), SIZE, (9, 90), (33, 7))]
    files.append(turned_file(*SIZE[::-1]))
    results = serve(model, files)
    for file, result in zip(files, results, strict=True):
        wanted = pixels(expected_at_its_own_scale(model, file))
        assert pixels(result).shape == wanted.shape
        assert np.abs(pixels(result) - wanted).max() <= 1
    assert np.ptp(pixels(results[4])) > 200
    assert pixels(results[-1]).shape[:2] == SIZE
    assert np.abs(pixels(serve(model, files[4:5])[0]) - pixels(results[4])).max() <= 1
    # Both alone. That one fails stops the loop outside the queue, too, and either may be reported.
    with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.CancelledError), match=r"Invalid PNG|Loop .* cancel"):
        serve(model, [files[4], files[4][:-30]])


def test_at_the_size_of_the_network(plain, files):
    model = servable(output_size="network")
    native, other, _ = serve(model, files)
    assert native == serve(plain, files)[0]
    assert pixels(other).shape == (*SIZE, 3)


@pytest.mark.parametrize("size", [(8, 8), (16, 24), (40, 8)])
def test_floats_of_any_size(plain, size):
    source = np.random.default_rng(1).uniform(-1, 1, (2, *size, 3)).astype(np.float32)
    generated = plain.translate(tf.constant(source))["generated"]
    np.testing.assert_allclose(generated, plain.generator(source, training=False), atol=1e-5)


@pytest.mark.parametrize("size", [(8, 12), (0, 8)])
def test_floats_of_a_size_that_does_not_fit(plain, size):
    with pytest.raises(tf.errors.InvalidArgumentError, match="height_and_width_must_be_multiples_of_8"):
        plain.translate(tf.zeros((1, *size, 3)))


def test_floats_need_no_operation_that_tensorflow_js_lacks(plain):
    """Frozen as its converter freezes them; no assertions, and no texts."""
    lines = (ROOT / "tests" / "oracle" / "tensorflowjs_operations.txt").read_text().splitlines()
    known = {line for line in lines if not line.startswith("#")}
    for function in (plain.translate, plain.measure, plain.translate_with):
        graph = convert_variables_to_constants_v2(function.get_concrete_function()).graph.as_graph_def()
        nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
        assert len(nodes) > 20
        assert {node.op for node in nodes} <= known


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
    noisy = Servable(generator, PairFormat("AtoB", (64, 64)), 64)
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
    model = Servable(network(1, 1), PairFormat("AtoB", SIZE, side, side), 2**DEPTH, dtype="uint16")
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
    model = Servable(network(3, 5), PairFormat("AtoB", SIZE, target=target), 2**DEPTH)
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
    model = Servable(network(form.source.channels, form.target.channels), form, 2**DEPTH, dtype=dtype)
    assert words in model.no_files
    assert set(model.signatures()) == {"translate", "measure", "translate_with"}
    floats = np.random.default_rng(1).uniform(-1, 1, (1, *SIZE, form.source.channels)).astype(np.float32)
    generated = model.translate(tf.constant(floats))["generated"]
    # For sizes that a graph does not know, oneDNN takes other kernels, with up to 2e-6 between them on some processors.
    graph = AnySize(model.generator, model.step, model.network_shape)
    np.testing.assert_allclose(generated, graph(tf.constant(floats)), atol=1e-6)
