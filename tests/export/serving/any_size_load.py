"""Sends pictures of mixed sizes to a served model from several clients at once, and prints what came of it.

    python -m tests.export.serving.any_size_load --model=models/facades --run_dir=runs/facades

The server is a process of its own: the stand-in for TensorFlow Serving. Its memory is read from /proc.
"""

import concurrent.futures
import io
import threading
import time

import numpy as np
from absl import app, flags
from PIL import Image

from export.serving.answers import RefusedError
from export.serving.grpc_client import GrpcClient


def sizes_of(count, smallest, largest, seed=0):
    """Heights and widths whose logarithms are spread evenly: as many pictures of 50 to 100 as of 1500 to 3000."""
    sides = np.exp(np.random.default_rng(seed).uniform(np.log(smallest), np.log(largest + 1), (count, 2)))
    return [(int(height), int(width)) for height, width in sides]


def picture_file(size, number):
    """A picture of soft blots, every second one as a JPEG."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(0, 256, (size[0] // 20 + 2, size[1] // 20 + 2, 3), dtype=np.uint8))
    file = io.BytesIO()
    small.resize(size[::-1], Image.Resampling.BICUBIC).save(file, "JPEG" if number % 2 else "PNG")
    return file.getvalue()


def send_all(translate, sizes, clients, look=lambda number, png: None):
    """Sends a picture of each size by `translate([file])`, from so many threads; `look` sees each result.

    Returns the sizes that came back, or the reason of a refusal, in order, and the seconds of each request.
    """
    found, seconds = [None] * len(sizes), [0.0] * len(sizes)

    def request(number):
        file = picture_file(sizes[number], number)
        start = time.perf_counter()
        try:
            (png,) = translate([file])
        except RefusedError as error:
            found[number] = str(error)
            return
        seconds[number] = time.perf_counter() - start
        found[number] = Image.open(io.BytesIO(png)).size[::-1]
        look(number, png)

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(request, range(len(sizes))))
    return found, seconds


def main(argv):
    from tests.export.serving.test_serving_load import server_process
    from tfpix2pix.run import load_run

    values = flags.FLAGS
    sizes = sizes_of(values.requests, values.smallest, values.largest)
    compared, memories = {}, []
    own = threading.local()

    with server_process(values.model) as ((_, address), memory):
        loaded = memory()
        peaks = [loaded]

        def translate(files):
            if not hasattr(own, "client"):
                own.client = GrpcClient(address, values.model.rstrip("/").rpartition("/")[2], None, 3600.0, 3)
            return own.client.translate(files)

        def look(number, png):
            memories.append(memory())
            peaks.append(memory("VmHWM"))
            if number % values.every == 0:
                compared[number] = png

        start = time.perf_counter()
        found, seconds = send_all(translate, sizes, values.clients, look)
        passed = time.perf_counter() - start
    pixels = sum(height * width for height, width in sizes)
    print(f"{len(sizes)} requests, {len(set(sizes))} sizes, {pixels / 1e6:.0f} megapixels in {passed:.0f} s")
    print(f"{sum(one == size for one, size in zip(found, sizes, strict=True))} results of the source's size")
    middle = len(memories) // 2
    print(
        f"server, MiB: {loaded:.0f} when loaded, {max(memories[:middle] or [0]):.0f} at most in the first half, "
        f"{max(memories[middle:]):.0f} in the second, {memories[-1]:.0f} at the end, {max(peaks):.0f} at the peak"
    )
    print(f"seconds of a request: median {np.median(seconds):.2f}, longest {max(seconds):.2f}")
    if values.run_dir:
        run = load_run(values.run_dir, values.checkpoint)
        levels = []
        for number, png in compared.items():
            wanted = run.translate(picture_file(sizes[number], number))
            got = np.asarray(Image.open(io.BytesIO(png)))
            levels.append(int(np.abs(got.astype(int) - np.squeeze(wanted)).max()))
        print(f"{len(levels)} compared with Run.translate: at most {max(levels)} levels apart")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "folder of a model's versions", required=True)
    flags.DEFINE_string("run_dir", "", "the run, to compare results with")
    flags.DEFINE_string("checkpoint", "latest", "of the run")
    flags.DEFINE_integer("requests", 500, "how many pictures")
    flags.DEFINE_integer("clients", 8, "at once")
    flags.DEFINE_integer("smallest", 50, "side in pixels")
    flags.DEFINE_integer("largest", 3000, "side in pixels")
    flags.DEFINE_integer("every", 25, "which results are compared")
    app.run(main)
