"""Unpacks a tar.gz: the bytes as they are, or compressed first, since no mutation passes gzip's checksum."""

import gzip
import io
import tarfile

from pipelines.system.archive import ArchiveError, unpack

EXPECTED = (ArchiveError,)
CAP = 1 << 20


def tar(*members, form=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, kind, size, extra in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, size
            for key, value in extra.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(b"x" * size))
    # Without most of the zeros behind the last member.
    return buffer.getvalue().rstrip(b"\0") + bytes(1024)


PLAIN = tar(("top", tarfile.DIRTYPE, 0, {}), ("top/train/1.jpg", tarfile.REGTYPE, 9, {}))
SEEDS = [
    b"t" + PLAIN,
    b"z" + gzip.compress(PLAIN),
    b"t" + tar(("top/" + "n" * 120, tarfile.REGTYPE, 3, {}), form=tarfile.GNU_FORMAT),
    b"t" + tar(("top/a", tarfile.REGTYPE, 3, {"pax_headers": {"path": "top/\u00fc", "size": "2", "mtime": "1.5"}})),
    b"t" + tar(("top/a", tarfile.SYMTYPE, 0, {"linkname": "../../x"}), ("top/a/b", tarfile.REGTYPE, 1, {})),
    b"t" + tar(("top/a", tarfile.REGTYPE, 5, {"pax_headers": {"GNU.sparse.map": "0,5", "GNU.sparse.size": "9"}})),
    b"t" + tar(("../x", tarfile.REGTYPE, 1, {}), ("/x", tarfile.REGTYPE, 1, {}), form=tarfile.USTAR_FORMAT),
]


def target(data, folder):
    archive = folder / "a.tar.gz"
    archive.write_bytes(gzip.compress(data[1:], 1) if data[:1] == b"t" else data[1:])
    try:
        unpack(archive, folder / "into", "top", CAP, max_members=100)
    finally:
        found = list((folder / "into").rglob("*"))
        assert {path.name for path in folder.iterdir()} <= {"a.tar.gz", "into"}
        assert not [path for path in found if path.is_symlink() or not (path.is_file() or path.is_dir())]
        assert sum(path.stat().st_size for path in found if path.is_file()) <= CAP
