"""Finds what `evaluate` measured of a checkpoint, for its card: numbers, intervals, baselines and pictures."""

import dataclasses
import pathlib
from typing import Any

from pipelines.system.untrusted_json import parse_json
from tfpix2pix.config import Config
from tfpix2pix.evaluation.evaluate_run import EXAMPLES
from tfpix2pix.report.page import Table
from tfpix2pix.report.results import metrics_table

NUMBERS_FILE = "metrics.json"
# What goes with a shared generator: no paths, and no names of files.
TOLD = (
    *("conclusion", "metrics", "differences", "split", "images", "measured", "checkpoints"),
    *("norm_statistics", "dropout_at_inference", "samples", "signs", "fingerprint", "versions"),
)


@dataclasses.dataclass(frozen=True)
class Findings:
    """What was measured of one checkpoint on one split.

    Attributes:
      folder: of the files of `evaluate`.
      numbers: what its metrics.json says.
      column: the checkpoint's name there.
      is_own: whether the images were of the data set of the training.
    """

    folder: pathlib.Path
    numbers: dict[str, Any]
    column: str
    is_own: bool

    @property
    def data_name(self) -> str:
        """The name of the data set that was measured, without its folder."""
        return pathlib.PurePath(self.numbers["data"]).name

    @property
    def summaries(self) -> dict[str, dict[str, dict[str, float]]]:
        """The metrics of the checkpoint, then those of the baselines: mean and, if known, low and high end."""
        found = self.numbers["metrics"]
        return {
            name: {
                metric: {part: float(value) for part, value in entry.items()} for metric, entry in found[name].items()
            }
            for name in sorted(found, key=lambda name: name != self.column)
        }

    @property
    def table(self) -> Table:
        """The metrics, one a row, and the baselines in columns beside the checkpoint."""
        return metrics_table("", self.summaries, 1)

    @property
    def pictures(self) -> dict[str, bytes]:
        """The files of the best, the median and the worst image, each beside its source and target."""
        paths = {word: self.folder / f"{word}.webp" for word in EXAMPLES}
        return {word: path.read_bytes() for word, path in paths.items() if path.is_file()}


def find(run_dir: pathlib.Path, config: Config, step: int, dropout: bool = False) -> Findings | None:
    """Returns what was measured of a step, of test images rather than validation's; None if nothing was.

    Args:
      run_dir: of the run.
      config: of the run, with the norm statistics of the export.
      step: of the checkpoint.
      dropout: whether the export keeps dropout on.
    """
    found = []
    for path in [*sorted(run_dir.glob(f"evaluation/*/{NUMBERS_FILE}")), run_dir / NUMBERS_FILE]:
        try:
            numbers = parse_json(path.read_bytes())
            columns = [name for name in numbers["metrics"] if name.split(" (")[0] == f"step {step}"]
            is_same = numbers["norm_statistics"] == config.norm_statistics and numbers["samples"] == 1
            if columns and is_same and numbers["dropout_at_inference"] == ("on" if dropout else "off"):
                numbers.setdefault("missing", {})
                # Of two folders, earlier versions named the default of --data.
                is_own = numbers.get("data", config.data) in (config.data_words, config.data)
                found.append(Findings(path.parent, numbers, columns[0], is_own))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    order = {"test": 0, "val": 1}
    return min(found, key=lambda each: (not each.is_own, order.get(each.numbers["split"], 2)), default=None)
