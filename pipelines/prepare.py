"""Prepares data sets.

python -m pipelines.prepare fetch --data=facades
    downloads, checks and unpacks a published data set into data/facades
python -m pipelines.prepare demo
    draws the demo data set into data/demo
python -m pipelines.prepare combine --a=A --b=B --output=pairs
    joins images of one name in two folders to side-by-side pairs
python -m pipelines.prepare check --data=pairs
    reads every pair, and names all bad files
"""

import pathlib
import sys

import tensorflow as tf
from absl import flags

from pipelines import command, images
from pipelines.check import bad_files
from pipelines.combine import combine
from pipelines.command import InputError
from pipelines.datasets import DATASETS
from pipelines.find import DEMO, dataset_folder
from pipelines.loader import list_files

SPLITS = ("train", "val", "test")


def main(argv: list[str]) -> int:
    """Calls one of COMMANDS; returns the exit code."""
    if len(argv) != 2 or argv[1] not in COMMANDS:
        given = " ".join(argv[1:]) or "nothing"
        raise InputError(f"{given!r} was given, where one of {', '.join(COMMANDS)} is expected; see --help")
    return COMMANDS[argv[1]]()


def fetch_command() -> int:
    """Fetches --data."""
    name = required("data")
    if name not in DATASETS:
        raise InputError(f"data={name} is not a published data set; these are {', '.join(DATASETS)}")
    print(f"{dataset_folder(name, flags.FLAGS.data_dir)} is complete")
    return 0


def demo_command() -> int:
    """Draws the demo data set."""
    print(f"{dataset_folder(DEMO, flags.FLAGS.data_dir)} is complete")
    return 0


def combine_command() -> int:
    """Joins --a and --b into --output."""
    output = pathlib.Path(required("output"))
    counts = combine(pathlib.Path(required("a")), pathlib.Path(required("b")), output, flags.FLAGS.val_every)
    print(f"{output}: " + ", ".join(f"{count} pairs in {split}/" for split, count in counts.items()))
    return 0


def check_command() -> int:
    """Reads all of --data; the exit code is 1 where anything is bad."""
    folder = dataset_folder(required("data"), flags.FLAGS.data_dir)
    splits = [folder / split for split in SPLITS if (folder / split).is_dir()]
    count = 0
    for split in splits or [folder]:
        files = list_files(split)
        bad = bad_files(files, lambda _, contents: halves(contents), title=str(split))
        for file, reason in bad.items():
            print(f"{file}: {reason}", file=sys.stderr)
        print(f"{split}: {len(files) - len(bad)} good, {len(bad)} bad")
        count += len(bad)
    for missing in [split for split in SPLITS[:2] if not (folder / split).is_dir()]:
        print(f"{folder} has no {missing}/, which training needs", file=sys.stderr)
        count += 1
    return 1 if count else 0


def halves(contents: bytes) -> images.Pair:
    """Decodes and splits a file, at full size."""
    return images.split(images.decode(tf.constant(contents)), "AtoB")


def required(name: str) -> str:
    """The value of a flag that this command needs."""
    value = flags.FLAGS[name].value
    if not value:
        raise InputError(f"--{name} is missing")
    return value


COMMANDS = {"fetch": fetch_command, "demo": demo_command, "combine": combine_command, "check": check_command}


def define_flags() -> None:
    """The options of all commands."""
    flags.DEFINE_string("data", "", "fetch: a name; check: a name or a folder")
    flags.DEFINE_string("data_dir", "data", "folder in which named data sets are kept")
    flags.DEFINE_string("a", "", "combine: folder of the left images")
    flags.DEFINE_string("b", "", "combine: folder of the right images, of the same names")
    flags.DEFINE_string("output", "", "combine: folder to make")
    flags.DEFINE_integer("val_every", 10, "combine: every so many pairs one goes to val/", lower_bound=2)


if __name__ == "__main__":
    define_flags()
    command.run(main)
