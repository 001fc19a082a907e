"""Prepares data sets.

python -m pipelines.prepare fetch --data=facades
    downloads, checks and unpacks a published data set into data/facades
python -m pipelines.prepare demo
    draws the demo data set into data/demo
python -m pipelines.prepare combine --a=A --b=B --output=pairs
    joins images of one name in two folders to side-by-side pairs
python -m pipelines.prepare check --data=pairs
    reads every pair, and names all bad files; of shards, every record
python -m pipelines.prepare shard --data=pairs --output=shards
    packs every split into TFRecord shards, which training reads like the folder; needs Apache Beam
"""

import pathlib
import sys

from absl import flags

from pipelines.images.size import define_max_pixels
from pipelines.sharding import beam
from pipelines.storage.manifest import KINDS
from pipelines.system import terminal
from pipelines.system.terminal import InputError


def main(argv: list[str]) -> int:
    """Calls one of COMMANDS; returns the exit code."""
    from pipelines.system.disk import naming_full_disk

    if len(argv) != 2 or argv[1] not in COMMANDS:
        given = " ".join(argv[1:]) or "nothing"
        raise InputError(f"{given!r} was given instead of one of {', '.join(COMMANDS)}; see --help")
    with naming_full_disk(pathlib.Path(flags.FLAGS.output or flags.FLAGS.data_dir), "the result"):
        return COMMANDS[argv[1]]()


def fetch_command() -> int:
    """Fetches --data."""
    from pipelines.datasets.catalogue import DATASETS
    from pipelines.datasets.locate import dataset_folder

    name = required("data")
    if name not in DATASETS:
        raise InputError(f"data={name} is not a published data set; give one of {', '.join(DATASETS)}")
    print(f"{dataset_folder(name, flags.FLAGS.data_dir)} is complete")
    return 0


def demo_command() -> int:
    """Draws the demo data set."""
    from pipelines.datasets.locate import DEMO, dataset_folder

    print(f"{dataset_folder(DEMO, flags.FLAGS.data_dir)} is complete")
    return 0


def combine_command() -> int:
    """Joins --a and --b into --output."""
    from pipelines.datasets.combine import combine

    options, output = flags.FLAGS, pathlib.Path(required("output"))
    a, b = pathlib.Path(required("a")), pathlib.Path(required("b"))
    counts = combine(a, b, output, options.val_every, options.max_pixels)
    print(f"{output}: " + ", ".join(f"{count} pairs in {split}/" for split, count in counts.items()))
    return 0


def check_command() -> int:
    """Reads all of --data; the exit code is 1 if anything is bad or missing."""
    from pipelines.datasets.locate import dataset_folder
    from pipelines.storage.image_files import SPLITS, split_folders
    from pipelines.storage.shards import open_files
    from pipelines.storage.validity import find_bad_pairs

    folder = dataset_folder(required("data"), flags.FLAGS.data_dir)
    faults = 0
    for split in split_folders(folder) or [folder]:
        files = open_files(split)
        bad = find_bad_pairs(files, str(split), flags.FLAGS.max_pixels)
        for file, reason in bad.items():
            print(terminal.one_line(f"{file}: {reason}"), file=sys.stderr)
        print(f"{split}: {len(files) - len(bad)} good, {len(bad)} bad")
        faults += len(bad)
    for missing in [split for split in SPLITS[:2] if not (folder / split).is_dir()]:
        print(f"{folder} has no {missing}/, which training needs", file=sys.stderr)
        faults += 1
    return 1 if faults else 0


def shard_command() -> int:
    """Packs the splits of --data, or a folder without splits, into shards below --output."""
    from pipelines.datasets.locate import dataset_folder
    from pipelines.sharding.shard import make_shards
    from pipelines.storage.image_files import split_folders
    from pipelines.system.paths import parse_path

    options, output = flags.FLAGS, parse_path(required("output"))
    folder = dataset_folder(required("data"), options.data_dir)
    splits = split_folders(folder)
    if options.kind == "pairs" and not splits:
        print(f"{folder} has no train/ and val/, which training needs: its shards are one set without splits")
    for split in splits or [folder]:
        target = output / split.name if splits else output
        manifest = make_shards(
            split,
            target,
            split.name,
            options.kind,
            options.bad_images,
            options.shards,
            options.max_pixels,
            runner=options.runner,
            beam_options=options.beam,
            workers=options.workers,
        )
        print(f"{target}: {manifest.describe()}")
    return 0


def required(name: str) -> str:
    """Returns the value of a flag that this command needs."""
    value = flags.FLAGS[name].value
    if not value:
        raise InputError(f"--{name} is missing; give it, or see --help")
    return value


COMMANDS = {
    "fetch": fetch_command,
    "demo": demo_command,
    "combine": combine_command,
    "check": check_command,
    "shard": shard_command,
}


def define_flags() -> None:
    """Defines the options of all commands."""
    flags.DEFINE_string("data", "", "fetch: a name; check, shard: a name or a folder")
    flags.DEFINE_string("data_dir", "data", "folder in which named data sets are kept")
    flags.DEFINE_string("a", "", "combine: folder of the left images")
    flags.DEFINE_string("b", "", "combine: folder of the right images, of the same names")
    flags.DEFINE_string("output", "", "combine, shard: folder to make")
    flags.DEFINE_integer("val_every", 10, "combine: one of this many pairs goes to val/", lower_bound=2)
    flags.DEFINE_integer("shards", 0, "shard: the number for each split; 0: one per 200 MiB", lower_bound=0)
    flags.DEFINE_enum("bad_images", "fail", ("fail", "skip"), "shard: stop at bad files, or leave them out")
    flags.DEFINE_enum("kind", "pairs", KINDS, "shard: side-by-side pairs, or single images to be translated")
    define_max_pixels()
    beam.define_flags()
    flags.adopt_module_key_flags(beam)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
