"""Serves the folder of a page on this machine, with the headers without which browsers give a page no threads."""

import functools
import http.server
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.system.terminal import InputError

HOST = "127.0.0.1"
# What isolates a page from others; only then browsers let its threads share memory.
ISOLATION = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
# As they are everywhere: the system's own table may say something else, and browsers then refuse modules and wasm.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
}


class Handler(http.server.SimpleHTTPRequestHandler):
    """Answers with files, not with lists of files, and says nothing on the terminal."""

    extensions_map = {**http.server.SimpleHTTPRequestHandler.extensions_map, **TYPES}  # noqa: RUF012  # as its base has it
    isolation = ISOLATION

    def end_headers(self) -> None:
        """Adds to every answer what isolates the page, and that a file may change with the next export."""
        for name, value in self.isolation.items():
            self.send_header(name, value)
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Lists no folders."""
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        """Leaves the terminal to the address."""


class Server(http.server.ThreadingHTTPServer):
    """Ends without waiting for connections that browsers keep open."""

    daemon_threads = True
    block_on_close = False


@contextmanager
def serving(folder: pathlib.Path, port: int = 0, isolated: bool = True) -> Iterator[Server]:
    """Yields a server of a page that listens, but does not answer yet.

    Args:
      folder: as `write_site` wrote it.
      port: on this machine; 0 takes a free one.
      isolated: whether the page gets the headers that threads need; many hosts send none.

    Raises:
      InputError: there is no page in the folder, or the port is taken.
    """
    if not (folder / "index.html").is_file():
        raise InputError(f"output={folder} holds no page; give --run_dir as well, and it is made")
    handler = type("PageHandler", (Handler,), {"isolation": ISOLATION if isolated else {}})
    with _bound(port, functools.partial(handler, directory=str(folder))) as server:
        yield server


def check_port(port: int) -> None:
    """Raises InputError if a port of this machine is taken."""
    _bound(port, Handler).server_close()


def _bound(port: int, handler: Callable[..., Handler]) -> Server:
    try:
        return Server((HOST, port), handler)
    except OSError as error:
        raise InputError(f"port={port} cannot be used ({error.strerror}); give another, or 0 for a free one") from None


def serve(folder: pathlib.Path, port: int) -> None:
    """Serves a page until Ctrl-C or SIGTERM; prints its address."""
    with serving(folder, port) as server:

        def stop(*_: object) -> None:
            # shutdown waits until serve_forever, which this thread runs, has ended.
            threading.Thread(target=server.shutdown).start()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        print(f"http://{HOST}:{server.server_port}/ shows {folder}; Ctrl-C stops", flush=True)
        server.serve_forever()
    print("stopped", flush=True)
