"""Free ports on loopback that no other process gets, until the server under test listens there."""

import contextlib
import socket
from collections.abc import Iterator


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """Yields port numbers. While inside, the system gives them to nobody who asks for just any port.

    Each is bound by a socket that does not listen, and both this socket and servers set SO_REUSEADDR: so a server that
    names the port can listen there.
    """
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("127.0.0.1", 0))
        yield [each.getsockname()[1] for each in sockets]
