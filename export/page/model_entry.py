"""Writes the files of one model of a page, and returns its entry for models.json."""

import dataclasses
import pathlib
import re
from typing import Any

from export.compared_pairs import brought_to
from export.formats.litert import convert
from export.formats.metadata import metadata
from export.formats.parity import Row
from export.formats.release import write_passing
from export.formats.tflite import candidate
from export.trained import Trained
from pipelines.images import transforms
from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config

MODEL_FILE = "model.tflite"
# The smallest kind that is near enough to Keras is taken. 68 dB is a tenth of a level of 8 bits, root mean square.
KINDS = {"float16": 68.0, "float32": 90.0}
SOURCE_CHANNELS = (1, 3, 4)
TARGET_CHANNELS = (1, 3)


def model_name(run_dir: pathlib.Path) -> str:
    """Returns the name of a run's folder, in the characters that are the same in a URL."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", run_dir.resolve().name).strip("-") or "model"


def check_shown(run_dir: pathlib.Path, config: Config) -> None:
    """Raises InputError if a page cannot show a run's sources or results: it has pictures of 8 bits."""
    what = ""
    if config.source_labels or config.target_labels:
        side = "source" if config.source_labels else "target"
        what = f"{side}_labels={getattr(config, f'{side}_labels')}: a page has colors, and no numbers of classes"
    elif config.source_channels not in SOURCE_CHANNELS:
        what = f"source_channels={config.source_channels}: a page has pictures of 1, 3 or 4 channels"
    elif config.target_channels not in TARGET_CHANNELS:
        what = f"target_channels={config.target_channels}: a page shows results of 1 or 3 channels"
    elif config.result_type != "uint8":
        what = f"target_type={config.result_type}: a page shows results of 8 bits"
    for option in ("source_range", "target_range", "source_normalize"):
        if getattr(config, option):
            what = f"{option}={getattr(config, option)}: the numbers of a page's pictures are 0 to 255"
    if what:
        raise InputError(f"{run_dir} has {what}; export it in another way, such as by export.saved_model")


def write_model(
    run: Trained, site: pathlib.Path, name: str, title: str, source_images: int, license_text: str
) -> tuple[dict[str, Any], Row]:
    """Writes models/NAME/: the model, export.json beside it, and some sources.

    Args:
      run: of one size.
      site: the folder of the page.
      name: of the model's folder.
      title: for people.
      source_images: how many sources to write at most.
      license_text: under which the model may be used; it says so itself.

    Returns:
      Its entry in models.json, and how near the model is to Keras; it is written only if it `passed`.
    """
    folder = site / "models" / name
    about = metadata(run, False, license_text)
    for kind, file in convert(run.generator, run.form.size, KINDS, [], about):
        one = dataclasses.replace(candidate(kind, file), name=MODEL_FILE, bound=KINDS[kind])
        (row,) = write_passing(folder, run, len(run.pairs), [one], about)
        if row.passed:
            break
    pictures = [brought_to(source, run.form.size) for source, _ in run.pairs[:source_images]] if row.passed else []
    names = [f"source-{number}.png" for number, _ in enumerate(pictures, 1)]
    for file_name, picture in zip(names, pictures, strict=True):
        write_whole(folder / file_name, transforms.encode(picture, ".png").numpy())
    for old in folder.glob("source-*.png"):
        if old.name not in names:
            old.unlink()
    below = f"models/{name}"
    entry = {
        "name": name,
        "title": title or name,
        "engine": "litert",
        "file": f"{below}/{MODEL_FILE}",
        "bytes": row.size,
        "precision": kind,
        "image_size": list(run.form.size),
        "multiple": run.config.multiple,
        "source_channels": run.config.source_channels,
        "target_channels": run.config.target_channels,
        **run.colors,
        "sources": [f"{below}/{file_name}" for file_name in names],
        "step": run.step,
        "resize_method": run.form.source.resize_method,
    }
    return entry, row
