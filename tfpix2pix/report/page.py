"""Pages that show how good generated images are: one HTML file each, with all its images inside.

A page opens from the disk, asks for nothing from anywhere, and can be read without JavaScript.
"""

import base64
import dataclasses
import hashlib
import math
import os
import pathlib
from collections.abc import Iterable

import jinja2

from tfpix2pix.report import pictures

TEMPLATES = pathlib.Path(__file__).with_name("templates")


@dataclasses.dataclass(frozen=True)
class Card:
    """One image of a split, and what was made of it.

    Attributes:
      name: its file's name, which may be anything.
      values: its metrics by name, as the page shall call them; a metric may be missing, infinite or not a number.
      cells: title to a WebP file, in the order in which they are shown: source, generated, target, error.
    """

    name: str
    values: dict[str, float]
    cells: dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Table:
    """Numbers, one metric a row.

    Attributes:
      caption: what they are.
      columns: what is compared: the model and its baselines, or runs.
      rows: the metric with its arrow, `L1 ↓`; its cells as text, `0.312 ± 0.004`, one for each column; the index of
        the best of them, or None.
    """

    caption: str
    columns: list[str]
    rows: list[tuple[str, list[str], int | None]]


@dataclasses.dataclass(frozen=True)
class Legend:
    """What the colours of an image mean.

    Attributes:
      text: the quantity and its unit.
      scale: a WebP file whose colours go from the least, at the left, to the most.
      ticks: what stands under it, at equal distances from the left end to the right one.
    """

    text: str
    scale: bytes
    ticks: list[str]


def error_legend() -> Legend:
    """That of pictures.error_map."""
    full = pictures.ERROR_FULL
    ticks = [f"{full * part:g}" for part in (0, 0.25, 0.5, 0.75)]
    return Legend(
        "error: |target - generated|, mean over channels, in units of [-1, 1]; the same scale on every page",
        pictures.error_scale(),
        [*ticks, f"≥ {full:g}"],
    )


def write_page(
    path: pathlib.Path,
    *,
    title: str,
    subtitle: str,
    facts: dict[str, str],
    tables: list[Table],
    notes: list[str],
    curves: list[str],
    highlights: dict[str, list[Card]],
    cards: Iterable[Card],
    count: int,
    legend: Legend | None = None,
) -> None:
    """Writes a page, or puts another in its place; if that fails, the old one stays.

    It is written piece by piece, and `cards` is asked for one at a time: memory does not grow with their number.

    Args:
      path: of the page, in a folder that exists.
      title: the page's name.
      subtitle: one line under it.
      facts: short texts by name: run, step, split, norm statistics, versions.
      tables: the numbers.
      notes: sentences, such as which metrics are missing and how to get them.
      curves: `<svg>` elements by plots.panels. They alone go into the page as they are; all other text is escaped.
      highlights: a section's title (best by L1) to the cards that it shows large.
      cards: every image, in the order in which they are shown first.
      count: how many these are, which the page says before it has seen them.
      legend: what the colours of the error maps mean, if there are any.
    """
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    pieces = (
        _environment()
        .get_template("page.html")
        .generate(
            title=title,
            subtitle=subtitle,
            facts=facts,
            tables=tables,
            notes=notes,
            curves=curves,
            highlights=highlights,
            cards=cards,
            count=count,
            legend=legend,
            script=script,
            # The browser runs this script and no other, whatever may be in a name.
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    temporary = path.with_name(f".{path.name}")
    try:
        # A file's name that is no UTF-8 has surrogates, which have no encoding.
        with temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            for piece in pieces:
                file.write(piece)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"data_uri": _data_uri, "number": _number, "size": pictures.size}
    return environment


def _data_uri(contents: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(contents).decode()}"


def _number(value: float) -> str:
    """Four digits, so that a column of them can be compared at a glance: 0.3120, 13.62."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:#.4g}".rstrip(".")
