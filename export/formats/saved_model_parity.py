"""Compares a SavedModel that was written with Keras: floats, PNG files and tiles."""

import pathlib
from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from export.formats.parity import Parity, measure, psnr
from export.serving.servable import FILES, FLOATS, MEASURE, TILES, Servable
from export.trained import Trained
from pipelines.images import codecs
from pipelines.images.image_format import ImageFormat
from pipelines.system.terminal import InputError, progress_bar
from tfpix2pix.translation.any_size import AnySize
from tfpix2pix.translation.shared_statistics import SharedStatistics

# What floats of [-1, 1] may differ by; PNGs of a network in float32 not at all.
TOLERANCE = 1e-5
# In half precision: the PSNR against Keras in dB that floats and PNGs have to reach, and what statistics may differ by.
HALF_BOUNDS = {"bfloat16": 35.0, "float16": 50.0}
HALF_TOLERANCE = 0.1
# The share of a label map's pixels that may get another class; in float32, if requests are computed together.
MAX_FLIPPED = {"float32": 1e-3, "float16": 1e-2, "bfloat16": 5e-2}
# How many of the images are also compared without some rows and columns.
ODD_PICTURES = 2


def check(
    folder: pathlib.Path, run: Trained, batches_requests: bool, servable: Servable, precision: str = "float32"
) -> Parity:
    """Loads what was written and compares its signatures with the generator, image by image.

    Args:
      folder: of the version.
      run: what it was made from.
      batches_requests: whether the network runs in a function of its own, as it does for all pictures that it does not
        see in its native size. TensorFlow may optimize that differently, so a float may have another last bit, and a
        value near the middle between two levels may be rounded to the other.
      servable: what was written.
      precision: of its network.

    Raises:
      InputError: they differ, so this must not be served.
    """
    signatures = tf.saved_model.load(str(folder)).signatures
    in_keras = AnySize(run.generator, servable.step, servable.network_shape)
    is_own = servable.generator is not run.generator
    as_written = AnySize(servable.generator, servable.step, servable.network_shape) if is_own else in_keras

    def both(source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # With dropout on, the n-th call of each network has the n-th mask, so that all are called equally often.
        found = in_keras(source)
        return found, as_written(source) if is_own else found

    expected, generated = [], []
    for i, (source, _) in enumerate(progress_bar(run.pairs, "comparing with Keras", len(run.pairs))):
        expected.append(both(source[None])[0][0].numpy())
        generated.append(signatures[FLOATS](source=tf.constant(source[None]))["generated"][0].numpy())
        if servable.has_statistics and i == 0:
            check_tiles(signatures, servable.generator, source, precision)
        if servable.no_files:
            continue
        # Some of another size, which no network takes as it is.
        height, width = source.shape[:2]
        for part in (source, source[: max(1, height - 3), : max(1, width - 5)])[: 2 if i < ODD_PICTURES else 1]:
            file = as_png(part, run.form.source)
            png = signatures[FILES](image_bytes=tf.stack([file]))["image_bytes"][0]
            like = servable.expected(file, lambda source: both(source)[precision == "float32"])
            is_alone = part.shape[:2] == servable.native and not batches_requests
            check_png(png, like, precision, run.config.result_type, bool(run.form.target.labels), is_alone)
    parity = measure(expected, generated, [target for _, target in run.pairs])
    allowed = HALF_BOUNDS.get(precision)
    # Written so that NaN fails too.
    if not (parity.max_difference <= TOLERANCE if allowed is None else parity.psnr >= allowed):
        bound = (
            f"more than {TOLERANCE}" if allowed is None else f"{parity.psnr:.1f} dB, and {precision} needs {allowed:g}"
        )
        raise InputError(
            f"the exported model differs from Keras by {parity.max_difference:.3g}, {bound}; nothing was exported"
        )
    return parity


def check_png(found: tf.Tensor, like: tf.Tensor, precision: str, dtype: str, has_labels: bool, is_alone: bool) -> None:
    """Compares a PNG of the exported model with what it should be like.

    Args:
      found: the file.
      like: what the network as it was written makes; of one in half precision, what Keras makes in float32.
      precision: of the network.
      dtype: of the numbers.
      has_labels: whether they are classes.
      is_alone: whether a float32 network has to make the same file.

    Raises:
      InputError: it differs too much.
    """
    if found == like:
        return
    levels, share = png_difference(found, like)
    if has_labels:
        # Where two classes are as probable, the last bit chooses between them, however far apart their indices are.
        is_near = share <= MAX_FLIPPED[precision]
    else:
        is_near = levels <= 1 if precision == "float32" else png_psnr(found, like) >= HALF_BOUNDS[precision]
    if not is_near or (is_alone and precision == "float32"):
        raise InputError(
            f"the PNG of the exported {FILES} differs from Keras by up to {levels} levels of {dtype}, in {share:.2%} "
            "of its pixels; nothing was exported"
        )


def check_tiles(
    signatures: Mapping[str, Callable[..., dict[str, tf.Tensor]]],
    generator: keras.Model,
    source: np.ndarray,
    precision: str,
) -> None:
    """Compares the signatures for tiles with the generator, on two images; raises InputError if they differ."""
    network = SharedStatistics(generator)
    tiles = tf.constant(np.stack([source, source[:, ::-1] / 2]))
    statistics = network.measure(tiles)
    pairs = {
        MEASURE: (signatures[MEASURE](source=tiles)["statistics"], statistics),
        TILES: (
            signatures[TILES](source=tiles, statistics=statistics)["generated"],
            network.generate(tiles, statistics),
        ),
    }
    for name, (found, expected) in pairs.items():
        scale = max(1.0, float(tf.reduce_max(tf.abs(expected))))
        difference = float(tf.reduce_max(tf.abs(found - expected))) / scale
        if not difference <= (TOLERANCE if precision == "float32" else HALF_TOLERANCE):
            raise InputError(f"the exported {name} differs from Keras by {difference:.3g}; nothing was exported")


def as_png(source: np.ndarray, form: ImageFormat) -> tf.Tensor:
    """Returns a PNG file, with 16 bits, whose source is this one, `(H, W, C)` in [-1, 1]."""
    return tf.io.encode_png(form.to_stored(tf.constant(source), "uint16"))


def png_difference(a: tf.Tensor, b: tf.Tensor) -> tuple[int, float]:
    """Compares two PNG files: of 8 bits with 255 levels, of 16 bits with 65535; of label maps the indices of classes.

    Returns:
      The largest difference in levels, and the share of the numbers that differ; 65536 and 1 for images of two kinds.
    """
    if a == b:
        return 0, 0.0
    a, b = map(_numbers, (a, b))
    if a.shape != b.shape:
        return 2**16, 1.0
    return int(np.abs(a - b).max()), float(np.mean(a != b))


def png_psnr(a: tf.Tensor, b: tf.Tensor) -> float:
    """Returns the PSNR in dB of a PNG file against another of the same size and depth."""
    a, b = map(_numbers, (a, b))
    white = 255 if max(a.max(), b.max()) <= 255 else 65535
    return psnr(2 * a / white, 2 * b / white)


def _numbers(png: tf.Tensor) -> np.ndarray:
    return codecs.decode(png.numpy(), indices=True).values.astype(int)
