"""Measures milliseconds per image in Chromium and in LiteRT on this machine, for docs/web.md; prints a table.

    python docs/web_speed.py [SIZExWIDTH ...]

U-Nets with untrained weights: 64×64 of width 16, 128×128 of width 32, 256×256 of width 64, or what is given. In the
browser a picture goes through the page's engine: from pixels to numbers, through the network, and back to pixels. Each
figure is the median of RUNS, after as many that warm up as WARM. The processor should have nothing else to do.
Chromium, Node and playwright-core (npm ci) are needed.
"""

import os
import pathlib
import statistics
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

from export.formats.litert import convert
from export.page.write_site import write_page
from tests.helpers.chromium import open_chromium, served
from tfpix2pix.exported.tflite_file import Runner
from tfpix2pix.networks.generators.unet import unet

NETWORKS = ("64x16", "128x32", "256x64")
KINDS = ("float32", "float16", "dynamic_int8")
RUNS, WARM = 15, 3

IN_BROWSER = """
await page.goto(values.url + "blank.html");
return await page.evaluate(async ({ model, backends, warm, runs }) => {
  const { openEngine } = await import("./engine.js");
  const engine = await openEngine(model, { backends });
  const image = new ImageData(model.image_size[1], model.image_size[0]);
  const times = [];
  for (let i = 0; i < warm + runs; i++) times.push((await engine.translate(image)).milliseconds);
  engine.close();
  return times.slice(warm);
}, values);
"""


def native(file: bytes, size: int, threads: int) -> float:
    """Returns the median milliseconds of LiteRT itself."""
    translate, source, times = Runner(file, threads), np.zeros((size, size, 3), np.float32), []
    for _ in range(WARM + RUNS):
        start = time.perf_counter()
        translate(source)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[WARM:])


def main() -> None:
    """Prints a row for each network and kind of file."""
    threads = os.cpu_count() or 1
    print(f"| network | file | bytes | Chromium, 1 thread | {threads} threads | LiteRT, 1 thread | {threads} threads |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, open_chromium() as browser:
        site = pathlib.Path(folder)
        write_page(site, "", "data")
        (site / "blank.html").write_text('<!doctype html><title>blank</title><link rel="icon" href="data:,">')
        for name in sys.argv[1:] or NETWORKS:
            size, width = map(int, name.split("x"))
            network = unet((size, size), width=width, products=False)
            for kind, file in convert(network, (size, size), KINDS, [], {"any_size": False}):
                (site / "model.tflite").write_bytes(file)
                sizes = {"image_size": [size, size], "source_channels": 3, "target_channels": 3}
                model = {"title": name, "file": "model.tflite", "bytes": len(file), **sizes}
                figures = []
                with served(site) as url:
                    for backend in ("wasm", "threads"):
                        given = {"model": model, "backends": [backend], "warm": WARM, "runs": RUNS}
                        figures.append(statistics.median(browser.run(IN_BROWSER, url=url, **given).result))
                figures += [native(file, size, count) for count in (1, threads)]
                cells = " | ".join(f"{figure:.1f}" for figure in figures)
                print(f"| {size}×{size}, width {width} | {kind} | {len(file):,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
