"""Sends images to a running TensorFlow Serving, and saves what comes back.

    python -m export.client --model=facades --input=labels/ --output=translated
    python -m export.client --model=facades --protocol=grpc --server=localhost:8500 --input=a.jpg --repeat=100

An image that the server refuses is named with the server's reason, the others are translated all the same, and the exit
code is 1.
"""

import logging
import pathlib
import time

import numpy as np
from absl import flags

from export.serving.transport import Grpc, RefusedError, Rest, UnreachableError
from pipelines.storage.input_output import list_inputs, make_folders, plan_outputs
from pipelines.system import terminal
from pipelines.system.terminal import InputError, progress_bar

PROTOCOLS = {"rest": Rest, "grpc": Grpc}
PORTS = {"rest": 8501, "grpc": 8500}
PERCENTILES = (50, 95, 99)


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    source = pathlib.Path(values.input)
    if values.output:
        outputs = plan_outputs(source, pathlib.Path(values.output), ".png")
        make_folders(pathlib.Path(values.output), outputs.values())
    else:
        outputs = dict.fromkeys(list_inputs(source))
    # urllib3 would tell of every repetition.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    server = values.server or f"localhost:{PORTS[values.protocol]}"
    transport = PROTOCOLS[values.protocol](server, values.model, values.version, values.timeout, values.retries)
    milliseconds, refused = [], {}
    for _ in progress_bar(range(values.repeat), "repeating", values.repeat):
        try:
            refused = send(transport, outputs, values.batch_size, milliseconds)
        except UnreachableError as error:
            raise InputError(f"server={server} cannot translate: {error}") from None
    for file, reason in refused.items():
        terminal.print_error(f"{file}: {reason}; it was left out")
    where = f" in {values.output}" if values.output else ""
    print(f"{len(outputs) - len(refused)} images{where}\n{latency(milliseconds)}")
    return 1 if refused else 0


def send(
    transport: Rest | Grpc,
    outputs: dict[pathlib.Path, pathlib.Path | None],
    batch_size: int,
    milliseconds: list[float],
) -> dict[pathlib.Path, str]:
    """Sends all files once, and saves what comes back.

    Args:
      transport: to the server.
      outputs: image file to result file; None to save nothing.
      batch_size: images in a request.
      milliseconds: the time of each request that was answered is added here.

    Returns:
      The files that the server refused, with its reasons.

    Raises:
      UnreachableError: the server cannot be reached, or does not know the model.
    """
    refused = {}
    files = list(outputs)
    batches = [files[i : i + batch_size] for i in range(0, len(files), batch_size)]
    for batch in progress_bar(batches, "sending", len(batches)):
        contents = [file.read_bytes() for file in batch]
        start = time.perf_counter()
        try:
            results = transport.translate(contents)
        except RefusedError as error:
            if len(batch) == 1:
                refused[batch[0]] = str(error)
            else:
                # One bad image fails its request: find out which, and let the others through.
                batches.extend([file] for file in batch)
            continue
        milliseconds.append(1000 * (time.perf_counter() - start))
        for file, result in zip(batch, results, strict=True):
            if outputs[file]:
                outputs[file].write_bytes(result)
    return refused


def latency(milliseconds: list[float]) -> str:
    """One line: how long the requests that were answered took."""
    if not milliseconds:
        return "no request was answered"
    points = "  ".join(f"p{p} {np.percentile(milliseconds, p):.1f} ms" for p in PERCENTILES)
    return f"{len(milliseconds)} requests  {points}"


def define_flags() -> None:
    """The options of the command."""
    flags.DEFINE_string("server", None, "HOST:PORT, or for rest a URL; default: localhost and Serving's usual port")
    flags.DEFINE_enum("protocol", "rest", PROTOCOLS, "which interface")
    flags.DEFINE_string("model", None, "the model's name", required=True)
    flags.DEFINE_integer("version", None, "of the model; default: the newest", lower_bound=1)
    flags.DEFINE_string("input", None, "an image, or a folder of images at any depth", required=True)
    flags.DEFINE_string("output", None, "folder for the results, made if it is not there; default: save nothing")
    flags.DEFINE_integer("batch_size", 1, "images in a request", lower_bound=1)
    flags.DEFINE_float("timeout", 30.0, "seconds that a request may take", lower_bound=0.001)
    flags.DEFINE_integer("retries", 3, "how often to ask again a server that is unavailable", lower_bound=0)
    flags.DEFINE_integer("repeat", 1, "send everything so many times, to measure the latency", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
