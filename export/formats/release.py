"""Writes the exported files that are near enough to Keras, and beside them export.json and the model card."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from export.compared_pairs import brought_to
from export.formats.parity import Operations, Row, compare
from export.sharing.card import write_card
from export.trained import COMPARED_ON, EXPORT_FILE, Trained
from pipelines.images.size import Size
from pipelines.system.disk import naming_full_disk, write_whole


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An exported file before it is measured.

    Attributes:
      name: of the file.
      contents: its bytes.
      translate: runs it on one image `(H, W, C)` in [-1, 1].
      bound: the PSNR against Keras in dB that it has to reach.
      operations: how many there are in it.
      note: what its user has to know; empty if nothing.
      other_name: the name that an earlier export may have given to such a file.
    """

    name: str
    contents: bytes
    translate: Callable[[np.ndarray], np.ndarray]
    bound: float
    operations: Operations
    note: str = ""
    other_name: str = ""


def write_passing(
    folder: pathlib.Path, run: Trained, images: int, candidates: Iterable[Candidate], about: dict[str, Any], use: str
) -> list[Row]:
    """Measures each candidate against Keras, and writes it if it reaches its bound.

    Args:
      folder: made if it does not exist.
      run: what the candidates were made from; its generator takes all sizes.
      images: how many of its pairs to measure on.
      candidates: may be made one after the other.
      about: what the candidates say of themselves. Those for any size are compared at two other sizes too.
      use: how such a file is used, a key of USES.
    """
    pairs = run.pairs[:images]
    others = other_sizes(run.form.size, about["multiple"]) if about["any_size"] else []
    resized = [brought_to(pairs[0][0], size) for size in others]
    with tf.device(COMPARED_ON):
        expected = [run.generator(source[None], training=False)[0].numpy() for source, _ in pairs]
        beyond = [(source, run.generator(source[None], training=False)[0].numpy()) for source in resized]
    rows = []
    with naming_full_disk(folder, "the export"):
        folder.mkdir(parents=True, exist_ok=True)
        for file in candidates:
            row = compare(file.name, len(file.contents), file.translate, expected, pairs, file.bound, beyond)
            row = dataclasses.replace(row, operations=file.operations, note=file.note)
            rows.append(row)
            if file.other_name:
                (folder / file.other_name).unlink(missing_ok=True)
            if row.passed:
                write_whole(folder / file.name, file.contents)
            else:
                # The file of an earlier export would be taken for this one.
                (folder / file.name).unlink(missing_ok=True)
        figures = {
            "images": len(pairs),
            "compared_on": run.compared_on,
            "files": {row.name: row.to_dict() for row in rows},
        }
        write_whole(
            folder / EXPORT_FILE, json.dumps({**run.description(), **about, "parity": figures}, indent=2) + "\n"
        )
        write_card(folder, run.run_dir, run.config, run.step, use, license_text=about["license"])
    return rows


def other_sizes(native: Size, step: int) -> list[Size]:
    """Returns two sizes, (height, width), of other proportions: at a step of 32, 64x64 gives 96x64 and 32x128.

    Args:
      native: another multiple.
      step: the config's multiple.
    """
    height, width = native
    return [(height + step, width), (max(step, height - step), width + 2 * step)]
