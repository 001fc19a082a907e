"""Ends a complete training: draws its curves, and says where its results are and which command comes next."""

import math
import pathlib

from pipelines.system.disk import whole_file, write_whole
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.report import plots
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.journal import read_log


def finish(run_dir: pathlib.Path, step: int, checkpoints: Checkpoints) -> None:
    """Writes curves.png and results.png, and prints a summary of the run."""
    with whole_file(run_dir / "curves.png") as temporary:
        plots.curves(read_log(run_dir)).savefig(temporary, format="png")
    for newest in sorted((run_dir / "samples").glob("step-*.png"))[-1:]:
        write_whole(run_dir / "results.png", newest.read_bytes())
    best = checkpoints.choose("best")
    metric = METRICS[checkpoints.best_by]
    value = metric.format(checkpoints.validation(best).get(checkpoints.best_by, math.nan))
    print(
        f"""
{run_dir} is complete: {step} steps; best validation {metric.label} {value} at step {best}
  pictures      {run_dir}/results.png, {run_dir}/curves.png, {run_dir}/samples/
  checkpoints   {run_dir}/checkpoints/, steps {", ".join(map(str, checkpoints.steps()))}
  numbers       {run_dir}/log.jsonl, {run_dir}/config.json
next
  python -m tensorboard.main --logdir={run_dir}/tensorboard
  python -m tfpix2pix.evaluate --run_dir={run_dir}
  python -m tfpix2pix.translate --run_dir={run_dir} --input=FILE_OR_FOLDER --output=translated"""
    )
