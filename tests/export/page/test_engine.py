"""The page's network and resizing in Chromium against Python's; what it says when a model does not load."""

import base64
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfpix2pix
from pipelines.images import transforms
from tests.helpers.chromium import open_chromium, served
from tests.helpers.pages import small_page

# Puts functions into the page: `send` and `receive` turn pictures to lists and back.
OPEN = """
await page.goto(values.url + "blank.html");
await page.evaluate(() => {
  self.receive = ([height, width, levels]) => new ImageData(new Uint8ClampedArray(levels), width, height);
  self.send = (image) => [image.height, image.width, Array.from(image.data)];
});
"""
TRANSLATE = (
    """
await page.addInitScript((isFallbackAdapter) => {
  const gpu = { requestAdapter: async () => ({ info: { isFallbackAdapter } }) };
  Object.defineProperty(navigator, "gpu", { value: gpu });
}, values.isFallbackAdapter);
"""
    + OPEN
    + """
return await page.evaluate(async ({ model, image }) => {
  const { openEngine } = await import("./engine.js");
  const progress = [];
  const engine = await openEngine(model, { onProgress: (now) => progress.push(now) });
  const result = await engine.translate(receive(image));
  const second = await engine.translate(receive(image));
  engine.close();
  const after = await engine.translate(receive(image)).catch((error) => error.message);
  return { backend: engine.backend, image: send(result.image), second: send(second.image), progress, after };
}, values);
"""
)


@pytest.fixture(scope="module")
def browser():
    with open_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory, strategies):
    return small_page(tmp_path_factory.mktemp("page"), strategies[1])


def as_rgba(levels):
    """Returns the RGBA pixels that a canvas holds of an image `(H, W, C)` of 1, 3 or 4 channels."""
    channels = levels.shape[-1]
    colors = np.repeat(levels, 3, axis=-1) if channels == 1 else levels[..., :3]
    alpha = levels[..., 3:] if channels == 4 else np.full((*levels.shape[:2], 1), 255, np.uint8)
    return np.concatenate([colors, alpha], axis=-1)


def sent(levels):
    return [*levels.shape[:2], as_rgba(levels).ravel().tolist()]


def received(image):
    height, width, levels = image
    return np.asarray(levels, np.uint8).reshape(height, width, 4)


def test_a_source_is_translated_as_by_python(browser, page):
    run, site = page
    (model,) = json.loads((site / "models.json").read_text())
    file = site / model["sources"][0]
    expected = tfpix2pix.load_run(run).translate(file).astype(int)
    assert np.ptp(expected) > 100
    source = np.asarray(Image.open(file))
    backends = {}
    for isolated in (True, False):
        with served(site, isolated) as url:
            # The page has a GPU that fails in the worker, which then takes threads; or one that it should not take.
            given = {"model": model, "image": sent(source), "isFallbackAdapter": not isolated}
            visit = browser.run(TRANSLATE, url=url, **given)
        builds = {name.rpartition("/")[2] for name in visit.requests if name.endswith("_internal.wasm")}
        failed = {"litert_wasm_internal.wasm"} if isolated else set()
        assert builds == failed | {f"litert_wasm{'_threaded' * isolated}_internal.wasm"}
        assert (visit.errors, visit.hosts) == ([], {"127.0.0.1"})
        backends[isolated] = visit.result["backend"]
        for name in ("image", "second"):
            difference = np.abs(received(visit.result[name])[..., :3] - expected)
            assert difference.max() <= 1
            assert difference.mean() < 0.1
        progress = visit.result["progress"]
        assert progress[-1]["loaded"] == progress[-1]["total"] > model["bytes"] + 9_000_000
        assert visit.result["after"] == "The model was closed."
    assert backends[True].startswith("wasm, ")
    assert backends[True].endswith(("thread", "threads"))
    assert backends[False] == "wasm"


FIT = (
    OPEN
    + """
return await page.evaluate(async ({ cases }) => {
  const { fit } = await import("./picture.js");
  return cases.map(([image, size, method]) => send(fit(receive(image), size, method)));
}, values);
"""
)
METHODS = ("bicubic", "bilinear", "lanczos3", "area", "nearest")
# From, to: down, up, odd, both at once, by much, the same.
SIZES = [((40, 60), (20, 30)), ((13, 9), (32, 32)), ((37, 53), (21, 64)), ((101, 7), (8, 9)), ((1, 5), (4, 4)),
         ((16, 16), (16, 16))]  # fmt: skip


def test_pictures_are_resized_as_by_python(browser, page):
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*before, 3), dtype=np.uint8) for before, _ in SIZES]
    cases = [(image, after, method) for method in METHODS for image, (_, after) in zip(pictures, SIZES, strict=True)]
    with served(page[1]) as url:
        visit = browser.run(FIT, url=url, cases=[(sent(image), after, method) for image, after, method in cases])
    assert visit.errors == []
    for (image, after, method), result in zip(cases, visit.result, strict=True):
        expected = transforms.resize(tf.constant(image / np.float32(255)), after, method) * 255
        found = received(result)
        assert (found[..., 3] == 255).all()
        assert np.abs(found[..., :3] - expected).max() < 0.51, (image.shape, after, method)


NUMBERS = (
    OPEN
    + """
return await page.evaluate(async ({ image, values }) => {
  const { toTensor, toImage } = await import("./picture.js");
  const numbers = new Float32Array(values);
  const results = [1, 3].map((channels) => send(toImage(numbers, [2, numbers.length / 2 / channels], channels)));
  return { tensors: [1, 3, 4].map((channels) => Array.from(toTensor(receive(image), channels))), results };
}, values);
"""
)


def test_numbers_are_those_of_python(browser, page):
    image = np.random.default_rng(1).integers(0, 256, (3, 5, 4), dtype=np.uint8)
    image[0, 0] = (10, 20, 30, 0)
    values = np.random.default_rng(2).uniform(-1.2, 1.2, 24).astype(np.float32)
    values[:4] = [-1, 1, 0, 1 / 255]
    with served(page[1]) as url:
        result = browser.run(NUMBERS, url=url, image=sent(image), values=values.tolist()).result
    unit = tf.constant(image / np.float32(255))
    for channels, found in zip((1, 3, 4), result["tensors"], strict=True):
        expected = transforms.normalize(transforms.to_channels(unit, channels))
        # What is transparent is laid over white, to the nearest level.
        np.testing.assert_allclose(
            np.reshape(found, (3, 5, channels)), expected, atol=1e-6 if channels == 4 else 1.1 / 255
        )
    for channels, found in zip((1, 3), result["results"], strict=True):
        expected = transforms.to_uint8(values.reshape(2, -1, channels)).numpy()
        np.testing.assert_array_equal(received(found), as_rgba(expected))


FAIL = (
    OPEN
    + """
return await page.evaluate(async ({ model }) => {
  const { openEngine } = await import("./engine.js");
  return await openEngine(model).then(() => "opened", (error) => error.message);
}, values);
"""
)


def test_models_that_do_not_load_say_so_in_words(browser, page, tmp_path):
    site = shutil.copytree(page[1], tmp_path / "site")
    (model,) = json.loads((site / "models.json").read_text())
    whole = (site / model["file"]).read_bytes()
    (site / "text.tflite").write_text("no model at all")
    (site / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    said = {}
    with served(site, isolated=False) as url:
        for name in ("missing.tflite", "text.tflite", "cut.tflite"):
            said[name] = browser.run(FAIL, url=url, model=model | {"file": name}).result
        (site / "runtime" / "litert_wasm_internal.wasm").unlink()
        said["runtime"] = browser.run(FAIL, url=url, model=model).result
    assert all("“blocks to blocks”" in text and text.endswith(".") for text in said.values()), said
    for name, words in (("missing.tflite", "404"), ("text.tflite", "damaged"), ("runtime", "litert_wasm_internal")):
        assert words in said[name]


SERVER = (
    """
let body;
await page.route("**/v1/**", async (route) => {
  body = route.request().postDataJSON();
  await route.fulfill(values.answer);
});
"""
    + OPEN
    + """
const result = await page.evaluate(async ({ model, image }) => {
  const { openEngine } = await import("./engine.js");
  const engine = await openEngine(model);
  try {
    return [engine.backend, send((await engine.translate(receive(image))).image)];
  } catch (error) {
    return error.message;
  }
}, values);
return { result, body };
"""
)


def test_a_server_translates(browser, page):
    rng = np.random.default_rng(3)
    source, generated = rng.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(generated).save(file, "PNG")
    (model,) = json.loads((page[1] / "models.json").read_text())
    model |= {"engine": "rest", "url": "/v1/models/toy:predict"}
    encoded = base64.b64encode(file.getvalue()).decode()
    answers = [
        {"json": {"predictions": [{"b64": encoded}]}},
        {"status": 400, "json": {"error": "it is too large"}},
    ]
    with served(page[1]) as url:
        good, bad = (
            browser.run(SERVER, url=url, model=model, image=sent(source), answer=answer).result for answer in answers
        )
    backend, image = good["result"]
    assert backend == "server"
    np.testing.assert_array_equal(received(image), as_rgba(generated))
    (instance,) = good["body"]["instances"]
    posted = Image.open(io.BytesIO(base64.b64decode(instance["image_bytes"]["b64"])))
    np.testing.assert_array_equal(np.asarray(posted.convert("RGB")), source)
    assert "it is too large" in bad["result"]
