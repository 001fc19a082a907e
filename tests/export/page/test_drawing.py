"""Uses the page in Chromium as people do: compares drawings pixel by pixel, and results with those of translate."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

import tfpix2pix
from pipelines.images import transforms
from tests.helpers.chromium import open_chromium, served
from tests.helpers.pages import INSTALLED, small_page

WALL, WINDOW, DOOR, ROOF = (0, 0, 170), (0, 85, 255), (170, 255, 85), (255, 85, 0)
PALETTE = {"wall": WALL, "window": WINDOW, "door": DOOR, "roof": ROOF}

# Functions of the scripts below. The page says by aria-busy whether the result is that of the drawing.
BEGIN = """
// Colors halfway between two states are not judged.
await page.emulateMedia({ reducedMotion: "reduce" });
const ready = () => page.waitForSelector("#result-frame[aria-busy=false]");
const pixels = (id) => page.evaluate((id) => {
  const canvas = document.getElementById(id);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.height, canvas.width, Array.from(data)];
}, id);
const shown = async () => {
  await ready();
  return { drawing: await pixels("drawing"), result: await pixels("result") };
};
const drag = async (...points) => {
  const box = await page.locator("#drawing").boundingBox();
  const { width, height } = await page.evaluate(() => {
    const { width, height } = document.getElementById("drawing");
    return { width, height };
  });
  const at = ([x, y]) => [box.x + (x + 0.5) / width * box.width, box.y + (y + 0.5) / height * box.height];
  await page.mouse.move(...at(points[0]));
  await page.mouse.down();
  for (const point of points.slice(1)) await page.mouse.move(...at(point));
  await page.mouse.up();
};
const color = (name) => page.getByRole("button", { name, exact: true }).click();
const press = (key) => page.keyboard.press(key);
const open = (name, file) =>
  page.setInputFiles("#file", { name, mimeType: "image/png", buffer: Buffer.from(file, "base64") });
const problem = async () => {
  await page.waitForSelector("#problem:not([hidden])");
  const text = await page.textContent("#problem-text");
  await page.click("#dismiss");
  return text;
};
const overflow = () =>
  page.evaluate(() => [...document.querySelectorAll("body, header, main, .panel, .bar, .frame, .offers")]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 0.5).map((element) => element.className));
const findings = async () => {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run());
  return violations.filter(({ impact }) => ["serious", "critical"].includes(impact))
    .map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
};
"""


@pytest.fixture(scope="module")
def browser():
    if not INSTALLED.is_dir():
        pytest.skip("LiteRT.js is not installed; npm ci installs it")
    with open_chromium("--use-fake-device-for-media-stream") as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page(tmp_path_factory, strategies):
    """A run and its page, where the run's model has a palette, another has none, and the file of a third is lost."""
    run, site = small_page(tmp_path_factory.mktemp("page"), strategies[1])
    (entry,) = json.loads((site / "models.json").read_text())
    labels = [{"name": name, "color": "#{:02x}{:02x}{:02x}".format(*color)} for name, color in PALETTE.items()]
    entries = [entry | {"palette": labels, "background": labels[0]["color"]}]
    entries += [entry | {"name": "free"}, entry | {"name": "lost", "file": "models/lost/model.tflite"}]
    (site / "models.json").write_text(json.dumps(entries))
    return tfpix2pix.load_run(run), site


def levels(image):
    height, width, values = image
    pixels = np.asarray(values, np.uint8).reshape(height, width, 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def assert_translated(run, seen, file):
    """The result is that of translate for the same drawing, saved as PNG."""
    Image.fromarray(levels(seen["drawing"])).save(file)
    difference = np.abs(levels(seen["result"]).astype(int) - run.translate(file))
    assert difference.max() <= 1
    assert difference.mean() < 0.1


DRAW = (
    BEGIN
    + """
await page.goto(values.url);
const seen = [await shown()];
await press("r");
await color("door");
await drag([4, 5], [20, 14]);
seen.push(await shown());
await color("roof");
await drag([30, 30], [22, 3]);
seen.push(await shown());
await press("Control+z"); seen.push(await shown());
await press("Control+z"); seen.push(await shown());
await press("Control+Shift+z"); seen.push(await shown());
await press("Control+y"); seen.push(await shown());
await press("f");
await color("window");
await drag([12, 9]);
seen.push(await shown());
const [download] = await Promise.all([page.waitForEvent("download"), page.click("#save-result")]);
const chunks = [];
for await (const chunk of await download.createReadStream()) chunks.push(chunk);
await page.click("#share");
await page.waitForSelector("#link[open]"); // the drawing is compressed first
const link = await page.inputValue("#link input");
const inDialog = await findings();
await page.goto("about:blank");
await page.goto(link);
await page.waitForFunction(() => !document.getElementById("undo").disabled);
seen.push(await shown());
await page.click("#clear");
seen.push(await shown());
return { seen, link, saved: [download.suggestedFilename(), Buffer.concat(chunks).toString("base64")], inDialog };
"""
)


def test_what_is_drawn_is_exact_and_the_result_is_that_of_translate(browser, page, tmp_path):
    run, site = page
    with served(site) as url:
        visit = browser.run(DRAW, url=url)
    assert (visit.errors, visit.hosts) == ([], {"127.0.0.1"})
    source = np.asarray(Image.open(site / "models" / "toy" / "source-1.png"))
    once = source.copy()
    once[5:15, 4:21] = DOOR
    twice = once.copy()
    twice[3:31, 22:31] = ROOF
    filled = twice.copy()
    filled[5:15, 4:21] = WINDOW
    empty = np.broadcast_to(np.uint8(WALL), source.shape)
    expected = [source, once, twice, once, source, once, twice, filled, filled, empty]
    for number, (seen, pixels) in enumerate(zip(visit.result["seen"], expected, strict=True)):
        np.testing.assert_array_equal(levels(seen["drawing"]), pixels, err_msg=f"drawing {number}")
        assert_translated(run, seen, tmp_path / "drawing.png")
    name, saved = visit.result["saved"]
    assert name == "toy-result.png"
    result = np.asarray(Image.open(io.BytesIO(base64.b64decode(saved))).convert("RGB"))
    np.testing.assert_array_equal(result, levels(visit.result["seen"][7]["result"]))
    assert len(visit.result["link"]) < 300
    assert visit.result["inDialog"] == []


OPEN = (
    BEGIN
    + """
await page.goto(values.url);
await ready();
const found = { findings: [await findings()], overflow: [], words: [] };
await open("wide.png", values.picture);
await page.waitForFunction(() => document.getElementById("status").textContent.includes("60×41"));
found.wide = await shown();
await page.click("#compare");
await page.click("#compare-original");
found.compared = await pixels("compared");
await open("broken.png", values.broken);
found.words.push(await problem());
found.after = await shown();
await page.click("#webcam");
found.words.push(await problem());
await page.context().grantPermissions(["camera"]);
await page.click("#webcam");
await page.waitForFunction(() => /[1-9].* frames a second/.test(document.getElementById("speed").textContent));
await page.click("#webcam");
found.webcam = await shown();
await page.emulateMedia({ colorScheme: "dark" });
for (const width of [360, 820, 1280]) {
  await page.setViewportSize({ width, height: 800 });
  found.overflow.push(...await overflow());
  if (width === 360) found.findings.push(await findings());
}
return found;
"""
)


def test_pictures_of_any_size_broken_files_and_the_webcam(browser, page, tmp_path):
    run, site = page
    picture = np.random.default_rng(0).integers(0, 256, (41, 60, 3), dtype=np.uint8)
    broken = base64.b64encode(b"\x89PNG\r\n\x1a\nnothing").decode()
    with served(site) as url:
        visit = browser.run(OPEN, url=url, picture=encoded(picture), broken=broken)
    assert (visit.errors, visit.hosts) == ([], {"127.0.0.1"})
    found = visit.result
    expected = transforms.resize(picture / np.float32(255), (32, 32), "bicubic") * 255
    assert np.abs(levels(found["wide"]["drawing"]) - expected).max() < 0.51
    np.testing.assert_array_equal(levels(found["compared"]), picture)
    for seen in (found["wide"], found["webcam"]):
        assert_translated(run, seen, tmp_path / "drawing.png")
    assert found["after"] == found["wide"]
    for text, words in zip(found["words"], ("broken.png", "Allow it"), strict=True):
        assert words in text
    assert found["findings"] == [[], []]
    assert found["overflow"] == []


FAIL = (
    BEGIN
    + """
const said = [];
for (const link of values.links) {
  await page.goto(values.url + link); // the first loads the page, the others change its address
  said.push(await problem());
}
await page.goto("about:blank");
await page.goto(values.url + "#lost");
await page.waitForSelector("#failure:not([hidden])");
said.push(await page.textContent("#failure-text"));
await page.selectOption("#model", "free");
return { said, ...await shown() };
"""
)


def test_broken_links_and_lost_models_are_told_in_words(browser, page, tmp_path):
    run, site = page
    links = ["#toy/AAAA", "#toy/!", "#toy/" + "A" * 20_000, "#nobody/AAAA", "#%E0%A4%A"]
    with served(site, isolated=False) as url:
        visit = browser.run(FAIL, url=url, links=links)
    *broken, lost = visit.result["said"]
    assert all("link" in text and text.endswith(".") for text in broken)
    assert "nobody" in broken[3]
    assert "404" in lost
    # The console names the missing file, and nothing else.
    assert all("404" in error for error in visit.errors)
    assert_translated(run, visit.result, tmp_path / "drawing.png")
