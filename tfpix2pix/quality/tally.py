"""Collects what `measure` takes from images, batch by batch, and computes the metrics."""

import dataclasses
import tempfile

import numpy as np
import tensorflow as tf

from tfpix2pix.quality.bootstrap import counts_of
from tfpix2pix.quality.fid import frechet_distance
from tfpix2pix.quality.kid import MAX_RESAMPLED, kernel_distance, resampled_distances
from tfpix2pix.quality.label_metrics import label_scores, mask_scores
from tfpix2pix.quality.segmentation import class_scores, scores

# Counts that are summed over images, `(N, K, K)`, and what is computed of the sums.
SCORES = {"confusions": scores, "label_confusions": label_scores, "mask_confusions": mask_scores}
# KID draws subsets (Bińkowski et al. 2018, section 4), the same ones each time.
KID_SEED = 0
# Images at a time in sums over all of them.
CHUNK = 1000


@dataclasses.dataclass(frozen=True)
class Result:
    """The metrics of one column of images.

    Attributes:
      images: metric to `(N,)` values, one per image.
      means: metric to its mean or, for a metric of the whole set, to its value.
      resampled: metric of the whole set to its values over resampled images, the same ones for all columns; without
        FID, whose bias grows if images repeat.
      classes: `accuracy`, `iou` and `pixels` to `(K,)` values, one per class, if the targets have classes; `pixels` is
        the share of the targets' pixels.
    """

    images: dict[str, np.ndarray]
    means: dict[str, float]
    resampled: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    classes: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)


class Tally:
    """Collects one column of images. Large values go to temporary files, so an image costs a few numbers of memory."""

    def __init__(self) -> None:
        self._images: dict[str, list[np.ndarray]] = {}
        self._spools: dict[str, Spool] = {}

    def add(self, taken: dict[str, tf.Tensor]) -> None:
        """Adds a batch: `features`, what SCORES has, and metrics of single images, each `(N, ...)`."""
        for name, value in taken.items():
            if name == "features" or name in SCORES:
                self._spools.setdefault(name, Spool()).add(value.numpy())
            else:
                self._images.setdefault(name, []).append(value.numpy())

    def result(self, real: "Tally", resamples: int = 0) -> Result:
        """Computes the metrics of all images that were added.

        Args:
          real: has the features of the targets.
          resamples: how often the metrics of the whole set are taken over resampled images.
        """
        images = {name: np.concatenate(parts) for name, parts in self._images.items()}
        # float64, so that the mean of many images keeps its digits.
        result = Result(images, {name: float(values.astype(np.float64).mean()) for name, values in images.items()})
        counts = counts_of(len(images["l1"]), resamples)
        if "features" in self._spools:
            self._add_distances(result, self._spools["features"].array(), real._spools["features"].array(), counts)
        for spool, score in SCORES.items():
            if spool not in self._spools:
                continue
            confusions = self._spools[spool].array()
            every = np.ones((1, len(confusions)))
            total = _sums(every, confusions)[0]
            result.means.update(score(total))
            if spool != "mask_confusions":
                result.classes.update(class_scores(total))
            found = [score(confusion) for confusion in _sums(counts, confusions)]
            result.resampled.update({name: np.array([each[name] for each in found]) for name in (found or [{}])[0]})
        return result

    def _add_distances(self, result: Result, features: np.ndarray, real: np.ndarray, counts: np.ndarray) -> None:
        # A covariance needs two images.
        if len(real) < 2:
            return
        result.means["fid"] = frechet_distance(features, real)
        result.means["kid"], _ = kernel_distance(features, real, rng=np.random.RandomState(KID_SEED))
        if len(counts) and len(features) <= MAX_RESAMPLED:
            # Several translations of one source come one after the other.
            generated = np.repeat(counts, len(features) // len(real), axis=1)
            result.resampled["kid"] = resampled_distances(features, real, generated, counts)


class Spool:
    """Keeps an array that grows along its first axis, on the disk."""

    def __init__(self) -> None:
        # Closed, and thereby deleted, with the spool.
        self._file = tempfile.TemporaryFile()  # noqa: SIM115
        self._like = np.zeros(0)

    def add(self, array: np.ndarray) -> None:
        """Adds rows, `(n, ...)`."""
        self._like = array[:0]
        self._file.write(array.tobytes())

    def array(self) -> np.ndarray:
        """Returns all rows, `(N, ...)`, which are read from the disk when they are used."""
        self._file.flush()
        return np.memmap(self._file, self._like.dtype, mode="r").reshape(-1, *self._like.shape[1:])


def _sums(counts: np.ndarray, confusions: np.ndarray) -> np.ndarray:
    """Sums `(N, K, K)` over images, each as often as `(B, N)` says: `(B, K, K)`."""
    total = np.zeros((len(counts), *confusions.shape[1:]))
    for start in range(0, len(confusions), CHUNK):
        chunk = np.asarray(confusions[start : start + CHUNK], np.float64)
        total += np.einsum("bn,nij->bij", counts[:, start : start + CHUNK], chunk, optimize=True)
    return total
