"""Times the train step, the generator and the input pipeline, each by itself.

    python -m tfpix2pix.benchmark --batch_size=1 --steps=5 --json

All options of training are options here too. The defaults are the paper's networks at 256×256. With --json the last
line is one JSON object.
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

    terminal.no_arguments(argv)
    config = config_from_flags(flags.FLAGS)
    figures = measure_speed(config.resolved(usual_direction(config.data_name)), flags.FLAGS.steps, START)
    if flags.FLAGS.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:32} {value:.4g}" if isinstance(value, float) else f"{name:32} {value}")
    return 0


def define_flags() -> None:
    """Defines the options of Config, and those of the command itself."""
    define_config_flags()
    flags.DEFINE_integer("steps", 5, "timed runs; their median counts", lower_bound=1)
    flags.DEFINE_bool("json", False, "print one JSON object as the last line")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
