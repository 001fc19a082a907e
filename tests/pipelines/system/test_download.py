import contextlib
import dataclasses
import functools
import hashlib
import http.server
import io
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable

import pytest

from pipelines.datasets import fetch
from pipelines.datasets.catalogue import DATASETS, DatasetSpec
from pipelines.system import download
from pipelines.system.terminal import InputError
from tests.helpers.golden import SHARED
from tests.helpers.runs import PATIENCE

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED_FACADES = SHARED / "data" / "facades"

ARCHIVE, PART, VALIDATOR = "toy.tar.gz", "toy.tar.gz.part", "toy.tar.gz.part.validator"
ATTEMPTS = 5

# Bytes that do not compress, so that the archive is about as large: two chunks and more of the network.
IMAGES = {
    "train/1.jpg": random.Random(1).randbytes(200_000),
    "train/2.jpg": random.Random(2).randbytes(100_000),
    "val/1.jpg": random.Random(3).randbytes(50_000),
}


def tar_gz(images: dict[str, bytes], top: str = "toy") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in images.items():
            member = tarfile.TarInfo(f"{top}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def hand_digest(images: dict[str, bytes], order: list[str]) -> str:
    lines = [f"{hashlib.sha256(images[name]).hexdigest()}  {name}\n" for name in order]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


BODY = tar_gz(IMAGES)
OTHER_BODY = tar_gz({name: content[::-1] for name, content in IMAGES.items()})
DIGEST = hand_digest(IMAGES, ["train/1.jpg", "train/2.jpg", "val/1.jpg"])


@dataclasses.dataclass
class Reply:
    """How the server behaves at one request."""

    body: bytes = BODY
    status: int = 200
    etag: str | None = '"one"'
    last_modified: str | None = None
    ranges: bool = True
    obeys_if_range: bool = True
    length: bool = True  # without it, the end of the connection is the end of the body
    cut: int | None = None  # so many bytes of the answer are sent, and then the connection is closed
    stall: bool = False  # instead of closing after the cut, the connection stays silently open
    silent: bool = False  # there is no answer at all
    dribble: float = 0  # seconds between one byte and the next of a header without an end
    shift: int = 0  # the range that is sent starts so much later than asked
    location: str | None = None
    trickle: float = 0  # seconds between one byte and the next
    total: str | None = None  # what a range says of the whole, instead of its size


@dataclasses.dataclass
class Request:
    range: str | None
    if_range: str | None
    sent: int


class Site:
    """A server on this machine. It gives the replies in turn, and the last of them ever after."""

    def __init__(self) -> None:
        self.replies = [Reply()]
        self.requests: list[Request] = []
        self.closing = threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/toy.tar.gz"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        reply = self.replies[0] if len(self.replies) == 1 else self.replies.pop(0)
        request = Request(handler.headers["Range"], handler.headers["If-Range"], 0)
        self.requests.append(request)
        status, start = reply.status, 0
        current = request.if_range in (None, reply.etag, reply.last_modified) or not reply.obeys_if_range
        if request.range and status == 200 and reply.ranges and current:
            start = int(request.range.removeprefix("bytes=").removesuffix("-")) + reply.shift
            status = 206 if start < len(reply.body) else 416
        content = reply.body[start:] if status in (200, 206) else b""
        if reply.silent:
            self.closing.wait(30)
            return
        if reply.dribble:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
            with contextlib.suppress(OSError):
                while not self.closing.wait(reply.dribble):
                    handler.wfile.write(b"x")
            return
        handler.send_response(status)
        headers = {
            "ETag": reply.etag,
            "Last-Modified": reply.last_modified,
            "Location": reply.location,
            "Content-Length": str(len(content)) if reply.length else None,
            "Content-Range": f"bytes {start}-{len(reply.body) - 1}/{reply.total or len(reply.body)}"
            if status == 206
            else None,
        }
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        request.sent = len(content[: reply.cut])
        for byte in content if reply.trickle else ():
            if self.closing.wait(reply.trickle):
                return
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
        handler.wfile.write(content[: reply.cut])
        if reply.stall:
            self.closing.wait(30)

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "BACKOFF_SECONDS", (0,) * (ATTEMPTS - 1))
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 3)
    site = Site()
    yield site
    site.close()


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def spec_of(site: Site, **changes: object) -> DatasetSpec:
    spec = DatasetSpec(
        url=site.url,
        digest=DIGEST,
        files=3,
        direction="AtoB",
        max_bytes=len(BODY),
        unpacked_bytes=350_000,
    )
    return dataclasses.replace(spec, **changes)


def listing(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_whole(data_dir: pathlib.Path, images: dict[str, bytes] = IMAGES) -> None:
    folder = data_dir / "toy"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == images
    assert listing(data_dir) == ["toy"]


def leave_part(data_dir: pathlib.Path, size: int, validator: str | None = '"one"') -> None:
    """What a download that was interrupted after size bytes leaves."""
    data_dir.mkdir()
    (data_dir / PART).write_bytes(BODY[:size])
    if validator is not None:
        (data_dir / VALIDATOR).write_text(validator)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "what the test waits for did not come"
        time.sleep(0.02)


# The digest


@pytest.mark.needs_shared
def test_digest_of_facades_is_the_documented_one():
    spec = DATASETS["facades"]
    assert fetch.contents_digest(SHARED_FACADES) == spec.digest
    assert len(list(SHARED_FACADES.rglob("*.jpg"))) == spec.files


def test_digest_of_a_small_folder_equals_the_one_by_hand(tmp_path):
    # In byte order "-" comes before "/" and "B" before "a"; "10" comes before "2".
    order = ["train-b/1.jpg", "train/10.jpg", "train/2.PNG", "train/B.jpeg", "train/a.jpg", "val/deep/1.jpg"]
    images = {name: f"contents of {name}".encode() for name in order}
    others = {"train/notes.txt": b"does not count", "train/jpg": b"nor does this"}
    for name, content in reversed((images | others).items()):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    assert fetch.contents_digest(tmp_path) == hand_digest(images, order)
    assert fetch.contents_digest(tmp_path, (".png",)) == hand_digest(images, ["train/2.PNG"])


def test_digest_equals_that_of_the_shells_tools(tmp_path):
    command = "find . -name '*.jpg' | sed 's|^./||' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    for name, content in IMAGES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    shell = subprocess.run(command, shell=True, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert fetch.contents_digest(tmp_path) == shell.stdout.split()[0]


def test_published_datasets():
    assert list(DATASETS) == ["facades", "cityscapes", "maps", "edges2shoes", "edges2handbags", "night2day"]
    for name, spec in DATASETS.items():
        assert spec.url == f"http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/{name}.tar.gz"
        assert (spec.digest is None) == (spec.files is None)
        assert spec.digest is None or re.fullmatch("[0-9a-f]{64}", spec.digest)
        assert spec.direction == ("BtoA" if name in ("facades", "cityscapes") else "AtoB")


# A good server


def test_whole_download(site, data_dir, capsys):
    assert fetch.fetch("toy", spec_of(site), data_dir) == data_dir / "toy"
    assert_whole(data_dir)
    assert site.requests == [Request(None, None, len(BODY))]
    # No terminal: whole lines, no bar that redraws itself.
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        f"downloading {site.url}, {len(BODY)} bytes, from byte 0",
        f"unpacking {data_dir / ARCHIVE}",
    ]
    assert "\r" not in captured.err


def test_folder_that_is_there_is_not_asked_for(site, data_dir):
    (data_dir / "toy").mkdir(parents=True)
    assert fetch.fetch("toy", spec_of(site), data_dir) == data_dir / "toy"
    assert site.requests == []


def test_body_without_length_or_etag(site, data_dir):
    site.replies = [Reply(length=False, etag=None)]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)


def test_redirect_to_http_is_followed(site, data_dir):
    site.replies = [Reply(status=302, location=site.url), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)


def test_dataset_without_known_digest_is_taken_and_says_so(site, data_dir, capsys):
    site.replies = [Reply(body=OTHER_BODY)]
    spec = spec_of(site, digest=None, files=None, max_bytes=len(OTHER_BODY))
    fetch.fetch("toy", spec, data_dir)
    assert_whole(data_dir, {name: content[::-1] for name, content in IMAGES.items()})
    assert "no digest is known" in capsys.readouterr().err


def test_archive_saved_by_hand_is_used_and_checked(site, data_dir):
    data_dir.mkdir()
    (data_dir / ARCHIVE).write_bytes(OTHER_BODY)
    with pytest.raises(InputError, match="contents digest"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == []
    (data_dir / ARCHIVE).write_bytes(BODY)
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == []


# Resuming


def test_cut_body_is_resumed_with_the_missing_bytes_only(site, data_dir):
    site.replies = [Reply(cut=100_000), Reply(cut=150_000), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == [
        Request(None, None, 100_000),
        Request("bytes=100000-", '"one"', 150_000),
        Request("bytes=250000-", '"one"', len(BODY) - 250_000),
    ]


def test_next_run_resumes(site, data_dir):
    site.replies = [Reply(cut=100_000), Reply(status=503)]
    with pytest.raises(InputError, match="503"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert len(site.requests) == ATTEMPTS
    assert listing(data_dir) == [PART, VALIDATOR]
    assert (data_dir / PART).read_bytes() == BODY[:100_000]
    site.replies = [Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[-1] == Request("bytes=100000-", '"one"', len(BODY) - 100_000)


def test_weak_etag_gives_way_to_the_date(site, data_dir):
    date = "Sat, 01 Oct 2016 10:00:00 GMT"
    reply = Reply(etag='W/"one"', last_modified=date)
    site.replies = [dataclasses.replace(reply, cut=100_000), reply]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[1] == Request("bytes=100000-", date, len(BODY) - 100_000)


def test_without_validator_the_download_starts_again(site, data_dir):
    site.replies = [Reply(etag=None, cut=100_000), Reply(etag=None)]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[1] == Request(None, None, len(BODY))


def test_part_without_validator_is_not_glued_to(site, data_dir):
    leave_part(data_dir, 1000, validator=None)
    site.replies = [Reply(status=206)]  # a range that nobody asked for, from byte 0 on
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == [Request(None, None, len(BODY))]


def test_server_that_ignores_range(site, data_dir):
    leave_part(data_dir, 100_000)
    site.replies = [Reply(ranges=False)]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == [Request("bytes=100000-", '"one"', len(BODY))]


@pytest.mark.parametrize("obeys", [True, False])
def test_archive_that_changed_is_not_glued_to_the_old_half(site, data_dir, obeys):
    # If-Range makes the server send all; a server without If-Range is found out by the ETag of its answer.
    leave_part(data_dir, 100_000, validator='"zero"')
    (data_dir / PART).write_bytes(OTHER_BODY[:100_000])
    site.replies = [Reply(obeys_if_range=obeys)]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[0].range == "bytes=100000-"
    assert site.requests[0].if_range == '"zero"'
    assert site.requests[-1].sent == len(BODY)
    assert len(site.requests) == (1 if obeys else 2)


def test_range_that_starts_elsewhere_is_not_taken(site, data_dir):
    leave_part(data_dir, 100_000)
    site.replies = [Reply(shift=5), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[1] == Request(None, None, len(BODY))


def test_part_that_is_whole_or_longer_is_fetched_again(site, data_dir):
    leave_part(data_dir, len(BODY))
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert [request.range for request in site.requests] == [f"bytes={len(BODY)}-", None]


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_killed_download_leaves_a_part_that_is_resumed(site, data_dir, kill):
    site.replies = [Reply(cut=200_000, stall=True), Reply()]
    script = (
        "import pathlib, signal; from pipelines.datasets import catalogue, fetch\n"
        # A shell that starts the tests in the background hands down that Ctrl-C is ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"fetch.fetch('toy', catalogue.{spec_of(site)!r}, pathlib.Path({str(data_dir)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL)
    part = data_dir / PART
    try:
        wait_until(lambda: part.exists() and part.stat().st_size >= 100_000)
        process.send_signal(kill)
        assert process.wait(10) != 0
    finally:
        process.kill()
        process.wait()
    size = part.stat().st_size
    assert listing(data_dir) == [PART, VALIDATOR]
    assert part.read_bytes() == BODY[:size]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests[1:] == [Request(f"bytes={size}-", '"one"', len(BODY) - size)]


def test_kill_while_unpacking_is_cleaned_up_without_another_download(site, data_dir):
    half_made = data_dir / "toy.unpacking" / "toy" / "train"
    half_made.mkdir(parents=True)
    (half_made / "0.jpg").write_bytes(b"left from before, and not in the archive")
    (half_made / "1.jpg").write_bytes(IMAGES["train/1.jpg"][:1000])
    (data_dir / ARCHIVE).write_bytes(BODY)
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == []


def test_full_disk_while_unpacking_keeps_the_archive(site, data_dir, monkeypatch):
    def full(*args):
        (data_dir / "toy.unpacking").mkdir()
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "unpack", full)
        with pytest.raises(OSError, match="No space left"):
            fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == [ARCHIVE]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert len(site.requests) == 1


# Transient and lasting faults


def test_transient_fault_is_retried(site, data_dir, monkeypatch, capsys):
    waits = []
    monkeypatch.setattr(download, "BACKOFF_SECONDS", (1, 2, 4, 8))
    monkeypatch.setattr(download.time, "sleep", waits.append)
    site.replies = [Reply(status=500), Reply(status=503), Reply(status=429), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert waits == [1, 2, 4]
    assert "500 Internal Server Error; trying again in 1 s" in capsys.readouterr().err


def test_silent_server_times_out_and_is_resumed(site, data_dir, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.3)
    site.replies = [Reply(silent=True), Reply(cut=100_000, stall=True), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert [request.range for request in site.requests] == [None, None, "bytes=100000-"]


def test_headers_without_an_end_are_given_up(site, data_dir, monkeypatch, capsys):
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.5)
    site.replies = [Reply(dribble=0.05), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert "no answer in 0.5 s; trying again" in capsys.readouterr().err


def test_missing_archive_is_not_retried(site, data_dir):
    site.replies = [Reply(status=404)]
    remedy = f"download it in another way and save it as {data_dir / ARCHIVE}"
    with pytest.raises(InputError) as error:
        fetch.fetch("toy", spec_of(site), data_dir)
    assert str(error.value) == f"{site.url}: the server answered 404 Not Found; {remedy}"
    assert len(site.requests) == 1
    assert listing(data_dir) == []


def test_missing_archive_keeps_an_earlier_part(site, data_dir):
    leave_part(data_dir, 1000)
    site.replies = [Reply(status=404)]
    with pytest.raises(InputError, match="404"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == [PART, VALIDATOR]


def test_nobody_listens(site, data_dir):
    site.close()
    with pytest.raises(InputError, match=r"no answer .*refused.*try again later, or download"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == []


def test_address_that_is_not_http_is_refused(site, data_dir, tmp_path):
    secret = tmp_path / "secret.tar.gz"
    secret.write_bytes(BODY)
    with pytest.raises(InputError, match="file: is neither http nor https"):
        fetch.fetch("toy", spec_of(site, url=secret.as_uri()), data_dir)
    assert listing(data_dir) == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "data"])
def test_redirect_away_from_http_is_refused(site, data_dir, tmp_path, scheme):
    secret = tmp_path / "secret.tar.gz"
    secret.write_bytes(BODY)
    site.replies = [Reply(status=302, location=f"{scheme}://127.0.0.1{secret}")]
    with pytest.raises(InputError, match=r"neither http nor https|not allowed"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert len(site.requests) == 1
    assert listing(data_dir) == []


@pytest.mark.parametrize(
    "location", ["http://[", "http://a..b/x", f"http://{'x' * 70}.example/", "http://127.0.0.1:x/"]
)
def test_redirect_to_no_address_is_refused(site, data_dir, location):
    site.replies = [Reply(status=302, location=location)]
    with pytest.raises(InputError, match="no answer"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert len(site.requests) == 1
    assert listing(data_dir) == []


def test_redirect_from_https_to_http_is_refused():
    request = urllib.request.Request("https://127.0.0.1/toy.tar.gz")
    redirect = functools.partial(
        download._HttpOnlyRedirects().redirect_request, request, io.BytesIO(), 302, "Found", {}
    )
    assert redirect("https://127.0.0.1:2/other").full_url == "https://127.0.0.1:2/other"
    with pytest.raises(download._RefusedError, match="leads from https to http://127"):
        redirect("http://127.0.0.1/other")


def test_the_body_of_a_redirect_is_not_read(site, data_dir, capsys):
    """It may have no end."""
    site.replies = [Reply(status=302, location=site.url, length=False, stall=True), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert "trying again" not in capsys.readouterr().err


def test_a_server_that_trickles_is_given_up(site, data_dir, monkeypatch):
    monkeypatch.setattr(download, "SLOW_SECONDS", 0.2)
    site.replies = [Reply(trickle=0.1)]
    with pytest.raises(InputError, match=r"the server sent \d bytes in 0 s; try again later, or download"):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert len(site.requests) == ATTEMPTS
    # What came is kept.
    assert listing(data_dir) == [PART, VALIDATOR]


def test_a_range_of_many_digits_is_no_range(site, data_dir):
    leave_part(data_dir, 1000)
    site.replies = [Reply(total="9" * 5000), Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert [request.range for request in site.requests] == ["bytes=1000-", None]


# Archives that are not what they should be


def test_length_over_the_cap_is_refused_before_the_body(site, data_dir):
    site.replies = [Reply(cut=0, stall=True)]
    with pytest.raises(InputError, match=f"{len(BODY)} bytes or more, over the cap of {len(BODY) - 1}"):
        fetch.fetch("toy", spec_of(site, max_bytes=len(BODY) - 1), data_dir)
    assert listing(data_dir) == []
    assert len(site.requests) == 1


def test_body_over_the_cap_is_refused_where_no_length_is_given(site, data_dir):
    site.replies = [Reply(length=False)]
    with pytest.raises(InputError, match=f"over the cap of {len(BODY) - 1}"):
        fetch.fetch("toy", spec_of(site, max_bytes=len(BODY) - 1), data_dir)
    assert listing(data_dir) == []
    assert len(site.requests) == 1


def test_resumed_body_counts_what_was_there(site, data_dir):
    leave_part(data_dir, 300_000)
    site.replies = [Reply(length=False)]
    with pytest.raises(InputError, match="over the cap of 310000"):
        fetch.fetch("toy", spec_of(site, max_bytes=310_000), data_dir)
    assert site.requests[0].range == "bytes=300000-"
    assert listing(data_dir) == []


@pytest.mark.parametrize(
    ("body", "changes", "found"),
    [
        (BODY, {"digest": "0" * 64}, f"contents digest {DIGEST} instead of {'0' * 64}"),
        (BODY, {"files": 4}, "3 images instead of 4"),
        (BODY, {"unpacked_bytes": 349_999}, "more than 349999 bytes when unpacked"),
        (tar_gz(IMAGES, top="../toy"), {}, "leads out"),
        (tar_gz(IMAGES, top="tax"), {}, "not in the top folder toy/"),
        (
            tar_gz({"val/1.jpg": b"1", "test/1.jpg": b"2"}),
            {"digest": None, "files": None},
            "no images in tra",
        ),
        (
            tar_gz({"train/1.jpg": b"1", "val/1.txt": b"2"}),
            {"digest": None, "files": None},
            "or none in val/",
        ),
        (tar_gz({"train/\udcff.jpg": b"1", "val/1.jpg": b"2"}), {"files": 2}, "contents digest"),
        (BODY[:200_000], {}, "not a sound"),
        (b"<html>please log in</html>", {}, "not a sound"),
    ],
)
def test_bad_archive_leaves_nothing(site, data_dir, body, changes, found):
    site.replies = [Reply(body=body)]
    spec = dataclasses.replace(spec_of(site, max_bytes=1_000_000), **changes)
    with pytest.raises(InputError) as error:
        fetch.fetch("toy", spec, data_dir)
    message = str(error.value)
    assert message.startswith(f"{site.url}: ")
    assert found in message
    assert message.endswith(f"the archive was removed: try again, or unpack a trusted copy to {data_dir / 'toy'}")
    assert "\n" not in message
    assert listing(data_dir) == []
    assert listing(data_dir.parent) == ["data"]
    site.replies = [Reply()]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)


def test_folder_is_in_place_only_after_the_check(site, data_dir, monkeypatch):
    seen = []

    def check(folder, spec):
        seen.append((folder.parent.name, os.listdir(folder), (data_dir / "toy").exists()))

    monkeypatch.setattr(fetch, "_check", check)
    fetch.fetch("toy", spec_of(site), data_dir)
    assert [(parent, sorted(names), there) for parent, names, there in seen] == [
        ("toy.unpacking", ["train", "val"], False)
    ]
