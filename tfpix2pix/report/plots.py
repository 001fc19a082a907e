"""Arrays to figures; knows nothing of TensorBoard."""

import io
import re
from xml.sax.saxutils import quoteattr

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Title to the metrics drawn under it.
PANELS = {
    "validation L1 on [-1, 1]": ("validation/l1",),
    "validation PSNR, dB": ("validation/psnr",),
    "validation SSIM": ("validation/ssim",),
    "generator's L1 in training": ("generator/l1",),
    "adversarial losses": ("discriminator/real", "discriminator/fake", "generator/adversarial"),
    "discriminator's accuracy": ("discriminator/accuracy",),
}

# Relative luminances of 0.16 to 0.24: at least 3:1 (WCAG 2.2, 1.4.11) on white and on the pages' dark ground alike.
LINES = ("#1f77b4", "#c8600a", "#2c9a3a")

# A colour that nothing else has, which stands for that of the text around the figure until the SVG is written.
_INK = "#010203"
_ON_PAGES = {
    "axes.edgecolor": _INK,
    "axes.facecolor": "none",
    "axes.labelcolor": _INK,
    "axes.prop_cycle": matplotlib.cycler(color=LINES),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 0.6,
    "grid.color": _INK,
    "grid.linewidth": 0.4,
    "legend.frameon": False,
    "text.color": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # Letters stay letters: a tenth of the size, and the page's own font.
    "svg.fonttype": "none",
}
# The elements that matplotlib's SVG has beside the drawing: the file's head, and a style that would reach all the page.
_SURROUNDINGS = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL
)


def curves(records: list[dict[str, float]]) -> Figure:
    """The course of a training, from the records of log.jsonl: one panel each of PANELS, over epochs.

    Training's curves are means over a hundredth of the run, with the single values pale behind them.
    """
    figure = Figure((15, 7), dpi=100, layout="constrained")
    for axes, (title, names) in zip(figure.subplots(2, 3).flat, PANELS.items(), strict=True):
        _draw(axes, records, title, names)
    return figure


def panels(records: list[dict[str, float]]) -> list[str]:
    """The same panels one by one, those that have data, each an `<svg>` element to be put into a page.

    It is as wide as its place, and has the font and, for all but the lines, the colour of the text around it.
    """
    drawings = []
    for title, names in PANELS.items():
        if not any(name in record for record in records for name in names):
            continue
        # The salt makes ids that differ from panel to panel, and not from call to call.
        with matplotlib.rc_context(_ON_PAGES | {"svg.hashsalt": title}):
            figure = Figure((5, 3), layout="constrained", facecolor="none")
            _draw(figure.subplots(), records, title, names)
            file = io.StringIO()
            figure.savefig(file, format="svg")
        drawings.append(_inline(file.getvalue(), title))
    return drawings


def _draw(axes: Axes, records: list[dict[str, float]], title: str, names: tuple[str, ...]) -> None:
    for name in names:
        points = [(record["epoch"], record[name]) for record in records if name in record]
        if not points:
            continue
        epochs, values = zip(*points, strict=True)
        label = name.split("/")[0][0].upper() + " " + name.split("/")[1]
        if name.startswith("validation/"):
            axes.plot(epochs, values, marker="o", markersize=3)
        else:
            window = max(1, len(values) // 100)
            (line,) = axes.plot(*_means(epochs, values, window), label=label)
            axes.plot(epochs, values, color=line.get_color(), alpha=0.15, linewidth=0.5)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch", fontsize=8)
    axes.grid(alpha=0.3)
    if len(names) > 1 and axes.lines:
        axes.legend(fontsize=8)


def _inline(svg: str, title: str) -> str:
    """A file by matplotlib as an element of a page."""
    svg = _SURROUNDINGS.sub("", svg)
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    # Of its ids, those that nothing refers to are the same in every figure, where a page may have each once.
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    # matplotlib 3.10 writes size and family as one property, 3.11 as two.
    svg = re.sub(r"font: (?:[\w.]+ )*?([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)
    head = f'<svg role="img" aria-label={quoteattr(title)} stroke-linejoin="round"'
    svg = re.sub(r'<svg((?: [\w:]+="[^"]*")*)', lambda found: head + _sizeless(found[1]), svg.strip(), count=1)
    return svg.replace(_INK, "currentColor")


def _sizeless(attributes: str) -> str:
    return re.sub(r' (?:width|height|version)="[^"]*"', "", attributes)


def _means(epochs: tuple, values: tuple, window: int) -> tuple[list[float], list[float]]:
    starts = range(0, len(values), window)
    chunks = [(epochs[i : i + window], values[i : i + window]) for i in starts]
    return [sum(e) / len(e) for e, _ in chunks], [sum(v) / len(v) for _, v in chunks]
