"""Unpacks an untrusted tar.gz: folders and files only, all below one top folder."""

import errno
import gzip
import pathlib
import tarfile
import zlib
from typing import Protocol

# The largest published dataset, edges2handbags, has about 140,000 images.
MAX_MEMBERS = 500_000

# The most bytes of one member's headers. A long name needs some hundreds; tarfile reads all that a header claims into
# memory before the member can be checked.
MAX_HEADER_BYTES = 1 << 16

# The most folders above a member. Published archives have two; Python's makedirs takes a stack frame for each.
MAX_DEPTH = 32

# A file system's errors for names and nestings that it cannot have: the archive's fault, not the disk's.
NAME_ERRORS = {errno.EEXIST, errno.EILSEQ, errno.EINVAL, errno.EISDIR, errno.ENAMETOOLONG, errno.ENOTDIR}


class ArchiveError(Exception):
    """The archive is damaged or hostile. The message says what was found in it."""


class _Readable(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


class _MeteredReader:
    """Reads no more bytes from a stream than were granted since the last member."""

    def __init__(self, stream: _Readable) -> None:
        self._stream = stream
        self._granted = MAX_HEADER_BYTES

    def grant(self, size: int) -> None:
        self._granted = size

    def read(self, size: int = -1) -> bytes:
        if size < 0 or size > self._granted:
            raise ArchiveError(f"a member's headers are larger than {MAX_HEADER_BYTES} bytes")
        self._granted -= size
        return self._stream.read(size)


def unpack(archive: pathlib.Path, into: pathlib.Path, top: str, max_bytes: int, max_members: int = MAX_MEMBERS) -> None:
    """Unpacks the top folder's contents into a folder. On an error, the caller removes what was written.

    Args:
        archive: the tar.gz.
        into: the folder to write to; made if it does not exist.
        top: the name of the archive's one top folder.
        max_bytes: limit of all files together, in bytes, as their headers state them.
        max_members: limit of the number of files and folders.

    Raises:
        ArchiveError: the archive is damaged or over a limit, or a member is a link, a device or a sparse file, or lies
            outside the top folder or too deep. Nothing is written of the refused member.
        OSError: the disk is full or not writable.
    """
    into.mkdir(exist_ok=True)
    try:
        with gzip.open(archive) as stream:
            _extract(stream, into, top, max_bytes, max_members)
            _drain(stream, max_bytes)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError) as error:
        raise ArchiveError(f"not a whole tar.gz ({error})") from error
    except OSError as error:
        if error.errno in NAME_ERRORS:
            raise ArchiveError(f"a member cannot be written ({error.strerror})") from error
        raise


def _extract(stream: _Readable, into: pathlib.Path, top: str, max_bytes: int, max_members: int) -> None:
    unpacked = 0
    paths: set[pathlib.PurePosixPath] = set()
    reader = _MeteredReader(stream)
    # "r|" reads strictly forward: each header is checked before anything after it is decompressed.
    with tarfile.open(fileobj=reader, mode="r|") as tar:  # type: ignore[call-overload]
        for count, member in enumerate(tar, start=1):
            _refuse_unsafe(member, top)
            unpacked += member.size
            # The folders above it take room as well, and need no members of their own.
            path = pathlib.PurePosixPath(member.name)
            paths.update((path, *path.parents[:-1]))
            if max(count, len(paths)) > max_members:
                raise ArchiveError(f"more than {max_members} members")
            if unpacked > max_bytes:
                raise ArchiveError(f"more than {max_bytes} bytes when unpacked")
            reader.grant(member.size + MAX_HEADER_BYTES)
            inner = member.replace(name=str(pathlib.PurePosixPath(*path.parts[1:])), deep=False)
            # Without attributes: owners, times and modes of another machine mean nothing here.
            tar.extract(inner, into, set_attrs=False, filter="data")


def _refuse_unsafe(member: tarfile.TarInfo, top: str) -> None:
    path = pathlib.PurePosixPath(member.name)
    shown = repr(member.name[:100])
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise ArchiveError(f"{shown} is neither a plain file nor a folder")
    if member.size < 0:
        raise ArchiveError(f"{shown} claims {member.size} bytes")
    if path.is_absolute() or ".." in path.parts:
        raise ArchiveError(f"{shown} leads out of the archive's folder")
    if len(path.parts) > MAX_DEPTH:
        raise ArchiveError(f"{shown} is more than {MAX_DEPTH} folders deep")
    if path.parts[:1] != (top,):
        raise ArchiveError(f"{shown} is not in the top folder {top}/")
    if len(path.parts) == 1 and not member.isdir():
        raise ArchiveError(f"{shown} is a file, not the top folder {top}/")


def _drain(stream: _Readable, max_bytes: int) -> None:
    """Reads to the end of the stream, since gzip compares its checksum there and tarfile stops before."""
    drained = 0
    while chunk := stream.read(1 << 20):
        drained += len(chunk)
        if drained > max_bytes:
            raise ArchiveError(f"more than {max_bytes} bytes after the last member")
