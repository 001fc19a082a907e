"""Weights from a server on this machine, from a file, and without any network."""

import functools
import hashlib
import http.server
import re
import socket
import threading

import pytest

from pipelines.system import download
from pipelines.system.terminal import InputError
from tfpix2pix.quality.pretrained.weights import WEIGHTS, WeightsSpec, find_weights

BODY = bytes(range(256)) * 100
SIZE = len(BODY)
DIGEST = hashlib.sha256(BODY).hexdigest()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def url(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "BACKOFF_SECONDS", (0, 0))
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "toy.pth").write_bytes(BODY)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/toy.pth"
    server.shutdown()
    server.server_close()


@pytest.fixture
def publish(monkeypatch):
    def publish(url, sha256=DIGEST, size=SIZE):
        monkeypatch.setitem(WEIGHTS, "toy", WeightsSpec(url, sha256, size, "toy_weights"))

    return publish


def assert_names(error, *things):
    """One line that names all of these."""
    message = str(error.value)
    assert all(str(thing) in message for thing in things), message
    assert "\n" not in message


def test_published():
    assert list(WEIGHTS) == ["inception", "alexnet", "lpips"]
    for name, spec in WEIGHTS.items():
        assert spec.url.startswith("https://")
        assert re.fullmatch("[0-9a-f]{64}", spec.sha256)
        assert spec.option == f"{name}_weights"
    # torch's and pytorch-fid's names end with the digest's first digits.
    for name in ("inception", "alexnet"):
        assert WEIGHTS[name].url.endswith(f"-{WEIGHTS[name].sha256[:8]}.pth")


def test_is_downloaded_once(url, publish, tmp_path):
    publish(url)
    file = find_weights("toy", "", tmp_path / "data")
    assert file == tmp_path / "data" / "weights" / "toy.pth"
    assert file.read_bytes() == BODY
    assert [path.name for path in file.parent.iterdir()] == ["toy.pth"]
    (tmp_path / "site" / "toy.pth").unlink()
    assert find_weights("toy", "", tmp_path / "data") == file


@pytest.mark.parametrize(
    ("sha256", "size", "reason"),
    [
        ("0" * 64, SIZE, DIGEST),
        (DIGEST, SIZE - 1, str(SIZE - 1)),
    ],
)
def test_a_wrong_file_is_removed(url, publish, tmp_path, sha256, size, reason):
    publish(url, sha256, size)
    with pytest.raises(InputError) as error:
        find_weights("toy", "", tmp_path / "data")
    by_hand = tmp_path / "data" / "weights" / "toy.pth"
    assert_names(error, url, reason, by_hand, "--toy_weights=FILE")
    assert list(by_hand.parent.iterdir()) == []
    publish(url)
    assert find_weights("toy", "", tmp_path / "data").read_bytes() == BODY


def test_without_network(publish, tmp_path, monkeypatch):
    def getaddrinfo(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    publish("https://weights.example/toy.pth")
    with pytest.raises(InputError) as error:
        find_weights("toy", "", tmp_path)
    by_hand = tmp_path / "weights" / "toy.pth"
    assert_names(error, "https://weights.example/toy.pth", "Name or service not known", by_hand, "--toy_weights=FILE")


def test_given_file(publish, tmp_path):
    publish("https://weights.example/toy.pth")
    given = tmp_path / "mine.pth"
    with pytest.raises(InputError) as error:
        find_weights("toy", str(given), tmp_path / "data")
    assert_names(error, f"--toy_weights={given}", "https://weights.example/toy.pth")
    given.write_bytes(b"other weights")
    assert find_weights("toy", str(given), tmp_path / "data") == given
    assert not (tmp_path / "data").exists()


def test_file_saved_by_hand(publish, tmp_path):
    publish("https://weights.example/toy.pth")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "toy.pth").write_bytes(BODY)
    assert find_weights("toy", "", tmp_path) == tmp_path / "weights" / "toy.pth"
