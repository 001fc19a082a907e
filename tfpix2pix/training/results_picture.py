"""Draws results.png: some validation pairs, translated by the best checkpoint and by the newest."""

import pathlib
from collections.abc import Mapping

from matplotlib.figure import Figure

from pipelines.images.figure import image_rows
from pipelines.loader import eval_dataset
from pipelines.pairs import Pairs, naming_unreadable
from tfpix2pix.config import Config
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.training.validation import Rows
from tfpix2pix.translation.any_size import translate_any_size


def results_picture(
    run_dir: pathlib.Path, config: Config, val: Pairs, checkpoints: Checkpoints, shown: Mapping[int, Rows]
) -> Figure:
    """Draws sources, what the best checkpoint and, if that is another, the newest make of them, and targets.

    Args:
      run_dir: of the run.
      config: of the run; `samples` of it is at least 1.
      val: the validation pairs.
      checkpoints: at least one.
      shown: step to the pictures of its validation, if this process has made it.

    Raises:
      InputError: a checkpoint or a pair cannot be read any more.
    """
    best, newest = checkpoints.choose("best"), checkpoints.choose("latest")
    titles = {f"generated, {checkpoints.name(best)}": best}
    if best != newest:
        titles = {
            f"generated, {checkpoints.name(best)}, best by {METRICS[checkpoints.best_by].label}": best,
            f"generated, {checkpoints.name(newest)}, the newest": newest,
        }
    rows_of = {step: shown.get(step) or translate_samples(run_dir, config, val, step) for step in titles.values()}
    displays, first = config.displays(), rows_of[best]
    generated = {title: rows_of[step]["generated"] for title, step in titles.items()}
    return image_rows(
        {"source": first["source"], **generated, "target": first["target"]},
        displays | dict.fromkeys(titles, displays["generated"]),
    )


def translate_samples(run_dir: pathlib.Path, config: Config, val: Pairs, step: int) -> Rows:
    """Translates the first validation pairs, as many as `samples` says, by the checkpoint of a step."""
    generator, *_ = load_generator(run_dir, str(step), (None, None))
    some = val.select(range(min(config.samples, len(val))))
    rows: Rows = {"source": [], "generated": [], "target": []}
    with naming_unreadable(some):
        for source, target in eval_dataset(some, 1):
            generated = translate_any_size(generator, source, config.multiple)
            for row, images in zip(rows.values(), (source, generated, target), strict=True):
                row.append(images[0].numpy())
    return rows
