"""Runs commands one after the other in a process of its own: a crash or a hang ends that process alone."""

import contextlib
import dataclasses
import io
import multiprocessing
import os
import pathlib
import sys
import time
import traceback

# Bounds of one command: seconds of processor time; seconds by the clock, which depend on the machine's other work;
# resident memory of the process, MiB.
MAX_SECONDS = 60
MAX_CLOCK_SECONDS = 240
MAX_MIB = 3000


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Describes how a command ended.

    Attributes:
      code: the exit code; None if the process died or was killed.
      text: its standard error, or what happened to the process.
      printed: its standard output.
      seconds: processor time of all threads of the process.
      mib: the process' peak of resident memory, in MiB.
      clean: whether it ended by itself, without a traceback, within its bounds.
    """

    code: int | None
    text: str
    printed: str
    seconds: float
    mib: float
    clean: bool


class Worker:
    """Holds a process that imports the commands once; ends it at the end of a `with` block."""

    def __init__(self, environment: dict[str, str] | None = None):
        self._process = None
        self._environment = environment or {}

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exception) -> None:
        self._end()

    def run(self, module: str, *arguments: object) -> Outcome:
        """Runs `python -m module arguments`."""
        if not self._process:
            self._begin()
        (pathlib.Path("/proc") / str(self._process.pid) / "clear_refs").write_text("5")
        start, before, peak, seconds = time.monotonic(), self._seconds(), 0.0, 0.0
        self._pipe.send((module, [str(argument) for argument in arguments]))
        while not self._pipe.poll(0.02):
            peak, seconds, clock = max(peak, self._peak()), self._seconds() - before, time.monotonic() - start
            if not self._process.is_alive():
                code = self._process.exitcode
                self._end()
                return Outcome(None, f"the process died, exit code {code}", "", seconds, peak, False)
            if seconds > MAX_SECONDS or clock > MAX_CLOCK_SECONDS or peak > MAX_MIB:
                self._end()
                text = f"killed after {clock:.0f} s, {seconds:.0f} s of processor time, with {peak:.0f} MiB"
                return Outcome(None, text, "", seconds, peak, False)
        try:
            code, printed, text, trace = self._pipe.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self._end()
            return Outcome(None, f"the process died, exit code {code}", "", seconds, peak, False)
        seconds, peak = self._seconds() - before, max(peak, self._peak())
        clean = not trace and "Traceback" not in text and seconds <= MAX_SECONDS and peak <= MAX_MIB
        return Outcome(code, trace or text, printed, seconds, peak, clean)

    def _begin(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        before = dict(os.environ)
        os.environ.update(self._environment)
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        os.environ.clear()
        os.environ.update(before)
        theirs.close()
        # It is ready when all commands are imported.
        self._pipe.recv()

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None

    def _seconds(self) -> float:
        """Returns the process' processor time so far."""
        try:
            fields = (pathlib.Path("/proc") / str(self._process.pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        # utime and stime (proc(5), fields 14 and 15).
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _peak(self) -> float:
        """Returns the peak of resident memory in MiB."""
        try:
            status = (pathlib.Path("/proc") / str(self._process.pid) / "status").read_text()
        except OSError:
            return 0.0
        found = [line for line in status.splitlines() if line.startswith("VmHWM")]
        return int(found[0].split()[1]) / 1024 if found else 0.0


def _serve(pipe) -> None:
    import importlib

    from absl import flags

    from pipelines.system import terminal

    modules = {}
    for name in (
        "pipelines.prepare",
        "tfpix2pix.train",
        "tfpix2pix.translate",
        "tfpix2pix.evaluate",
        "export.bulk",
        "export.saved_model",
    ):
        modules[name] = importlib.import_module(name)
    pipe.send("ready")
    while True:
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        known, code, trace = set(flags.FLAGS), 0, ""
        sys.argv = [name, *arguments]
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                if name == "serve":
                    code = _serve_images(*arguments)
                else:
                    modules[name].define_flags()
                    terminal.run(modules[name].main)
            except SystemExit as end:
                code = end.code or 0
            except BaseException:
                trace = traceback.format_exc()
                code = 1
        for flag in set(flags.FLAGS) - known:
            delattr(flags.FLAGS, flag)
        import keras

        keras.backend.clear_session()
        pipe.send((code, out.getvalue(), err.getvalue(), trace))


def _serve_images(model: str, image: str) -> int:
    """Gives an image to an export, as a server does; the export refuses by an InvalidArgumentError."""
    import tensorflow as tf

    from export.bulk_block import load_model, reason_of

    contents = pathlib.Path(image).read_bytes()
    try:
        (result,) = load_model(model).translate([contents])
    except tf.errors.InvalidArgumentError as error:
        print(f"error: {image}: {reason_of(error)}", file=sys.stderr)
        return 1
    assert tf.io.decode_png(result).shape[-1] == 3
    return 0
