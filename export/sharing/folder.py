"""Writes a folder that holds a generator and its card: Hugging Face takes it as it is, and load_run opens it."""

import json
import os
import pathlib

from export.sharing import findings
from export.sharing.card import README, write_card
from pipelines.system.disk import check_writable, naming_full_disk, write_whole
from pipelines.system.terminal import InputError
from tfpix2pix.evaluation.evaluate_run import EXAMPLES
from tfpix2pix.run_dir import shared
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator
from tfpix2pix.weights.network_weights import weights_of


def export_card(
    run_dir: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    checkpoint: str | int = "best",
    license_text: str = "",
    title: str = "",
) -> str:
    """Writes a run's generator as a folder to share, with its card.

        export_card("runs/facades", "shared/facades", license_text="CC-BY-4.0")
        tfpix2pix.load_run("shared/facades").translate("labels/a.png")

    Args:
      run_dir: the run directory that `train` wrote.
      output: the folder; made if it does not exist.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.
      license_text: under which the generator may be used, such as `CC-BY-4.0`.
      title: for people; by default the name of the run directory.

    Returns:
      In words, which checkpoint it is.

    Raises:
      InputError: there is no such run or checkpoint, or the folder is that of the run, or holds other files.
    """
    folder, source = pathlib.Path(output), shared.find_run(run_dir)
    if folder.resolve() == source.resolve():
        raise InputError(f"output={output} is the folder of run_dir itself; give another one")
    # A clone of a repository has hidden files, and README.md may be of something else.
    if folder.is_dir() and any(each.name[0] != "." for each in folder.iterdir()) and not shared.is_shared(folder):
        raise InputError(f"output={output} holds other files; give a new folder, or one that export.card wrote")
    check_writable(folder, "output")
    generator, config, step = load_generator(source, str(checkpoint))
    checkpoints = Checkpoints(source, best_by=config.best_by)
    words = checkpoints.words(step)
    found = findings.find(source, config, step)
    with naming_full_disk(folder, "the export"):
        folder.mkdir(parents=True, exist_ok=True)
        # What an earlier export found of another checkpoint.
        for name in (findings.NUMBERS_FILE, *(f"{word}.webp" for word in EXAMPLES)):
            (folder / name).unlink(missing_ok=True)
        shared.write(folder, source, config, weights_of(generator), step, checkpoints.validation(step))
        if found:
            told = {name: found.numbers[name] for name in findings.TOLD if name in found.numbers}
            told["missing"] = list(found.numbers["missing"])
            if not found.is_own:
                told["data"] = found.data_name
            write_whole(folder / findings.NUMBERS_FILE, json.dumps(told, indent=2) + "\n")
        write_card(folder, source, config, step, "folder", license_text=license_text, title=title, name=README)
    return words
