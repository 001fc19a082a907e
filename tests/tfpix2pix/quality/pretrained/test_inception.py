"""Features against those of clean-fid and pytorch-fid, with the same random weights (tests/oracle)."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.oracle import inputs
from tfpix2pix.quality.pretrained.inception import FEATURES, Inception, preprocess

PUBLISHED = np.load(pathlib.Path(__file__).parents[3] / "oracle" / "published.npz")
# Relative to the features' length; measured 4e-7. They differ by 0.07 from image to image.
TOLERANCE = 2e-6


@pytest.fixture(scope="module")
def weights():
    return {
        name: inputs.weight(name, tuple(shape))
        for name, shape in json.loads(str(PUBLISHED["inception_shapes"])).items()
    }


@pytest.fixture(scope="module")
def inception(weights, tmp_path_factory):
    network = Inception(torch_writer.write(tmp_path_factory.mktemp("inception") / "weights.pth", weights))
    return tf.function(network)


def in_our_range(pixels):
    return (pixels / 127.5 - 1).astype(np.float32)


@pytest.mark.parametrize("name", inputs.INCEPTION_IMAGES)
def test_equals_clean_fid(inception, name):
    images = in_our_range(inputs.pixels(f"inception {name}", *inputs.INCEPTION_IMAGES[name]))
    features = inception(images).numpy()
    published = PUBLISHED[f"inception_{name}"]
    assert features.shape == published.shape == (len(images), FEATURES)
    assert features.dtype == np.float32
    error = np.linalg.norm(features - published, axis=1) / np.linalg.norm(published, axis=1)
    assert error.max() < TOLERANCE, error


def test_sizes_unknown_until_run(inception):
    images = in_our_range(inputs.pixels("inception enlarged", *inputs.INCEPTION_IMAGES["enlarged"]))
    spec = tf.TensorSpec((None, None, None, 3))
    features = tf.function(lambda x: inception(x), input_signature=[spec])(images)
    np.testing.assert_allclose(features, PUBLISHED["inception_enlarged"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(64, 64), (400, 320), (17, 1000), (299, 64), (298, 300)])
def test_resize_equals_pillow(size):
    pixels = inputs.pixels(f"resize {size}", 1, *size)
    resized = preprocess(in_our_range(pixels))[0].numpy() * 128 + 128
    for channel in range(3):
        image = Image.fromarray(pixels[0, ..., channel].astype(np.float32)).resize((299, 299), Image.Resampling.BICUBIC)
        # In levels, of 255. TensorFlow computes the places to sample in float32, which are some 1e-5 pixels off at 300
        # pixels, and the patches' edges rise by up to 255 levels per pixel. Measured 5e-3.
        np.testing.assert_allclose(resized[..., channel], np.clip(image, 0, 255), atol=1e-2)


def test_size_of_the_network_is_kept():
    pixels = inputs.pixels("kept", 2, 299, 299)
    np.testing.assert_array_equal(preprocess(in_our_range(pixels)), (pixels.astype(np.float32) - 128) / 128)


def test_starts_from_levels():
    pixels = inputs.pixels("levels", 1, 32, 32)
    nearly = in_our_range(pixels) + np.float32(0.4 / 127.5)
    np.testing.assert_array_equal(preprocess(nearly), preprocess(in_our_range(pixels)))
    beyond = np.full((1, 32, 32, 3), 1.7, np.float32)
    np.testing.assert_allclose(preprocess(beyond), 127 / 128, rtol=1e-6)


def test_other_channels():
    color = in_our_range(inputs.pixels("color", 2, 40, 50))
    alpha = in_our_range(inputs.pixels("alpha", 2, 40, 50))[..., :1]
    gray = color[..., :1]
    from_gray = preprocess(np.repeat(gray, 3, axis=-1))
    np.testing.assert_array_equal(preprocess(gray), from_gray)
    np.testing.assert_array_equal(preprocess(np.concatenate([gray, alpha], -1)), from_gray)
    np.testing.assert_array_equal(preprocess(np.concatenate([color, alpha], -1)), preprocess(color))


@pytest.mark.parametrize(
    ("changed", "value", "message"),
    [
        ("Conv2d_1a_3x3.conv.weight", (32, 1, 3, 3), "has shape (32, 1, 3, 3), not (32, 3, 3, 3)"),
        ("Conv2d_1a_3x3.bn.running_var", None, "is missing"),
    ],
)
def test_other_weights_are_refused(weights, tmp_path, changed, value, message):
    tensors = {name: array for name, array in weights.items() if name.startswith("Conv2d_1a") and name != changed}
    if value:
        tensors[changed] = np.zeros(value)
    file = torch_writer.write(tmp_path / "other.pth", tensors)
    with pytest.raises(InputError) as error:
        Inception(file)
    assert f"{file}: tensor {changed} {message}" in str(error.value)
