"""Parity: measures how near an export is to the Keras generator that it was made from, and to the targets."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from export.compared_pairs import ComparedPair
from pipelines.images.fit import center_window, cut
from pipelines.images.size import format_size
from pipelines.system.terminal import progress_bar
from tfpix2pix.quality.image_metrics import image_metrics


@dataclasses.dataclass(frozen=True)
class Parity:
    """Figures over all images, whose values are in [-1, 1].

    Attributes:
      max_difference: the largest difference of a value from Keras.
      mean_difference: the mean difference of the values from Keras.
      psnr: against Keras in dB, over all images together, peak to peak 2; infinite if nothing differs.
      l1: against the targets; None if there are none.
      ssim: likewise; None also for images that are too small.
    """

    max_difference: float
    mean_difference: float
    psnr: float
    l1: float | None
    ssim: float | None

    def to_dict(self) -> dict[str, float | str | None]:
        """Converts to what JSON can hold, which has no infinity."""
        return {name: "inf" if value == math.inf else value for name, value in dataclasses.asdict(self).items()}


@dataclasses.dataclass(frozen=True)
class Operations:
    """How many operations of a file compute what. Conversions from one to the other count as neither.

    Attributes:
      floats: give floats, also if their weights are integers.
      integers: give integers.
    """

    floats: int
    integers: int


@dataclasses.dataclass(frozen=True)
class Row:
    """One exported file in a table of parity.

    Attributes:
      name: of the file.
      size: of the file in bytes.
      milliseconds: for one image on this machine, the median.
      parity: its figures.
      bound: the PSNR against Keras, in dB, that it has to reach, at each size.
      psnr_at: the PSNR against Keras at other sizes, such as `{"96x64": 140.2}`; empty for a file of one size.
      operations: how many there are in the file.
      note: what its user has to know; empty if nothing.
    """

    name: str
    size: int
    milliseconds: float
    parity: Parity
    bound: float
    psnr_at: dict[str, float] = dataclasses.field(default_factory=dict)
    operations: Operations | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether it reaches its bound; NaN does not."""
        return not self.failed_at

    @property
    def failed_at(self) -> list[str]:
        """The other sizes at which it is below its bound; the size of the pairs is an empty string."""
        return [size for size, psnr in {"": self.parity.psnr, **self.psnr_at}.items() if not psnr >= self.bound]

    def to_dict(self) -> dict[str, object]:
        """Converts to what JSON can hold."""
        return {
            "bytes": self.size,
            "milliseconds": self.milliseconds,
            "operations": self.operations and dataclasses.asdict(self.operations),
            "note": self.note,
            **self.parity.to_dict(),
            "psnr_at": {size: "inf" if psnr == math.inf else psnr for size, psnr in self.psnr_at.items()},
            "bound": self.bound,
            "passed": self.passed,
        }


def compare(
    name: str,
    size: int,
    translate: Callable[[np.ndarray], np.ndarray],
    expected: Sequence[np.ndarray],
    pairs: Sequence[ComparedPair],
    bound: float,
    others: Sequence[tuple[np.ndarray, np.ndarray]] = (),
) -> Row:
    """Translates every source with an exported file, and compares the results with Keras.

    Args:
      name: of the file.
      size: of the file in bytes.
      translate: maps one image `(H, W, C)` to another.
      expected: the results of Keras.
      pairs: of any sizes.
      bound: the PSNR against Keras, in dB, that the file has to reach.
      others: (source, the result of Keras) of other sizes.
    """
    translate(pairs[0][0])  # the first run allocates memory
    generated, milliseconds = [], []
    for source, _ in progress_bar(pairs, name, len(pairs)):
        start = time.perf_counter()
        generated.append(translate(source))
        milliseconds.append(1000 * (time.perf_counter() - start))
    parity = measure(expected, generated, [target for _, target in pairs])
    psnr_at = {format_size(source.shape[:2]): psnr(result, translate(source)) for source, result in others}
    return Row(name, size, statistics.median(milliseconds), parity, bound, psnr_at)


def table(rows: Sequence[Row]) -> str:
    """Formats the rows as Markdown, which also reads well in a terminal."""
    lines = [
        "| file | bytes | operations | max difference | mean | PSNR to Keras | at other sizes | L1 | SSIM "
        "| ms/image | |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        p = row.parity
        l1, ssim = ("-" if value is None else f"{value:.{n}f}" for value, n in ((p.l1, 4), (p.ssim, 3)))
        others = ", ".join(f"{size}: {value:.1f}" for size, value in row.psnr_at.items()) or "-"
        failed = " at " + ", ".join(row.failed_at) if all(row.failed_at) else ""
        verdict = "ok" if row.passed else f"FAILED: under {row.bound:g} dB{failed}"
        verdict += f", {row.note}" if row.note else ""
        counts = row.operations
        operations = f"{counts.floats} float, {counts.integers} integer" if counts else "-"
        lines.append(
            f"| {row.name} | {row.size:,} | {operations} | {p.max_difference:.1e} | {p.mean_difference:.1e} "
            f"| {p.psnr:.1f} dB | {others} | {l1} | {ssim} | {row.milliseconds:.1f} | {verdict} |"
        )
    return "\n".join(lines)


def measure(
    expected: Sequence[np.ndarray], generated: Sequence[np.ndarray], targets: Sequence[np.ndarray | None]
) -> Parity:
    """Compares images `(H, W, C)` in [-1, 1], of any sizes.

    Args:
      expected: the results of Keras.
      generated: the results of the export, from the same sources.
      targets: of the same pairs; one that is smaller belongs to the middle of its image. None if a source has none.
    """
    results = np.concatenate([image.ravel() for image in generated])
    keras = np.concatenate([image.ravel() for image in expected])
    differences = np.abs(keras.astype(np.float64) - results)
    metrics = [
        image_metrics(target[None], cut(tf.constant(image), center_window(image.shape[:2], target.shape[:2]))[None])
        for image, target in zip(generated, targets, strict=True)
        if target is not None
    ]
    has_ssim = metrics and all("ssim" in values for values in metrics)
    return Parity(
        max_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        psnr=psnr(keras, results),
        l1=float(np.mean([values["l1"] for values in metrics])) if metrics else None,
        ssim=float(np.mean([values["ssim"] for values in metrics])) if has_ssim else None,
    )


def psnr(expected: np.ndarray, generated: np.ndarray) -> float:
    """Returns the PSNR in dB of values in [-1, 1]; infinite if they are equal. NaN stays NaN, and fails every bound."""
    mean_square = np.mean((expected.astype(np.float64) - generated) ** 2)
    return math.inf if mean_square == 0 else float(10 * np.log10(2**2 / mean_square))
