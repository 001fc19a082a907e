"""The report page, as a parser reads it; without a browser."""

import base64
import dataclasses
import hashlib
import html.parser
import math
import re
import tracemalloc

import numpy as np
import pytest

from tfpix2pix.report import pictures, plots
from tfpix2pix.report.page import Card, Legend, Table, error_legend, write_page

# Elements without an end tag (HTML, 13.1.2).
VOID = {"meta", "img", "input", "link", "source", "br", "hr"}
HOSTILE = [
    '"><script>alert(1)</script>.png',
    "{{7*7}}.png",
    "{% include 'page.js' %}.png",
    "' onerror='alert(1)' x='.png",
    "<img src=x onerror=alert(1)>&amp;.png",
    "</style></title><!--.png",
    "</script><!--<script>alert(1)</script>.png",
    "javascript:alert(1)//.png",
    "a\n\tb\u2028.png",
    "\u202egnp.exe\x1b[31m",
    "]]>&#60;script&#62;`${alert(1)}`.png",
]


@dataclasses.dataclass
class Element:
    tag: str
    attributes: dict
    parent: "Element | None" = None
    children: list = dataclasses.field(default_factory=list)
    texts: list = dataclasses.field(default_factory=list)

    def all(self, tag, **attributes):
        found = [] if self.tag != tag or not attributes.items() <= self.attributes.items() else [self]
        return found + [other for child in self.children for other in child.all(tag, **attributes)]

    def one(self, tag, **attributes):
        (found,) = self.all(tag, **attributes)
        return found

    def has(self, name):
        return name in self.attributes.get("class", "").split()

    @property
    def text(self):
        return "".join(part if isinstance(part, str) else part.text for part in self.texts)


class Parser(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.root = self.open = Element("", {})

    def handle_starttag(self, tag, attrs):
        assert len(attrs) == len(dict(attrs))
        element = Element(tag, dict(attrs), self.open)
        self.open.children.append(element)
        self.open.texts.append(element)
        if tag not in VOID:
            self.open = element

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open = self.open.parent

    def handle_endtag(self, tag):
        assert tag == self.open.tag, f"</{tag}> inside <{self.open.tag}>"
        self.open = self.open.parent

    def handle_data(self, data):
        self.open.texts.append(data)


def parse(path):
    parser = Parser()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.open is parser.root
    return parser.root.one("html")


def webp(level, size=8):
    return pictures.webp(np.full((size, size, 3), level, "float32"), max_side=1024)


def make_card(name="a.png", **values):
    cells = {"source": webp(0.5), "generated": webp(0.0), "target": webp(-0.5), "error": webp(-1.0)}
    return Card(name, values or {"L1": 0.25}, cells)


def write(path, cards=(), **options):
    given = {
        "title": "facades",
        "subtitle": "evaluation",
        "facts": {"run": "runs/facades", "step": "8000"},
        "tables": [],
        "notes": [],
        "curves": [],
        "highlights": {},
        "count": len(cards) if isinstance(cards, list | tuple) else 0,
    }
    write_page(path, cards=cards, **(given | options))
    return parse(path)


def names(place):
    return [card.one("a", **{"class": "open"}).text for card in place.all("article")]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "report.html"


def test_cards_are_in_order_with_their_values_and_cells(path):
    cards = [
        make_card("10.png", L1=0.3120, PSNR=13.6249, SSIM=-0.25),
        make_card("9.png", L1=math.nan, PSNR=math.inf),
        make_card("b.png", L1=0.0),
    ]
    page = write(path, cards)
    place = page.one("div", id="all")
    assert names(place) == ["10.png", "9.png", "b.png"]
    assert page.one("output", id="count").text == "3"
    first, second, third = place.all("article")
    assert [(d.one("dt").text, d.one("dd").text) for d in first.one("dl").children] == [
        ("L1", "0.3120"),
        ("PSNR", "13.62"),
        ("SSIM", "-0.2500"),
    ]
    # What the sorting reads.
    assert [d.attributes["value"] for d in first.all("data")] == ["0.312", "13.6249", "-0.25"]
    assert [(d.attributes["value"], d.text) for d in second.all("data")] == [("nan", "not a number"), ("inf", "∞")]
    assert third.one("data").text == "0.000"
    assert [caption.text for caption in first.all("figcaption")] == ["source", "generated", "target", "error"]
    for image, contents in zip(first.all("img"), cards[0].cells.values(), strict=True):
        head, _, data = image.attributes["src"].partition(",")
        assert (head, base64.b64decode(data)) == ("data:image/webp;base64", contents)
        assert (image.attributes["width"], image.attributes["height"]) == ("8", "8")
    assert [image.attributes["alt"] for image in first.all("img")][:2] == ["source of 10.png", "generated of 10.png"]


def write_with_everywhere(path, text):
    card = Card(text, {text: 0.5}, {text: webp(0)})
    return write(
        path,
        [card],
        title=text,
        subtitle=text,
        facts={text: text},
        tables=[Table(text, [text], [(text, [text], 0)])],
        notes=[text],
        highlights={text: [card]},
        legend=Legend(text, webp(0), [text]),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert_everywhere(path, text):
    page = write_with_everywhere(path, text)
    assert names(page.one("div", id="all")) == [text]
    assert page.one("title").text == page.one("h1").text == page.one("caption").text == text
    assert page.one("article", id="image-1").one("img").attributes["alt"] == f"{text} of {text}"
    if "<" in text:
        assert text not in path.read_text()
    # The same elements and attributes as for a harmless name.
    harmless = write_with_everywhere(path, "a.png")
    skeletons = [[(element.tag, list(element.attributes)) for element in everything(root)] for root in (page, harmless)]
    assert skeletons[0] == skeletons[1]
    assert page.one("script").text == harmless.one("script").text


def everything(element):
    return [element] + [other for child in element.children for other in everything(child)]


def test_names_that_are_not_unicode_can_be_written(path):
    page = write(path, [make_card("\udcff.png")])
    assert names(page.one("div", id="all")) == ["\\udcff.png"]


def test_a_page_loads_nothing_and_runs_only_its_own_script(path):
    page = write(path, [make_card()], curves=plots.panels([{"step": 0, "epoch": 0.0, "validation/l1": 0.5}]))
    policy = page.one("meta", **{"http-equiv": "Content-Security-Policy"}).attributes["content"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(page.one("script").text.encode()).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert rules["img-src"] == "data:"
    for element in everything(page):
        for key in ("src", "srcset", "href", "xlink:href"):
            assert re.match(r"data:image/(webp|svg\+xml);base64,|#", element.attributes.get(key, "#"))
    assert "url(" not in page.one("style").text
    assert "@import" not in page.one("style").text


def test_the_best_cell_is_marked_in_each_row_that_has_one(path):
    rows = [
        ("L1 ↓", ["0.312 ± 0.004", "0.731 ± 0.011"], 0),
        ("PSNR ↑", ["13.1", "14.2"], 1),
        ("FID ↓", ["n/a", "n/a"], None),
    ]
    page = write(path, tables=[Table("means", ["model", "identity"], rows)])
    table = page.one("table")
    assert table.one("caption").text == "means"
    assert [head.text for head in table.all("th", scope="col")] == ["metric", "model", "identity"]
    marks = [[cell.has("best") for cell in row.all("td")] for row in table.one("tbody").all("tr")]
    assert marks == [[True, False], [False, True], [False, False]]
    # Not by color alone.
    assert [strong.text for strong in table.all("strong")] == ["0.312 ± 0.004", "14.2"]
    assert table.all("th", scope="row")[0].text == "L1 ↓"


def test_a_section_without_content_is_left_out(path):
    bare = write(path)
    assert [heading.text.split()[0] for heading in bare.one("main").all("h2")] == ["All"]
    page = write(
        path,
        notes=["LPIPS is missing."],
        curves=plots.panels([{"step": 0, "epoch": 0.0, "validation/l1": 0.5}]),
        highlights={"best by L1": [make_card("1.png"), make_card("2.png")], "worst": [make_card("3.png")], "none": []},
        legend=error_legend(),
    )
    headings = [heading.text for heading in page.one("main").all("h2")]
    assert headings == ["Numbers", "Training", "best by L1", "worst", "All images 0"]
    assert [names(place) for place in page.all("div", **{"class": "cards large"})] == [["1.png", "2.png"], ["3.png"]]
    assert page.one("ul").text.strip() == "LPIPS is missing."
    (picture,) = page.all("picture")
    for image, ink in (
        (picture.one("img").attributes["src"], plots.LIGHT_INK),
        (picture.one("source").attributes["srcset"], plots.DARK_INK),
    ):
        assert ink in base64.b64decode(image.partition(",")[2]).decode()
    assert [tick.text for tick in page.one("ol").all("li")] == ["0", "0.25", "0.5", "0.75", "≥ 1"]


def test_ids_are_unique_and_references_have_targets(path):
    cards = [make_card(name) for name in ("a", "a", "b")]
    page = write(path, cards, tables=[Table("t", ["m"], [])], highlights={"x": cards[:2], "y": cards[:1]})
    elements = everything(page)
    ids = [element.attributes["id"] for element in elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for element in elements:
        assert element.attributes.get("aria-labelledby", "all") in ids
        assert element.attributes.get("href", "#all").removeprefix("#") in ids
        assert element.tag != "img" or element.attributes["alt"]


@pytest.mark.parametrize(("size", "is_pixelated"), [(8, True), (128, True), (129, False), (600, False)])
def test_small_images_show_their_pixels(path, size, is_pixelated):
    page = write(path, [Card("a", {}, {"source": webp(0, size)})])
    assert page.one("div", id="all").one("img").has("pixels") == is_pixelated


def test_cards_are_taken_one_at_a_time(path):
    sizes = []

    def cards():
        for number in range(40):
            (written,) = path.parent.iterdir()
            sizes.append(written.stat().st_size)
            yield Card(f"{number}.png", {"L1": 0.5}, {"source": bytes(webp(0)) + bytes(100_000)})

    write(path, cards(), count=40)
    # When a card is taken, all before it are in the file, except for the file's buffer of 8 kB.
    assert np.all(np.diff(sizes[1:]) > 100_000)


def test_memory_does_not_grow_with_the_number_of_cards(path):
    contents = webp(0)

    def cards(count):
        for number in range(count):
            yield Card(f"{number}.png", {"L1": 0.5}, {"source": contents + bytes(1_000_000)})

    def peak(count):
        tracemalloc.start()
        try:
            write_page(
                path,
                title="",
                subtitle="",
                facts={},
                tables=[],
                notes=[],
                curves=[],
                highlights={},
                cards=cards(count),
                count=count,
            )
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(1)
    # Ten cards more are 13 MB more on the disk.
    assert peak(12) - peak(2) < 1_000_000


def test_a_failed_write_leaves_the_old_page_and_nothing_else(path):
    def broken():
        yield make_card("1.png")
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        write(path, broken())
    assert list(path.parent.iterdir()) == []
    write(path, [make_card("old.png")])
    before = path.read_bytes()
    with pytest.raises(ValueError, match="disk full"):
        write(path, broken())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]
