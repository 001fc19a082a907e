"""Computes the segmentation score: which classes are read from generated images, by a network or by their colors.

The paper's FCN score (Isola et al. 2017, section 4.1): in a realistic generated photo, a network that was trained on
real photos finds the labels from which it was generated.
"""

import dataclasses
import pathlib
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from pipelines.images.label_colors import Palette
from pipelines.images.transforms import to_uint8
from pipelines.system.terminal import InputError

# Levels of 0..255, as a distance in RGB, within which JPEG leaves most pixels of a label map.
NEAR = 16
SIGNATURE = "serving_default"


def labels_of(images: tf.Tensor, palette: Palette) -> tf.Tensor:
    """Finds each pixel's class by the nearest color: `(N, H, W, 3)` in [-1, 1] to `(N, H, W)` int32, -1 if ignored.

    Resize label maps with `nearest` only: colors that are mixed belong to other classes.
    """
    colors = tf.constant([*palette.classes.values(), *palette.ignored], tf.float32)
    pixels = tf.cast(to_uint8(images), tf.float32)
    # |p - c|² without |p|², which is the same for all colors.
    distances = tf.reduce_sum(colors**2, -1) - 2.0 * tf.einsum("nhwc,kc->nhwk", pixels, colors)
    nearest = tf.argmin(distances, axis=-1, output_type=tf.int32)
    return tf.where(nearest < len(palette.classes), nearest, -1)


def color_confusions(targets: tf.Tensor, generated: tf.Tensor, palette: Palette) -> tf.Tensor:
    """Counts which classes the colors of generated label maps stand for: `(N, K, K)` int64, as `confusions`.

    A generated pixel has the class of the nearest color, as a segmentation network must choose one of its classes too.
    Pixels whose target has an ignored color do not count.

    Args:
      targets: `(N, H, W, 3)` in [-1, 1], resized with `nearest`.
      generated: the same, resized in any way.
      palette: the classes and their colors.
    """
    guess = labels_of(generated, dataclasses.replace(palette, ignored=()))
    return count_classes(labels_of(targets, palette), guess, len(palette.classes))


def near_share(images: np.ndarray, palette: Palette) -> float:
    """Returns the share of pixels, `(..., 3)` in [0, 1], that lie near a color of the palette.

    It tells label maps from photographs. Measured on the facades, whose label maps are JPEG files: 0.69 of their labels
    (0.48 to 0.84 of single images) and none of their photographs. The many grays of cityscapes' colors are near 0.15 of
    the facades' photographs (0.03 to 0.34).
    """
    colors = np.array([*palette.classes.values(), *palette.ignored], np.float32)
    pixels = np.asarray(images, np.float32).reshape(-1, 3) * 255
    nearest: np.ndarray = np.full(len(pixels), np.inf, np.float32)
    for color in colors:
        np.minimum(nearest, ((pixels - color) ** 2).sum(-1), out=nearest)
    return float((nearest <= NEAR**2).mean())


def confusions(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Counts how often each class (row) was read as each class (column), image by image: `(N, K, K)` int64.

    Args:
      labels: `(N, H, W)` int32, -1 for pixels that are not scored.
      logits: `(N, h, w, K)`; resized to the labels' size if it differs.
    """
    if logits.shape[1:3] != labels.shape[1:3] or not labels.shape[1:3].is_fully_defined():
        # Logits that have this size already stay as they are.
        logits = tf.image.resize(logits, tf.shape(labels)[1:3], "bilinear")
    return count_classes(labels, tf.argmax(logits, axis=-1, output_type=tf.int32), logits.shape[-1])


def count_classes(labels: tf.Tensor, guess: tf.Tensor, classes: int) -> tf.Tensor:
    """Counts how often each class (row) was taken for each class (column), image by image: `(N, K, K)` int64.

    Args:
      labels: `(N, H, W)` int32, -1 for pixels that are not scored.
      guess: the same, without -1.
      classes: K.
    """
    # Pixels that are not scored get a cell of their own, which is cut off.
    cell = tf.where(labels >= 0, labels * classes + guess, classes * classes)
    flat = tf.reshape(cell, (tf.shape(cell)[0], -1))
    counts = tf.math.bincount(flat, minlength=classes**2 + 1, maxlength=classes**2 + 1, axis=-1, dtype=tf.int64)
    return tf.reshape(counts[:, :-1], (-1, classes, classes))


def scores(confusion: np.ndarray) -> dict[str, float]:
    """Computes pixel accuracy, mean class accuracy and mean class IoU (Long et al. 2015, section 5) of `(K, K)` counts.

    A class that does not occur has no accuracy; one that was not read either has no IoU. The means are over the others.
    """
    each = class_scores(confusion)
    total = confusion.sum()
    return {
        "pixel_accuracy": float(np.trace(confusion) / total) if total else float("nan"),
        "class_accuracy": _mean_of_known(each["accuracy"]),
        "class_iou": _mean_of_known(each["iou"]),
    }


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Computes accuracy, IoU and the share of the targets' pixels of each class, `(K,)`, of `(K, K)` counts.

    A class that does not occur has no accuracy; one that was not read either has no IoU: NaN.
    """
    confusion = confusion.astype(np.float64)
    right, there, seen = np.diag(confusion), confusion.sum(1), confusion.sum(0)
    wholes = {"accuracy": there, "iou": there + seen - right}
    found = {
        name: np.divide(right, whole, out=np.full(len(right), np.nan), where=whole > 0)
        for name, whole in wholes.items()
    }
    return found | {"pixels": there / max(there.sum(), 1.0)}


def _mean_of_known(values: np.ndarray) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def load_segmenter(folder: str | pathlib.Path, classes: int) -> Callable[[tf.Tensor], tf.Tensor]:
    """Loads a SavedModel as a function from images `(N, H, W, 3)` in [-1, 1] to logits `(N, h, w, classes)`.

    Its serving_default has one input, `(N, H, W, 3)`, float in [-1, 1] or uint8 in 0..255, and one output, the logits.
    If it takes one size only, images are resized to it.

    Raises:
      InputError: there is no such SavedModel, or it has another signature.
    """
    option = f"segmenter={folder}"
    if not (pathlib.Path(folder) / "saved_model.pb").is_file():
        raise InputError(f"{option} is not the folder of a SavedModel; give one that contains saved_model.pb")
    try:
        loaded = tf.saved_model.load(str(folder))
    except (tf.errors.OpError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{option} cannot be loaded ({str(error).splitlines()[0][:200]}); export it again") from None
    function = loaded.signatures.get(SIGNATURE)
    if function is None:
        there = ", ".join(loaded.signatures) or "none"
        raise InputError(f"{option} has no signature {SIGNATURE}, but {there}; export it under that name")
    inputs, outputs = function.structured_input_signature[1], function.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(
            f"{option} has {len(inputs)} inputs and {len(outputs)} outputs in {SIGNATURE}; export it with one of each"
        )
    (name, spec), (output, logits) = next(iter(inputs.items())), next(iter(outputs.items()))
    is_image = spec.dtype.is_floating or spec.dtype == tf.uint8
    if not is_image or spec.shape.rank != 4 or spec.shape[0] is not None or spec.shape[-1] not in (3, None):
        raise InputError(
            f"{option} takes {spec.shape} {spec.dtype.name}; export it with one input of images, (None, H, W, 3), "
            "float or uint8"
        )
    if logits.shape.rank != 4 or logits.shape[-1] != classes:
        raise InputError(
            f"{option} gives {logits.shape}; export it with logits (None, h, w, {classes}), for the classes of "
            "--label_colors in their order"
        )

    size = spec.shape[1:3]

    def segment(images: tf.Tensor) -> tf.Tensor:
        if size.is_fully_defined() and size != images.shape[1:3]:
            images = tf.image.resize(images, size, "bilinear", antialias=True)
        batch = to_uint8(images) if spec.dtype == tf.uint8 else tf.cast(images, spec.dtype)
        return function(**{name: batch})[output]

    # The variables live as long as this object.
    segment.model = loaded  # type: ignore[attr-defined]
    return segment
