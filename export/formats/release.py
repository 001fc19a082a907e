"""Writes exported files that came near enough to Keras, a table of how near, and export.json beside them."""

import json
import pathlib
from collections.abc import Callable, Iterable

import numpy as np

from export.formats.parity import compare, table
from export.trained import EXPORT_FILE, Trained
from pipelines.system.disk import write_whole


def ship(
    folder: pathlib.Path,
    run: Trained,
    images: int,
    exports: Iterable[tuple[str, bytes, Callable[[np.ndarray], np.ndarray], float]],
) -> bool:
    """Measures each export, and writes it if it keeps its bound; prints the table.

    Args:
      folder: made if it is not there.
      run: what the exports were made from.
      images: how many of its pairs to measure on.
      exports: file name, contents, what runs it on one image, and the least PSNR against Keras in dB.

    Returns:
      Whether all were written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = run.pairs[:images]
    expected = np.stack([run.generator(source[None], training=False)[0].numpy() for source, _ in pairs])
    rows = []
    for name, contents, translate, bound in exports:
        row = compare(name, len(contents), translate, expected, pairs, bound)
        rows.append(row)
        if row.passed:
            write_whole(folder / name, contents)
        else:
            # One of an earlier export would pass for this one.
            (folder / name).unlink(missing_ok=True)
    print(table(rows), flush=True)
    figures = {"images": len(pairs), "files": {row.name: row.to_dict() for row in rows}}
    write_whole(folder / EXPORT_FILE, json.dumps({**run.description(), "parity": figures}, indent=2) + "\n")
    return all(row.passed for row in rows)
