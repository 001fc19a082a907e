"""A server on this machine that serves one file, and fails as it is told."""

import dataclasses
import http.server
import threading


@dataclasses.dataclass
class Reply:
    """The server's behavior at one request."""

    body: bytes
    status: int = 200
    etag: str | None = '"one"'
    last_modified: str | None = None
    ranges: bool = True
    obeys_if_range: bool = True
    length: bool = True  # False: the end of the connection is the end of the body
    cut: int | None = None  # the server sends this many bytes of the answer, then closes the connection
    stall: bool = False  # after the cut, the connection stays silently open instead
    silent: bool = False  # the server does not answer at all
    shift: int = 0  # a range starts this much later than the request says
    location: str | None = None
    encoding: str | None = None
    whole: str | None = None  # the size of the whole in a range's header, instead of the right one


@dataclasses.dataclass
class Request:
    """One request, and the number of bytes of its answer."""

    range: str | None
    if_range: str | None
    sent: int


class Site:
    """Gives the replies in turn, and the last of them from then on."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
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
        if reply.silent:
            self.closing.wait(30)
            return
        status, start = reply.status, 0
        current = request.if_range in (None, reply.etag, reply.last_modified) or not reply.obeys_if_range
        if request.range and status == 200 and reply.ranges and current:
            start = int(request.range.removeprefix("bytes=").removesuffix("-")) + reply.shift
            status = 206 if start < len(reply.body) else 416
        content = reply.body[start:] if status in (200, 206) else b""
        handler.send_response(status)
        size = len(reply.body)
        headers = {
            "ETag": reply.etag,
            "Last-Modified": reply.last_modified,
            "Location": reply.location,
            "Content-Encoding": reply.encoding,
            "Content-Length": str(len(content)) if reply.length else None,
            "Content-Range": f"bytes {start}-{size - 1}/{reply.whole or size}" if status == 206 else None,
        }
        for name, value in headers.items():
            if value is not None:
                handler.send_header(name, value)
        handler.end_headers()
        request.sent = len(content[: reply.cut])
        handler.wfile.write(content[: reply.cut])
        if reply.stall:
            self.closing.wait(30)

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
