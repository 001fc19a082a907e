"""The client against a server on the protocol's own classes."""

import base64
import concurrent.futures
import contextlib
import gzip
import http.server
import json
import re
import socket
import threading
import time
import tracemalloc

import grpc
import numpy as np
import pytest
import requests
import tensorflow as tf

import export.serving.transport
from export import client, saved_model
from export.client import latency
from export.serving.protocol import predict_pb2, prediction_service_pb2_grpc
from export.serving.transport import Grpc, RefusedError, Rest, UnreachableError
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.serving import Server
from tfpix2pix import translate

PROTOCOLS = ("rest", "grpc")
# How a PNG begins (PNG specification, 5.2 and 11.2.2).
PNG = bytes([0x89, *b"PNG", 13, 10, 26, 10, 0, 0, 0, 13, *b"IHDR"])


@pytest.fixture(scope="module")
def server(short_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "negative"
    assert call(saved_model, f"--run_dir={short_run}", f"--export_dir={folder}", "--parity_images=1") == 0
    with Server(folder) as started:
        yield started


@pytest.fixture
def photos(short_run):
    return short_run.parent / "pairs" / "val"


def port(server, protocol):
    return server.rest_port if protocol == "rest" else server.grpc_port


def transport(server, protocol, model="negative", version=None, timeout=20.0, retries=0):
    kind = {"rest": Rest, "grpc": Grpc}[protocol]
    return kind(f"127.0.0.1:{port(server, protocol)}", model, version, timeout, retries)


def send(server, protocol, photos, *options):
    address = f"--server=127.0.0.1:{port(server, protocol)}"
    return call(client, address, f"--protocol={protocol}", "--model=negative", f"--input={photos}", *options)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_are_translates(server, protocol, short_run, photos, tmp_path, capsys):
    common = (f"--run_dir={short_run}", f"--input={photos}", "--checkpoint=latest", "--batch_size=1")
    assert call(translate, *common, f"--output={tmp_path / 'translated'}") == 0
    assert send(server, protocol, photos, f"--output={tmp_path / 'served'}", "--repeat=2", "--version=1") == 0
    served = {path.name: path.read_bytes() for path in (tmp_path / "served").iterdir()}
    assert served == {path.name: path.read_bytes() for path in (tmp_path / "translated").iterdir()}
    assert len(served) == 4
    # Four images, twice, one in a request.
    assert "\n8 requests  p50 " in capsys.readouterr().out


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bad_image_is_named_and_the_others_come_through(server, protocol, photos, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in photos.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "1.png").write_text("text")
    (folder / "3.png").write_bytes(b"")
    assert send(server, protocol, folder, f"--output={tmp_path / 'out'}", "--batch_size=3") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]
    stderr = capsys.readouterr().err
    assert f"error: {folder / '1.png'}: image 0 is neither JPEG nor PNG; it was left out\n" in stderr
    assert f"error: {folder / '3.png'}: image 0 is empty; it was left out\n" in stderr


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unavailable_is_tried_again(server, protocol, photos):
    files = [(photos / "0.png").read_bytes()]
    server.model.unavailable = 2
    assert transport(server, protocol, retries=2).translate(files)[0].startswith(b"\x89PNG")
    server.model.unavailable = 2
    with pytest.raises(UnreachableError, match="queue is full"):
        transport(server, protocol, retries=1).translate(files)
    assert server.model.unavailable == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refusal_is_not_tried_again(server, protocol):
    server.model.calls = 0
    with pytest.raises(RefusedError, match=r"^image 0 is neither JPEG nor PNG$"):
        transport(server, protocol, retries=3).translate([b"text"])
    assert server.model.calls == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("options", "words"), [({"model": "other"}, r"Latest\(other\)"), ({"version": 9}, "9")])
def test_an_unknown_model(server, protocol, photos, options, words):
    with pytest.raises(UnreachableError, match=f"Servable not found for request: .*{words}"):
        transport(server, protocol, **options).translate([(photos / "0.png").read_bytes()])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_listens(protocol, photos):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = (f"--server={address}", f"--protocol={protocol}", "--model=m", f"--input={photos}", "--retries=1")
    with pytest.raises(InputError, match=f"server={address} cannot translate: .*refused"):
        call(client, *arguments)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_answer_in_time(protocol, photos):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        common = (f"--server={address}", f"--protocol={protocol}", "--model=m", f"--input={photos}")
        with pytest.raises(InputError, match=r"no answer within 0\.3 s"):
            call(client, *common, "--timeout=0.3", "--retries=0")


@contextlib.contextmanager
def another_server(answer):
    """A server that hands each request to `answer`, a function of the handler; gives the address and the handlers."""
    handlers = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            handlers.append(self)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.close_connection = True
            # The client goes when it has had enough.
            with contextlib.suppress(OSError):
                answer(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}", handlers
    finally:
        server.shutdown()
        server.server_close()


def sends(body, status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        for name, value in {"Content_Length": len(body), **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def endless(start, piece, seconds=0.0):
    """An answer that begins so, and then has this piece again and again, with a pause before each."""

    def answer(handler):
        handler.wfile.write(start)
        # Longer than any client here waits, lest a mistake fills the memory.
        end = time.monotonic() + 20
        while time.monotonic() < end:
            time.sleep(seconds)
            handler.wfile.write(piece)

    return answer


def ask_rest(answer, files=(b"file",), timeout=5.0, retries=0):
    with another_server(answer) as (address, _):
        return Rest(address, "m", None, timeout, retries).translate(list(files))


def predictions(*results):
    rows = [{"b64": base64.b64encode(result).decode()} for result in results]
    return json.dumps({"predictions": rows}).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{}",
        b'{"predictions": [0.5]}',
        b'{"predictions": []}',
        b"[]",
        b"[" * 200_000,
        b'{"predictions": ' + b"9" * 5000 + b"}",
        predictions(PNG, PNG),
    ],
    ids=lambda body: body[:30].decode(),
)
def test_a_server_of_another_kind(body):
    with pytest.raises(UnreachableError, match="does not answer as TensorFlow Serving does"):
        ask_rest(sends(body))


def test_what_begins_as_a_png_is_taken():
    assert ask_rest(sends(predictions(PNG + b"1", PNG + b"2")), files=[b"a", b"b"]) == [PNG + b"1", PNG + b"2"]


def test_json_that_would_fill_the_memory():
    body = b'{"predictions": [' + b"[]," * 1_000_000 + b"0]}"
    tracemalloc.start()
    try:
        with pytest.raises(UnreachableError, match="does not answer as TensorFlow Serving does"):
            ask_rest(sends(body))
        # 64 MB if it were parsed.
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        # 1 MB: a search that looks for an end after each beginning takes minutes.
        ({"error": "assertion failed: [" * 60_000}, RefusedError, "^(assertion failed: .){105}asser$"),
        ({"error": "assertion failed: [too dark] [[{{node x}}]]"}, RefusedError, "^too dark$"),
        ({"error": ""}, RefusedError, "^the server gives no reason$"),
        ({"error": " \n"}, RefusedError, "^the server gives no reason$"),
        ({"error": [1]}, UnreachableError, "does not answer as TensorFlow Serving does"),
    ],
    ids=["long", "assertion", "empty", "blank", "list"],
)
def test_reasons(body, error, words):
    start = time.monotonic()
    with pytest.raises(error, match=words):
        ask_rest(sends(json.dumps(body).encode(), status=400))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://127.0.0.1:1/v1/models/m:predict", "http://127.0.0.1:1"),
        *[(location, location) for location in ("http://[::1/x", f"http://.{'a' * 70}/", "http://127.0.0.1:99999/")],
    ],
)
def test_no_redirect_is_followed(location, told):
    words = f"^the server answers with a redirect to {re.escape(told)}; give that as --server$"
    with another_server(sends(b"", 307, Location=location)) as (address, handlers):
        with pytest.raises(UnreachableError, match=words):
            Rest(address, "m", None, 5.0, 3).translate([b"file"])
        assert len(handlers) == 1


def test_the_body_of_a_redirect_is_not_read():
    start = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\n\r\n"
    with pytest.raises(UnreachableError, match=r"a redirect to http://127\.0\.0\.1:1/;"):
        ask_rest(endless(start, bytes(1 << 16)))


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", bytes(1 << 16)),
        endless(b"HTTP/1.1 503 Busy\r\n\r\n", bytes(1 << 16)),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", bytes(1 << 16)),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n", bytes(1 << 16)),
        sends(gzip.compress(bytes(64 << 20)), Content_Encoding="gzip"),
        sends(gzip.compress(gzip.compress(bytes(64 << 20))), Content_Encoding="gzip, gzip"),
    ],
    ids=["endless", "endless 503", "chunk of -1", "chunk of -5", "gzip", "gzip twice"],
)
def test_a_huge_answer(answer, monkeypatch):
    monkeypatch.setattr(export.serving.transport, "MAX_MESSAGE", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(UnreachableError, match=r"^its answer has more than 1048576 bytes$"):
            ask_rest(answer, retries=3)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "answer",
    [
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", 0.1),
        endless(b"HTTP/1.1 200 OK\r\nX-Endless: ", b"x", 0.1),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.1),
        endless(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" ", 9),
    ],
    ids=["body", "header", "continue", "silence in the body"],
)
def test_an_answer_that_does_not_end(answer):
    start = time.monotonic()
    with pytest.raises(UnreachableError, match=r"^no answer within 0\.5 s$"):
        ask_rest(answer, timeout=0.5, retries=3)
    assert time.monotonic() - start < 3


def test_a_server_does_not_say_how_long_to_wait():
    start = time.monotonic()
    with pytest.raises(UnreachableError, match=r"^busy$"):
        ask_rest(sends(b'{"error": "busy"}', 503, Retry_After=60), retries=1)
    assert time.monotonic() - start < 5


def test_a_server_that_begins_to_listen_later():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            sends(predictions(PNG))(self)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.server_bind()
    server.timeout = 5

    def listen():
        time.sleep(0.3)
        server.server_activate()
        server.handle_request()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        # Asked after 0, 0.2, 0.6 and 1.4 s.
        assert Rest(f"127.0.0.1:{server.server_address[1]}", "m", None, 5.0, 3).translate([b"file"]) == [PNG]
    finally:
        thread.join()
        server.server_close()


def ask_grpc(answer, files=(b"file",), timeout=10.0):
    """Asks a server that hands each response's tensor, and the context, to `answer`."""

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, _, context):  # noqa: N802 (the protocol's name)
            response = predict_pb2.PredictResponse()
            answer(response.outputs["image_bytes"], context)
            return response

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        return Grpc(f"127.0.0.1:{port}", "m", None, timeout, 0).translate(list(files))
    finally:
        server.stop(None).wait()


def tensor_of(dtype, shape, *strings):
    def answer(tensor, _):
        tensor.dtype = dtype
        for size in shape:
            tensor.tensor_shape.dim.add(size=size)
        tensor.string_val.extend(strings)

    return answer


STRING = tf.string.as_datatype_enum


def test_a_tensor_of_pngs_is_taken():
    assert ask_grpc(tensor_of(STRING, [2], PNG + b"1", PNG + b"2"), [b"a", b"b"]) == [PNG + b"1", PNG + b"2"]


@pytest.mark.parametrize(
    "answer",
    [
        tensor_of(STRING, [2], PNG, PNG),
        tensor_of(999, [1], PNG),
        tensor_of(STRING, [1]),
        tensor_of(STRING, [3]),
        tensor_of(STRING, [], PNG),
        tensor_of(STRING, [1, 1], PNG),
        tensor_of(STRING, [-1], PNG),
        # 1.6 GB if it were filled.
        tensor_of(STRING, [200_000_000], PNG),
        lambda tensor, _: tensor.CopyFrom(tf.make_tensor_proto([1.5])),
    ],
    ids=["two", "dtype", "no value", "no values", "scalar", "rank 2", "negative", "huge", "float"],
)
def test_a_tensor_of_another_kind(answer):
    with pytest.raises(UnreachableError, match="does not answer as TensorFlow Serving does"):
        ask_grpc(answer)


@pytest.mark.parametrize(
    ("details", "words"),
    [("", "^the server gives no reason$"), ("assertion failed: [" * 200, "^(assertion failed: .){105}asser$")],
    ids=["empty", "long"],
)
def test_reasons_by_grpc(details, words):
    with pytest.raises(RefusedError, match=words):
        ask_grpc(lambda _, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, details))


def test_a_huge_answer_by_grpc(monkeypatch):
    monkeypatch.setattr(export.serving.transport, "MAX_MESSAGE", 1 << 20)
    with pytest.raises(UnreachableError, match="larger than max"):
        ask_grpc(tensor_of(STRING, [1], bytes(2 << 20)))


@pytest.mark.parametrize("result", [b"", b"\x00\x00\xc0?", b"\x89PNG", b"\xff\xd8\xff\xe0 a JPEG"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_no_png_is_not_taken(protocol, result):
    ask, answer = {
        "rest": (ask_rest, sends(predictions(PNG, result))),
        "grpc": (ask_grpc, tensor_of(STRING, [2], PNG, result)),
    }[protocol]
    with pytest.raises(UnreachableError, match=r"^what m answers is no PNG file; it is another model$"):
        ask(answer, [b"a", b"b"])


def test_the_command_says_so_in_one_line(photos, tmp_path):
    with another_server(sends(predictions(b"text"))) as (address, _):
        arguments = (f"--server={address}", "--model=m", f"--input={photos}", f"--output={tmp_path / 'out'}")
        with pytest.raises(InputError, match=f"^server={address} cannot translate: what m answers is no PNG file"):
            call(client, *arguments)
    assert list((tmp_path / "out").iterdir()) == []


def test_both_interfaces_as_documented(server, photos):
    """What other clients use: status, metadata, column format, error bodies."""
    base = f"http://127.0.0.1:{server.rest_port}/v1/models/negative"
    assert requests.get(base, timeout=9).json()["model_version_status"][0]["state"] == "AVAILABLE"
    signatures = requests.get(f"{base}/metadata", timeout=9).json()["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert signatures["serving_default"]["outputs"]["image_bytes"]["dtype"] == "DT_STRING"
    assert [d["size"] for d in signatures["translate"]["inputs"]["source"]["tensor_shape"]["dim"]] == [
        *["-1"] * 3,
        "3",
    ]
    source = np.zeros((1, 64, 64, 3)).tolist()

    def post(**body):
        return requests.post(f"{base}:predict", json={"signature_name": "translate", **body}, timeout=9)

    by_row, by_column = post(instances=source).json(), post(inputs={"source": source}).json()
    np.testing.assert_array_equal(by_row["predictions"], by_column["outputs"])
    assert requests.get(f"{base}/versions/1", timeout=9).ok
    assert requests.get(f"{base}/versions/7", timeout=9).status_code == 404
    unknown = requests.post(f"{base}:predict", json={"signature_name": "nope", "instances": []}, timeout=9)
    assert (unknown.status_code, "nope" in unknown.json()["error"]) == (400, True)
    bad = requests.post(f"{base}:predict", data=b"{", timeout=9)
    assert bad.status_code == 400
    assert "JSON Parse error" in bad.json()["error"]
    small = post(instances=[[[[0, 0, 0]]]])
    assert small.status_code == 400
    assert "must be multiples of 64" in small.json()["error"]


def test_rest_at_the_grpc_port(server):
    with pytest.raises(UnreachableError, match="is it the gRPC port"):
        Rest(f"127.0.0.1:{server.grpc_port}", "negative", None, 5.0, 0).translate([b"file"])


def test_latency_by_hand():
    assert latency([]) == "no request was answered"
    assert latency([float(i) for i in range(101)]) == "101 requests  p50 50.0 ms  p95 95.0 ms  p99 99.0 ms"
