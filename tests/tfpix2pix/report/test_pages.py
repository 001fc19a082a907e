"""How images are divided among the pages of a report."""

import pytest

from tfpix2pix.report import pages
from tfpix2pix.report.pages import CARD_BYTES, divide, embedded_bytes


@pytest.mark.parametrize(("count", "size", "taken"), [(1000, 64_000, 500_000), (1000, 24_000, 0), (7, 9_000_000, 10)])
def test_every_image_is_on_a_page_and_no_page_is_too_large(count, size, taken):
    division = divide([size] * count, taken)
    assert [place for part in division.others for place in part] == list(range(count))
    room = max(pages.PAGE_BYTES, embedded_bytes(size))
    assert all(len(part) * embedded_bytes(size) <= room for part in division.others)
    assert len(division.first) == 1 or len(division.first) * embedded_bytes(size) + taken <= pages.PAGE_BYTES
    # A sample of all, not the first ones.
    assert division.first[0] == 0
    assert len(division.first) == 1 or division.first[-1] == count - 1


def test_what_fits_on_one_page_is_on_one_page():
    size = (pages.PAGE_BYTES // 10 - CARD_BYTES) * 3 // 4
    assert divide([size] * 10, 0) == pages.Division(list(range(10)), [])
    assert divide([size] * 11, 0).others
    assert divide([size] * 10, 5 * CARD_BYTES).others


def test_pages_of_an_earlier_report_are_removed_and_nothing_else(tmp_path):
    for name in ("report.html", "report-2.html", "report-3.html", "report-old.html", "other-3.html"):
        (tmp_path / name).touch()
    pages.remove_others(tmp_path / "report.html", ["report-2.html"])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "other-3.html",
        "report-2.html",
        "report-old.html",
        "report.html",
    ]
