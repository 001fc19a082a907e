"""Writes the exported files that are near enough to Keras, and export.json beside them."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf

from export.formats.parity import Row, compare
from export.trained import COMPARED_ON, EXPORT_FILE, Trained
from pipelines.system.disk import naming_full_disk, write_whole


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An exported file before it is measured.

    Attributes:
      name: of the file.
      contents: its bytes.
      translate: runs it on one image `(H, W, C)` in [-1, 1].
      bound: the PSNR against Keras in dB that it has to reach.
    """

    name: str
    contents: bytes
    translate: Callable[[np.ndarray], np.ndarray]
    bound: float


def write_passing(folder: pathlib.Path, run: Trained, images: int, candidates: Iterable[Candidate]) -> list[Row]:
    """Measures each candidate against Keras, and writes it if it reaches its bound.

    Args:
      folder: made if it does not exist.
      run: what the candidates were made from.
      images: how many of its pairs to measure on.
      candidates: may be made one after the other.
    """
    pairs = run.pairs[:images]
    with tf.device(COMPARED_ON):
        expected = np.stack([run.generator(source[None], training=False)[0].numpy() for source, _ in pairs])
    rows = []
    with naming_full_disk(folder, "the export"):
        folder.mkdir(parents=True, exist_ok=True)
        for file in candidates:
            row = compare(file.name, len(file.contents), file.translate, expected, pairs, file.bound)
            rows.append(row)
            if row.passed:
                write_whole(folder / file.name, file.contents)
            else:
                # The file of an earlier export would be taken for this one.
                (folder / file.name).unlink(missing_ok=True)
        figures = {"images": len(pairs), "files": {row.name: row.to_dict() for row in rows}}
        write_whole(folder / EXPORT_FILE, json.dumps({**run.description(), "parity": figures}, indent=2) + "\n")
    return rows
