"""Runs a training that stands still at one moment, so that harm can be done exactly there.

    python -m tests.helpers.moments MOMENT MARK SECONDS --data=... --run_dir=...

It makes the file MARK when it is there, and continues after so many seconds. The product has no such hooks: this script
puts them around its functions, and then does what `python -m tfpix2pix.train` does.
"""

import importlib
import pathlib
import shutil
import sys
import tempfile
import time

import tensorflow as tf

import pipelines.storage.validity
import tfpix2pix.model.step
import tfpix2pix.training.interruption
import tfpix2pix.training.session
import tfpix2pix.training.validation
from pipelines.system import terminal

train = importlib.import_module("tfpix2pix.train")

MOMENT, MARK, SECONDS = sys.argv[1], pathlib.Path(sys.argv[2]), float(sys.argv[3])
DAY = 86400.0


class State:
    has_stepped = False
    has_stood = False


def stand() -> None:
    """Stands still, but only the first time."""
    if not State.has_stood:
        State.has_stood = True
        MARK.touch()
        time.sleep(SECONDS)


def before(module, name, is_time=lambda: True, then=stand):
    """Calls something before each call of a function, from the moment on."""
    function = getattr(module, name)

    def wrapper(*arguments, **options):
        if is_time():
            then()
        return function(*arguments, **options)

    setattr(module, name, wrapper)


def has_stepped() -> bool:
    return State.has_stepped


def slowly(write):
    """Wraps Checkpoint.write to write file by file and half by half, as on a slow disk."""

    def wrapper(self, path):
        with tempfile.TemporaryDirectory() as folder:
            written = write(self, str(pathlib.Path(folder) / pathlib.Path(path).name))
            for file in sorted(pathlib.Path(folder).iterdir()):
                contents = file.read_bytes()
                with (pathlib.Path(path).parent / file.name).open("wb") as target:
                    target.write(contents[: len(contents) // 2])
                    target.flush()
                    if State.has_stepped:
                        stand()
                    target.write(contents[len(contents) // 2 :])
        return written

    return wrapper


def no_room(write):
    """Wraps Checkpoint.write to raise TensorFlow's error for a disk that becomes full meanwhile."""

    def wrapper(self, path):
        if not State.has_stepped:
            return write(self, path)
        stand()
        pathlib.Path(path + ".data-00000-of-00001").write_bytes(b"x" * 1000)
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}.tempstate1; No space left on device")

    return wrapper


def jumping(clock):
    """Wraps time.time to jump by days, forward and back, at each call."""
    calls = [0]

    def wrapper():
        calls[0] += 1
        return clock() + DAY * (calls[0] * 7919 % 41 - 20)

    return wrapper


hold = tfpix2pix.training.interruption.Interruption.hold


def note_step(self):
    State.has_stepped = True
    hold(self)


tfpix2pix.training.interruption.Interruption.hold = note_step
match MOMENT:
    case "reading":
        before(pipelines.storage.validity, "read_file")
    case "opened":
        before(tfpix2pix.training.session, "claim")
    case "tracing":
        before(tfpix2pix.model.step, "_sum_over_replicas")
    case "first step":
        # Inside the compiled step, at each of its runs.
        before(tfpix2pix.model.step, "_sum_over_replicas", then=lambda: tf.py_function(stand, [], []))
    case "validation":
        before(tfpix2pix.training.validation, "measure", has_stepped)
    case "save":
        tf.train.Checkpoint.write = slowly(tf.train.Checkpoint.write)
    case "no room":
        tf.train.Checkpoint.write = no_room(tf.train.Checkpoint.write)
    case "full disk":
        shutil.disk_usage = lambda _: shutil._ntuple_diskusage(
            2**30, 2**30 - 1000, 1000 if State.has_stepped else 2**29
        )
    case "clock":
        time.time = jumping(time.time)

sys.argv = ["train", *sys.argv[4:]]
train.define_flags()
terminal.run(train.main)
