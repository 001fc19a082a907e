"""Shows training pairs as the networks will see them, jitter included, before a training: sources above, targets below.

    python -m tfpix2pix.preview --data=facades --output=preview.png

All options of training are options here too, so a recipe serves as well: --flagfile=demo.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from pipelines.system import terminal
from tfpix2pix.config import Config, config_from_flags, define_config_flags

if TYPE_CHECKING:
    import numpy as np

    from pipelines.datasets.layout import Dataset
    from pipelines.pairs import Pairs


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from pipelines.datasets.locate import usual_direction
    from pipelines.images.figure import image_rows
    from pipelines.pairs import open_pairs
    from tfpix2pix.training.open_data import warn

    terminal.no_arguments(argv)
    config = config_from_flags(flags.FLAGS)
    config = config.resolved(usual_direction(config.data_name))
    dataset = config.open_dataset()
    print("\n".join(map(terminal.one_line, dataset.summary("train"))))
    pairs = open_pairs(dataset.split("train"), config.train_format(), config.bad_images)
    warn(config, pairs, open_val(config, dataset))
    rows = preview(config, pairs, flags.FLAGS.count)
    output = flags.FLAGS.output
    try:
        image_rows(rows, config.displays()).savefig(output)
    except (OSError, ValueError) as error:
        raise terminal.InputError(f"output={output} cannot be written ({error}); give a .png file") from None
    print(f"{len(rows['source'])} of {len(pairs)} training pairs, {config.direction}: {output}")
    return 0


def open_val(config: Config, dataset: "Dataset") -> "Pairs | None":
    """Opens the validation pairs, if there are any that can be read."""
    from pipelines.pairs import open_pairs

    if "val" not in dataset.splits:
        return None
    try:
        return open_pairs(dataset.split("val"), config.measured_format(), "skip")
    except terminal.InputError as error:
        terminal.print_warning(str(error))
        return None


def preview(config: Config, pairs: "Pairs", count: int) -> "dict[str, np.ndarray]":
    """Returns the first pairs that a training sees: `source` and `target`, each `(count, H, W, C)`."""
    from pipelines.loader import train_dataset

    batches = train_dataset(
        pairs,
        image_size=config.image_size,
        batch_size=min(count, len(pairs)),
        seed=config.seed,
        first_step=0,
        last_step=1,
        **config.augmentation(),
    )
    source, target = next(iter(batches))
    return {"source": source.numpy(), "target": target.numpy()}


def define_flags() -> None:
    """Makes the options of Config, and those of the command itself."""
    define_config_flags()
    flags.DEFINE_integer("count", 4, "pairs to show", lower_bound=1)
    flags.DEFINE_string("output", "preview.png", "the picture's file")


if __name__ == "__main__":
    define_flags()
    terminal.run(main, recipes=pathlib.Path(__file__).with_name("flagfiles"))
