"""Workers in threads of one process, on loopback: all start together, whoever is late, dies or is a stranger."""

import contextlib
import socket
import threading

import pytest

from pipelines.system.terminal import InputError
from tests.helpers.ports import reserved_ports
from tests.helpers.runs import PATIENCE
from tfpix2pix.devices import rendezvous as module
from tfpix2pix.devices.cluster import Cluster, split_address
from tfpix2pix.devices.rendezvous import rendezvous


@pytest.fixture
def addresses(monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.02)
    with reserved_ports(3) as ports:
        yield tuple(f"127.0.0.1:{port}" for port in ports)


def start(addresses, index):
    thread = threading.Thread(target=rendezvous, args=(Cluster(addresses, index),), daemon=True)
    thread.start()
    return thread


def is_waiting(*threads):
    for thread in threads:
        thread.join(0.3)
    return all(thread.is_alive() for thread in threads)


def knock(address, line):
    """A connection to the chief, as soon as it listens."""
    while True:
        try:
            connection = socket.create_connection(split_address(address))
        except OSError:
            continue
        connection.sendall(line)
        return connection


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_all_wait_for_the_last(order, addresses):
    first, second = (start(addresses, index) for index in order[:2])
    assert is_waiting(first, second)
    for thread in (first, second, start(addresses, order[2])):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    # The chief's port is free for TensorFlow.
    socket.create_server(split_address(addresses[0])).close()


def test_neither_the_dead_nor_strangers_count(addresses):
    threads = [start(addresses, 0)]
    strangers = [knock(addresses[0], line) for line in (b"GET / HTTP/1.1\r\n\r\n", b"7\n", b"-1\n", b"0\n")]
    # A worker that is gone before the last one comes.
    knock(addresses[0], b"2\n").close()
    threads.append(start(addresses, 1))
    assert is_waiting(*threads)
    threads.append(start(addresses, 2))
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    for each in strangers:
        # The chief has hung up, with or without having read all.
        each.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionResetError):
            assert each.recv(1) == b""
        each.close()


def test_asks_again_if_the_chief_went_away(addresses):
    with socket.create_server(split_address(addresses[0])) as first_chief:
        worker = start(addresses[:2], 1)
        first_chief.accept()[0].close()
    assert is_waiting(worker)
    chief = start(addresses[:2], 0)
    for thread in (worker, chief):
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_says_who_is_missing(addresses, capsys, monkeypatch):
    monkeypatch.setattr(module, "NEWS_SECONDS", 0.1)
    chief = start(addresses, 0)
    assert is_waiting(chief)
    assert f"worker 0 still waits for worker 1 at {addresses[1]}, 2 at {addresses[2]}" in capsys.readouterr().out
    others = [start(addresses, index) for index in (1, 2)]
    for thread in (chief, *others):
        thread.join(PATIENCE)


@pytest.mark.parametrize("index", [0, 1])
def test_a_port_that_is_taken(index, addresses):
    with (
        socket.create_server(split_address(addresses[index])),
        pytest.raises(InputError, match=f"worker {index} .*{addresses[index]}.* port"),
    ):
        rendezvous(Cluster(addresses, index))
