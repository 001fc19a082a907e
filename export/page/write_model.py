"""Writes the files of one model of a page, and returns its entry for models.json."""

import dataclasses
import pathlib
from typing import Any

from export.compared_pairs import write_sources
from export.formats.litert import convert
from export.formats.metadata import metadata
from export.formats.parity import Row
from export.formats.release import write_passing
from export.formats.tflite import candidate
from export.page.models_json import entry
from export.trained import Trained

MODEL_FILE = "model.tflite"
# The smallest kind that is near enough to Keras is taken. 68 dB is a tenth of a level of 8 bits, root mean square.
KINDS = {"float16": 68.0, "float32": 90.0}


def write_model(
    run: Trained, site: pathlib.Path, name: str, title: str, source_images: int, license_text: str
) -> tuple[dict[str, Any], Row]:
    """Writes models/NAME/: the model, export.json and its card beside it, and some sources.

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
        (row,) = write_passing(folder, run, len(run.pairs), [one], about, "web")
        if row.passed:
            break
    names = write_sources(folder, run.pairs, run.form.size, source_images if row.passed else 0)
    below = f"models/{name}"
    made = entry(
        run.config,
        run.description(),
        name,
        title,
        [f"{below}/{file_name}" for file_name in names],
        engine="litert",
        file=f"{below}/{MODEL_FILE}",
        bytes=row.size,
        precision=kind,
    )
    return made, row
