"""Measures what docs/evaluation.md says of uncertainty: python docs/calibration.py RUN_DIR SPLIT FIGURE.png.

For every pair of the split: the deviation over dropout masks, over mirrors and turns of the training, and over both,
against the error of their mean. Prints tables, in levels of 0 to 255, and draws the calibration curves.
"""

import collections
import pathlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from pipelines.images.figure import to_array
from pipelines.loader import eval_dataset
from pipelines.pairs import open_pairs
from tfpix2pix.run import load_run
from tfpix2pix.translation.uncertainty import AS_IT_IS, Moments, estimate, training_symmetries

LEVELS = 127.5
BINS = 20
# Dropout masks, and for how many of them the rank correlation is told besides.
SAMPLES = 16
COUNTS = (2, 4, 8, 16, 32)
# Masks and pairs for data that the training did not have.
FEW, SOME = 8, 50
RNG = np.random.default_rng(0)

Change = Callable[[tf.Tensor], tf.Tensor]


def rms(values: np.ndarray, axis: Any = None) -> Any:
    """Returns the root of the mean square."""
    return np.sqrt(np.mean(np.square(values, dtype=np.float64), axis=axis))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Returns Spearman's: that of the ranks, of numbers without ties."""
    ranks = [np.argsort(np.argsort(values.ravel())) for values in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])


def interval(values: np.ndarray, statistic: Callable[[np.ndarray], float]) -> str:
    """Returns a statistic of pictures, with its 95 % interval over resampled pictures."""
    resampled = [statistic(values[RNG.integers(0, len(values), len(values))]) for _ in range(1000)]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return f"{statistic(values):.2f} ({low:.2f} to {high:.2f})"


def gradient(images: np.ndarray) -> np.ndarray:
    """Returns how steep images `(H, W, C)` are: `(H, W)`, which knows nothing of the generator."""
    rows, columns = np.gradient(images.mean(-1))
    return np.hypot(rows, columns)


class Split:
    """The run's generators, and the pairs of a split."""

    def __init__(self, run_dir: str, split: str):
        plain, noisy = load_run(run_dir), load_run(run_dir, dropout_at_inference=True)
        self.config = plain.config
        self.plain = tf.function(lambda x: plain.generator(x, training=False))
        self.noisy = tf.function(lambda x: noisy.generator(x, training=False))
        files = self.config.open_dataset().split(split)
        self.pairs = open_pairs(files, self.config.pair_format(), self.config.bad_images, 0)
        self.symmetries = training_symmetries(self.config.flip, self.config.flip_vertical, self.config.rotate90)

    def results(
        self,
        samples: Sequence[int],
        is_turned: bool = False,
        pairs: int = -1,
        source_change: Change = tf.identity,
        change: Change = tf.identity,
    ) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yields each number of samples with source, target, mean and deviation of a pair, `(H, W, C)` in levels.

        Args:
          samples: numbers of dropout masks, ascending; 1: without dropout.
          is_turned: whether over mirrors and turns too.
          pairs: the first ones of the split alone.
          source_change: what is done to the sources alone.
          change: what is done to both sides before.
        """
        for source, target in eval_dataset(self.pairs, 1).take(pairs):
            moments, done = Moments(), 0
            shown = source_change(change(source))
            for count in samples:
                generate = self.noisy if count > 1 else self.plain
                estimate(generate, shown, count - done, self.symmetries if is_turned else [AS_IT_IS], moments)
                done = count
                deviation = moments.deviation() if moments.count > 1 else tf.zeros_like(moments.mean)
                found = {"source": shown, "target": change(target), "mean": moments.mean}
                found = {name: (value + 1) * LEVELS for name, value in found.items()}
                found["deviation"] = deviation * LEVELS
                yield count, {name: value[0].numpy() for name, value in found.items()}


def measure(results: Iterator[tuple[int, dict[str, np.ndarray]]]) -> dict[int, dict[str, Any]]:
    """Measures, for each number of samples, how well the deviation predicts the error."""
    deviations, errors, pictures = (collections.defaultdict(list) for _ in range(3))
    for samples, found in results:
        error, deviation = (rms(values, -1) for values in (found["mean"] - found["target"], found["deviation"]))
        steep = gradient(found["mean"])
        predictor = deviation if deviation.any() else steep
        pictures[samples].append((rms(error), rms(predictor), rank_correlation(predictor, error), rms(deviation)))
        deviations[samples].append(predictor.ravel())
        errors[samples].append(error.ravel())
    measured = {}
    for samples, table in pictures.items():
        deviation, error = np.concatenate(deviations[samples]), np.concatenate(errors[samples])
        order = np.argsort(deviation)
        parts = np.array_split(order, BINS)
        measured[samples] = {
            "pictures": np.array(table),
            "curve": np.array([(rms(deviation[part]), rms(error[part])) for part in parts]),
            "share": float(np.square(error[order[-len(order) // 10 :]]).sum() / np.square(error).sum()),
        }
    return measured


def draw(curves: dict[str, np.ndarray], shown: dict[str, np.ndarray], path: str) -> None:
    """Draws a row of pictures, and the calibration curves below."""
    figure = Figure((10, 6.2), dpi=100, layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.9])
    for axes, (title, image) in zip(top.subplots(1, len(shown)), shown.items(), strict=True):
        scale = {} if image.ndim == 3 else {"cmap": "inferno", "vmin": 0, "vmax": np.percentile(image, 99)}
        axes.imshow(image, **scale)
        label = title if image.ndim == 3 else f"{title}\n0 to {scale['vmax']:.0f} levels"
        axes.set_title(label, fontsize=8)
        axes.axis("off")
    axes, zoomed = bottom.subplots(1, 2)
    for name, curve in curves.items():
        for each in (axes, zoomed):
            each.plot(*curve.T, marker="o", markersize=3, label=name)
    limit = max(curve.max() for curve in curves.values()) * 1.05
    axes.plot([0, limit], [0, limit], color="gray", linestyle="--", label="deviation = error")
    axes.set(xlim=(0, limit), ylim=(0, limit), title="twenty equal bins of pixels, by deviation")
    zoomed.set(xscale="log", title="the same, deviation on a logarithmic scale", ylim=(0, limit))
    for each in (axes, zoomed):
        each.set(xlabel="RMS deviation, levels", ylabel="RMS error, levels")
        each.grid(alpha=0.3)
    axes.legend(fontsize=8)
    pixels = Image.fromarray(to_array(figure))
    # A palette takes a third of the room.
    pixels.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(path, optimize=True)


def main(run_dir: str, split: str, path: str) -> None:
    """Prints the tables and draws the figure."""
    data = Split(run_dir, split)
    turned = f"{len(data.symmetries)} mirrors"
    masks = measure(data.results(COUNTS))
    found = {
        "gradient of one result": measure(data.results([1]))[1],
        f"{SAMPLES} masks": masks[SAMPLES],
        turned: measure(data.results([1], True))[1],
        f"{SAMPLES // 2} masks × {turned}": measure(data.results([SAMPLES // 2], True))[SAMPLES // 2],
    }
    print(f"{len(data.pairs)} pairs of {split}")
    print("| over | RMS error | RMS deviation | rank, pixels | rank, pictures | top tenth's share of squared error |")
    for name, values in found.items():
        table = values["pictures"]
        pixels = interval(table[:, 2], np.mean)
        pictures = interval(table[:, :2], lambda both: rank_correlation(*both.T))
        numbers = f"{rms(table[:, 0]):.1f} | {rms(table[:, 3]):.1f} | {pixels} | {pictures} | {values['share']:.2f}"
        print(f"| {name} | {numbers} |")
    print("curves, (RMS deviation, RMS error):")
    curves = {name: values["curve"] for name, values in list(found.items())[1:]}
    for name, curve in curves.items():
        print(name, " ".join(f"({x:.1f}, {y:.1f})" for x, y in curve))
    print("by number of masks: rank, pixels; RMS error")
    for samples, values in masks.items():
        print(f"{samples}: {values['pictures'][:, 2].mean():.3f}, {rms(values['pictures'][:, 0]):.2f}", flush=True)
    print(f"other data, {FEW} masks, {SOME} pairs: RMS error, RMS deviation")
    changes: dict[str, tuple[Change, Change]] = {
        "as in training": (tf.identity, tf.identity),
        "pairs upside down": (tf.identity, lambda x: tf.reverse(x, [1])),
        "red and blue of the source exchanged": (lambda x: tf.reverse(x, [-1]), tf.identity),
        "the source without color": (lambda x: tf.repeat(tf.reduce_mean(x, -1, keepdims=True), 3, -1), tf.identity),
        "sources of noise": (lambda x: tf.random.stateless_uniform(x.shape, (0, 0), -1, 1), tf.identity),
    }
    for name, change in changes.items():
        table = measure(data.results([FEW], False, SOME, *change))[FEW]["pictures"]
        print(f"| {name} | {rms(table[:, 0]):.1f} | {rms(table[:, 3]):.1f} |", flush=True)
    _, results = next(data.results([SAMPLES]))
    shown = {name: np.clip(results[name] / 255, 0, 1) for name in ("source", "target", "mean")}
    shown |= {"error": rms(results["mean"] - results["target"], -1), "deviation": rms(results["deviation"], -1)}
    draw(curves, shown, path)


if __name__ == "__main__":
    main(*sys.argv[1:])
