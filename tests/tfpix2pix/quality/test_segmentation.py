"""Label colors, counts and scores by hand; segmenters with wrong signatures."""

import math

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.label_colors import PALETTES, Palette
from pipelines.system.terminal import InputError
from tfpix2pix.quality.segmentation import confusions, labels_of, load_segmenter, scores

TWO = Palette({"red": (255, 0, 0), "blue": (0, 0, 255)}, ignored=((0, 0, 0),))


def as_image(pixels):
    return tf.constant(np.array(pixels)[None] / 127.5 - 1, tf.float32)


def test_a_pixel_has_the_label_of_the_nearest_color():
    image = as_image([[[250, 10, 3], [20, 0, 200]], [[3, 3, 9], [130, 0, 120]]])
    np.testing.assert_array_equal(labels_of(image, TWO), [[[0, 1], [-1, 0]]])


def test_palettes_read_their_own_colors():
    for palette in PALETTES.values():
        colors = [*palette.classes.values(), *palette.ignored]
        expected = [*range(len(palette.classes)), *[-1] * len(palette.ignored)]
        np.testing.assert_array_equal(labels_of(as_image([colors]), palette)[0, 0], expected)


def test_counts_by_hand():
    labels = tf.constant([[[0, 0], [1, -1]], [[1, 1], [1, 0]]])
    guess = tf.constant([[[0, 1], [1, 1]], [[1, 0], [0, 0]]])
    logits = tf.one_hot(guess, 2)
    np.testing.assert_array_equal(confusions(labels, logits), [[[1, 1], [0, 1]], [[1, 0], [2, 1]]])


def test_smaller_logits_are_enlarged():
    labels = tf.constant([[[0, 0, 1, 1]] * 4])
    np.testing.assert_array_equal(confusions(labels, tf.one_hot([[[0, 1], [0, 1]]], 2)), [[[8, 0], [0, 8]]])


def test_scores_by_hand():
    # 6 of 10 right; classes 3/4, 3/5, 0/1; unions 3/6, 3/7, 0/3.
    found = scores(np.array([[3, 1, 0], [0, 3, 2], [1, 0, 0]]))
    expected = {"pixel_accuracy": 0.6, "class_accuracy": (3 / 4 + 3 / 5) / 3, "class_iou": (3 / 5 + 3 / 6 + 0) / 3}
    assert found == pytest.approx(expected)


def test_a_class_that_does_not_occur_does_not_count():
    assert scores(np.array([[4, 0], [0, 0]])) == {"pixel_accuracy": 1, "class_accuracy": 1, "class_iou": 1}
    # Read but not there: no accuracy, an IoU of 0.
    found = scores(np.array([[3, 1], [0, 0]]))
    assert found == {"pixel_accuracy": 0.75, "class_accuracy": 0.75, "class_iou": 0.375}
    assert all(math.isnan(value) for value in scores(np.zeros((2, 2))).values())


def save(folder, function, *specs):
    module = tf.Module()
    module.call = tf.function(function, input_signature=specs)
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.call})
    return folder


IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32, name="images")


@pytest.mark.parametrize("dtype", [tf.float32, tf.uint8])
def test_a_segmenter_gets_images_in_its_own_type(tmp_path, dtype):
    spec = tf.TensorSpec((None, None, None, 3), dtype, name="x")
    folder = save(tmp_path / "s", lambda x: {"y": tf.cast(x[..., :2], tf.float32)}, spec)
    image = as_image([[[0, 128, 255]]])
    expected = [0, 128] if dtype == tf.uint8 else image[0, 0, 0, :2]
    np.testing.assert_allclose(load_segmenter(folder, 2)(image)[0, 0, 0], expected)


@pytest.mark.parametrize(
    ("function", "specs", "words"),
    [
        (lambda x: {"y": x}, [IMAGES], "(None, h, w, 2)"),
        (lambda x: {"y": tf.reduce_mean(x, (1, 2))}, [IMAGES], "(None, 3)"),
        (lambda x: {"y": x, "z": x}, [IMAGES], "1 inputs and 2 outputs"),
        (lambda x: {"y": x}, [tf.TensorSpec((None, 7), name="x")], "(None, 7) float32"),
        (lambda x: {"y": x}, [tf.TensorSpec((), tf.string, name="x")], "() string"),
    ],
)
def test_another_signature_is_refused(tmp_path, function, specs, words):
    folder = save(tmp_path / "s", function, *specs)
    with pytest.raises(InputError) as error:
        load_segmenter(folder, 2)
    assert words in str(error.value)
    assert f"segmenter={folder}" in str(error.value)


def test_a_folder_without_a_saved_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=f"segmenter={tmp_path}.*saved_model.pb"):
        load_segmenter(tmp_path, 2)
    (tmp_path / "saved_model.pb").write_text("not a graph")
    with pytest.raises(InputError, match=f"segmenter={tmp_path}.*cannot be loaded"):
        load_segmenter(tmp_path, 2)
