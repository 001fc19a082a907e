"""Parity: measures how near an export is to the Keras generator that it was made from, and to the targets."""

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.system.terminal import progress_bar
from tfpix2pix.quality.image_metrics import image_metrics


@dataclasses.dataclass(frozen=True)
class Parity:
    """Figures over all images, whose values are in [-1, 1].

    Attributes:
      max_difference: the largest difference of a value from Keras.
      mean_difference: the mean difference of the values from Keras.
      psnr: against Keras in dB, over all images together, peak to peak 2; infinite if nothing differs.
      l1: against the targets.
      ssim: against the targets; None for images that are too small.
    """

    max_difference: float
    mean_difference: float
    psnr: float
    l1: float
    ssim: float | None

    def to_dict(self) -> dict[str, float | str | None]:
        """Converts to what JSON can hold, which has no infinity."""
        return {name: "inf" if value == math.inf else value for name, value in dataclasses.asdict(self).items()}


@dataclasses.dataclass(frozen=True)
class Row:
    """One exported file in a table of parity.

    Attributes:
      name: of the file.
      size: of the file in bytes.
      milliseconds: for one image on this machine, the median.
      parity: its figures.
      bound: the PSNR against Keras, in dB, that it has to reach.
    """

    name: str
    size: int
    milliseconds: float
    parity: Parity
    bound: float

    @property
    def passed(self) -> bool:
        """Whether it reaches its bound; NaN does not."""
        return self.parity.psnr >= self.bound

    def to_dict(self) -> dict[str, object]:
        """Converts to what JSON can hold."""
        return {
            "bytes": self.size,
            "milliseconds": self.milliseconds,
            **self.parity.to_dict(),
            "bound": self.bound,
            "passed": self.passed,
        }


def compare(
    name: str,
    size: int,
    translate: Callable[[np.ndarray], np.ndarray],
    expected: np.ndarray,
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    bound: float,
) -> Row:
    """Translates every source with an exported file, and compares the results with Keras.

    Args:
      name: of the file.
      size: of the file in bytes.
      translate: maps one image `(H, W, C)` to another.
      expected: the results of Keras.
      pairs: (source, target).
      bound: the PSNR against Keras, in dB, that the file has to reach.
    """
    translate(pairs[0][0])  # the first run allocates memory
    generated, milliseconds = [], []
    for source, _ in progress_bar(pairs, name, len(pairs)):
        start = time.perf_counter()
        generated.append(translate(source))
        milliseconds.append(1000 * (time.perf_counter() - start))
    parity = measure(expected, np.stack(generated), np.stack([target for _, target in pairs]))
    return Row(name, size, statistics.median(milliseconds), parity, bound)


def table(rows: Sequence[Row]) -> str:
    """Formats the rows as Markdown, which also reads well in a terminal."""
    lines = [
        "| file | bytes | max difference | mean | PSNR to Keras | L1 | SSIM | ms/image | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        p = row.parity
        ssim = "-" if p.ssim is None else f"{p.ssim:.3f}"
        verdict = "ok" if row.passed else f"FAILED: under {row.bound:g} dB"
        lines.append(
            f"| {row.name} | {row.size:,} | {p.max_difference:.1e} | {p.mean_difference:.1e} | {p.psnr:.1f} dB "
            f"| {p.l1:.4f} | {ssim} | {row.milliseconds:.1f} | {verdict} |"
        )
    return "\n".join(lines)


def measure(expected: np.ndarray, generated: np.ndarray, targets: np.ndarray) -> Parity:
    """Compares images `(N, H, W, C)` in [-1, 1].

    Args:
      expected: the results of Keras.
      generated: the results of the export, from the same sources.
      targets: of the same pairs.
    """
    differences = np.abs(expected.astype(np.float64) - generated)
    mean_square = np.mean(differences**2)
    metrics = image_metrics(targets, generated)
    # NaN stays NaN here, and fails every bound.
    return Parity(
        max_difference=float(differences.max()),
        mean_difference=float(differences.mean()),
        psnr=math.inf if mean_square == 0 else float(10 * np.log10(2**2 / mean_square)),
        l1=float(np.mean(metrics["l1"])),
        ssim=float(np.mean(metrics["ssim"])) if "ssim" in metrics else None,
    )
