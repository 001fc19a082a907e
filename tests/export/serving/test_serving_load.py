"""Eight clients at once, good and bad images of many sizes: each good one is answered right, each bad one in words."""

import concurrent.futures
import contextlib
import io
import pathlib
import re
import subprocess
import sys
import threading

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.python.eager import context

from export import saved_model
from export.serving.answers import RefusedError
from export.serving.grpc_client import GrpcClient
from export.serving.rest_client import RestClient
from tests.export.serving.any_size_load import picture_file, send_all, sizes_of
from tests.export.serving.test_servable import SIZE, expected_at_its_own_scale, servable
from tests.helpers.commands import call
from tests.helpers.runs import ROOT

REQUESTS = 500
BAD = 50
CLIENTS = 8
# Of the server, from the first hundred requests to the last, in MiB: allocators keep some; 400 leaked results of 10 KB
# would still fit, but not 400 leaked images, which take 250 to 3000 KB decoded.
MAX_GROWTH = 48


def image_file(rng, i):
    """An image of random size, as a PNG or JPEG."""
    size = rng.integers(20, 500, 2)
    pixels = np.kron(rng.integers(0, 256, (*(-(-size // 16)), 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8))
    file = io.BytesIO()
    Image.fromarray(pixels[: size[0], : size[1]]).save(file, ("PNG", "JPEG")[i % 2])
    return file.getvalue()


def bad_files(good):
    """Files, and a pattern of what the server should say of them; by REST it knows more formats."""
    png, jpeg = (next(f for f in good if f.startswith(start)) for start in (b"\x89PNG", b"\xff\xd8"))
    gif = io.BytesIO()
    frames = [Image.new("P", (30, 30), i) for i in range(4)]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    bomb = png[:16] + np.array((20000, 20000), ">u4").tobytes() + png[24:]
    return [
        (b"", "is empty"),
        (png[: len(png) // 2], "Invalid PNG data"),
        (jpeg[: len(jpeg) // 2], "Invalid JPEG data"),
        (b"This is text, not an image.", "is (neither JPEG nor PNG|no JPEG, PNG, TIFF)"),
        (bomb, "has 20000x20000 pixels, and at most 40000000 are taken"),
        (gif.getvalue(), "is (neither JPEG nor PNG|a GIF)"),
    ]


@contextlib.contextmanager
def server_process(folder):
    """A server on its own, its REST and gRPC addresses, and a function that reads its resident memory in MiB."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.helpers.serving", folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    ports = process.stdout.readline().split()

    def memory(which="VmRSS"):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        return int(status.split(f"{which}:")[1].split()[0]) / 2**10

    try:
        yield [f"127.0.0.1:{int(port)}" for port in ports], memory
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_mixed_sizes_from_several_clients(tmp_path):
    """Each result is what the generator makes of a picture of its size, and nothing is traced for a new size."""
    module = servable(preprocess="crop", max_pixels=200 * 200)
    tf.saved_model.save(module, str(tmp_path), signatures=module.signatures())
    model = tf.saved_model.load(str(tmp_path))
    serve = model.signatures["serving_default"]

    def translate(files):
        return list(serve(image_bytes=tf.constant(files))["image_bytes"].numpy())

    translate([picture_file(SIZE, 0), picture_file((9, 9), 0)])
    functions = context.context().list_function_names()
    sizes, pngs = sizes_of(40, 20, 200), {}
    found, _ = send_all(translate, sizes, CLIENTS, pngs.__setitem__)
    assert found == sizes
    assert context.context().list_function_names() == functions
    for number in (1, 2, 3):
        wanted = expected_at_its_own_scale(module, picture_file(sizes[number], number))
        levels = [np.asarray(Image.open(io.BytesIO(png))).astype(int) for png in (pngs[number], wanted)]
        assert np.abs(levels[0] - levels[1]).max() <= 1


@pytest.mark.slow
@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="reads memory from /proc")
@pytest.mark.parametrize("max_batch_size", [0, 4])
def test_under_load(short_run, tmp_path, max_batch_size):
    options = (f"--output={tmp_path / 'm'}", "--parity_images=1", f"--max_batch_size={max_batch_size}")
    assert call(saved_model, f"--run_dir={short_run}", *options) == 0
    rng = np.random.default_rng(8)
    good = [image_file(rng, i) for i in range(40)]
    serve = tf.saved_model.load(str(tmp_path / "m" / "1")).signatures["serving_default"]
    wanted = [serve(image_bytes=tf.constant([file]))["image_bytes"].numpy()[0] for file in good]
    bad = bad_files(good)
    is_bad = np.zeros(REQUESTS, bool)
    is_bad[rng.choice(REQUESTS, BAD, replace=False)] = True
    memories, answers = [], [None] * REQUESTS
    own = threading.local()

    with server_process(tmp_path / "m") as (addresses, memory):

        def request(i):
            if not hasattr(own, "both"):
                own.both = [
                    kind(address, "m", None, 60.0, 3)
                    for kind, address in zip((RestClient, GrpcClient), addresses, strict=True)
                ]
            file = bad[i % len(bad)][0] if is_bad[i] else good[i % len(good)]
            try:
                answers[i] = own.both[i // len(good) % 2].translate([file])[0]
            except RefusedError as error:
                answers[i] = str(error)
            if i in (100, REQUESTS - 1):
                memories.append(memory())

        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(request, range(REQUESTS)))

    for i, answer in enumerate(answers):
        if is_bad[i]:
            assert re.search(bad[i % len(bad)][1], answer), (i, answer)
        elif max_batch_size:
            # In a batch with others, sums may differ in their last bit.
            pixels = [np.asarray(Image.open(io.BytesIO(png))).astype(int) for png in (answer, wanted[i % len(good)])]
            assert np.abs(pixels[0] - pixels[1]).max() <= 1
        else:
            assert answer == wanted[i % len(good)], i
    assert is_bad.sum() == BAD
    print(f"memory of the server: {memories} MiB")
    assert memories[1] - memories[0] < MAX_GROWTH
