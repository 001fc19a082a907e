"""Times the train step, the generator and the input pipeline, each by itself.

    python -m tfpix2pix.benchmark --batch_size=1 --steps=5 --json

All options of training are options here too. The defaults are the paper's networks at 256×256. With --json the last
line is one JSON object of figures, machine, versions and options; --output writes it into a file.
After a change, --against prints what became faster or slower:

    python -m tfpix2pix.benchmark --output=before.json
    python -m tfpix2pix.benchmark --against=before.json
"""

import time

# From before all other imports, so that seconds_to_first_step has all that a user waits for but Python's own start.
START = time.monotonic()

import json  # noqa: E402
import pathlib  # noqa: E402

from absl import flags  # noqa: E402

from pipelines.system import terminal  # noqa: E402
from tfpix2pix.config import config_from_flags, define_config_flags  # noqa: E402


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.datasets.locate import usual_direction
    from tfpix2pix.devices.speed import measure_speed
    from tfpix2pix.devices.speed_record import circumstances, compare, read_record
    from tfpix2pix.report.results import versions, write_json

    terminal.no_arguments(argv)
    options = flags.FLAGS
    # Before the measurement, so that a mistake costs nothing.
    before = read_record(pathlib.Path(options.against)) if options.against else None
    if options.output and not pathlib.Path(options.output).parent.is_dir():
        raise terminal.InputError(f"output={options.output}: there is no such folder; make it, or give another")
    config = config_from_flags(options)
    resolved = config.resolved(usual_direction(config.data_name))
    figures = measure_speed(resolved, options.steps, START)
    record = {**figures, "versions": versions(), **circumstances(resolved)}
    if options.output:
        write_json(pathlib.Path(options.output), record)
    if before:
        print(*compare(record, before), sep="\n")
    if options.json:
        print(json.dumps(record))
    elif not before:
        for name, value in figures.items():
            print(f"{name:32} {value:.4g}" if isinstance(value, float) else f"{name:32} {value}")
    return 0


def define_flags() -> None:
    """Defines the options of Config, and those of the command itself."""
    define_config_flags()
    flags.DEFINE_integer("steps", 5, "timed runs; their median counts", lower_bound=1)
    flags.DEFINE_bool("json", False, "print one JSON object as the last line")
    flags.DEFINE_string("output", "", "JSON file to write: the figures, with machine, versions and options")
    flags.DEFINE_string("against", "", "JSON file of an earlier --output; prints ratios to it")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
