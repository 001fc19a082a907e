"""Makes a run directory of networks that the PyTorch reference trained; it translates, evaluates and exports at once.

    python -m tfpix2pix.import_torch latest_net_G.pth --run_dir=runs/theirs
    python -m tfpix2pix.import_torch latest_net_G.pth --discriminator=latest_net_D.pth --run_dir=runs/theirs

The file is a state dict of a U-Net or ResNet, also of pix2pixHD's generators, as torch or safetensors wrote it; torch
need not be installed. Widths, depth, blocks, channels and norm are read from it; what it does not say are the options
below, and the command prints what it took.
"""

import pathlib
from typing import TYPE_CHECKING

from absl import flags

from pipelines.images.choices import DIRECTIONS
from pipelines.images.size import define_size, format_size
from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import GENERATORS, NORM_STATISTICS

if TYPE_CHECKING:
    from tfpix2pix.config import Config

# What a new run needs to have the same networks.
TO_TRAIN = (
    "image_size",
    "generator",
    "depth",
    "blocks",
    "enhancers",
    "generator_width",
    "discriminator_width",
    "discriminator_layers",
    "discriminator_scales",
    "source_channels",
    "target_channels",
    "norm",
    "norm_statistics",
    "dropout",
)


def main(argv: list[str]) -> int:
    """Parses, builds and calls; returns the exit code."""
    from tfpix2pix.run_dir.imported import make_run
    from tfpix2pix.weights.weight_file import read_weights_of

    if len(argv) != 2:
        raise InputError(
            f"{len(argv) - 1} files are given; give one, such as latest_net_G.pth, and options as --name=value"
        )
    values = flags.FLAGS
    generator = read_weights_of("generator", argv[1])
    discriminator = read_weights_of("discriminator", values.discriminator) if values.discriminator else None
    options = {name: values[name].value for name in ("image_size", "direction", "norm_statistics", "dropout", "data")}
    run_dir = pathlib.Path(values.run_dir)
    config = make_run(run_dir, generator, discriminator, options)
    origins = {"generator": argv[1], "discriminator": values.discriminator}
    print("\n".join(terminal.one_line(line) for line in summary(run_dir, config, origins)))
    return 0


def summary(run_dir: pathlib.Path, config: "Config", origins: dict[str, str]) -> list[str]:
    """Tells what the run holds, what was taken because the files do not say it, and what comes next.

    Args:
      run_dir: of the run.
      config: of the run.
      origins: the file of each network; an empty name if there is none.
    """
    from pipelines.datasets.locate import usual_direction

    norm = "no norm" if config.norm == "none" else f"{config.norm} norm"
    blocks = f"{config.blocks} blocks, " if config.generator == "resnet" else ""
    enhancer = " in a local enhancer" if config.enhancers else ""
    generator = (
        f"{GENERATORS[config.generator]} with {blocks}{config.depth} levels{enhancer}, width {config.generator_width}"
    )
    channels = f"{config.input_channels} to {config.target_channels} channels"
    layers = config.discriminator_layers
    patchgan = f"PatchGAN with {layers} layers" if layers else "pixel discriminator"
    found = f"{patchgan}, width {config.discriminator_width}, from {origins['discriminator']}"
    half = "left" if config.direction == "AtoB" else "right"
    statistics = {
        "image": "each image's own, as the reference's test.py has it without --eval",
        "moving": "running averages, as the reference's test.py has it with --eval",
    }
    data = "" if config.data else " --data=FOLDER"
    # The same networks, in full: a new run has the defaults of train.
    usual = type(config)().resolved(usual_direction(config.data_name))
    differing = [name for name in TO_TRAIN if getattr(config, name) != getattr(usual, name)]
    # Numbers as people write them: 0, not 0.0.
    chosen = f" --data={config.data or 'FOLDER'} --direction={config.direction}" + "".join(
        f" --{option.removesuffix('.0')}" for option in config.chosen() if option.partition("=")[0] in differing
    )
    dropout = ": in training; translate and evaluate have it with --dropout_at_inference" if config.dropout else ""
    return [
        f"{run_dir} holds",
        f"  generator      {generator}, {channels}, {norm}, from {origins['generator']}",
        f"  discriminator  {found if origins['discriminator'] else 'none was given, so it is random'}",
        "taken, since the files do not say it",
        f"  --image_size={format_size(config.image_size)}",
        f"  --direction={config.direction}: the {half} half of a side-by-side pair is the source",
        f"  --norm_statistics={config.norm_statistics}: {statistics[config.norm_statistics]}",
        f"  --dropout={config.dropout:g}{dropout}",
        "next",
        f"  python -m tfpix2pix.translate --run_dir={run_dir} --input=FILE_OR_FOLDER --output=translated",
        f"  python -m tfpix2pix.evaluate --run_dir={run_dir}{data}",
        f"  python -m tfpix2pix.train --init_from={run_dir} --run_dir=runs/new{chosen}",
    ]


def define_flags() -> None:
    """Defines the options of the command."""
    flags.DEFINE_string("run_dir", None, "the folder to make; it must not exist", required=True)
    flags.DEFINE_string("discriminator", "", "its *_net_D.pth, to train further; translating and exporting need none")
    define_size(
        "image_size",
        (0, 0),
        "height x width that it was trained at; 0: of a U-Net the smallest that its levels allow, of others 256x256",
    )
    flags.DEFINE_enum(
        "direction", "auto", ("auto", *DIRECTIONS), "which half of a pair was its source; auto: as the data set has it"
    )
    flags.DEFINE_enum(
        "norm_statistics",
        "image",
        NORM_STATISTICS,
        "what batch norm uses: image, as the reference's test.py does, or moving, as that does with --eval",
    )
    flags.DEFINE_float(
        "dropout",
        None,
        "its rate in training; the reference has 0.5, and 0 with --no_dropout; by default what a ResNet's file tells, "
        "else 0.5",
        lower_bound=0.0,
    )
    flags.DEFINE_string("data", "", "data set to evaluate on: a name, or a folder; no default")


if __name__ == "__main__":
    define_flags()
    terminal.run(main)
