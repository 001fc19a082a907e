"""Workers find one another before TensorFlow does, whose own waiting says nothing and lets no signal through."""

import contextlib
import socket
import time

from pipelines.system.terminal import InputError
from tfpix2pix.devices.cluster import CONNECT_SECONDS, Cluster, split_address

NEWS_SECONDS = 30.0
# Between two looks around, and between two attempts to reach the chief.
LOOK_SECONDS = 0.5
# What the chief answers when all are there.
GO = b"+"
LOOPBACK = ("127.0.0.1", "localhost")
# All interfaces, as TensorFlow's own server does: a machine's name often means 127.0.1.1 on that machine, and behind a
# balancer it means another.
EVERYWHERE = ""


def rendezvous(cluster: Cluster) -> None:
    """Returns once all workers have called this; says now and then who is missing.

    The chief listens at its own address, where TensorFlow will do so next, and the others ask there. There is no time
    limit: a scheduler may start the last of them hours later.

    Raises:
      InputError: this worker's port is taken.
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
            f"worker {cluster.index} cannot listen at {address} ({error.strerror}); end what does, or give another port"
        ) from None


def _gather(cluster: Cluster, listener: socket.socket) -> None:
    """The chief's part: everyone's connection, open at the same time, then the word to go."""
    listener.settimeout(LOOK_SECONDS)
    # None: it has not come yet.
    others: dict[int, socket.socket | None] = dict.fromkeys(range(1, len(cluster.addresses)))
    news = _News(cluster)
    missing = list(others)
    while missing:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            index = _index(connection)
            # Of one that comes again the former connection, of a stranger this one: a scheduler's probes may be many.
            former = others.get(index, connection)
            if former:
                former.close()
            if index in others:
                others[index] = connection
        missing = [i for i, connection in others.items() if connection is None or not _is_open(connection)]
        news.tell(missing)
    for connection in others.values():
        with connection, contextlib.suppress(OSError):
            connection.sendall(GO)


def _ask(cluster: Cluster) -> None:
    """Another worker's part: asks the chief, again if it goes away, until it says go."""
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
    """Who it is; -1 for a stranger."""
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
    """Says who is missing, every NEWS_SECONDS."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.last = time.monotonic()

    def tell(self, missing: list[int]) -> None:
        if missing and time.monotonic() - self.last > NEWS_SECONDS:
            self.last = time.monotonic()
            who = ", ".join(f"{i} at {self.cluster.addresses[i]}" for i in missing)
            print(f"worker {self.cluster.index} still waits for worker {who}", flush=True)
