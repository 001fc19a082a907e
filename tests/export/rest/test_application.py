"""The REST interface on real sockets, against the generator itself and Serving's documentation (api_rest)."""

import base64
import concurrent.futures
import io
import json
import logging
import threading

import numpy as np
import pytest
import requests
import tensorflow as tf
from google.protobuf import json_format
from PIL import Image
from starlette.applications import Starlette
from tensorflow.core.protobuf import saved_model_pb2

from export.rest.application import application
from export.rest.drawing_page import drawing_page
from export.rest.listening import check_origins, listen, make_server
from export.rest.served_model import ServedModel
from export.rest.work_queue import WorkQueue
from export.serving.answers import RefusedError
from export.serving.rest_client import RestClient
from export.serving.versions import SOURCES_FOLDER
from pipelines.system.terminal import InputError
from tests.export.serving.test_servable import SIZE, expected, servable
from tests.helpers.serving import RestServer
from tfpix2pix.config import Config

PIXELS = np.random.default_rng(6).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
ORIGIN = "https://example.org"


def file_of(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def b64(file):
    return {"b64": base64.b64encode(file).decode()}


PNG = file_of(PIXELS)


@pytest.fixture(scope="module")
def plain():
    return servable()


@pytest.fixture(scope="module")
def model(plain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny" / "3"
    tf.saved_model.save(plain, str(folder), signatures=plain.signatures())
    return ServedModel(str(folder))


@pytest.fixture(scope="module")
def base(model):
    with RestServer(application(model, max_body_bytes=100_000)) as server:
        yield f"http://127.0.0.1:{server.port}/v1/models/tiny"


def post(url, **body):
    return requests.post(f"{url}:predict", json=body, timeout=60)


def test_rows_and_columns_of_files(base, plain):
    """In all forms that the documentation has for a sole input, with the version in the path and without."""
    other = file_of(PIXELS[:9, :20])
    wanted = [b64(expected(plain, PNG)), b64(expected(plain, other))]
    files = [b64(PNG), b64(other)]
    named = [{"image_bytes": file} for file in files]
    assert post(base, instances=files[:1]).json() == {"predictions": wanted[:1]}
    assert post(f"{base}/versions/3", instances=named[:1]).json() == {"predictions": wanted[:1]}
    assert post(base, inputs=files[1:], signature_name="serving_default").json() == {"outputs": wanted[1:]}
    assert post(base, inputs={"image_bytes": files[:1]}).json() == {"outputs": wanted[:1]}
    both = post(base, instances=named).json()["predictions"]
    assert len(both) == 2
    assert post(base, instances=[]).json() == {"predictions": []}


def test_rows_and_columns_of_floats(base, plain):
    source = (PIXELS / np.float32(127.5) - 1)[None]
    wanted = plain.generator(source, training=False).numpy()
    common = {"signature_name": "translate"}
    for values in (source.tolist(), [{"source": row} for row in source.tolist()]):
        found = post(base, instances=values, **common).json()
        np.testing.assert_allclose(found["predictions"], wanted, atol=1e-6)
    for values in (source.tolist(), {"source": source.tolist()}):
        found = post(base, inputs=values, **common).json()
        np.testing.assert_allclose(found["outputs"], wanted, atol=1e-6)
    # Two inputs: by column only, since they have no common first axis.
    statistics = post(base, inputs=source.tolist(), signature_name="measure").json()["outputs"]
    inputs = {"source": source.tolist(), "statistics": statistics}
    found = post(base, inputs=inputs, signature_name="translate_with").json()["outputs"]
    np.testing.assert_allclose(found, wanted, atol=1e-4)


def test_webp_is_translated_as_the_png_of_its_pixels(base, plain):
    webp = file_of(PIXELS, "WEBP", lossless=True)
    assert post(base, instances=[b64(webp)]).json() == {"predictions": [b64(expected(plain, PNG))]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{", "JSON Parse error: "),
        ("[1]", "the body must be a JSON object"),
        ("[" * 100_000, "JSON Parse error: it is nested too deep"),
        ({}, '"instances" or "inputs" must be there'),
        ({"instances": [], "inputs": []}, '"instances" or "inputs" must be there'),
        ({"instances": 5}, '"instances" must be a list'),
        ({"instances": [], "signature_name": "nope"}, 'Serving signature name: "nope" not found'),
        ({"instances": [], "signature_name": ["nope"]}, '"signature_name" must be a text'),
        ({"instances": [{"b64": "a.b="}]}, "image_bytes 0 is not base64 ("),
        ({"instances": [b64(PNG), {"b64": 5}]}, "image_bytes 1 must be a file in base64"),
        ({"instances": [{"b64": ""}]}, "image 0 is empty"),
        ({"instances": [b64(PNG), b64(b"GIF89a")]}, "image 1 is a GIF, which is not taken"),
        ({"instances": [b64(PNG[:-30])]}, "Invalid PNG data, size "),
        ({"instances": [b64(PNG[:20] + b"\0\0\xff\xff" + PNG[24:])]}, "image 0 "),
        ({"instances": [{"other": b64(PNG)}]}, "instance 0 has ['other'], and the signature takes ['image_bytes']"),
        ({"inputs": {"other": [b64(PNG)]}}, "\"inputs\" has ['other'], and the signature takes ['image_bytes']"),
        ({"inputs": b64(PNG)}, "image_bytes must be a list"),
        ({"instances": [[1, 2], [3]], "signature_name": "translate"}, "source must be a list of numbers"),
        ({"instances": [None], "signature_name": "translate"}, "source must be a list of numbers"),
        ({"instances": ["1"], "signature_name": "translate"}, "source must be a list of numbers"),
        ({"instances": [1], "signature_name": "translate"}, "source has the shape (1,)"),
        ({"instances": np.zeros((1, 8, 9, 3)).tolist(), "signature_name": "translate"}, "height and width must be mul"),
    ],
)
def test_what_is_wrong_is_said_first(base, body, words):
    text = body if isinstance(body, str) else json.dumps(body)
    found = requests.post(f"{base}:predict", data=text, timeout=60)
    assert found.status_code == 400
    assert found.headers["Content-Type"] == "application/json"
    (error,) = found.json().values()
    assert error.startswith(words)


def test_paths(base):
    root = base.removesuffix("/tiny")
    for url in (f"{root}/other", f"{root}/tiny/versions/4", f"{root}/other/metadata"):
        found = requests.get(url, timeout=60)
        assert (found.status_code, "Servable not found for request: " in found.json()["error"]) == (404, True)
    assert "Specific(tiny, 4)" in post(f"{root}/tiny/versions/4", instances=[]).json()["error"]
    for method, path in (("GET", "/tiny:predict"), ("POST", "/tiny:classify"), ("GET", "/tiny/versions/x")):
        found = requests.request(method, root + path, timeout=60)
        words = f"Malformed request: {method} /v1/models{path}"
        assert (found.status_code, found.json()["error"].startswith(words)) == (400, True)


def test_status_and_metadata_as_documented(base, model):
    status = {"version": "3", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for url in (base, f"{base}/versions/3"):
        assert requests.get(url, timeout=60).json() == {"model_version_status": [status]}
    found = requests.get(f"{base}/metadata", timeout=60).json()
    assert found["model_spec"] == {"name": "tiny", "signature_name": "", "version": "3"}
    signatures = found["metadata"]["signature_def"]["signature_def"]
    files = signatures["serving_default"]
    shape = {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False}
    assert (files["inputs"]["image_bytes"]["dtype"], files["method_name"]) == (
        "DT_STRING",
        "tensorflow/serving/predict",
    )
    assert files["inputs"]["image_bytes"]["tensor_shape"] == files["outputs"]["image_bytes"]["tensor_shape"] == shape
    saved = saved_model_pb2.SavedModel.FromString((model.folder / "saved_model.pb").read_bytes())
    definitions = dict(saved.meta_graphs[0].signature_def)
    kind = type(definitions["translate"])
    assert {name: json_format.ParseDict(value, kind()) for name, value in signatures.items()} == definitions


@pytest.mark.parametrize("is_chunked", [False, True])
def test_a_body_that_is_too_large(base, is_chunked):
    body = bytes(100_001)
    found = requests.post(f"{base}:predict", data=iter([body]) if is_chunked else body, timeout=60)
    assert (found.status_code, "--max_body_mib" in found.json()["error"]) == (413, True)


def test_the_client_takes_it_for_the_pictures_fault(base):
    client = RestClient(base.split("/")[2], "tiny", None, 60.0, 0)
    with pytest.raises(RefusedError, match=r"^the request is too large"):
        client.translate([bytes(100_000)])
    assert client.translate([PNG])[0].startswith(b"\x89PNG")


def test_a_full_queue(model, plain, monkeypatch):
    """A request is held in its thread; the next one is refused at once, and the first answered when it is let go."""
    entered, released = threading.Event(), threading.Event()
    predict = model.predict

    def held(*arguments):
        entered.set()
        assert released.wait(60)
        return predict(*arguments)

    monkeypatch.setattr(model, "predict", held)
    with (
        RestServer(application(model, threads=1, max_queue=0)) as server,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        url = f"http://127.0.0.1:{server.port}/v1/models/tiny"
        first = pool.submit(post, url, instances=[b64(PNG)])
        assert entered.wait(60)
        second = post(url, instances=[b64(PNG)])
        assert (second.status_code, second.headers["Retry-After"]) == (503, "1")
        assert second.json()["error"].startswith("the server is busy")
        # What takes no place is answered meanwhile.
        assert requests.get(url, timeout=60).ok
        released.set()
        assert first.result().json() == {"predictions": [b64(expected(plain, PNG))]}
        assert post(url, instances=[b64(PNG)]).ok


def test_places_are_those_of_threads_and_of_the_queue():
    queue = WorkQueue(threads=1, waiting=1)
    with queue.place():
        with queue.place(), pytest.raises(tf.errors.UnavailableError, match="busy: 2 requests"), queue.place():
            pass
        with queue.place():
            pass


def test_pages_of_other_origins(model, base):
    """Without --cors_origin a browser refuses an answer to them; with it only to others."""
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }

    def allowed(url, origin):
        preflight = requests.options(f"{url}:predict", headers=asked | {"Origin": origin}, timeout=60)
        plain = requests.get(url, headers={"Origin": origin}, timeout=60)
        return [answer.headers.get("Access-Control-Allow-Origin") for answer in (preflight, plain)]

    assert allowed(base, ORIGIN) == [None, None]
    with RestServer(application(model, cors_origins=["http://localhost:8000", ORIGIN])) as server:
        url = f"http://127.0.0.1:{server.port}/v1/models/tiny"
        assert allowed(url, ORIGIN) == [ORIGIN, ORIGIN]
        assert allowed(url, "https://example.com") == [None, None]
        # An error may be read, too.
        found = requests.post(f"{url}:predict", data="{", headers={"Origin": ORIGIN}, timeout=60)
        assert (found.status_code, found.headers["Access-Control-Allow-Origin"]) == (400, ORIGIN)
    check_origins(["*", "http://localhost:8000", ORIGIN])
    for wrong in ("example.org", f"{ORIGIN}/", "https://"):
        with pytest.raises(InputError, match=f"cors_origin={wrong} "):
            check_origins([wrong])


def test_the_drawing_page_asks_this_server(model, monkeypatch, tmp_path):
    """The page's files, an entry with all keys that those of export.web have but the file's, and sources."""
    config = Config(source_channels=1, source_resize_method="area")
    about = {
        "image_size": [*SIZE],
        "multiple": 8,
        "step": 70,
        "background": "#0000aa",
        "palette": [{"name": "wall", "color": "#0000aa"}],
    }
    (tmp_path / "index.html").write_text("<p>Draw")
    (tmp_path / "main.js").write_text("main()")
    folder = tmp_path / "1"
    (folder / SOURCES_FOLDER).mkdir(parents=True)
    (folder / SOURCES_FOLDER / "source-1.png").write_bytes(PNG)
    monkeypatch.setattr(model, "folder", folder)

    def get(config, description, assets, *paths):
        monkeypatch.setattr(model, "description", description)
        monkeypatch.setattr(model, "config", config)
        pages, why = drawing_page(model, assets)
        with RestServer(application(model, pages=pages)) as server:
            return [requests.get(f"http://127.0.0.1:{server.port}/{path}", timeout=60) for path in paths], why

    paths = ("", "main.js", "models.json", "v1/models/tiny", "nope", "sources/nope", "sources/source-1.png")
    (index, script, models, status, *lost, source), why = get(config, about, tmp_path, *paths)
    assert (index.text, script.text, status.ok, why) == ("<p>Draw", "main()", True, "")
    assert [answer.status_code for answer in lost] == [404, 404]
    assert list(lost[0].json()) == ["error"]
    assert index.headers["Content-Type"].startswith("text/html")
    assert "javascript" in script.headers["Content-Type"]
    (entry,) = models.json()
    assert (entry["engine"], entry["url"], entry["step"]) == ("rest", "/v1/models/tiny:predict", 70)
    assert (entry["palette"], entry["background"]) == (about["palette"], "#0000aa")
    assert (entry["source_channels"], entry["resize_method"]) == (1, "area")
    assert (entry["sources"], source.content) == (["sources/source-1.png"], PNG)
    # Exports that do not tell enough, another kind of pictures, and a package without the page.
    for another, description, assets, words in (
        (None, {}, tmp_path, "earlier version"),
        (config, {}, tmp_path, "earlier version"),
        (Config(target_labels=3), about, tmp_path, "target_labels=3"),
        (config, about, tmp_path / "nowhere", "nowhere"),
    ):
        (line,), why = get(another, description, assets, "")
        assert line.text == f"tiny, version 3: POST /v1/models/tiny:predict\n{why}\n"
        assert words in why


def test_a_stopped_loop_is_asked_again(model, monkeypatch):
    calls = []

    def stopped(**tensors):
        calls.append(tensors)
        if len(calls) < 3:
            raise tf.errors.CancelledError(None, None, "Loop execution was cancelled.")
        return {"image_bytes": tensors["image_bytes"]}

    stopped.structured_input_signature = ((), {"image_bytes": tf.TensorSpec((None,), tf.string)})
    monkeypatch.setattr(model, "signature", lambda name: stopped)
    assert model.predict("any", {"image_bytes": np.array([b"a"], object)})["image_bytes"].tolist() == [b"a"]
    monkeypatch.setattr("export.serving.queues.TRIES", 2)
    calls.clear()
    with pytest.raises(tf.errors.InvalidArgumentError, match="cannot be decoded: it is damaged"):
        model.predict("any", {"image_bytes": np.array([b"a"], object)})
    assert len(calls) == 2


def test_a_port_that_is_taken():
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port={port} of host=127.0.0.1 .*in use"):
            listen("127.0.0.1", port)
    with pytest.raises(InputError, match="host=no such host"):
        listen("no such host", 0)


def test_handlers_of_other_loggers_stay_open():
    closed = []

    class Handler(logging.Handler):
        def close(self):
            closed.append(self)

    handler = Handler()
    make_server(Starlette())
    assert not closed, handler
