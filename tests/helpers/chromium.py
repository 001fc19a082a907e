"""Drives a page in headless Chromium, by Playwright in Node; a test is skipped where one of these is not there."""

import contextlib
import dataclasses
import json
import pathlib
import shutil
import subprocess
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from export.page import server
from tests.helpers.runs import PATIENCE, ROOT

DRIVER = ROOT / "tests" / "helpers" / "chromium.mjs"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclasses.dataclass
class Visit:
    """The outcome of a script.

    Attributes:
      result: what it returned.
      requests: all addresses that the browser asked for.
      errors: what the page wrote on the console as an error, or did not catch.
    """

    result: Any
    requests: list[str]
    errors: list[str]

    @property
    def hosts(self) -> set[str]:
        """The hosts of all requests that left the page."""
        parts = map(urllib.parse.urlsplit, self.requests)
        return {str(part.hostname) for part in parts if part.scheme not in ("data", "blob")}


class Chromium:
    """A browser that runs scripts, each in a fresh profile."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def run(self, code: str, options: dict[str, Any] | None = None, **values: Any) -> Visit:
        """Runs the body of an async function of `page` (Playwright's), `values` and `axe`; fails if it throws.

        Args:
          code: JavaScript for Node.
          options: Playwright's of a new context, such as `{"viewport": {"width": 390, "height": 844}}`.
          **values: what the code finds in `values`.
        """
        self.process.stdin.write(json.dumps({"code": code, "values": values, "options": options or {}}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, f"the driver ended with {self.process.wait(30)}"
        answer = json.loads(line)
        assert "error" not in answer, (answer["error"], answer["errors"])
        return Visit(**answer)


@contextlib.contextmanager
def open_chromium(*arguments: str) -> Iterator[Chromium]:
    """Starts a browser, with more arguments of Chromium's; skips the test if that cannot be."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or shutil.which("node") is None:
        pytest.skip("Chromium or Node is not installed")
    if not (ROOT / "node_modules" / "playwright-core").is_dir():
        pytest.skip("playwright-core is not installed; npm ci installs it")
    process = subprocess.Popen(
        ["node", str(DRIVER), browser, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    # A browser that hangs is killed, and the script that waits for it fails.
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield Chromium(process)
    finally:
        watchdog.cancel()
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        process.kill()


@contextlib.contextmanager
def served(folder: pathlib.Path, isolated: bool = True) -> Iterator[str]:
    """Serves a page on a free port, and yields its address; without isolation it has no threads."""
    with server.serving(folder, isolated=isolated) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://{server.HOST}:{running.server_port}/"
        finally:
            running.shutdown()
