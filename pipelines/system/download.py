"""Downloads a file: resumes where it stopped, checks it, and gives it its name when it is whole."""

import os
import pathlib
import re
import sys
import time
import urllib.parse

import requests
import tqdm
import urllib3.exceptions

from pipelines.system import paths
from pipelines.system.terminal import InputError, one_line

TIMEOUT_SECONDS = 30  # without a byte; the whole transfer may take longer
BACKOFF_SECONDS = (1, 2, 4, 8)  # the waits between attempts
RETRIED_STATUSES = (408, 416, 429, 500, 502, 503, 504)
MAX_REDIRECTS = 10
CHUNK_BYTES = 1 << 20


class _TransientError(Exception):
    """A fault that another attempt may not meet."""


class _LastingError(Exception):
    """A fault that another attempt would meet again."""


class _Session(requests.Session):
    """A session that follows no redirect and sends no password.

    requests reads the body of a redirect to its end, however long it is, even with allow_redirects=False.
    """

    def __init__(self) -> None:
        super().__init__()
        self.auth = lambda request: request  # in place of what ~/.netrc has for the host

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None

    def location(self, response: requests.Response) -> str | None:
        """Returns where an answer redirects to, if it does."""
        return super().get_redirect_target(response)


def download(url: str, file: pathlib.Path, max_bytes: int, sha256: str | None = None) -> None:
    """Downloads a file into a folder that exists.

    Tries again after transient faults, with the waits of BACKOFF_SECONDS. An interrupted download leaves file.part (and
    .validator beside it), which the next call resumes.

    Args:
        url: http or https; redirects may lead to both, but not from https to http.
        file: the file to make.
        max_bytes: the largest size that is accepted.
        sha256: the digest of the whole file, in hex; not checked if None.

    Raises:
        InputError: the download fails, or the file is larger or has another digest and is removed. The message ends
            with the remedy: to save it as `file` by hand.
        OSError: the disk is full or not writable.
    """
    part = file.with_name(f"{file.name}.part")
    remedy = f"download it in another way and save it as {file}"
    for wait in (*BACKOFF_SECONDS, None):
        try:
            _transfer(url, part, max_bytes)
            break
        except (_LastingError, ValueError) as error:  # ValueError: an address that is none, also one of a redirect
            raise InputError(one_line(f"{url}: {error}; {remedy}")) from error
        except (_TransientError, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            reason = _reason(error)
            if isinstance(reason, urllib3.exceptions.NameResolutionError | urllib3.exceptions.SSLError):
                raise InputError(one_line(f"{url}: {reason}; {remedy}")) from error
            if wait is None:
                raise InputError(one_line(f"{url}: {reason}; try again later, or {remedy}")) from error
            print(one_line(f"{url}: {reason}; trying again in {wait} s"), file=sys.stderr)
        time.sleep(wait)
    if sha256 is not None and (found := paths.file_sha256(part)) != sha256:
        _discard(part)
        raise InputError(f"{url}: sha256 {found} instead of {sha256}, so it was removed; try again later, or {remedy}")
    os.replace(part, file)
    _discard(part)


def _transfer(url: str, part: pathlib.Path, max_bytes: int) -> None:
    """Makes `part` whole by one request; asks for the missing bytes alone if the server told what file it is."""
    kept = _validator_path(part).read_text("latin-1") if part.exists() and _validator_path(part).exists() else ""
    start = part.stat().st_size if kept else 0
    # If-Range: a server whose file has changed since then sends all of it. Identity: the bytes as they are stored.
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-", "If-Range": kept} if start else {})}
    with _Session() as session, _get(session, url, headers) as response:
        if response.status_code == 416:
            _discard(part)
        if response.status_code not in (200, 206):
            fault = _TransientError if response.status_code in RETRIED_STATUSES else _LastingError
            raise fault(f"the server answered {response.status_code} {response.reason}")
        validator = _validator(response)
        total = response.raw.length_remaining  # None if the server does not say
        if start and response.status_code == 206:
            found = re.fullmatch(rf"bytes {start}-\d+/(\d{{1,19}})", response.headers.get("Content-Range", ""))
            if not found or validator not in ("", kept):
                _discard(part)
                raise _TransientError("the server resumed at another place or from another file")
            total = int(found[1])
        else:
            start = 0
            _discard(part)
            if validator:
                _validator_path(part).write_text(validator, "latin-1")
        received = start
        _check_size(total or 0, max_bytes, part)
        with open(part, "ab") as file, _progress(url, start, total) as progress:
            while chunk := response.raw.read1(CHUNK_BYTES, decode_content=False):
                received += len(chunk)
                _check_size(received, max_bytes, part)
                file.write(chunk)
                progress.update(len(chunk))
    if total is not None and received != total:
        raise _TransientError(f"the transfer ended after {received} of {total} bytes")


def _get(session: _Session, url: str, headers: dict[str, str]) -> requests.Response:
    """Sends a request; follows redirects, but not from https to http, and does not read their bodies."""
    for _ in range(MAX_REDIRECTS):
        response = session.get(url, headers=headers, timeout=TIMEOUT_SECONDS, stream=True)
        location = session.location(response)
        if location is None:
            return response
        response.close()
        url = _redirect(url, location)
    raise _LastingError(f"more than {MAX_REDIRECTS} redirects")


def _redirect(url: str, location: str) -> str:
    """Returns the address that a redirect leads to; a session has adapters for http and https alone."""
    target = urllib.parse.urljoin(url, location)
    if url.lower().startswith("https:") and not target.lower().startswith("https:"):
        raise _LastingError(f"it leads from https to {target}")
    return target


def _reason(error: Exception) -> object:
    """Returns what requests or urllib3 wrapped, which says the fault in fewer words."""
    cause = error.args[0] if isinstance(error, requests.RequestException) and error.args else error
    return getattr(cause, "reason", cause)


def _check_size(size: int, max_bytes: int, part: pathlib.Path) -> None:
    if size > max_bytes:
        _discard(part)
        raise _LastingError(f"the file has {size} bytes or more, over the limit of {max_bytes}")


def _validator(response: requests.Response) -> str:
    """Returns what tells this file from a later one; a weak ETag does not tell it byte by byte."""
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified", "")


def _validator_path(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(f"{part.name}.validator")


def _discard(part: pathlib.Path) -> None:
    # The part goes first: a kill in between leaves a validator without a part, which means nothing.
    part.unlink(missing_ok=True)
    _validator_path(part).unlink(missing_ok=True)


def _progress(url: str, start: int, total: int | None) -> tqdm.tqdm:
    terminal = sys.stderr.isatty()
    if not terminal:
        print(f"downloading {url}, {total or 'unknown'} bytes, from byte {start}", file=sys.stderr)
    name = url.rsplit("/", 1)[-1]
    return tqdm.tqdm(total=total, initial=start, desc=name, unit="B", unit_scale=True, disable=not terminal)
