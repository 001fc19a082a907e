"""Prepares data sets.

python -m pipelines.prepare fetch --data=facades
    downloads, checks and unpacks a published data set into data/facades
python -m pipelines.prepare demo
    draws the demo data set into data/demo
python -m pipelines.prepare combine --a=A --b=B --output=pairs
    joins images of one name in two folders to side-by-side pairs
python -m pipelines.prepare check --data=pairs
    reads every pair, and names all bad files and those that are left out; of shards, every record; warns of numbers,
    sizes and contents that would train without an error and yet be wrong
python -m pipelines.prepare shard --data=pairs --output=shards
    packs every split into TFRecord shards, which training reads like the folder; needs Apache Beam
"""

import pathlib
import sys
from typing import TYPE_CHECKING

from absl import flags

from pipelines.images.choices import DIRECTIONS, RESIZE_METHODS, check_axes, names_slices
from pipelines.images.size import define_max_pixels, define_size, paper_load_size
from pipelines.sharding import beam
from pipelines.storage.manifest import KINDS
from pipelines.system import terminal
from pipelines.system.terminal import InputError

if TYPE_CHECKING:
    from pipelines.datasets.layout import Dataset
    from pipelines.stacks.stack import StackForm


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
    from pipelines.storage.input_output import left_out_line

    options, output = flags.FLAGS, pathlib.Path(required("output"))
    a, b = pathlib.Path(required("a")), pathlib.Path(required("b"))
    counts = combine(a, b, output, options.val_every, options.max_pixels, options.match)
    for side in (a, b):
        if line := left_out_line(side):
            print(terminal.one_line(line))
    print(f"{output}: " + ", ".join(f"{count} pairs in {split}/" for split, count in counts.items()))
    return 0


def check_command() -> int:
    """Reads all of --data; the exit code is 1 if anything is bad, left out or missing."""
    from pipelines.datasets.check import check_dataset
    from pipelines.datasets.locate import usual_direction
    from pipelines.images.image_format import ImageFormat
    from pipelines.images.pair_format import PairFormat
    from pipelines.stacks.stack import StackForm

    def complain(words: str) -> None:
        print(terminal.one_line(words), file=sys.stderr)

    options = flags.FLAGS
    direction = usual_direction(options.data) if options.direction == "auto" else options.direction
    check_axes(options.axes, with_slices=True)
    side = ImageFormat(axes="" if names_slices(options.axes) else options.axes)
    load_size = options.load_size if any(options.load_size) else paper_load_size((256, 256))
    form = PairFormat(direction, load_size, side, side, max_pixels=options.max_pixels)
    stacks = StackForm(options.axes, max_pixels=options.max_pixels)
    return 1 if check_dataset(open_data(stacks), form, print, complain) else 0


def shard_command() -> int:
    """Packs the splits of --data, or a folder without splits, into shards below --output."""
    from pipelines.sharding.resizing import Resizing
    from pipelines.sharding.shard import make_shards
    from pipelines.system.paths import parse_path

    options, output = flags.FLAGS, parse_path(required("output"))
    dataset = open_data()
    methods = options.resize_method_a, options.resize_method_b
    resizing = Resizing(options.load_size, methods) if any(options.load_size) else None
    if options.kind == "pairs" and "" in dataset.splits:
        print(f"{dataset.folder} has no train/ and val/, which training needs: its shards are one set without splits")
    for line in dataset.summary():
        print(terminal.one_line(line))
    for split in dataset.splits:
        target = output / split if split else output
        manifest = make_shards(
            dataset.split(split),
            target,
            split or dataset.folder.name,
            options.kind,
            options.bad_images,
            options.shards,
            options.max_pixels,
            axes=options.axes,
            runner=options.runner,
            beam_options=options.beam,
            workers=options.workers,
            # Validation measures pictures at their own scale.
            resizing=resizing if split in ("train", "") else None,
        )
        print(f"{target}: {manifest.describe()}")
    return 0


def open_data(stacks: "StackForm | None" = None) -> "Dataset":
    """Opens the data set that the options of check and shard describe; with stacks if it is told how to read them."""
    from pipelines.datasets.layout import open_dataset
    from pipelines.datasets.locate import dataset_folder

    options = flags.FLAGS
    return open_dataset(
        "" if options.data_a or options.data_b else dataset_folder(required("data"), options.data_dir),
        data_a=options.data_a,
        data_b=options.data_b,
        match=options.match,
        val_fraction=options.val_fraction,
        lists={"train": options.train_list, "val": options.val_list, "test": options.test_list},
        stacks=(stacks, stacks) if stacks else None,
    )


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
    flags.DEFINE_string("data_a", "", "check, shard: folder of the A sides, if they are files of their own")
    flags.DEFINE_string("data_b", "", "check, shard: folder of the B sides")
    flags.DEFINE_string("match", "", "how the sides' names differ, such as '{}_A:{}_B'; order: sorted lists")
    flags.DEFINE_float(
        "val_fraction", 0.0, "check, shard: share of the pairs that goes to val/", lower_bound=0.0, upper_bound=0.99
    )
    for split in ("train", "val", "test"):
        flags.DEFINE_string(f"{split}_list", "", f"check, shard: file with the names of the {split} pairs, one a line")
    flags.DEFINE_enum(
        "direction", "auto", ("auto", *DIRECTIONS), "check: which side is the source; auto: as the data set has it"
    )
    define_size(
        "load_size",
        (0, 0),
        "check: size to which training resizes, 0: 286; shard: resize the training pairs to this size, 0: keep files",
    )
    for side in "ab":
        flags.DEFINE_enum(
            f"resize_method_{side}", "bicubic", RESIZE_METHODS, f"shard: how {side.upper()} is resized to load_size"
        )
    flags.DEFINE_string(
        "axes",
        "",
        "check, shard: axes of TIFF and NPY arrays if they do not say, such as CYX or YXC; check: ZYX of stacks",
    )
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
