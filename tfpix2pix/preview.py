"""Shows training pairs as the networks will see them, jitter included, before anyone trains on them.

Sources are above, targets below.

python -m tfpix2pix.preview --data=facades --output=preview.png
"""

import pathlib

import numpy as np
from absl import flags

from pipelines.datasets.locate import dataset_folder, usual_direction
from pipelines.images.choices import DIRECTIONS, RESIZE_METHODS
from pipelines.images.figure import image_rows
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import check_load_size, define_max_pixels, define_size, paper_load_size
from pipelines.loader import train_dataset
from pipelines.pairs import Pairs, open_pairs
from pipelines.system import terminal
from pipelines.system.terminal import InputError


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    terminal.no_arguments(argv)
    values = flags.FLAGS
    folder = dataset_folder(values.data, values.data_dir)
    direction = usual_direction(values.data) if values.direction == "auto" else values.direction
    load_size = values.load_size
    if 0 in load_size:
        load_size = paper_load_size(values.image_size) if values.crop else values.image_size
    check_load_size(load_size, values.image_size)
    form = PairFormat(direction, load_size, values.resize_method, max_pixels=values.max_pixels)
    pairs = open_pairs(folder / "train", form)
    rows = preview(pairs, values.image_size, values.flip, min(values.count, len(pairs)), values.seed)
    figure = image_rows(rows)
    try:
        figure.savefig(values.output)
    except (OSError, ValueError) as error:
        raise InputError(f"output={values.output} cannot be written ({error}); give a .png file") from None
    print(f"{len(rows['source'])} of {len(pairs)} training pairs, {direction}: {values.output}")
    return 0


def preview(pairs: Pairs, image_size: tuple[int, int], flip: bool, count: int, seed: int) -> dict[str, np.ndarray]:
    """The first pairs that a training with this seed would see: sources and targets, `(count, H, W, 3)`."""
    batches = train_dataset(
        pairs, image_size=image_size, flip=flip, batch_size=count, seed=seed, first_step=0, last_step=1
    )
    source, target = next(iter(batches))
    return {"source": source.numpy(), "target": target.numpy()}


def define_flags() -> None:
    """The options of the command; those of training have the same names and meanings there."""
    flags.DEFINE_string("data", "demo", "a data set's name, or a folder with train/")
    flags.DEFINE_string("data_dir", "data", "folder in which named data sets are kept")
    flags.DEFINE_enum("direction", "auto", ("auto", *DIRECTIONS), "which half is the source")
    define_size("image_size", (256, 256), "height x width that the networks see")
    define_size("load_size", (0, 0), "size before the random crop; 0: 286/256 of image_size")
    flags.DEFINE_bool("crop", True, "crop at random from load_size; --nocrop resizes to image_size at once")
    flags.DEFINE_bool("flip", True, "mirror every other pair, at random")
    flags.DEFINE_enum("resize_method", "bicubic", RESIZE_METHODS, "how images are resized")
    define_max_pixels()
    flags.DEFINE_integer("count", 4, "pairs to show", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "of order and jitter", lower_bound=0)
    flags.DEFINE_string("output", "preview.png", "the picture's file")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
