"""The REST client against servers that answer otherwise than TensorFlow Serving does."""

import base64
import contextlib
import gzip
import http.server
import json
import threading
import time
import tracemalloc

import pytest

from export import client
from export.serving import answers
from export.serving.answers import OTHER_SERVER, RefusedError, UnreachableError
from export.serving.rest_client import RestClient
from pipelines.system.terminal import InputError
from tests.helpers.commands import call

# How a PNG begins (PNG specification, 5.2 and 11.2.2).
PNG = bytes([0x89, *b"PNG", 13, 10, 26, 10, 0, 0, 0, 13, *b"IHDR"])


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
        # Said, not only done: a client that did not know would send its next request to where nobody reads any more.
        for name, value in {"Content_Length": len(body), "Connection": "close", **headers}.items():
            handler.send_header(name.replace("_", "-"), str(value))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def ask(answer, files=(b"file",), retries=0):
    with another_server(answer) as (address, _):
        return RestClient(address, "m", None, 20.0, retries).translate(list(files))


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
    with pytest.raises(UnreachableError, match=OTHER_SERVER):
        ask(sends(body))


def test_what_begins_as_a_png_is_taken():
    assert ask(sends(predictions(PNG + b"1", PNG + b"2")), files=[b"a", b"b"]) == [PNG + b"1", PNG + b"2"]


@pytest.mark.parametrize(
    ("body", "error", "words"),
    [
        ({"error": "assertion failed: [" * 200}, RefusedError, "^(assertion failed: .){105}asser$"),
        ({"error": "assertion failed: [too dark] [[{{node x}}]]"}, RefusedError, "^too dark$"),
        ({"error": " \n"}, RefusedError, "no reason"),
        ({"error": [1]}, UnreachableError, OTHER_SERVER),
    ],
    ids=["long", "assertion", "blank", "list"],
)
def test_reasons(body, error, words):
    with pytest.raises(error, match=words):
        ask(sends(json.dumps(body).encode(), status=400))


def test_no_redirect_is_followed():
    location = "https://127.0.0.1:1/v1/models/m:predict"
    with another_server(sends(b"", 307, Location=location)) as (address, handlers):
        with pytest.raises(UnreachableError, match=r"https://127\.0\.0\.1:1; .*--server"):
            RestClient(address, "m", None, 20.0, 3).translate([b"file"])
        assert len(handlers) == 1


@pytest.mark.parametrize(
    "answer",
    [sends(bytes(2 << 20)), sends(gzip.compress(bytes(64 << 20)), Content_Encoding="gzip")],
    ids=["plain", "gzip"],
)
def test_a_huge_answer(answer, monkeypatch):
    monkeypatch.setattr(answers, "MAX_MESSAGE", 1 << 20)
    tracemalloc.start()
    try:
        with pytest.raises(UnreachableError, match="1048576 bytes"):
            ask(answer)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_an_answer_that_stops_in_the_middle():
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc")
        stopped.wait(60)

    stopped = threading.Event()
    try:
        with another_server(answer) as (address, handlers):
            with pytest.raises(UnreachableError, match=r"no answer within 0\.3 s"):
                RestClient(address, "m", None, 0.3, 3).translate([b"file"])
            assert len(handlers) == 1
            stopped.set()
    finally:
        stopped.set()


def test_a_server_that_is_busy_says_so_after_all_repetitions():
    with another_server(sends(b'{"error": "busy"}', 503, Retry_After=600)) as (address, handlers):
        with pytest.raises(UnreachableError, match=r"^busy$"):
            RestClient(address, "m", None, 20.0, 2).translate([b"file"])
        assert len(handlers) == 3


def test_a_server_that_ends_without_an_answer_is_not_taken_for_another_kind():
    with pytest.raises(UnreachableError, match=r"^it closed the connection without an answer$"):
        ask(lambda handler: None)


def test_a_server_that_begins_to_listen_later():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            sends(predictions(PNG))(self)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.server_bind()
    server.timeout = 60

    def listen():
        # Long enough for the first try, and the repetition that follows at once.
        time.sleep(0.3)
        server.server_activate()
        server.handle_request()

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        assert RestClient(f"127.0.0.1:{server.server_address[1]}", "m", None, 20.0, 8).translate([b"file"]) == [PNG]
    finally:
        thread.join()
        server.server_close()


@pytest.mark.parametrize("result", [b"", b"\x00\x00\xc0?", b"\x89PNG", b"\xff\xd8\xff\xe0 a JPEG"])
def test_what_is_no_png_is_not_taken(result):
    with pytest.raises(UnreachableError, match=r"model=m .*PNG"):
        ask(sends(predictions(PNG, result)), [b"a", b"b"])


def test_the_command_says_so_in_one_line(short_run, tmp_path):
    photos = short_run.parent / "pairs" / "val"
    with another_server(sends(predictions(b"text"))) as (address, _):
        arguments = (f"--server={address}", "--model=m", f"--input={photos}", f"--output={tmp_path / 'out'}")
        with pytest.raises(InputError, match=f"^server={address} .*model=m .*PNG"):
            call(client, *arguments)
    assert list((tmp_path / "out").iterdir()) == []
