"""Writes tensorboard/: what was measured as charts, samples, texts, and the options for the HParams plugin."""

import itertools
import os
import pathlib
import socket
import struct
import time
from collections.abc import Mapping

import tensorflow as tf
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.summary_v2 import hparams_pb
from tensorboard.plugins.image import metadata as image_metadata
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.plugins.text.summary_v2 import text_pb
from tensorboard.util.tensor_util import make_tensor_proto

from tfpix2pix.run_dir.log_jsonl import VALIDATION

FOLDER = "tensorboard"
# What TensorBoard calls runs: a folder each. Equal tags of several runs lie in one chart.
RUNS = ("train", "validation")
# The tags of names in log.jsonl. A chart's group is what stands before the slash; other names are tags as they are.
TAGS = {
    # The same as validation/l1, on training's batches.
    "generator/l1": "quality/l1",
    "augmentation_strength": "discriminator/augmentation_strength",
    "learning_rate": "optimizer/learning_rate",
    "discriminator_learning_rate": "optimizer/discriminator_learning_rate",
    "loss_scale": "optimizer/loss_scale",
    "skipped_steps": "optimizer/skipped_steps",
    "epoch": "time/epoch",
    "epoch_seconds": "time/epoch_seconds",
    "images_per_second": "time/images_per_second",
    "pause_seconds": "time/pause_seconds",
    "lost_pairs": "data/lost_pairs",
}
# Numbers the files of a process, which may have the same second.
_counter = itertools.count()


def place(name: str) -> tuple[str, str]:
    """Returns the run and the tag of a name in log.jsonl: `validation/psnr` is `quality/psnr` of `validation`."""
    if name.startswith(VALIDATION):
        return "validation", f"quality/{name.removeprefix(VALIDATION)}"
    return "train", TAGS.get(name, name)


class EventFiles:
    """Writes one event file a run of TensorBoard.

    TensorBoard drops what earlier files say of later steps: a run that resumes writes it again.

    Args:
      run_dir: exists.
      step: how many steps the run has done.
    """

    def __init__(self, run_dir: pathlib.Path, step: int):
        self._writers = {run: _open(run_dir / FOLDER / run) for run in RUNS}
        for writer in self._writers.values():
            _write(writer, Event(file_version="brain.Event:2"))
            _write(writer, Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Adds a point to the chart of each value, by its name in log.jsonl."""
        for name, value in values.items():
            run, tag = place(name)
            self._add(run, step, scalar_pb(tag, value))
        self.flush()

    def image(self, step: int, tag: str, png: bytes) -> None:
        """Adds the contents of a PNG file, for validation."""
        width, height = struct.unpack(">II", png[16:24])
        tensor = make_tensor_proto([str(width).encode(), str(height).encode(), png])
        metadata = image_metadata.create_summary_metadata(display_name=None, description=None)
        self._add("validation", step, Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=tensor)]))

    def text(self, step: int, tag: str, markdown: str) -> None:
        """Adds a text, for training."""
        self._add("train", step, text_pb(tag, markdown))

    def hparams(self, step: int, options: Mapping[str, bool | float | str], trial: str) -> None:
        """Adds options for the HParams plugin, whose table has a row a trial.

        They belong to validation: without a list of metrics, the plugin takes all charts of the run that has them.
        """
        self._add("validation", step, hparams_pb(dict(options), trial_id=trial))

    def flush(self) -> None:
        """Writes all of it to the files."""
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Closes the files; everything is written."""
        for writer in self._writers.values():
            writer.close()

    def _add(self, run: str, step: int, summary: Summary) -> None:
        _write(self._writers[run], Event(step=step, summary=summary))


def _open(folder: pathlib.Path) -> tf.io.TFRecordWriter:
    """Makes a file whose name sorts after those of the folder that are there: TensorBoard reads them in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    words = (f"{int(time.time()):010d}", socket.gethostname(), str(os.getpid()), f"{next(_counter):06d}")
    return tf.io.TFRecordWriter(str(folder / ".".join(("events.out.tfevents", *words))))


def _write(writer: tf.io.TFRecordWriter, event: Event) -> None:
    event.wall_time = time.time()
    writer.write(event.SerializeToString())
