"""Trains pix2pix on side-by-side pairs; resumes a run that was stopped, or goes on with a changed one.

    python -m tfpix2pix.train --flagfile=demo                           # drawn houses: is all well, in minutes
    python -m tfpix2pix.train --flagfile=facades                        # the paper's recipe; fetches the pairs
    python -m tfpix2pix.train --data=my/pairs --direction=BtoA --run_dir=runs/mine --epochs=100
    python -m tfpix2pix.train --data_a=my/photos --data_b=my/maps       # two folders, equal names
    python -m tfpix2pix.train --data=my/pairs --image_size=512 --batch_size=4 --mixed_precision=bfloat16
    python -m tfpix2pix.train --run_dir=runs/mine                       # resumes where it was stopped
    python -m tfpix2pix.train --run_dir=runs/mine --epochs=150 --change # trains on with other options
    python -m tfpix2pix.train --data=my/pairs --dry_run                 # shows all options as they would be used

The run directory gets config.json, checkpoints/, tensorboard/, samples/ and log.jsonl, and at the end curves.png,
results.png and progress.webp. Where it holds a run already, options that are not given are that run's.
"""

import pathlib
import shlex
import sys
from collections.abc import Iterable

from absl import flags

from pipelines.system import terminal
from tfpix2pix.config import Config, define_config_flags, given_options


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.datasets.locate import usual_direction
    from tfpix2pix.devices.cluster import find_cluster
    from tfpix2pix.run_dir import config_json
    from tfpix2pix.run_dir.claim import NOTE_FILE, options_for
    from tfpix2pix.training.initial_weights import fitted
    from tfpix2pix.training.open_data import check_weights_files
    from tfpix2pix.training.session import train

    terminal.no_arguments(argv)
    given = given_options(flags.FLAGS)
    run_dir = pathlib.Path(flags.FLAGS.run_dir or f"runs/{pathlib.Path(given.get('data', Config.data)).name}")
    try:
        config = options_for(run_dir, given)
    except terminal.InputError as error:
        raise terminal.InputError(f"{error}{_of_flagfile(str(error), given)}") from None
    config = config.resolved(usual_direction(config.data_name))
    cluster = find_cluster(config.strategy)
    if not cluster or cluster.is_chief:
        options = config.to_json() if flags.FLAGS.dry_run else f"{', '.join(config.chosen())}\n"
        begins = "" if config_json.holds_run(run_dir) else f"a new run on {config.data_name or config.data_a}: "
        print(f"run_dir={run_dir}\n{'' if flags.FLAGS.dry_run else begins}{options}", end="", flush=True)
    if flags.FLAGS.dry_run:
        check_weights_files(config)
        if given.get("init_from"):
            print("\n".join(fitted(config).summary()))
        return 0
    command = f"python -m tfpix2pix.train {shlex.join(sys.argv[1:])}"
    if not cluster:
        return train(config, run_dir, ends_process=True, change=flags.FLAGS.change, command=command)
    with cluster.ending_when_one_is_lost(run_dir / NOTE_FILE):
        return train(config, run_dir, cluster, ends_process=True, change=flags.FLAGS.change, command=command)


def _of_flagfile(message: str, given: Iterable[str]) -> str:
    """Says which options that a message names come from a flagfile; empty if none."""
    typed = {word.lstrip("-").partition("=")[0] for word in sys.argv[1:]}
    names = [name for name in given if f"{name}=" in message and not typed & {name, f"no{name}"}]
    if "flagfile" not in typed or not names:
        return ""
    flags_after = " ".join(f"--{name}=..." for name in names)
    return f". From --flagfile comes {' and '.join(names)}; {flags_after} after it would win"


def define_flags() -> None:
    """Makes the options of Config, and those of the command itself."""
    define_config_flags()
    flags.DEFINE_string("run_dir", "", "folder that the run writes; default: runs/ and the data set's name")
    flags.DEFINE_bool("change", False, "go on with a run with other options, or other data, from its newest checkpoint")
    flags.DEFINE_bool("dry_run", False, "print all resolved options, and what init_from gives, and stop")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
