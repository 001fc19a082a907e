"""Waits until all workers have started. TensorFlow's own waiting prints nothing and blocks signals."""

import contextlib
import socket
import time

from pipelines.system.terminal import InputError
from tfpix2pix.devices.cluster import CONNECT_SECONDS, Cluster, split_address

NEWS_SECONDS = 30.0
# Between two checks of who is missing, and between two attempts to reach the chief.
LOOK_SECONDS = 0.5
# The chief's answer when all have started.
GO = b"+"
LOOPBACK = ("127.0.0.1", "localhost")
# All interfaces, as TensorFlow's own server does: a machine's name often means 127.0.1.1 on that machine, or a load
# balancer.
EVERYWHERE = ""


def rendezvous(cluster: Cluster) -> None:
    """Returns when all workers have called this; prints now and then who is missing.

    The chief listens at its own address, where TensorFlow will listen next, and the others connect to it. There is no
    time limit: a scheduler may start the last worker hours later.

    Raises:
      InputError: this worker's port is in use.
    """
    print(f"worker {cluster.index} of {', '.join(cluster.addresses)} waits for the others", flush=True)
    with _listen(cluster) as listener:
        if cluster.is_chief:
            _gather(cluster, listener)
    if not cluster.is_chief:
        _ask(cluster)


def _listen(cluster: Cluster) -> socket.socket:
    address = cluster.addresses[cluster.index]
    host, port = split_address(address)
    try:
        if host in LOOPBACK:
            return socket.create_server((host, port))
        dual = socket.has_dualstack_ipv6()
        family = socket.AF_INET6 if dual else socket.AF_INET
        return socket.create_server((EVERYWHERE, port), family=family, dualstack_ipv6=dual)
    except OSError as error:
        raise InputError(
            f"worker {cluster.index} cannot listen at {address} ({error.strerror}); end the process that uses "
            "it, or give another port"
        ) from None


def _gather(cluster: Cluster, listener: socket.socket) -> None:
    """The chief's part: waits until every worker has a connection open, then answers all of them."""
    listener.settimeout(LOOK_SECONDS)
    # None: it has not connected yet.
    others: dict[int, socket.socket | None] = dict.fromkeys(range(1, len(cluster.addresses)))
    news = _News(cluster)
    missing = list(others)
    while missing:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            index = _index(connection)
            # A worker that connects again replaces its former connection; a stranger, such as a probe, is closed.
            former: socket.socket | None = others.get(index, connection)
            if former:
                former.close()
            if index in others:
                others[index] = connection
        missing = [i for i, connection in others.items() if connection is None or not _is_open(connection)]
        news.tell(missing)
    for waiting in others.values():
        if waiting:
            with waiting, contextlib.suppress(OSError):
                waiting.sendall(GO)


def _ask(cluster: Cluster) -> None:
    """Another worker's part: connects to the chief, again if that fails, until it answers."""
    news = _News(cluster)
    answer = b""
    while answer != GO:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(split_address(cluster.addresses[0]), CONNECT_SECONDS) as chief,
        ):
            chief.sendall(f"{cluster.index}\n".encode())
            chief.settimeout(None)
            answer = chief.recv(len(GO))
        if answer != GO:
            news.tell([0])
            time.sleep(LOOK_SECONDS)


def _index(connection: socket.socket) -> int:
    """Reads the index of the worker that connected; -1 for a stranger."""
    try:
        connection.settimeout(CONNECT_SECONDS)
        return int(connection.recv(16))
    except (OSError, ValueError):
        return -1


def _is_open(connection: socket.socket) -> bool:
    try:
        connection.setblocking(False)
        return connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


class _News:
    """Prints who is missing, every NEWS_SECONDS."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.last = time.monotonic()

    def tell(self, missing: list[int]) -> None:
        if missing and time.monotonic() - self.last > NEWS_SECONDS:
            self.last = time.monotonic()
            who = ", ".join(f"{i} at {self.cluster.addresses[i]}" for i in missing)
            print(f"worker {self.cluster.index} still waits for worker {who}", flush=True)
