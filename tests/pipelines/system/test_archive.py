import errno
import gzip
import io
import os
import pathlib
import tarfile

import pytest

from pipelines.system import archive

TOP = "facades"
CAP = 100_000


def file_member(name: str, size: int = 3) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


def special_member(name: str, kind: bytes, linkname: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = linkname
    return member


def nul_member() -> tarfile.TarInfo:
    """Returns a member whose name ends earlier for the system than for Python."""
    member = tarfile.TarInfo(f"{TOP}/x")
    member.pax_headers = {"path": f"{TOP}/evil.jpg\0.jpg"}
    return member


def tar_bytes(*members: tarfile.TarInfo) -> bytes:
    """Returns a tar whose files are full of the letter x."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def write(tmp_path: pathlib.Path, *members: tarfile.TarInfo) -> pathlib.Path:
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar_bytes(*members)))
    return path


def files_below(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_unpacks_files_folders_and_long_names(tmp_path):
    long_name = f"{TOP}/train/{'n' * 200}.jpg"
    folder = special_member(f"{TOP}/train", tarfile.DIRTYPE)
    folder.mode = 0o000  # as in the archive, the folder could not be written to
    members = folder, file_member(f"{TOP}/train/1.jpg", 4), file_member(f"./{TOP}/2.jpg", 0)
    archive.unpack(write(tmp_path, *members, file_member(long_name)), tmp_path / "out", TOP, CAP)
    assert files_below(tmp_path / "out") == {
        "train/1.jpg": b"xxxx",
        "2.jpg": b"",
        f"train/{'n' * 200}.jpg": b"xxx",
    }


def test_modes_and_times_of_the_archive_are_not_taken(tmp_path):
    member = file_member(f"{TOP}/1.jpg")
    member.mode = 0o4777
    member.mtime = 1 << 60
    archive.unpack(write(tmp_path, member), tmp_path / "out", TOP, CAP)
    found = (tmp_path / "out" / "1.jpg").stat()
    plain = tmp_path / "plain"
    plain.touch()
    assert found.st_mode == plain.stat().st_mode
    assert found.st_mtime == pytest.approx(plain.stat().st_mtime, abs=60)


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (file_member("/etc/evil.jpg"), "evil.jpg"),
        (file_member("../evil.jpg"), "evil.jpg"),
        (file_member(f"{TOP}/../../evil.jpg"), "evil.jpg"),
        (file_member(f"{TOP}/../evil.jpg"), "evil.jpg"),
        (file_member("maps/train/evil.jpg"), "facades/"),
        (file_member("facades-2/evil.jpg"), "facades/"),
        (file_member("facades"), "facades/"),
        (special_member(f"{TOP}/evil.jpg", tarfile.SYMTYPE, "/etc/passwd"), "neither"),
        (special_member(f"{TOP}/evil.jpg", tarfile.SYMTYPE, "1.jpg"), "neither"),
        (special_member(f"{TOP}/evil.jpg", tarfile.LNKTYPE, f"{TOP}/1.jpg"), "neither"),
        (special_member(f"{TOP}/evil.jpg", tarfile.CHRTYPE), "neither"),
        (special_member(f"{TOP}/evil.jpg", tarfile.BLKTYPE), "neither"),
        (special_member(f"{TOP}/evil.jpg", tarfile.FIFOTYPE), "neither"),
        (file_member(f"{TOP}/{'d/' * 31}evil.jpg"), "32"),
        # As many folders as a path can have.
        (file_member(f"{TOP}/{'d/' * 2000}evil.jpg"), "32"),
        (special_member(f"{TOP}/{'d/' * 2000}evil", tarfile.DIRTYPE), "32"),
        (nul_member(), r"tar\.gz"),
        (file_member(f"{TOP}/evil.jpg", CAP - 2), "100000"),
        (file_member(f"{TOP}/1.jpg/evil.jpg"), "cannot be written"),
        (file_member(f"{TOP}/{'n' * 256}.jpg"), "cannot be written"),
    ],
)
def test_hostile_member_is_refused_and_not_written(tmp_path, member, reason):
    path = write(tmp_path, file_member(f"{TOP}/1.jpg"), member, file_member(f"{TOP}/3.jpg"))
    inner = tmp_path / "inner"
    inner.mkdir()
    with pytest.raises(archive.ArchiveError, match=reason):
        archive.unpack(path, inner / "out", TOP, CAP)
    assert files_below(inner) == {"out/1.jpg": b"xxx"}
    assert [entry.name for entry in tmp_path.iterdir() if entry != inner] == [path.name]
    assert not list(inner.rglob("evil*"))


def test_sizes_up_to_the_cap_are_taken(tmp_path):
    path = write(tmp_path, file_member(f"{TOP}/1.jpg"), file_member(f"{TOP}/2.jpg", CAP - 3))
    archive.unpack(path, tmp_path / "out", TOP, CAP)
    assert len(files_below(tmp_path / "out")) == 2


def test_bomb_is_refused_by_its_header_before_it_is_decompressed(tmp_path):
    # The header alone: had its 10 GB been asked for, the gzip would have ended too early.
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(file_member(f"{TOP}/1.jpg", 10**10).tobuf() + bytes(20_000)))
    with pytest.raises(archive.ArchiveError, match="100000"):
        archive.unpack(path, tmp_path / "out", TOP, CAP)


def test_header_bomb_is_refused(tmp_path):
    # A pax record of 50 MB, which tarfile would read into memory before it shows the member.
    member = file_member(f"{TOP}/1.jpg")
    member.pax_headers = {"comment": "x" * 50_000_000}
    with pytest.raises(archive.ArchiveError, match="headers are larger than 65536 bytes"):
        archive.unpack(write(tmp_path, member), tmp_path / "out", TOP, CAP)


def test_bomb_behind_the_last_member_is_refused(tmp_path):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(tar_bytes(file_member(f"{TOP}/1.jpg")) + bytes(5_000_000)))
    with pytest.raises(archive.ArchiveError, match="100000"):
        archive.unpack(path, tmp_path / "out", TOP, CAP)


def test_sparse_file_is_refused(tmp_path):
    # 100 bytes on the wire, 50 000 on disk.
    member = file_member(f"{TOP}/1.jpg", 100)
    member.pax_headers = {"GNU.sparse.map": "0,100", "GNU.sparse.size": "50000"}
    with pytest.raises(archive.ArchiveError, match="neither"):
        archive.unpack(write(tmp_path, member), tmp_path / "out", TOP, CAP)


def test_negative_size_is_refused(tmp_path):
    member = file_member(f"{TOP}/1.jpg").tobuf()
    header = bytearray(member)
    header[124:136] = b"\xff" * 12  # -1 in tar's base 256
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    path = tmp_path / "a.tar.gz"
    path.write_bytes(gzip.compress(bytes(header) + bytes(20_000)))
    with pytest.raises(archive.ArchiveError, match="-1"):
        archive.unpack(path, tmp_path / "out", TOP, CAP)


def test_too_many_members(tmp_path):
    path = write(tmp_path, *(file_member(f"{TOP}/{number}.jpg") for number in range(4)))
    archive.unpack(path, tmp_path / "enough", TOP, CAP, max_members=5)
    with pytest.raises(archive.ArchiveError, match="4 members"):
        archive.unpack(path, tmp_path / "out", TOP, CAP, max_members=4)
    assert sorted(files_below(tmp_path / "out")) == [f"{number}.jpg" for number in range(3)]


def test_folders_without_members_count(tmp_path):
    """A member of no bytes makes up to 30 folders, and each takes room on the disk."""
    path = write(tmp_path, *(file_member(f"{TOP}/{number}/a/b/c.jpg") for number in range(3)))
    archive.unpack(path, tmp_path / "enough", TOP, CAP, max_members=1 + 3 * 4)
    with pytest.raises(archive.ArchiveError, match="12 members"):
        archive.unpack(path, tmp_path / "out", TOP, CAP, max_members=12)


def test_as_deep_as_is_allowed(tmp_path):
    name = f"{'d/' * 30}1.jpg"
    archive.unpack(write(tmp_path, file_member(f"{TOP}/{name}")), tmp_path / "out", TOP, CAP)
    assert files_below(tmp_path / "out") == {name: b"xxx"}


def test_one_name_twice_is_one_file(tmp_path):
    # Also names that differ by case or by Unicode's normal forms, where a file system takes these for one.
    names = ["1.jpg", "1.jpg", "A.jpg", "a.jpg", "\u00e9.jpg", "e\u0301.jpg", "C:\\x.jpg"]
    path = write(tmp_path, *(file_member(f"{TOP}/{name}", size) for size, name in enumerate(names, start=1)))
    archive.unpack(path, tmp_path / "out", TOP, CAP)
    found = files_below(tmp_path / "out")
    assert set(found) <= set(names)
    assert all(content == b"x" * len(content) for content in found.values())
    # On a file system that tells all of them apart, the last of the name is there.
    if len(found) == len(set(names)):
        assert found["1.jpg"] == b"xx"


DAMAGES = {
    "empty": lambda sound: b"",
    "html": lambda sound: b"<html>please log in</html>",
    "cut": lambda sound: sound[: len(sound) // 2],
    "cut in the last bytes": lambda sound: sound[:-4],
    # One bit of the checksum, which nothing but reading to the end can find.
    "checksum": lambda sound: sound[:-8] + bytes([sound[-8] ^ 1]) + sound[-7:],
    "no tar inside": lambda sound: gzip.compress(b"no tar" * 1000),
    "no gzip around": gzip.decompress,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_named(tmp_path, damage):
    path = write(tmp_path, *(file_member(f"{TOP}/{number}.jpg", 2000) for number in range(10)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(archive.ArchiveError, match=r"tar\.gz"):
        archive.unpack(path, tmp_path / "out", TOP, CAP)


def test_full_disk_is_not_the_archives_fault(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tarfile.TarFile, "makefile", full)
    with pytest.raises(OSError, match="No space left"):
        archive.unpack(write(tmp_path, file_member(f"{TOP}/1.jpg")), tmp_path / "out", TOP, CAP)
