"""Ends a complete training: draws its curves and results, says where they are and which command comes next."""

import math
import pathlib
import shlex
from collections.abc import Mapping

from pipelines.pairs import Pairs
from pipelines.storage.image_files import Files
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.disk import whole_file, write_whole
from pipelines.system.terminal import NO_ROOM, InputError, print_warning
from tfpix2pix.config import Config
from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.report import plots
from tfpix2pix.report.animation import animation
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.history import changes
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.training.results_picture import results_picture
from tfpix2pix.training.validation import Rows
from tfpix2pix.translation.fit_choice import choose_fit


def finish(
    run_dir: pathlib.Path, step: int, checkpoints: Checkpoints, config: Config, val: Pairs, shown: Mapping[int, Rows]
) -> None:
    """Writes curves.png, results.png and progress.webp, and prints a summary of the run.

    Args:
      run_dir: of the run.
      step: how many steps are done.
      checkpoints: of the run.
      config: of the run.
      val: the validation pairs.
      shown: step to the pictures of its validation, of steps that this process has validated.
    """
    with whole_file(run_dir / "curves.png") as temporary:
        plots.curves(read_log(run_dir), changes(run_dir)).savefig(temporary, format="png")
    if config.samples:
        try:
            figure = results_picture(run_dir, config, val, checkpoints, shown)
            with whole_file(run_dir / "results.png") as temporary:
                figure.savefig(temporary, format="png")
        except InputError as error:
            print_warning(f"{run_dir}/results.png was not drawn: {error}")
    pictures = ["results.png", "curves.png", "samples/"]
    try:
        if contents := animation(run_dir / "samples"):
            write_whole(run_dir / "progress.webp", contents)
            pictures.append("progress.webp")
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        print_warning(f"{run_dir}/progress.webp was not drawn: {error}")
    best, newest = checkpoints.choose("best"), checkpoints.choose("latest")
    metric = METRICS[checkpoints.best_by]
    value = metric.format(checkpoints.validation(best).get(checkpoints.best_by, math.nan))
    which = f"{checkpoints.name(best)}{', the best; all commands take it' * (best != newest)}"
    run_words = f"--run_dir={shlex.quote(str(run_dir))}"
    translate = f"python -m tfpix2pix.translate {run_words}{input_words(run_dir, config, val)}"
    other = f"\n  {translate} --output=translated_newest --checkpoint=latest" if best != newest else ""
    print(
        f"""
{run_dir} is complete: {step} steps; best validation {metric.label} {value} at step {best}
  pictures      {", ".join(f"{run_dir}/{name}" for name in pictures)}
  checkpoints   {run_dir}/checkpoints/, steps {", ".join(map(str, checkpoints.steps()))}
  numbers       {run_dir}/log.jsonl, {run_dir}/config.json
next, with {which}
  python -m tensorboard.main --logdir={shlex.quote(f"{run_dir}/tensorboard")}
  python -m tfpix2pix.evaluate {run_words}
  {translate} --output=translated{other}
  python -m export.saved_model {run_words} --output={shlex.quote(f"models/{run_dir.resolve().name}")}"""
    )


def input_words(run_dir: pathlib.Path, config: Config, val: Pairs) -> str:
    """Returns the options with which `translate` gives the pictures of results.png: those of the validation pairs.

    If their folder holds other pairs too, they are those of the first pair.
    """
    files = val.files
    # Where results have the sizes of larger files, results.png has those of the network.
    size = " --output_size=network" if choose_fit(config, run_dir).name == "resize" else ""
    has_own_folder = not (config.val_fraction or config.val_list)
    if isinstance(files, PairedFiles):
        is_b = config.direction == "BtoA"
        path = files.folders[is_b] if has_own_folder else (files[0].b if is_b else files[0].a)
        return f" --input={shlex.quote(str(path))}{size}"
    if isinstance(files, Files):
        path = files.folder if has_own_folder else files[0]
        return f" --input={shlex.quote(str(path))} --pairs{size}"
    return " --input=FILE_OR_FOLDER"
