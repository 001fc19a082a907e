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
    packs every split into TFRecord shards, which training takes like the folder; on Apache Beam (the extra beam)
"""

import functools
import pathlib
import sys

from absl import flags

from pipelines.datasets.catalogue import DATASETS
from pipelines.datasets.combine import combine
from pipelines.datasets.locate import DEMO, dataset_folder
from pipelines.images.header import BadImageError
from pipelines.images.size import define_max_pixels
from pipelines.sharding import beam
from pipelines.sharding.shard import shard
from pipelines.storage.manifest import KINDS, Manifest
from pipelines.storage.shards import open_files
from pipelines.storage.validity import check_pair, read_files
from pipelines.system import terminal
from pipelines.system.disk import naming_full_disk
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

SPLITS = ("train", "val", "test")


def main(argv: list[str]) -> int:
    """Calls one of COMMANDS; returns the exit code."""
    if len(argv) != 2 or argv[1] not in COMMANDS:
        given = " ".join(argv[1:]) or "nothing"
        raise InputError(f"{given!r} was given, where one of {', '.join(COMMANDS)} is expected; see --help")
    with naming_full_disk(pathlib.Path(flags.FLAGS.output or flags.FLAGS.data_dir), "the result"):
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
    options, output = flags.FLAGS, pathlib.Path(required("output"))
    a, b = pathlib.Path(required("a")), pathlib.Path(required("b"))
    counts = combine(a, b, output, options.val_every, options.max_pixels)
    print(f"{output}: " + ", ".join(f"{count} pairs in {split}/" for split, count in counts.items()))
    return 0


def check_command() -> int:
    """Reads all of --data; the exit code is 1 where anything is bad."""
    folder, max_pixels = dataset_folder(required("data"), flags.FLAGS.data_dir), flags.FLAGS.max_pixels
    count = 0
    for split in splits_of(folder) or [folder]:
        files = open_files(split)
        found = read_files(files, functools.partial(check_pair, max_pixels=max_pixels), max_pixels)
        found = terminal.progress_bar(found, str(split), len(files))
        bad = {file: each for file, each in zip(files, found, strict=True) if isinstance(each, BadImageError)}
        for file, error in bad.items():
            print(terminal.one_line(f"{file}: {error.reason}"), file=sys.stderr)
        print(f"{split}: {len(files) - len(bad)} good, {len(bad)} bad")
        count += len(bad)
    for missing in [split for split in SPLITS[:2] if not (folder / split).is_dir()]:
        print(f"{folder} has no {missing}/, which training needs", file=sys.stderr)
        count += 1
    return 1 if count else 0


def shard_command() -> int:
    """Packs the splits of --data, or a folder that has none, into shards below --output."""
    options, output = flags.FLAGS, parse_path(required("output"))
    folder = dataset_folder(required("data"), options.data_dir)
    if options.kind == "pairs" and not splits_of(folder):
        print(f"{folder} has no {SPLITS[0]}/ and {SPLITS[1]}/, which training needs: it becomes one set without")
    for split in splits_of(folder) or [folder]:
        target = output / split.name if split != folder else output
        manifest = shard(
            split, target, split.name, options.kind, options.bad_images, options.shards, options.max_pixels
        )
        print(f"{target}: {described(manifest)}")
    return 0


def described(manifest: Manifest) -> str:
    """A manifest in a few words, and below it what was skipped."""
    sides = "x".join("-".join(map(str, sorted({*each}))) for each in (manifest.heights, manifest.widths))
    channels = ", ".join(f"{count} of {number} channels" for number, count in manifest.channels.items())
    skipped = "".join(f"\n  skipped {name}: {reason}" for name, reason in manifest.skipped.items())
    return (
        f"{manifest.records} {manifest.kind} in {len(manifest.shards)} shards, {manifest.image_bytes} bytes, {sides}, "
        f"{channels}; fingerprint {manifest.fingerprint()[:12]}{skipped}"
    )


def splits_of(folder: AnyPath) -> list[AnyPath]:
    """The folders of a data set that are splits."""
    return [folder / split for split in SPLITS if (folder / split).is_dir()]


def required(name: str) -> str:
    """The value of a flag that this command needs."""
    value = flags.FLAGS[name].value
    if not value:
        raise InputError(f"--{name} is missing")
    return value


COMMANDS = {
    "fetch": fetch_command,
    "demo": demo_command,
    "combine": combine_command,
    "check": check_command,
    "shard": shard_command,
}


def define_flags() -> None:
    """The options of all commands."""
    flags.DEFINE_string("data", "", "fetch: a name; check, shard: a name or a folder")
    flags.DEFINE_string("data_dir", "data", "folder in which named data sets are kept")
    flags.DEFINE_string("a", "", "combine: folder of the left images")
    flags.DEFINE_string("b", "", "combine: folder of the right images, of the same names")
    flags.DEFINE_string("output", "", "combine, shard: folder to make")
    flags.DEFINE_integer("val_every", 10, "combine: every so many pairs one goes to val/", lower_bound=2)
    flags.DEFINE_integer("shards", 0, "shard: how many a split gets; 0: one in 200 MiB", lower_bound=0)
    flags.DEFINE_enum("bad_images", "fail", ("fail", "skip"), "shard: what becomes of files that are no images")
    flags.DEFINE_enum("kind", "pairs", KINDS, "shard: side-by-side pairs, or single images, to be translated")
    define_max_pixels()
    beam.define_flags()
    flags.adopt_module_key_flags(beam)


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
