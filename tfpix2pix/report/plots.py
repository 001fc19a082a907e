"""Draws the course of a training from the records of log.jsonl."""

import dataclasses
import io
from collections.abc import Sequence

import matplotlib
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfpix2pix.quality.metrics import METRICS
from tfpix2pix.run_dir.history import Change

# Title to the metrics drawn under it. A training has some of these, by the kind of its targets.
PANELS = {
    "validation IoU and F1": ("validation/class_iou", "validation/iou", "validation/f1"),
    "validation accuracy": ("validation/pixel_accuracy", "validation/class_accuracy"),
    "validation L1 on [-1, 1]": ("validation/l1",),
    "validation PSNR, dB": ("validation/psnr",),
    "validation SSIM": ("validation/ssim",),
    "generator's L1 in training": ("generator/l1",),
    "generator's cross-entropy in training": ("generator/cross_entropy",),
    "adversarial losses": ("discriminator/real", "discriminator/fake", "generator/adversarial"),
    "discriminator's accuracy": ("discriminator/accuracy",),
}

# Relative luminances of 0.16 to 0.24: a contrast of at least 3:1 (WCAG 2.2, 1.4.11) on light and dark pages alike.
LINES = ("#1f77b4", "#c8600a", "#2c9a3a")
# The color of text, axes and grid on light and on dark pages; that of quiet text in templates/page.css.
LIGHT_INK = "#57606a"
DARK_INK = "#9aa4af"


@dataclasses.dataclass(frozen=True)
class Panel:
    """One picture of a training's course, for a page.

    Attributes:
      title: what it shows.
      light: an SVG file with a transparent ground, for light pages.
      dark: the same for dark pages.
    """

    title: str
    light: bytes
    dark: bytes


def curves(records: list[dict[str, float]], changes: Sequence[Change] = ()) -> Figure:
    """Draws one panel for each of PANELS that has data, over epochs, in one figure.

    Training's curves are means over a hundredth of the run, with the single values pale behind them. A dotted line
    stands at the epoch of a change.

    Args:
      records: of log.jsonl.
      changes: of history.jsonl; those of what is written are left out.
    """
    titles = _titles(records)
    rows = max(1, -(-len(titles) // 3))
    figure = Figure((15, 3.5 * rows), dpi=100, layout="constrained")
    for place, axes in enumerate(figure.subplots(rows, 3, squeeze=False).flat):
        if place < len(titles):
            _draw(axes, records, titles[place], changes)
        else:
            axes.axis("off")
    return figure


def panels(records: list[dict[str, float]], changes: Sequence[Change] = ()) -> list[Panel]:
    """Draws the same panels one by one, those that have data."""
    return [
        Panel(title, light=_svg(records, title, LIGHT_INK, changes), dark=_svg(records, title, DARK_INK, changes))
        for title in _titles(records)
    ]


def _titles(records: list[dict[str, float]]) -> list[str]:
    """Returns the titles of the panels that have data."""
    there = {name for record in records for name in record}
    return [title for title, names in PANELS.items() if there.intersection(names)]


def _svg(records: list[dict[str, float]], title: str, ink: str, changes: Sequence[Change]) -> bytes:
    style = {
        "axes.edgecolor": ink,
        "axes.facecolor": "none",
        "axes.labelcolor": ink,
        "axes.linewidth": 0.6,
        "axes.prop_cycle": cycler(color=LINES),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "grid.color": ink,
        "grid.linewidth": 0.4,
        "legend.frameon": False,
        "text.color": ink,
        "xtick.color": ink,
        "ytick.color": ink,
        # Letters stay letters: a tenth of the size.
        "svg.fonttype": "none",
        # Ids, which are drawn at random otherwise, so that equal records give equal files.
        "svg.hashsalt": title,
    }
    with matplotlib.rc_context(style):
        figure = Figure((5, 3), layout="constrained", facecolor="none")
        _draw(figure.subplots(), records, title, changes)
        file = io.BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def _draw(axes: Axes, records: list[dict[str, float]], title: str, changes: Sequence[Change]) -> None:
    names = PANELS[title]
    for name in names:
        points = [(record["epoch"], record[name]) for record in records if name in record]
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        if name.startswith("validation/"):
            label = METRICS[name.removeprefix("validation/")].label
            axes.plot(epochs, values, marker="o", markersize=3, label=label)
        else:
            label = name.split("/")[0][0].upper() + " " + name.split("/")[1]
            window = max(1, len(values) // 100)
            (line,) = axes.plot(*_means(epochs, values, window), label=label)
            axes.plot(epochs, values, color=line.get_color(), alpha=0.15, linewidth=0.5)
    _mark(axes, changes)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch", fontsize=8)
    axes.grid(alpha=0.3)
    if len(names) > 1 and axes.lines:
        axes.legend(fontsize=8)


def _mark(axes: Axes, changes: Sequence[Change]) -> None:
    """Draws a dotted line at each epoch at which the training was changed, with the names of what was."""
    names: dict[float, list[str]] = {}
    for change in changes:
        if change.is_of_training:
            names.setdefault(change.epoch, []).append(change.option)
    for epoch, options in names.items():
        ink = matplotlib.rcParams["text.color"]
        axes.axvline(epoch, color=ink, linestyle=":", linewidth=1)
        # At the top of the panel, whatever its values are.
        place = axes.get_xaxis_transform()
        axes.text(epoch, 0.98, f" {', '.join(options)}", transform=place, fontsize=6, va="top", rotation=90, ha="right")


def _means(epochs: tuple[float, ...], values: tuple[float, ...], window: int) -> tuple[list[float], list[float]]:
    starts = range(0, len(values), window)
    chunks = [(epochs[i : i + window], values[i : i + window]) for i in starts]
    return [sum(e) / len(e) for e, _ in chunks], [sum(v) / len(v) for _, v in chunks]
