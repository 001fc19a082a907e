"""Downloads a file: resumed where it stopped, checked, and in place only when it is whole."""

import http.client
import os
import pathlib
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import IO

import tqdm

from pipelines.system import paths
from pipelines.system.deadline import LateError, within
from pipelines.system.terminal import InputError, one_line

TIMEOUT_SECONDS = 30  # of silence, not of the whole transfer
ANSWER_SECONDS = 60  # until all headers are there, redirects included
# Who sends less than this all the time, such as a byte a second, would keep us for ever.
LEAST_BYTES_PER_SECOND = 1000
SLOW_SECONDS = 120
BACKOFF_SECONDS = (1, 2, 4, 8)  # the waits between attempts; there is one attempt more
RETRIED_STATUSES = (408, 416, 429)  # beside all from 500 on; after 416 the next attempt starts again
CHUNK_BYTES = 1 << 20


class _TransientError(Exception):
    """A fault that another attempt may not meet."""


class _RefusedError(Exception):
    """A fault that another attempt would meet again."""


def download(url: str, file: pathlib.Path, max_bytes: int, sha256: str | None = None) -> None:
    """Makes file, in a folder that is there, from what lies at url.

    Transient faults are tried again after BACKOFF_SECONDS. An interrupted download leaves file.part (and .validator
    beside it), which the next call resumes.

    Args:
        url: http or https, also behind redirects.
        file: where it goes when it is whole.
        max_bytes: the most that is taken.
        sha256: the digest that the whole must have, in hex; not checked if None.

    Raises:
        InputError: it cannot be had, is larger, or has another digest, and then does not stay. The remedy at the
            message's end is to save it as file.
        OSError: the disk is full or not writable.
    """
    part = file.with_name(f"{file.name}.part")
    remedy = f"download it in another way and save it as {file}"
    for wait in (*BACKOFF_SECONDS, None):
        try:
            _transfer(url, part, max_bytes)
            break
        except _RefusedError as error:
            raise InputError(f"{url}: {error}; {remedy}") from error
        except _TransientError as error:
            if wait is None:
                raise InputError(f"{url}: {error}; try again later, or {remedy}") from error
            print(one_line(f"{url}: {error}; trying again in {wait} s"), file=sys.stderr)
        time.sleep(wait)
    if sha256 is not None and (found := paths.file_sha256(part)) != sha256:
        _discard(part)
        raise InputError(f"{url}: sha256 {found} instead of {sha256}, so it was removed; try again later, or {remedy}")
    os.replace(part, file)
    _discard(part)


def _transfer(url: str, part: pathlib.Path, max_bytes: int) -> None:
    """Makes part whole in one request, for the missing bytes only where the server can do that."""
    kept = _kept_validator(part)
    have = part.stat().st_size if kept else 0
    # If-Range: a server whose archive has changed since sends all of it, not the end of another.
    headers = {"Range": f"bytes={have}-", "If-Range": kept} if kept and have else {}
    with _open(url, headers, part) as response:
        if kept and have and response.status == http.HTTPStatus.PARTIAL_CONTENT:
            start, total = have, _whole_size(response, have, kept, part)
        else:
            # response.length, unlike the header, is None where a chunked body makes the header void.
            start, total = 0, response.length
            _discard(part)
            if validator := _validator(response.headers):
                _validator_path(part).write_text(validator)
        received = _append(response, part, start, total, max_bytes)
    if total is not None and received != total:
        raise _TransientError(f"the transfer ended after {received} of {total} bytes")


def _open(url: str, headers: dict[str, str], part: pathlib.Path) -> http.client.HTTPResponse:
    _require_http(url)
    opener = urllib.request.build_opener(_HttpOnlyRedirects)
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310 (http and https only, see above)
        # urllib's own bound begins anew with each byte of a header.
        return within(ANSWER_SECONDS, lambda: opener.open(request, timeout=TIMEOUT_SECONDS))
    except LateError:
        raise _TransientError(f"no answer in {ANSWER_SECONDS} s") from None
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            _discard(part)
        fault = _TransientError if error.code >= 500 or error.code in RETRIED_STATUSES else _RefusedError
        raise fault(f"the server answered {error.code} {error.reason}") from error
    except (ValueError, http.client.InvalidURL) as error:
        # An address that is none, where the server sends us to another.
        raise _RefusedError(f"no answer ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)  # what urllib wrapped, if it did
        transient = isinstance(reason, ConnectionError | TimeoutError | http.client.HTTPException)
        raise (_TransientError if transient else _RefusedError)(f"no answer ({reason})") from error


def _append(
    response: http.client.HTTPResponse, part: pathlib.Path, start: int, total: int | None, max_bytes: int
) -> int:
    """Writes the body to part from byte start on; returns the size that part has then."""
    received = start
    begun = time.monotonic()
    _refuse_over_cap(total or 0, max_bytes, part)
    with open(part, "ab") as file, _progress(response.url, start, total) as progress:
        while chunk := _read(response):
            received += len(chunk)
            _refuse_over_cap(received, max_bytes, part)
            file.write(chunk)
            progress.update(len(chunk))
            seconds = time.monotonic() - begun
            if seconds > SLOW_SECONDS and received - start < seconds * LEAST_BYTES_PER_SECOND:
                raise _TransientError(f"the server sent {received - start} bytes in {seconds:.0f} s")
    return received


def _read(response: http.client.HTTPResponse) -> bytes:
    # Apart from the writing, so that a full disk is not taken for a fault of the network.
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise _TransientError(f"the transfer broke off ({error})") from error


def _refuse_over_cap(size: int, max_bytes: int, part: pathlib.Path) -> None:
    if size > max_bytes:
        _discard(part)
        raise _RefusedError(f"the file has {size} bytes or more, over the cap of {max_bytes}")


def _whole_size(response: http.client.HTTPResponse, have: int, kept: str, part: pathlib.Path) -> int | None:
    """Returns the whole archive's size in bytes, if known; refuses a range that does not continue part."""
    found = re.fullmatch(r"bytes (\d{1,19})-\d+/(\d{1,19}|\*)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) != have or _validator(response.headers) not in (None, kept):
        _discard(part)
        raise _TransientError("the server resumed at another place or from another file")
    if found[2] != "*":
        return int(found[2])
    return None if response.length is None else have + response.length


def _validator(headers: http.client.HTTPMessage) -> str | None:
    """Returns what tells this archive from a later one; a weak ETag does not tell it byte by byte."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


def _validator_path(part: pathlib.Path) -> pathlib.Path:
    return part.with_name(f"{part.name}.validator")


def _kept_validator(part: pathlib.Path) -> str | None:
    path = _validator_path(part)
    return path.read_text() if part.exists() and path.exists() else None


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


def _require_http(url: str) -> None:
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise _RefusedError(f"{scheme}: is neither http nor https")


class _HttpOnlyRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone, and none from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        # urllib would read the redirect's own body to its end, however long it is.
        fp.close()
        _require_http(newurl)
        if req.type == "https" and urllib.parse.urlsplit(newurl).scheme != "https":
            raise _RefusedError(f"it leads from https to {newurl}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
