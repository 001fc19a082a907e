"""Sends images to a running TensorFlow Serving, and saves what comes back.

    python -m export.client --model=facades --input=labels/ --output=translated
    python -m export.client --model=facades --protocol=grpc --server=localhost:8500 --input=a.jpg --repeat=100

An image that is neither JPEG nor PNG is sent as a PNG of the same numbers. One that a PNG cannot hold, or that the
server refuses, is named with the reason, all others are translated, and the exit code is 1. A result that exists is
left alone without --overwrite.
"""

import pathlib
from collections.abc import Mapping

from absl import flags

from pipelines.images.size import define_max_pixels
from pipelines.system import terminal


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from export.serving.send_files import latency, send_files
    from pipelines.storage.input_output import (
        kept_line,
        left_out_line,
        list_inputs,
        make_folders,
        missing,
        plan_outputs,
    )
    from pipelines.storage.result_files import unplaced_line

    terminal.no_arguments(argv)
    values = flags.FLAGS
    source = pathlib.Path(values.input)
    if line := left_out_line(source):
        print(terminal.one_line(line))
    outputs: Mapping[pathlib.Path, pathlib.Path | None]
    kept = 0
    if values.output:
        planned = plan_outputs(source, pathlib.Path(values.output), ".png")
        outputs = missing(planned, values.overwrite)
        kept = len(planned) - len(outputs)
        make_folders(pathlib.Path(values.output), outputs.values())
    else:
        outputs = dict.fromkeys(list_inputs(source))
    refused, milliseconds, unplaced = send_files(
        outputs,
        values.model,
        server=values.server,
        protocol=values.protocol,
        version=values.version,
        batch_size=values.batch_size,
        timeout=values.timeout,
        retries=values.retries,
        repeat=values.repeat,
        max_pixels=values.max_pixels,
    )
    for file, reason in refused.items():
        terminal.print_error(f"{file}: {reason}; it was left out")
    where = f" in {values.output}" if values.output else ""
    print(f"{len(outputs) - len(refused)} images{where}\n{latency(milliseconds)}")
    if kept:
        print(kept_line(kept))
    if unplaced:
        print(unplaced_line(len(unplaced)))
    return 1 if refused else 0


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("server", "", "HOST:PORT, or for rest a URL; default: localhost and Serving's usual port")
    flags.DEFINE_enum("protocol", "rest", ("rest", "grpc"), "which interface")
    flags.DEFINE_string("model", None, "the model's name", required=True)
    flags.DEFINE_integer("version", None, "of the model; default: the newest", lower_bound=1)
    flags.DEFINE_string("input", None, "an image, or a folder of images at any depth", required=True)
    flags.DEFINE_string("output", None, "folder for the results, made if it does not exist; default: save nothing")
    flags.DEFINE_bool("overwrite", False, "make results again that exist")
    define_max_pixels()
    flags.DEFINE_integer("batch_size", 1, "images in a request", lower_bound=1)
    flags.DEFINE_float("timeout", 30.0, "seconds that a request may take", lower_bound=0.001)
    flags.DEFINE_integer("retries", 3, "how often to repeat a request if the server is unavailable", lower_bound=0)
    flags.DEFINE_integer("repeat", 1, "send everything so many times, to measure the latency", lower_bound=1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
