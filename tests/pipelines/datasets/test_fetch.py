"""Digests, archives of all kinds, and what is left of a fetch that fails or is killed."""

import dataclasses
import hashlib
import io
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tarfile

import pytest

from pipelines.datasets import fetch
from pipelines.datasets.catalogue import DATASETS, DatasetSpec
from pipelines.system import download
from pipelines.system.terminal import InputError
from tests.helpers.golden import SHARED
from tests.helpers.site import Reply, Request, Site

ROOT = pathlib.Path(__file__).resolve().parents[3]
SHARED_FACADES = SHARED / "data" / "facades"
ARCHIVE = "toy.tar.gz"

# Bytes that do not compress, so that the archive is about as large.
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


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(download, "BACKOFF_SECONDS", ())
    site = Site(Reply(BODY))
    yield site
    site.close()


@pytest.fixture
def data_dir(tmp_path):
    return tmp_path / "data"


def spec_of(site: Site, **changes: object) -> DatasetSpec:
    spec = DatasetSpec(
        url=site.url, digest=DIGEST, files=3, direction="AtoB", max_bytes=len(BODY), unpacked_bytes=350_000
    )
    return dataclasses.replace(spec, **changes)


def listing(folder: pathlib.Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_whole(data_dir: pathlib.Path, images: dict[str, bytes] = IMAGES) -> None:
    folder = data_dir / "toy"
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found == images
    assert listing(data_dir) == ["toy"]


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


def test_fetched_folder_is_whole(site, data_dir, capsys):
    assert fetch.fetch("toy", spec_of(site), data_dir) == data_dir / "toy"
    assert_whole(data_dir)
    assert site.requests == [Request(None, None, len(BODY))]
    # Not a terminal: whole lines, no bar that redraws itself.
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert site.url in first
    assert str(len(BODY)) in first
    assert str(data_dir / ARCHIVE) in second
    assert "\r" not in captured.err


def test_folder_that_exists_is_not_downloaded(site, data_dir):
    (data_dir / "toy").mkdir(parents=True)
    assert fetch.fetch("toy", spec_of(site), data_dir) == data_dir / "toy"
    assert site.requests == []


def test_data_set_without_known_digest_is_accepted_with_a_warning(site, data_dir, capsys):
    site.replies = [Reply(OTHER_BODY)]
    fetch.fetch("toy", spec_of(site, digest=None, files=None, max_bytes=len(OTHER_BODY)), data_dir)
    assert_whole(data_dir, {name: content[::-1] for name, content in IMAGES.items()})
    assert "no digest" in capsys.readouterr().err


def test_archive_saved_by_hand_is_used_and_checked(site, data_dir):
    data_dir.mkdir()
    (data_dir / ARCHIVE).write_bytes(OTHER_BODY)
    with pytest.raises(InputError, match=DIGEST):
        fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == []
    (data_dir / ARCHIVE).write_bytes(BODY)
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == []


def test_failed_download_names_the_archive_to_save_by_hand(site, data_dir):
    site.replies = [Reply(b"", status=404)]
    with pytest.raises(InputError) as error:
        fetch.fetch("toy", spec_of(site), data_dir)
    for thing in (site.url, "404", str(data_dir / ARCHIVE)):
        assert thing in str(error.value)
    assert listing(data_dir) == []


def test_kill_while_unpacking_is_cleaned_up_without_another_download(site, data_dir):
    data_dir.mkdir()
    (data_dir / ARCHIVE).write_bytes(BODY)
    script = (
        "import os, pathlib, signal; from pipelines.datasets import catalogue, fetch\n"
        "fetch._check = lambda *args: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"fetch.fetch('toy', catalogue.{spec_of(site)!r}, pathlib.Path({str(data_dir)!r}))"
    )
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=subprocess.DEVNULL)
    assert process.returncode == -signal.SIGKILL
    left = set(listing(data_dir)) - {ARCHIVE}
    assert len(left) == 1
    assert left != {"toy"}
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert site.requests == []


def test_full_disk_while_unpacking_keeps_the_archive(site, data_dir, monkeypatch):
    def full(archive, into, *args):
        (into / "half").write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(fetch, "unpack", full)
        with pytest.raises(OSError, match="No space left"):
            fetch.fetch("toy", spec_of(site), data_dir)
    assert listing(data_dir) == [ARCHIVE]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)
    assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("body", "changes", "found"),
    [
        (BODY, {"digest": "0" * 64}, DIGEST),
        (BODY, {"files": 4}, "3 images instead of 4"),
        (BODY, {"unpacked_bytes": 349_999}, "349999"),
        (tar_gz(IMAGES, top="../toy"), {}, "../toy"),
        (tar_gz(IMAGES, top="tax"), {}, "toy/"),
        (tar_gz({"val/1.jpg": b"1", "test/1.jpg": b"2"}), {"digest": None, "files": None}, "train/"),
        (tar_gz({"train/1.jpg": b"1", "val/1.txt": b"2"}), {"digest": None, "files": None}, "val/"),
        (tar_gz({"train/\udcff.jpg": b"1", "val/1.jpg": b"2"}), {"files": 2}, DIGEST),
        (BODY[:200_000], {}, "tar.gz"),
        (b"<html>please log in</html>", {}, "tar.gz"),
    ],
)
def test_bad_archive_leaves_nothing(site, data_dir, body, changes, found):
    site.replies = [Reply(body)]
    spec = dataclasses.replace(spec_of(site, max_bytes=1_000_000), **changes)
    with pytest.raises(InputError) as error:
        fetch.fetch("toy", spec, data_dir)
    for thing in (site.url, found, str(data_dir / "toy")):
        assert thing in str(error.value)
    assert "\n" not in str(error.value)
    assert listing(data_dir) == []
    assert listing(data_dir.parent) == ["data"]
    site.replies = [Reply(BODY)]
    fetch.fetch("toy", spec_of(site), data_dir)
    assert_whole(data_dir)


def test_folder_is_in_place_only_after_the_check(site, data_dir, monkeypatch):
    seen = []

    def check(folder, spec):
        seen.append((folder.name.startswith("."), sorted(os.listdir(folder)), (data_dir / "toy").exists()))

    monkeypatch.setattr(fetch, "_check", check)
    fetch.fetch("toy", spec_of(site), data_dir)
    assert seen == [(True, ["train", "val"], False)]
    assert_whole(data_dir)
