"""The command in a process of its own: what it prints, and how it stops."""

import base64
import json
import signal
import socket
import subprocess
import sys

import pytest
import requests
import tensorflow as tf

from tests.export.rest.test_application import PNG
from tests.export.serving.test_servable import expected, servable
from tests.helpers.runs import PATIENCE, ROOT


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_request_in_flight_is_answered_at_the_end(tmp_path, stop):
    """Half of the body is sent before the signal, and the rest when nobody listens any more."""
    plain = servable()
    tf.saved_model.save(plain, str(tmp_path / "tiny" / "7"), signatures=plain.signatures())
    file = base64.b64encode(PNG).decode()
    body = json.dumps({"instances": [{"b64": file}]}).encode()
    process = subprocess.Popen(
        [sys.executable, "-m", "export.serve", f"--model={tmp_path / 'tiny'}", "--port=0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        url = line.split(" at ")[1].split(";")[0]
        assert line.startswith(f"{tmp_path / 'tiny' / '7'} is served at http://127.0.0.1:")
        address = ("127.0.0.1", int(url.split(":")[2].split("/")[0]))
        assert requests.get(url.removesuffix(":predict"), timeout=60).ok
        assert "no page to draw on" in process.stdout.readline()
        with socket.create_connection(address, timeout=PATIENCE) as client:
            head = f"POST /v1/models/tiny:predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
            # The server says so when it has a place for the request.
            assert client.recv(1000).startswith(b"HTTP/1.1 100")
            client.sendall(body[:50])
            process.send_signal(stop)
            line = process.stdout.readline()
            assert (line.split(":")[0], "in flight (1)" in line) == (stop.name, True)
            wait_until_nobody_listens(address)
            client.sendall(body[50:])
            found = b"".join(iter(lambda: client.recv(1 << 16), b""))
        head, _, content = found.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        wanted = base64.b64encode(expected(plain, PNG)).decode()
        assert json.loads(content) == {"predictions": [{"b64": wanted}]}
        assert process.wait(PATIENCE) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("stopped\n", "")
    finally:
        process.kill()
        process.communicate()


def wait_until_nobody_listens(address):
    while True:
        try:
            with socket.create_connection(address, timeout=PATIENCE):
                pass
        except OSError:
            return
