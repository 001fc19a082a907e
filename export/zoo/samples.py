"""Writes what a package shows and is tested with: test input and output, samples for people, the cover."""

import pathlib

import numpy as np
import tensorflow as tf
from bioimageio.spec.model import v0_5 as spec
from PIL import Image

from export.compared_pairs import brought_to
from export.trained import COMPARED_ON, Trained
from export.zoo import numbers, tensors
from export.zoo.weights import Translate
from pipelines.images import codecs
from pipelines.images.size import next_multiple

# Sides of the cover's two pictures.
COVER_SIDE = 256
# A test on another machine may differ by so many times what was measured here.
MARGIN = 10
# The specification allows no more of the largest number in the test output.
MAX_TOLERANCE = 0.01
# Of a million numbers so many may be off by more: its default, and the most that it allows.
MISMATCHES = (100, 1000)


def write_tests(
    place: pathlib.Path, run: Trained, kind: str, halo: int, files: dict[str, Translate]
) -> list[spec.ReproducibilityTolerance]:
    """Writes test input and output, samples and the cover; returns how far each file's result may be off.

    Args:
      place: folder for the files.
      run: the first of its pictures is taken.
      kind: type of the sources' numbers.
      halo: of tiles.
      files: how each translates.
    """
    config, multiple = run.config, run.config.multiple
    least = tensors.min_side(multiple, halo)
    height, width = (max(least, side) for side in next_multiple(run.form.size, multiple))
    # So that a package with swapped axes fails.
    width += multiple if height == width else 0
    source = numbers.stored(config, brought_to(run.pairs[0][0], (height, width)), kind)
    inputs = numbers.seen(config, source)
    with tf.device(COMPARED_ON):
        generated = run.generator(inputs, training=False)[0]
    expected = numbers.to_stored(config, generated)
    np.save(place / "source.npy", source[None])
    np.save(place / "generated.npy", expected[None])
    write_sample(place / "sample_source", source)
    if not config.target_labels:
        write_sample(place / "sample_generated", expected)
    write_cover(place / "cover.png", run)
    low, high = numbers.result_range(config)
    tolerances = []
    for name, translate in files.items():
        found = translate(inputs)[0]
        worst = float(np.abs(found - generated.numpy()).max()) * (high - low) / 2
        tolerances.append(tolerance(name, expected, numbers.to_stored(config, tf.constant(found)), worst))
    return tolerances


def tolerance(name: str, expected: np.ndarray, result: np.ndarray, worst: float) -> spec.ReproducibilityTolerance:
    """Returns how far results by a file of weights may be off, by what was measured here.

    Args:
      name: of the format.
      expected: what `translate` gives.
      result: what the file gives.
      worst: their largest difference before they were rounded.
    """
    # A rounded number may become its neighbor, however small the difference is.
    wanted = MARGIN * worst + (1.0 if np.issubdtype(expected.dtype, np.integer) else 1e-6)
    absolute = max(0.0, min(wanted, MAX_TOLERANCE * float(expected.max())))
    differences = np.abs(result.astype(np.float64) - expected.astype(np.float64))
    beyond = MARGIN * 1e6 * float(np.mean(differences > absolute))
    return spec.ReproducibilityTolerance(
        absolute_tolerance=absolute,
        relative_tolerance=0.0 if absolute else MAX_TOLERANCE / 10,
        mismatched_elements_per_million=int(np.clip(beyond, *MISMATCHES)),
        weights_formats=[name],
    )


def write_sample(path: pathlib.Path, image: np.ndarray) -> None:
    """Writes a picture as PNG, or as TIFF if that cannot hold it; the suffix is added."""
    is_plain = image.dtype in (np.uint8, np.uint16) and image.shape[-1] in (1, 3)
    suffix = "png" if is_plain else "tif"
    path.with_suffix(f".{suffix}").write_bytes(codecs.encode(image, suffix))


def write_cover(path: pathlib.Path, run: Trained) -> None:
    """Writes source and result side by side, as people see them: the middle square of each."""
    source = run.pairs[0][0][None]
    with tf.device(COMPARED_ON):
        generated = run.generator(source, training=False).numpy()
    squares = []
    for side, image in (("source", source), ("target", generated)):
        shown = run.config.display(side).to_rgb(image)[0]
        pixels = shown if shown.dtype == np.uint8 else np.uint8(np.round((np.clip(shown, -1, 1) + 1) * 127.5))
        edge = min(pixels.shape[:2])
        pixels = np.repeat(pixels, 3, -1) if pixels.shape[-1] == 1 else pixels[..., :3]
        square = Image.fromarray(brought_to(pixels, (edge, edge)))
        squares.append(np.asarray(square.resize((COVER_SIDE, COVER_SIDE), Image.Resampling.NEAREST)))
    Image.fromarray(np.concatenate(squares, axis=1)).save(path)
