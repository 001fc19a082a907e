"""The files of a page, what it refuses, and the server that shows it."""

import http.client
import json
import shutil
import signal
import tarfile
import threading
import urllib.request

import numpy as np
import pytest
from PIL import Image

from export import web
from export.page import server
from export.page.runtime import BUILDS, read_runtime
from export.page.write_site import write_site
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.pages import fake_runtime, small_page
from tests.helpers.ports import reserved_ports
from tests.helpers.runs import start, wait_for
from tfpix2pix.exported.open_model import open_model


@pytest.fixture(scope="module")
def page(tmp_path_factory, strategies):
    return small_page(tmp_path_factory.mktemp("page"), strategies[1])


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return fake_runtime(tmp_path_factory.mktemp("package") / "core")


def entries(site):
    return json.loads((site / "models.json").read_text())


def test_its_entry_has_all_keys(page):
    (entry,) = entries(page[1])
    size = (page[1] / "models" / "toy" / "model.tflite").stat().st_size
    assert entry == {
        "name": "toy",
        "title": "blocks to blocks",
        "engine": "litert",
        "file": "models/toy/model.tflite",
        "bytes": size,
        "precision": entry["precision"],
        "image_size": [32, 32],
        "multiple": 8,
        "source_channels": 3,
        "target_channels": 3,
        "palette": None,
        "background": "#ffffff",
        "sources": ["models/toy/source-1.png", "models/toy/source-2.png"],
        "step": 0,
        "resize_method": "bicubic",
    }
    assert entry["precision"] in ("float16", "float32")


def test_its_files(page):
    run, site = page
    assert {"index.html", "engine.js", "engine-worker.js", "picture.js", "load-wasm.js"} <= {
        path.name for path in site.glob("*.*")
    }
    (entry,) = entries(site)
    model = open_model(site / entry["file"])
    source = np.asarray(Image.open(site / entry["sources"][0]))
    assert (model.size, source.shape) == ((32, 32), (32, 32, 3))
    # AtoB: the first validation pair's left half.
    pair = np.asarray(Image.open(run.parent / "pairs" / "val" / "0.png"))
    np.testing.assert_array_equal(source, pair[:, :32])
    made = json.loads((site / "models" / "toy" / "export.json").read_text())
    assert (made["palette"], made["background"]) == (None, "#ffffff")


def test_the_runtime_asks_for_no_other_package(runtime):
    files = read_runtime(runtime, "nowhere")
    assert files["litert.js"] == b'import { createWasmLib } from "../load-wasm.js";\n'
    assert json.loads(files["runtime.json"])["bytes"] == {f"{build}.wasm": 4 + len(build) for build in BUILDS}


def test_the_runtime_in_other_places(runtime, tmp_path, monkeypatch):
    expected = read_runtime(runtime, "nowhere")
    shutil.copytree(runtime, tmp_path / "node_modules" / "@litertjs" / "core")
    assert read_runtime(tmp_path, "nowhere") == expected
    with tarfile.open(tmp_path / "core.tgz", "w:gz") as archive:
        archive.add(runtime, "package")
    assert read_runtime(tmp_path / "core.tgz", "nowhere") == expected
    monkeypatch.chdir(tmp_path)
    assert read_runtime("", "nowhere") == expected


def test_another_runtime_is_refused(tmp_path):
    other = fake_runtime(tmp_path / "other", "2.6.0")
    (tmp_path / "text.tgz").write_text("text")
    for given, words in ((other, "2.6.0"), (tmp_path / "nothing", "nothing"), (tmp_path / "text.tgz", "text.tgz")):
        with pytest.raises(InputError, match=words):
            read_runtime(given, tmp_path)


def test_a_page_is_updated(page, runtime, tmp_path):
    run, site = page
    site = shutil.copytree(site, tmp_path / "site")
    (entry,) = entries(site)
    others = [entry | {"name": name, "file": f"models/{name}/model.tflite"} for name in ("lost", "first", "last")]
    for name in ("first", "last"):
        shutil.copytree(site / "models" / "toy", site / "models" / name)
    (site / "models.json").write_text(json.dumps([*others[:2], entry, others[2]]))
    (site / "models" / "toy" / "source-9.png").write_bytes(b"of an earlier export")
    write_site([run], site, titles=["anew"], source_images=1, runtime=runtime)
    titles = {entry["name"]: entry["title"] for entry in entries(site)}
    assert list(titles.items()) == [("first", "blocks to blocks"), ("toy", "anew"), ("last", "blocks to blocks")]
    assert [path.name for path in (site / "models" / "toy").glob("*.png")] == ["source-1.png"]
    for folders, given, words in (([run, run], [], "toy"), ([run], ["a", "b"], "title")):
        with pytest.raises(InputError, match=words):
            write_site(folders, site, titles=given, runtime=runtime)


def test_the_server(page):
    site = page[1]
    with server.serving(site) as running:
        threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True).start()
        types = {}
        for name in ["", "engine.js", "models.json", f"runtime/{BUILDS[0]}.wasm", "models/toy/source-1.png"]:
            with urllib.request.urlopen(f"http://127.0.0.1:{running.server_port}/{name}") as answer:
                assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
                types[name.rpartition(".")[2]] = answer.headers["Content-Type"]
                assert answer.read() == (site / (name or "index.html")).read_bytes()
        assert types == {
            "": "text/html; charset=utf-8",
            "js": "text/javascript; charset=utf-8",
            "json": "application/json",
            "wasm": "application/wasm",
            "png": "image/png",
        }
        for path in ("/models", "/models/", "/../toy/config.json", "/nothing.js"):
            connection = http.client.HTTPConnection("127.0.0.1", running.server_port)
            connection.request("GET", path)
            assert connection.getresponse().status in (301, 404), path
            connection.close()
        running.shutdown()


def test_serving_needs_a_page_and_a_free_port(page, tmp_path):
    with pytest.raises(InputError, match="holds no page"), server.serving(tmp_path):
        pass
    with server.serving(page[1]) as first:
        port = first.server_port
        with pytest.raises(InputError, match=f"port={port}"), server.serving(page[1], port):
            pass
    with pytest.raises(InputError, match="run_dir"):
        call(web, f"--output={tmp_path}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(page, number):
    with reserved_ports(1) as (port,):
        process = start("export.web", "--serve", f"--output={page[1]}", f"--port={port}")

        def answers():
            try:
                return urllib.request.urlopen(f"http://127.0.0.1:{port}/").status == 200
            except OSError:
                return False

        wait_for(answers, process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert f"http://127.0.0.1:{port}/" in output
