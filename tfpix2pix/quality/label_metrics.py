"""Computes the metrics of label maps and of masks: which pixels have the right class."""

import numpy as np
import tensorflow as tf

from pipelines.images.labels import NO_CLASS, indices_of
from tfpix2pix.quality.segmentation import confusions, scores


def label_metrics(target: tf.Tensor, generated: tf.Tensor) -> dict[str, tf.Tensor]:
    """Measures generated labels, image by image, over the pixels whose target has a class.

    Args:
      target: one-hot in [-1, 1], `(N, H, W, classes)`; -1 in all channels for no class.
      generated: 2 p - 1 of the classes' probabilities p.

    Returns:
      `l1` and `pixel_accuracy`, `(N,)`, and `label_confusions`, `(N, classes, classes)`.
    """
    labels = indices_of(target)
    has_class = tf.cast(labels != NO_CLASS, tf.float32)
    count = tf.reduce_sum(has_class, axis=(1, 2))
    distance = has_class * tf.reduce_mean(tf.abs(target - generated), axis=-1)
    counts = confusions(tf.where(labels != NO_CLASS, labels, -1), generated)
    return {
        "l1": tf.math.divide_no_nan(tf.reduce_sum(distance, axis=(1, 2)), count),
        "pixel_accuracy": tf.cast(tf.linalg.trace(counts), tf.float64) / tf.cast(count, tf.float64),
        "label_confusions": counts,
    }


def mask_confusions(target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Counts black (0) and white (1) of the target (row) that were drawn black and white: `(N, 2, 2)` int64.

    A pixel of `(N, H, W, C)` in [-1, 1] is white if its mean is above 0.
    """
    white, drawn = (tf.reduce_mean(images, axis=-1) > 0.0 for images in (target, generated))
    return confusions(tf.cast(white, tf.int32), tf.one_hot(tf.cast(drawn, tf.int32), 2))


def label_scores(confusion: np.ndarray) -> dict[str, float]:
    """Computes pixel accuracy and the means over classes of accuracy, IoU and F1, of `(K, K)` counts.

    F1 is Dice's coefficient. A class that neither occurs nor was generated counts in none of the means.
    """
    each = class_f1(confusion)
    f1 = float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")
    return {**scores(confusion), "f1": f1}


def mask_scores(confusion: np.ndarray) -> dict[str, float]:
    """Computes IoU and F1 of white, of `(2, 2)` counts; NaN if nothing is white in target and image."""
    confusion = confusion.astype(np.float64)
    right, either = confusion[1, 1], confusion.sum() - confusion[0, 0]
    return {"iou": float(right / either) if either else float("nan"), "f1": float(class_f1(confusion)[1])}


def class_f1(confusion: np.ndarray) -> np.ndarray:
    """Computes each class's F1, `(K,)`, of `(K, K)` counts; NaN of a class that neither occurs nor was generated."""
    confusion = confusion.astype(np.float64)
    both = confusion.sum(0) + confusion.sum(1)
    return np.divide(2 * np.diag(confusion), both, out=np.full(len(both), np.nan), where=both > 0)
