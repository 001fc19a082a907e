"""Listens at a port until the process is told to stop, and then finishes what it has begun."""

import contextlib
import re
import signal
import socket
from collections.abc import Iterator, Sequence
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from pipelines.system.terminal import InputError, reason


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens.

    Args:
      host: a name or an address of this machine.
      port: 0 for a free one.

    Raises:
      InputError: the port is taken, or the host is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=128)
    except OSError as error:
        raise InputError(
            f"port={port} of host={host} cannot be listened at ({error.strerror or reason(error)}); give another"
        ) from None


def check_origins(origins: Sequence[str]) -> None:
    """Raises InputError unless all are origins of web pages, or `*`."""
    for origin in origins:
        if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
            raise InputError(
                f"cors_origin={origin} is no origin; give scheme, host and port alone: https://example.org"
            )


def address_of(listener: socket.socket) -> str:
    """Returns the URL of a socket that listens, without a slash at its end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Says that it was told to stop, and what it finishes first."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Is called for each signal that asks it to stop."""
        if not self.should_exit:
            print(
                f"{signal.Signals(sig).name}: takes no new requests, and stops when those in flight "
                f"({len(self.server_state.tasks)}) are answered; a second Ctrl-C stops at once",
                flush=True,
            )
        super().handle_exit(sig, frame)


def make_server(app: Starlette) -> Server:
    """Returns the server of an application; its `should_exit` ends it."""
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        log_level="warning",
        # Its own would close the handlers of all other loggers, and absl's closes the stream that it writes to.
        log_config=None,
    )
    config.server_header = False
    return Server(config)


def run(app: Starlette, listener: socket.socket) -> None:
    """Serves until SIGTERM or SIGINT; requests in flight are answered, unless a second SIGINT comes."""
    with stopping_quietly():
        make_server(app).run(sockets=[listener])
    print("stopped", flush=True)


@contextlib.contextmanager
def stopping_quietly() -> Iterator[None]:
    """Ignores the signals that uvicorn raises again when it has stopped, and which would end the process as failed."""

    def ignore(number: int, frame: FrameType | None) -> None:
        pass

    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, ignore) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
