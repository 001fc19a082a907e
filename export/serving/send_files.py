"""Sends image files to a running TensorFlow Serving, and writes what it answers."""

import functools
import logging
import pathlib
import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from export.serving.answers import RefusedError, UnreachableError
from export.serving.sendable import as_sendable
from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS
from pipelines.storage.result_files import place_result
from pipelines.storage.validity import read_file
from pipelines.system.disk import naming_full_disk, write_whole
from pipelines.system.terminal import InputError, check_value, progress_bar

PERCENTILES = (50, 95, 99)
# TensorFlow Serving's usual ports.
PORTS = {"rest": 8501, "grpc": 8500}


class Client(Protocol):
    """RestClient or GrpcClient."""

    def translate(self, files: list[bytes]) -> list[bytes]:
        """Sends one request."""


def send_files(
    outputs: Mapping[pathlib.Path, pathlib.Path | None],
    model: str,
    *,
    server: str = "",
    protocol: str = "rest",
    version: int | None = None,
    batch_size: int = 1,
    timeout: float = 30.0,
    retries: int = 3,
    repeat: int = 1,
    max_pixels: int = MAX_PIXELS,
) -> tuple[dict[pathlib.Path, str], list[float], set[pathlib.Path]]:
    """Sends all files, and writes each result whole or not at all.

    Args:
      outputs: image file to result file, in a folder that exists; None to write nothing.
      model: the model's name.
      server: HOST:PORT, or for `rest` a URL; by default this machine's, at Serving's usual port.
      protocol: `rest` or `grpc`.
      version: of the model; by default the newest.
      batch_size: images in a request.
      timeout: seconds that a request may take.
      retries: how often a request is repeated if the server is unavailable.
      repeat: how often everything is sent, to measure the latency.
      max_pixels: an image that has to be converted before it is sent, and has more pixels, is not decoded.

    Returns:
      The files that cannot be sent or that the server refused, with the reasons; the milliseconds of each request that
      was answered; and the files whose place on a map was not carried over.

    Raises:
      InputError: the server cannot be reached, or does not have the model.
    """
    check_value("protocol", protocol, choices=tuple(PORTS))
    for name, value in (("batch_size", batch_size), ("repeat", repeat), ("max_pixels", max_pixels)):
        check_value(name, value, least=1)
    # urllib3 logs every repetition.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    server = server or f"localhost:{PORTS[protocol]}"
    client = _client(protocol, server, model, version, timeout, retries)
    milliseconds: list[float] = []
    refused: dict[pathlib.Path, str] = {}
    unplaced: set[pathlib.Path] = set()
    for _ in progress_bar(range(repeat), "repeating", repeat):
        try:
            refused = _send_once(client, outputs, batch_size, milliseconds, max_pixels, unplaced)
        except UnreachableError as error:
            raise InputError(f"server={server} cannot translate: {error}") from None
    return refused, milliseconds, unplaced


def latency(milliseconds: list[float]) -> str:
    """Says in one line how long the answered requests took."""
    if not milliseconds:
        return "no request was answered"
    points = "  ".join(f"p{p} {np.percentile(milliseconds, p):.1f} ms" for p in PERCENTILES)
    return f"{len(milliseconds)} requests  {points}"


def _client(protocol: str, server: str, model: str, version: int | None, timeout: float, retries: int) -> Client:
    # Each needs packages that the other does without.
    if protocol == "rest":
        from export.serving.rest_client import RestClient

        return RestClient(server, model, version, timeout, retries)
    from export.serving.grpc_client import GrpcClient

    return GrpcClient(server, model, version, timeout, retries)


def _send_once(
    client: Client,
    outputs: Mapping[pathlib.Path, pathlib.Path | None],
    batch_size: int,
    milliseconds: list[float],
    max_pixels: int,
    unplaced: set[pathlib.Path],
) -> dict[pathlib.Path, str]:
    """Sends all files once; adds to `milliseconds` and `unplaced`, and returns what was refused."""
    refused: dict[pathlib.Path, str] = {}
    files = list(outputs)
    batches = [files[i : i + batch_size] for i in range(0, len(files), batch_size)]
    for batch in progress_bar(batches, "sending", len(batches)):
        contents = []
        for file in batch:
            try:
                contents.append(read_file(file, functools.partial(as_sendable, max_pixels=max_pixels), max_pixels))
            except BadImageError as error:
                refused[file] = error.reason
        batch = [file for file in batch if file not in refused]
        if not batch:
            continue
        start = time.perf_counter()
        try:
            results = client.translate(contents)
        except RefusedError as error:
            if len(batch) == 1:
                refused[batch[0]] = str(error)
            else:
                # One bad image fails its whole request: send each by itself.
                batches.extend([file] for file in batch)
            continue
        milliseconds.append(1000 * (time.perf_counter() - start))
        for file, result in zip(batch, results, strict=True):
            output = outputs[file]
            if output:
                with naming_full_disk(output.parent, "the results"):
                    write_whole(output, result)
                    if not place_result(file, output, result):
                        unplaced.add(file)
    return refused
