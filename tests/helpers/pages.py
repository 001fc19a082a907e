"""Makes a small page with one model, for tests of what it shows."""

import json
import pathlib

from export.page.runtime import BUILDS, IMPORT, PACKAGE, VERSION
from export.page.write_site import write_site
from tests.helpers.runs import ROOT, make_pairs, untrained

INSTALLED = ROOT / "node_modules" / PACKAGE


def fake_runtime(folder: pathlib.Path, version: str = VERSION) -> pathlib.Path:
    """Makes a folder with the names of LiteRT.js' files, which run nothing."""
    for below in ("dist", "wasm"):
        (folder / below).mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"version": version}))
    (folder / "dist" / "index.js").write_text(
        f"import {{ createWasmLib }} {IMPORT};\n//# sourceMappingURL=index.js.map"
    )
    for build in BUILDS:
        (folder / "wasm" / f"{build}.js").write_text(build)
        (folder / "wasm" / f"{build}.wasm").write_bytes(b"\0asm" + build.encode())
    return folder


def small_page(folder: pathlib.Path, strategy: object, **options: object) -> tuple[pathlib.Path, pathlib.Path]:
    """Makes a run of 32×32 pixels and its page, with the LiteRT.js that npm installed, if any; returns both folders.

    The page also has blank.html, from which a test imports modules.
    """
    pairs = make_pairs(folder / "pairs", train=1, val=3, size=32)
    values = {"data": str(pairs), "image_size": (32, 32), "generator_width": 4, "gain": 5.0}
    run = untrained(folder / "toy", strategy, **values | options)
    runtime = INSTALLED if INSTALLED.is_dir() else fake_runtime(folder / "litert")
    write_site([run], folder / "site", titles=["blocks to blocks"], source_images=2, runtime=runtime)
    (folder / "site" / "blank.html").write_text('<!doctype html><title>blank</title><link rel="icon" href="data:,">')
    return run, folder / "site"
