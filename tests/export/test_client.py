"""The client command, and both clients, against a server on the protocol's own classes."""

import base64
import io
import json
import shutil
import socket
import subprocess

import numpy as np
import pytest
import tifffile
from PIL import Image

from export import client, saved_model
from export.serving.answers import RefusedError, UnreachableError
from export.serving.grpc_client import GrpcClient
from export.serving.rest_client import RestClient
from export.serving.send_files import latency, send_files
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.image_files import pixels_of
from tests.helpers.runs import ROOT
from tests.helpers.serving import Server
from tfpix2pix import translate

PROTOCOLS = ("rest", "grpc")


@pytest.fixture(scope="module")
def server(short_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "negative"
    assert (
        call(saved_model, f"--run_dir={short_run}", f"--output={folder}", "--parity_images=1", "--checkpoint=latest")
        == 0
    )
    with Server(folder) as started:
        yield started


@pytest.fixture
def photos(short_run):
    return short_run.parent / "pairs" / "val"


def port(server, protocol):
    return server.rest_port if protocol == "rest" else server.grpc_port


def transport(server, protocol, model="negative", version=None, timeout=20.0, retries=0):
    kind = {"rest": RestClient, "grpc": GrpcClient}[protocol]
    return kind(f"127.0.0.1:{port(server, protocol)}", model, version, timeout, retries)


def send(server, protocol, photos, *options):
    address = f"--server=127.0.0.1:{port(server, protocol)}"
    return call(client, address, f"--protocol={protocol}", "--model=negative", f"--input={photos}", *options)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_results_are_translates(server, protocol, short_run, photos, tmp_path, capsys):
    common = (f"--run_dir={short_run}", f"--input={photos}", "--checkpoint=latest", "--batch_size=1", "--nopairs")
    assert call(translate, *common, f"--output={tmp_path / 'translated'}") == 0
    assert send(server, protocol, photos, f"--output={tmp_path / 'served'}", "--repeat=2", "--version=1") == 0
    served, translated = (
        {path.name: pixels_of(path.read_bytes()) for path in (tmp_path / name).iterdir()}
        for name in ("served", "translated")
    )
    assert served == translated
    assert len(served) == 4
    # Four images, twice, one in a request.
    assert "\n8 requests  p50 " in capsys.readouterr().out


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_bad_image_is_named_and_the_others_come_through(server, protocol, photos, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    for path in photos.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / "1.png").write_bytes((photos / "1.png").read_bytes()[:-30])
    (folder / "3.png").write_bytes(b"")
    assert send(server, protocol, folder, f"--output={tmp_path / 'out'}", "--batch_size=3") == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.png", "2.png"]
    stderr = capsys.readouterr().err
    lines = dict(line.removeprefix("error: ").split(": ", 1) for line in stderr.splitlines())
    assert "Invalid PNG data" in lines[str(folder / "1.png")]
    assert "empty" in lines[str(folder / "3.png")]


def test_other_formats_and_results_that_exist(server, photos, tmp_path, capsys):
    """A TIFF is sent as the PNG of its numbers; one that no PNG holds is not sent; what exists is left alone."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    pixels = np.asarray(Image.open(photos / "0.png"))
    tifffile.imwrite(source / "a.tif", pixels, photometric="rgb")
    tifffile.imwrite(source / "b.tif", pixels / np.float32(255), photometric="rgb")
    (source / "c.png").write_bytes((photos / "0.png").read_bytes())
    (out / "c.png").write_bytes(b"mine")
    assert send(server, "rest", source, f"--output={out}") == 1
    said = capsys.readouterr()
    assert "1 results exist" in said.out
    assert "b.tif: it holds float32" in said.err
    assert (out / "c.png").read_bytes() == b"mine"
    assert send(server, "rest", source, f"--output={out}", "--overwrite") == 1
    assert (out / "a.png").read_bytes() == (out / "c.png").read_bytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_unavailable_is_tried_again(server, protocol, photos):
    files = [(photos / "0.png").read_bytes()]
    server.model.unavailable = 2
    assert transport(server, protocol, retries=2).translate(files)[0].startswith(b"\x89PNG")
    server.model.unavailable = 2
    with pytest.raises(UnreachableError, match="queue is full"):
        transport(server, protocol, retries=1).translate(files)
    assert server.model.unavailable == 0


@pytest.mark.parametrize(
    ("protocol", "cut", "words"),
    # Over gRPC the graph itself says it; over REST the file is looked at before, so that one damaged within gets there.
    [("grpc", slice(1, None), "image 0 is neither JPEG nor PNG"), ("rest", slice(-30), "Invalid PNG data, size .*")],
)
def test_a_refusal_is_not_tried_again(server, photos, protocol, cut, words):
    server.model.calls = 0
    with pytest.raises(RefusedError, match=f"^{words}$"):
        transport(server, protocol, retries=3).translate([(photos / "0.png").read_bytes()[cut]])
    assert server.model.calls == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(("options", "words"), [({"model": "other"}, r"Latest\(other\)"), ({"version": 9}, "9")])
def test_an_unknown_model(server, protocol, photos, options, words):
    with pytest.raises(UnreachableError, match=f"Servable not found for request: .*{words}"):
        transport(server, protocol, **options).translate([(photos / "0.png").read_bytes()])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nobody_listens(protocol, photos):
    # Bound, so that nobody else gets the port, and not listening.
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        arguments = (f"--server={address}", f"--protocol={protocol}", "--model=m", f"--input={photos}", "--retries=1")
        with pytest.raises(InputError, match=f"server={address} .*refused"):
            call(client, *arguments)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_answer_in_time(protocol, photos):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        common = (f"--server={address}", f"--protocol={protocol}", "--model=m", f"--input={photos}")
        with pytest.raises(InputError, match=r"no answer within 0\.3 s"):
            call(client, *common, "--timeout=0.3", "--retries=0")


@pytest.mark.parametrize(("option", "value"), [("protocol", "soap"), ("batch_size", 0), ("repeat", 0)])
def test_the_function_refuses_what_the_flags_refuse(photos, option, value):
    with pytest.raises(InputError, match=f"{option}={value}"):
        send_files({photos / "0.png": None}, "m", **{option: value})


def test_rest_at_the_grpc_port(server):
    with pytest.raises(UnreachableError, match="is it the gRPC port"):
        RestClient(f"127.0.0.1:{server.grpc_port}", "negative", None, 5.0, 0).translate([b"file"])


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_as_the_documents_print_it(server, tmp_path):
    """With a file that is too long for a command line: an argument may have 128 KiB."""
    lines = (ROOT / "docs" / "serving.md").read_text().splitlines()
    commands = "\n".join(line for line in lines if line.startswith("    ") and "request.json" in line)
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 98_000
    commands = commands.replace("localhost:8501", f"127.0.0.1:{server.rest_port}").replace("facades", "negative")
    result = subprocess.run(["bash", "-ec", commands], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (png,) = json.loads(result.stdout)["predictions"]
    served = Image.open(io.BytesIO(base64.b64decode(png["b64"])))
    assert (served.format, served.size) == ("PNG", (256, 256))


def test_latency_by_hand():
    assert latency([]) == "no request was answered"
    assert latency([float(i) for i in range(101)]) == "101 requests  p50 50.0 ms  p95 95.0 ms  p99 99.0 ms"
