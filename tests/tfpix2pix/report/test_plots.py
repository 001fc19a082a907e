"""The curves of a training, as one figure and as parts of a page."""

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
TITLES = [title for title in plots.PANELS if "SSIM" not in title and "accuracy" not in title]


@pytest.fixture(scope="module")
def drawings():
    return plots.panels(RECORDS)


def test_one_panel_for_each_that_has_data(drawings):
    roots = [ElementTree.fromstring(drawing) for drawing in drawings]
    assert [root.tag for root in roots] == [f"{SVG}svg"] * 4
    assert [root.get("aria-label") for root in roots] == TITLES
    for root in roots:
        assert root.get("aria-label") in [text.text for text in root.iter(f"{SVG}text")]
        # As wide as its place.
        assert root.get("viewBox") == "0 0 360 216"
        assert root.get("width") is root.get("height") is None
    assert plots.panels([]) == []


def test_all_but_the_lines_has_the_colour_of_the_text_around(drawings):
    for drawing in drawings:
        assert set(re.findall(r"#[0-9a-fA-F]{6}\b", drawing)) <= set(plots.LINES)
        for text in ElementTree.fromstring(drawing).iter(f"{SVG}text"):
            assert "fill: currentColor" in text.get("style")
            assert "font-family" not in text.get("style")


def test_lines_can_be_told_from_both_grounds():
    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    # The pages' grounds, in templates/page.css.
    for colour in plots.LINES:
        assert (luminance("#ffffff") + 0.05) / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (luminance("#15181c") + 0.05) >= 3


def test_panels_share_a_page(drawings):
    ids = [found for drawing in drawings for found in re.findall(r' id="([^"]*)"', drawing)]
    assert len(ids) == len(set(ids)) > 0
    for drawing in drawings:
        references = re.findall(r'(?:href="#|url\(#)([^")]+)', drawing)
        assert set(references) <= set(re.findall(r' id="([^"]*)"', drawing))
        # A style would reach the whole page, and metadata names a date.
        assert not re.search("<style|<metadata|<!|<[?]xml", drawing)


def test_panels_say_the_same_each_time_and_leave_matplotlib_as_it_was(drawings):
    before = dict(matplotlib.rcParams)
    assert plots.panels(RECORDS) == drawings
    assert dict(matplotlib.rcParams) == before


def test_curves_and_panels_draw_the_same_lines(drawings):
    figure = plots.curves(RECORDS)
    by_title = {axes.get_title(): axes for axes in figure.axes}
    assert list(by_title) == list(plots.PANELS)
    assert by_title["validation L1 on [-1, 1]"].lines[0].get_ydata().tolist() == [0.4, 0.2, 0.4 / 3, 0.1]
    adversarial = drawings[TITLES.index("adversarial losses")]
    labels = [text.get_text() for text in by_title["adversarial losses"].get_legend().get_texts()]
    assert labels == ["D real", "D fake", "G adversarial"]
    for label, colour in zip(labels, plots.LINES, strict=True):
        assert f">{label}</text>" in adversarial
        assert f"stroke: {colour}" in adversarial
