"""Modules of the page in Chromium, without a network: shapes, links, and which drawings are translated."""

import shutil

from export.page import ASSETS
from tests.helpers.chromium import open_chromium, served

SCRIPT = """
await page.goto(values.url + "blank.html");
return await page.evaluate(async () => {
  const { Drawing } = await import("./drawing/drawing.js");
  const { pack, unpack } = await import("./drawing/link.js");
  const { Translations } = await import("./showing/translations.js");

  const labels = [{ name: "paper", color: "#ffffff" }, { name: "wood", color: "#a05020" }];
  const points = (...pairs) => pairs.map(([x, y]) => ({ x, y }));
  const draw = (palette, strokes) => {
    const drawing = new Drawing(8, 6, "#ffffff", palette);
    for (const [tool, [first, ...others], size = 1] of strokes) {
      drawing.begin(first, { color: "#a05020", size, tool });
      for (const point of others) drawing.move(point);
      drawing.end();
    }
    return drawing.words;
  };
  const marks = (...strokes) => {
    const signs = { 0xff2050a0: "#", 0xffffffff: "." };
    return Array.from(draw(labels, strokes), (word) => signs[word] ?? "+").join("").match(/.{8}/g);
  };
  const line = ["line", points([0.2, 0.9], [3.1, 1.2], [5.9, 5.1])];
  const shapes = {
    dot: marks(["pen", points([2.9, 2.1]), 3]),
    even: marks(["pen", points([2.9, 2.1]), 2]),
    line: marks(line),
    filled: marks(line, ["fill", points([7.5, 0.5])]),
    erased: marks(["rectangle", points([-3, 1], [9, 3.9])], ["eraser", points([0, 2.5], [7.9, 2.5])]),
  };
  const soft = draw(null, [["pen", points([2, 2.5], [5, 2.5], [2, 2.5]), 2]]);

  const random = (side) => {
    const drawing = new Drawing(side, side, "#ffffff", null);
    drawing.open(crypto.getRandomValues(new Uint32Array(side * side)).map((word) => word | 0xff000000));
    return drawing;
  };
  const empty = (side) => async () => new Uint32Array(side * side).fill(0xffffffff);
  const drawing = random(40);
  const link = (await pack(drawing, "a b/c", empty(40))).split("/");
  const links = {
    name: link[0],
    isSame: String((await unpack(link[1], 40, 40, empty(40))).words) === String(drawing.words),
    other: await unpack(link[1], 40, 40, async () => drawing.words).catch(({ message }) => message),
    size: await unpack(link[1], 40, 48, empty(40)).catch(({ message }) => message),
    long: await pack(random(80), "free", empty(80)).catch(({ message }) => message),
  };

  const { Palette } = await import("./drawing/palette.js");
  const house = { background: "#0000de", facade: "#0005ff", roof: "#ff5500", window: "#0054ff", door: "#00cfff" };
  const named = Object.entries(house).map(([name, color]) => ({ name, color }));
  const picture = (parts) => Uint32Array.from(Object.entries(parts).flatMap(([color, count]) =>
    Array(count).fill((0xff000000 | Number(`0x${color.slice(5)}${color.slice(3, 5)}${color.slice(1, 3)}`)) >>> 0)));
  const first = (palette, parts, act = () => {}) => {
    const made = new Palette(document.createElement("div"), palette, house.background);
    act(made);
    made.suggest(picture(parts));
    return made.color;
  };
  // The windows have the noise of JPEG.
  const parts = { "#0000de": 300, "#0005ff": 400, "#ff5500": 1, "#00cfff": 90, "#0054ff": 5, "#0350fc": 6 };
  const firsts = {
    seen: first(named, parts),
    empty: first(named, { "#0000de": 90 }),
    chosen: first(named, parts, (palette) => palette.choose(4)),
    free: first(null, parts),
  };

  const [asked, shown] = [[], []];
  const translate = async (image) => {
    asked.push(image);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return { image, milliseconds: 20 };
  };
  const translations = new Translations({ translate, close() {} }, ({ image }) => shown.push(image), () => {});
  for (const picture of [1, 2, 3]) translations.request(() => picture);
  await translations.settled;
  translations.request(() => 4);
  translations.close();
  await translations.settled;
  return { shapes, soft: Array.from(soft.subarray(8, 16), (word) => word & 255), links, firsts, asked, shown };
});
"""


def test_shapes_and_links_are_exact_and_the_newest_drawing_wins(tmp_path):
    site = shutil.copytree(ASSETS, tmp_path / "site")
    (site / "blank.html").write_text('<!doctype html><title>blank</title><link rel="icon" href="data:,">')
    with open_chromium() as browser, served(site) as url:
        visit = browser.run(SCRIPT, url=url)
    assert visit.errors == []
    found = visit.result
    assert found["shapes"] == {
        "dot": ["........", ".###....", ".###....", ".###....", "........", "........"],
        "even": ["........", "..##....", "..##....", "........", "........", "........"],
        "line": ["#.......", ".#......", "..#.....", "...#....", "....#...", ".....#.."],
        "filled": ["########", ".#######", "..######", "...#####", "....####", ".....###"],
        "erased": ["........", "########", "........", "########", "........", "........"],
    }
    # A pen two pixels wide whose middle is pixel row 2's covers half of row 1: once, though it passed twice. Of red 160
    # and white, half is 207.5.
    assert found["soft"][2:5] == [208, 208, 208]
    links = found["links"]
    assert (links["name"], links["isSame"]) == ("#a%20b%2Fc", True)
    for name, words in (("other", "has changed"), ("size", "40×40"), ("long", "16,000")):
        assert words in links[name]
    assert found["firsts"] == {"seen": "#0054ff", "empty": "#0005ff", "chosen": "#00cfff", "free": "#000000"}
    assert (found["asked"], found["shown"]) == ([1, 3, 4], [1, 3])
