"""Downloads from a server on this machine: whole, resumed, killed, redirected, refused."""

import dataclasses
import hashlib
import io
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import requests

from pipelines.system import download
from pipelines.system.terminal import InputError
from tests.helpers.runs import PATIENCE
from tests.helpers.site import Reply, Request, Site

ROOT = pathlib.Path(__file__).resolve().parents[3]
ATTEMPTS = 5
# Two chunks of the network and more.
BODY, OTHER_BODY = (random.Random(seed).randbytes(350_000) for seed in (1, 2))
SOUND = Reply(BODY)


def sound(**changes: object) -> Reply:
    return dataclasses.replace(SOUND, **changes)


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "BACKOFF_SECONDS", (0,) * (ATTEMPTS - 1))
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 3)
    site = Site(SOUND)
    yield site
    site.close()


@pytest.fixture
def file(tmp_path):
    return tmp_path / "toy"


def fetch(site: Site, file: pathlib.Path, max_bytes: int = len(BODY), sha256: str | None = None) -> None:
    download.download(site.url, file, max_bytes, sha256)


def listing(file: pathlib.Path) -> list[str]:
    return sorted(path.name for path in file.parent.iterdir())


def assert_whole(file: pathlib.Path) -> None:
    assert file.read_bytes() == BODY
    assert listing(file) == ["toy"]


def leave_part(file: pathlib.Path, contents: bytes, validator: str | None = '"one"') -> None:
    """Makes the files that an interrupted download leaves."""
    file.with_name("toy.part").write_bytes(contents)
    if validator is not None:
        file.with_name("toy.part.validator").write_text(validator)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.02)


# Good servers


# The last as some servers answer for a tar.gz: it stays packed.
@pytest.mark.parametrize(
    "reply",
    [SOUND, sound(length=False, etag=None), sound(encoding="gzip")],
    ids=["all headers", "no length, no ETag", "encoding"],
)
def test_whole_download(site, file, reply):
    site.replies = [reply]
    fetch(site, file, sha256=hashlib.sha256(BODY).hexdigest())
    assert_whole(file)
    assert site.requests == [Request(None, None, len(BODY))]


def test_wrong_digest_is_refused(site, file):
    with pytest.raises(InputError) as error:
        fetch(site, file, sha256="0" * 64)
    for thing in (site.url, "0" * 64, hashlib.sha256(BODY).hexdigest(), str(file)):
        assert thing in str(error.value)
    assert listing(file) == []


def test_redirect_to_http_is_followed(site, file, capsys):
    # The redirect's own body never ends, and is not read.
    site.replies = [sound(status=302, location="/other", length=False, stall=True), SOUND]
    fetch(site, file)
    assert_whole(file)
    assert len(site.requests) == 2
    # The second request is the redirect's, not another attempt after a timeout.
    assert "again" not in capsys.readouterr().err


def test_no_password_is_sent(site, file, tmp_path, monkeypatch):
    netrc = tmp_path / "home" / "netrc"
    netrc.parent.mkdir()
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    passwords, answer = [], site.answer

    def note(handler):
        passwords.append(handler.headers["Authorization"])
        answer(handler)

    monkeypatch.setattr(site, "answer", note)
    site.replies = [sound(status=302, location="/other"), SOUND]
    fetch(site, file)
    assert passwords == [None, None]


# Resuming


def test_cut_body_is_resumed_with_the_missing_bytes_only(site, file):
    site.replies = [sound(cut=100_000), sound(cut=150_000), SOUND]
    fetch(site, file)
    assert_whole(file)
    assert site.requests == [
        Request(None, None, 100_000),
        Request("bytes=100000-", '"one"', 150_000),
        Request("bytes=250000-", '"one"', len(BODY) - 250_000),
    ]


def test_next_run_resumes(site, file):
    site.replies = [sound(cut=100_000), sound(status=503)]
    with pytest.raises(InputError, match="503"):
        fetch(site, file)
    assert len(site.requests) == ATTEMPTS
    assert listing(file) == ["toy.part", "toy.part.validator"]
    assert file.with_name("toy.part").read_bytes() == BODY[:100_000]
    site.replies = [SOUND]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[-1] == Request("bytes=100000-", '"one"', len(BODY) - 100_000)


def test_weak_etag_gives_way_to_the_date(site, file):
    date = "Sat, 01 Oct 2016 10:00:00 GMT"
    reply = sound(etag='W/"one"', last_modified=date)
    site.replies = [dataclasses.replace(reply, cut=100_000), reply]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[1] == Request("bytes=100000-", date, len(BODY) - 100_000)


def test_without_validator_the_download_starts_again(site, file):
    site.replies = [sound(etag=None, cut=100_000), sound(etag=None)]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[1] == Request(None, None, len(BODY))


def test_part_without_validator_is_not_continued(site, file):
    leave_part(file, BODY[:1000], validator=None)
    site.replies = [sound(status=206)]  # a range that nobody asked for, from byte 0 on
    fetch(site, file)
    assert_whole(file)
    assert site.requests == [Request(None, None, len(BODY))]


def test_server_that_ignores_range(site, file):
    leave_part(file, BODY[:100_000])
    site.replies = [sound(ranges=False)]
    fetch(site, file)
    assert_whole(file)
    assert site.requests == [Request("bytes=100000-", '"one"', len(BODY))]


@pytest.mark.parametrize("obeys", [True, False])
def test_file_that_changed_is_not_joined_to_the_old_half(site, file, obeys):
    # If-Range makes the server send all; a server without If-Range is found out by the ETag of its answer.
    leave_part(file, OTHER_BODY[:100_000], validator='"zero"')
    site.replies = [sound(obeys_if_range=obeys)]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[0].range == "bytes=100000-"
    assert site.requests[0].if_range == '"zero"'
    assert site.requests[-1].sent == len(BODY)
    assert len(site.requests) == (1 if obeys else 2)


@pytest.mark.parametrize("wrong", [{"shift": 5}, {"whole": "9" * 5000}], ids=["another start", "many digits"])
def test_wrong_range_is_not_used(site, file, wrong):
    leave_part(file, BODY[:100_000])
    site.replies = [sound(**wrong), SOUND]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[1] == Request(None, None, len(BODY))


def test_part_that_is_whole_or_longer_is_fetched_again(site, file):
    leave_part(file, BODY)
    fetch(site, file)
    assert_whole(file)
    assert [request.range for request in site.requests] == [f"bytes={len(BODY)}-", None]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_killed_download_leaves_a_part_that_is_resumed(site, file, kill):
    site.replies = [sound(cut=200_000, stall=True), SOUND]
    script = (
        "import pathlib, signal, sys; from pipelines.system.download import download\n"
        # A shell that starts the tests in the background hands down that Ctrl-C is ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "download(sys.argv[1], pathlib.Path(sys.argv[2]), 1_000_000)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, site.url, file], cwd=ROOT, stderr=subprocess.DEVNULL)
    part = file.with_name("toy.part")
    try:
        wait_until(lambda: part.exists() and part.stat().st_size >= 100_000)
        process.send_signal(kill)
        assert process.wait(PATIENCE) != 0
    finally:
        process.kill()
        process.wait()
    size = part.stat().st_size
    assert listing(file) == ["toy.part", "toy.part.validator"]
    assert part.read_bytes() == BODY[:size]
    fetch(site, file)
    assert_whole(file)
    assert site.requests[1:] == [Request(f"bytes={size}-", '"one"', len(BODY) - size)]


# Transient and lasting faults


def test_transient_fault_is_retried(site, file, monkeypatch, capsys):
    waits = []
    monkeypatch.setattr(download, "BACKOFF_SECONDS", (1, 2, 4, 8))
    monkeypatch.setattr(download.time, "sleep", waits.append)
    site.replies = [sound(status=500), sound(status=503), sound(status=429), SOUND]
    fetch(site, file)
    assert_whole(file)
    assert waits == [1, 2, 4]
    assert "500 Internal Server Error" in capsys.readouterr().err


def test_silent_server_times_out_and_is_resumed(site, file, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.3)
    site.replies = [sound(silent=True), sound(cut=100_000, stall=True), SOUND]
    fetch(site, file)
    assert_whole(file)
    assert [request.range for request in site.requests] == [None, None, "bytes=100000-"]


@pytest.mark.parametrize("part", [b"", BODY[:1000]], ids=["new", "resumed"])
def test_missing_file_is_not_retried(site, file, part):
    if part:
        leave_part(file, part)
    before = listing(file)
    site.replies = [sound(status=404)]
    with pytest.raises(InputError) as error:
        fetch(site, file)
    for thing in (site.url, "404 Not Found", str(file)):
        assert thing in str(error.value)
    assert len(site.requests) == 1
    assert listing(file) == before


def test_nobody_listens(site, file):
    site.close()
    with pytest.raises(InputError, match="refused") as error:
        fetch(site, file)
    assert site.url in str(error.value)
    assert "\n" not in str(error.value)
    assert listing(file) == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_address_that_is_not_http_is_refused(site, file, tmp_path_factory, scheme):
    secret = tmp_path_factory.mktemp("secret") / "secret"
    secret.write_bytes(BODY)
    url = f"{scheme}://127.0.0.1{secret}"
    with pytest.raises(InputError, match=scheme):
        download.download(url, file, len(BODY))
    site.replies = [sound(status=302, location=url)]
    with pytest.raises(InputError, match=scheme):
        fetch(site, file)
    assert len(site.requests) == 1
    assert listing(file) == []


@pytest.mark.parametrize(
    "location", ["http://[", "http://a..b/x", f"http://{'x' * 70}.example/", "http://127.0.0.1:x/"]
)
def test_redirect_to_no_address_is_refused(site, file, location):
    site.replies = [sound(status=302, location=location)]
    with pytest.raises(InputError, match=site.url):
        fetch(site, file)
    assert len(site.requests) == 1
    assert listing(file) == []


def test_redirects_in_a_circle_are_refused(site, file):
    site.replies = [sound(status=302, location=site.url)]
    with pytest.raises(InputError, match="redirects"):
        fetch(site, file)
    assert len(site.requests) == download.MAX_REDIRECTS


def test_redirect_from_https_to_http_is_refused(file, monkeypatch):
    locations = ["https://toy.example:2/other", "/third", "http://toy.example/fourth"]
    requested = []

    def send(self, request, **kwargs):
        requested.append(request.url)
        response = requests.Response()
        response.status_code, response.url, response.raw = 302, request.url, io.BytesIO()
        response.headers["Location"] = locations[len(requested) - 1]
        return response

    # In place of the connections: a TLS server would need a certificate.
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    with pytest.raises(InputError, match=locations[-1]):
        download.download("https://toy.example/toy", file, 1000)
    assert requested == ["https://toy.example/toy", "https://toy.example:2/other", "https://toy.example:2/third"]
    assert listing(file) == []


# Sizes


@pytest.mark.parametrize(
    "reply", [sound(cut=0, stall=True), sound(length=False)], ids=["before the body", "without a length"]
)
def test_file_over_the_limit_is_refused(site, file, reply):
    site.replies = [reply]
    with pytest.raises(InputError, match=str(len(BODY) - 1)):
        fetch(site, file, max_bytes=len(BODY) - 1)
    assert listing(file) == []
    assert len(site.requests) == 1


def test_the_limit_counts_resumed_bytes(site, file):
    leave_part(file, BODY[:300_000])
    site.replies = [sound(length=False)]
    with pytest.raises(InputError, match="310000"):
        fetch(site, file, max_bytes=310_000)
    assert site.requests[0].range == "bytes=300000-"
    assert listing(file) == []


def test_full_disk_is_no_fault_of_the_network(site, file, monkeypatch):
    monkeypatch.setattr(download, "_progress", lambda *args: (_ for _ in ()).throw(OSError(28, os.strerror(28))))
    with pytest.raises(OSError, match="No space left"):
        fetch(site, file)
    assert len(site.requests) == 1
