"""Shows how far trainings are: a table that is drawn anew every few seconds, until Ctrl-C.

    python -m tfpix2pix.watch runs/facades
    python -m tfpix2pix.watch runs                   # all runs in a folder
    python -m tfpix2pix.watch runs --once            # prints the table and ends

It reads log.jsonl and the other records of the run directories, on any machine that sees them, and writes nothing. A
run has a line: steps, images a second, the time left, the losses of discriminator (D) and generator (G), the best
validation and its step, and how old its last line is. Without arguments it shows runs/.
"""

import os
import shutil
import sys
import time

from absl import flags

from pipelines.system import terminal

# What is not shown on a terminal has no width.
UNLIMITED = 10_000


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    values = flags.FLAGS
    try:
        _watch(argv[1:] or ["runs"], values.seconds, values.once)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Someone who has read enough closes the pipe; Python would write the rest when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0


def _watch(names: list[str], seconds: float, once: bool) -> None:
    from tfpix2pix.watching.find_runs import find_runs
    from tfpix2pix.watching.progress import WatchedRun
    from tfpix2pix.watching.table import table

    stream = sys.__stdout__
    is_terminal = bool(stream and stream.isatty())
    watched: dict[str, WatchedRun] = {}
    above = 0
    while True:
        watched = {name: watched.get(name, WatchedRun(folder)) for name, folder in find_runs(names).items()}
        now, size = time.time(), shutil.get_terminal_size()
        lines = table(
            {name: run.progress(now) for name, run in watched.items()}, size.columns if is_terminal else UNLIMITED
        )
        if is_terminal and stream and not once:
            # What is taller than the terminal could not be drawn over.
            shown = lines[: size.lines - 1]
            up = f"\x1b[{above}A" if above else ""
            stream.write(f"{up}\r\x1b[J" + "\n".join(shown) + "\n")
            stream.flush()
            above = len(shown)
        else:
            print("\n".join(lines), flush=True)
        if once:
            return
        if not is_terminal:
            print()
        time.sleep(seconds)


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_bool("once", False, "print the table once and end")
    flags.DEFINE_float("seconds", 2.0, "seconds between two tables", lower_bound=0.1)


if __name__ == "__main__":
    define_flags()
    terminal.run(main, needs_tensorflow=False)
