"""How near an export comes to the Keras generator that it was made from, and to the targets."""

import dataclasses
import math

import numpy as np

from tfpix2pix.metrics import image_metrics


@dataclasses.dataclass(frozen=True)
class Parity:
    """Figures over all images; values are those of [-1, 1].

    Attributes:
      max_difference: from Keras, the largest of all values.
      mean_difference: likewise, the mean.
      psnr: against Keras in dB, over all images together, peak to peak 2; infinite where nothing differs.
      l1: against the targets.
      ssim: likewise; None for images too small for it.
    """

    max_difference: float
    mean_difference: float
    psnr: float
    l1: float
    ssim: float | None

    def to_dict(self) -> dict[str, float | str | None]:
        """As JSON can hold it, which knows no infinity."""
        return {name: "inf" if value == math.inf else value for name, value in dataclasses.asdict(self).items()}


def measure(expected: np.ndarray, generated: np.ndarray, targets: np.ndarray) -> Parity:
    """Compares images `(N, H, W, C)` in [-1, 1].

    Args:
      expected: by Keras.
      generated: by the export, from the same sources.
      targets: what they should look like.
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
