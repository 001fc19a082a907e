"""Writes a page that shows how good generated images are: one HTML file with all its images inside.

A page opens from the disk, loads nothing from anywhere, and can be read without JavaScript.
"""

import base64
import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import jinja2

from pipelines.images.display import PLAIN, Display
from pipelines.system.disk import whole_file
from tfpix2pix.report import pictures
from tfpix2pix.report.plots import Panel

TEMPLATES = pathlib.Path(__file__).with_name("templates")


@dataclasses.dataclass(frozen=True)
class Card:
    """One image of a split, with what was generated from it.

    Attributes:
      name: its file's name, which may be anything.
      values: its metrics by label; a metric may be missing, infinite or not a number.
      cells: title to a WebP file, in the order of the page: source, generated, target, error.
    """

    name: str
    values: dict[str, float]
    cells: dict[str, bytes]


@dataclasses.dataclass(frozen=True)
class Table:
    """Numbers, one metric a row.

    Attributes:
      caption: what the numbers are.
      columns: the model and its baselines, or runs.
      rows: the metric with its arrow, `L1 ↓`; its cells as text, `0.312 ± 0.004`, one for each column; the index of
        the best cell, or None.
      corner: what the rows are.
    """

    caption: str
    columns: list[str]
    rows: Sequence[tuple[str, list[str], int | None]]
    corner: str = "metric"


@dataclasses.dataclass(frozen=True)
class Legend:
    """What the colors of an image mean.

    Attributes:
      text: the quantity and its unit.
      scale: a WebP file whose colors go from the lowest value, at the left, to the highest.
      ticks: the values under it, at equal distances from the left end to the right one.
    """

    text: str
    scale: bytes
    ticks: list[str]


def error_legend(display: Display = PLAIN) -> Legend:
    """Returns the legend of pictures.error_map."""
    if display.colors is not None:
        return Legend("error: where the class is not the target's", pictures.error_scale(), ["right", "wrong"])
    full = pictures.ERROR_FULL
    ticks = [f"{full * part:g}" for part in (0, 0.25, 0.5, 0.75)]
    return Legend(
        "error: |target - generated|, mean over channels, in units of [-1, 1]; the same scale on every page",
        pictures.error_scale(),
        [*ticks, f"≥ {full:g}"],
    )


def write_page(
    path: str | pathlib.Path,
    *,
    title: str,
    subtitle: str,
    conclusion: str = "",
    facts: dict[str, str],
    tables: list[Table],
    notes: list[str],
    curves: list[Panel],
    highlights: dict[str, list[Card]],
    cards: Iterable[Card],
    count: int,
    legend: Legend | None = None,
    heading: str = "All images",
    links: Mapping[str, str] | None = None,
) -> None:
    """Writes a page, or replaces it. If that fails, the old page stays.

    It writes piece by piece and takes one card at a time: memory does not grow with their number.

    Args:
      path: of the page, in a folder that exists.
      title: the page's name.
      subtitle: one line under it.
      conclusion: what the numbers come to, in one plain sentence.
      facts: short texts by name: run, step, split, norm statistics, versions.
      tables: the numbers.
      notes: sentences, such as which metrics are missing and how to get them.
      curves: pictures of the training, by plots.panels.
      highlights: a section's title (best by L1) to the cards that it shows large.
      cards: every image, in the order of the split.
      count: how many cards there are, which the page says before it has seen them.
      legend: what the colors of the error maps mean, if there are any.
      heading: of the cards.
      links: other pages beside this one, file name to what is there.
    """
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    pieces = (
        _environment()
        .get_template("page.html")
        .generate(
            title=title,
            subtitle=subtitle,
            conclusion=conclusion,
            facts=facts,
            tables=tables,
            notes=notes,
            curves=curves,
            highlights=highlights,
            cards=cards,
            count=count,
            legend=legend,
            heading=heading,
            links=links or {},
            script=script,
            # The browser runs this script and no other, whatever a name contains.
            script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )
    # A file name that is not UTF-8 has surrogates, which have no encoding.
    with (
        whole_file(pathlib.Path(path)) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file,
    ):
        for piece in pieces:
            file.write(piece)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., object]] = {
        "webp_uri": lambda contents: _data_uri("image/webp", contents),
        "svg_uri": lambda contents: _data_uri("image/svg+xml", contents),
        "number": _number,
        "size": pictures.size,
    }
    environment.filters.update(filters)
    return environment


def _data_uri(kind: str, contents: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(contents).decode()}"


def _number(value: float) -> str:
    """Four digits, so that a column of them can be compared at a glance: 0.3120, 13.62."""
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:#.4g}".rstrip(".")
