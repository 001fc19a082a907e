"""The curves of a training, as one figure and as pictures of a page."""

import pathlib
import re
from xml.etree import ElementTree

import matplotlib
import pytest

from tfpix2pix.report import plots

SVG = "{http://www.w3.org/2000/svg}"
RECORDS = [
    record
    for epoch in range(4)
    for record in (
        {"step": epoch, "epoch": float(epoch), "validation/l1": 0.4 / (epoch + 1), "validation/psnr": 12.0 + epoch},
        {
            "step": epoch,
            "epoch": epoch + 0.5,
            "generator/l1": 0.3,
            "discriminator/real": 0.5,
            "discriminator/fake": 0.6 + epoch,
            "generator/adversarial": 0.9,
        },
    )
]
TITLES = ["validation L1 on [-1, 1]", "validation PSNR, dB", "generator's L1 in training", "adversarial losses"]


@pytest.fixture(scope="module")
def panels():
    return plots.panels(RECORDS)


def test_one_panel_for_each_that_has_data(panels):
    assert [panel.title for panel in panels] == TITLES
    for panel in panels:
        for svg in (panel.light, panel.dark):
            root = ElementTree.fromstring(svg)
            assert root.tag == f"{SVG}svg"
            assert panel.title in [text.text for text in root.iter(f"{SVG}text")]
    assert plots.panels([]) == []


def test_colors_are_those_of_the_lines_and_one_ink(panels):
    for panel in panels:
        for svg, ink in ((panel.light, plots.LIGHT_INK), (panel.dark, plots.DARK_INK)):
            colors = set(re.findall(r"#[0-9a-fA-F]{6}\b", svg.decode()))
            assert ink in colors
            assert colors <= {ink, *plots.LINES}


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(color, ground):
    high, low = sorted((luminance(color), luminance(ground)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_lines_and_text_stand_out_from_both_grounds():
    css = (pathlib.Path(plots.__file__).parent / "templates" / "page.css").read_text()
    (grounds,) = re.findall(r"--ground: light-dark\((#\w{6}), (#\w{6})\)", css)
    for ground, ink in zip(grounds, (plots.LIGHT_INK, plots.DARK_INK), strict=True):
        # WCAG 2.2, 1.4.3 for text and 1.4.11 for lines.
        assert contrast(ink, ground) >= 4.5
        assert min(contrast(line, ground) for line in plots.LINES) >= 3


def test_equal_records_give_equal_panels_and_leave_matplotlib_as_it_was(panels):
    before = dict(matplotlib.rcParams)
    assert plots.panels(RECORDS) == panels
    assert dict(matplotlib.rcParams) == before


def test_curves_and_panels_draw_the_same_lines(panels):
    figure = plots.curves(RECORDS)
    by_title = {axes.get_title(): axes for axes in figure.axes}
    # Three in a row; those without a title are empty.
    assert [title for title in by_title if title] == TITLES
    assert by_title["validation L1 on [-1, 1]"].lines[0].get_ydata().tolist() == [0.4, 0.2, 0.4 / 3, 0.1]
    adversarial = panels[TITLES.index("adversarial losses")].light.decode()
    labels = [text.get_text() for text in by_title["adversarial losses"].get_legend().get_texts()]
    assert labels == ["D real", "D fake", "G adversarial"]
    for label, color in zip(labels, plots.LINES, strict=True):
        assert f">{label}</text>" in adversarial
        assert f"stroke: {color}" in adversarial


def test_a_training_of_labels_has_panels_of_its_own():
    records = [
        {"step": 1, "epoch": 1.0, "generator/cross_entropy": 0.5},
        {"step": 1, "epoch": 1.0, "validation/class_iou": 0.3, "validation/f1": 0.4, "validation/pixel_accuracy": 0.9},
    ]
    axes = {axes.get_title(): axes for axes in plots.curves(records).axes}
    scores = axes["validation IoU and F1"]
    assert [text.get_text() for text in scores.get_legend().get_texts()] == ["class IoU", "F1"]
    assert [line.get_ydata().tolist() for line in scores.lines] == [[0.3], [0.4]]
    assert {"validation accuracy", "generator's cross-entropy in training"} <= axes.keys()
