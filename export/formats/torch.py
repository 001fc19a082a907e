"""The PyTorch reference's files: its names and layouts, written without torch, and read again before they count."""

import dataclasses
import json
import os
import pathlib

from export.sharing.card import write_card
from export.trained import EXPORT_FILE
from pipelines.system.disk import check_writable, naming_full_disk, write_whole
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import LOCAL_BLOCKS, RESNET_DEPTH
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.shared import find_run
from tfpix2pix.run_dir.trained_weights import trained_weights
from tfpix2pix.weights.network_weights import NetworkWeights
from tfpix2pix.weights.torch.names import PIX2PIXHD, REFERENCE
from tfpix2pix.weights.torch.networks import is_affine, to_torch
from tfpix2pix.weights.weight_file import read_weights, write_file

# What the reference's test.py and train.py look for with --epoch=latest.
NAMES = {"generator": "latest_net_G", "discriminator": "latest_net_D"}
SUFFIXES = (".pth", ".safetensors")
# The reference builds no shallower U-Net.
MIN_DEPTH = 5
# U-Nets that the reference builds by a name, by their levels.
NAMED_DEPTHS = {7: "unet_128", 8: "unet_256"}
# And the blocks of ResNets.
NAMED_BLOCKS = (6, 9)
# What it builds of the options of ours that it does not know, and its paddings.
UNKNOWN_THERE = {"upsample": "transpose", "attention_at": "", "generator_spectral_norm": False, "conditional": True}
PADDINGS = {"unet": "zero", "resnet": "reflect"}


@dataclasses.dataclass(frozen=True)
class Export:
    """Describes the files that were written.

    Attributes:
      step: of the checkpoint.
      checkpoint: in words which step it is.
      files: their names.
      options: those with which the reference or pix2pixHD builds the same networks, by the program's name.
      notes: what has to be known besides.
    """

    step: int
    checkpoint: str
    files: list[str]
    options: dict[str, str]
    notes: list[str]


def export_torch(
    run_dir: str | os.PathLike[str], output: str | os.PathLike[str], checkpoint: str | int = "best"
) -> Export:
    """Writes both networks of a run as the PyTorch reference's latest_net_G and latest_net_D, .pth and .safetensors.

    A discriminator that was neither trained nor imported is not written. Every file is read again, and its numbers
    are those of the run to the last bit.

    Args:
      run_dir: the run directory.
      output: the folder for the files; made if it does not exist.
      checkpoint: `best` (by the run's best_by), `latest`, or a step.

    Raises:
      InputError: an argument does not fit, or the reference has no such network.
    """
    folder = pathlib.Path(output)
    check_writable(folder, "output")
    run_dir = find_run(run_dir)
    networks, config, step = trained_weights(run_dir, str(checkpoint))
    checkpoints = Checkpoints(run_dir, best_by=config.best_by)
    if config.target_labels:
        raise InputError(
            f"run_dir={run_dir} has target_labels={config.target_labels} and ends in a softmax, and the generators of "
            "the PyTorch reference end in tanh; export another format"
        )
    if config.norm_of_discriminator != config.norm:
        raise InputError(
            f"run_dir={run_dir} has discriminator_norm={config.discriminator_norm} and norm={config.norm}, and the "
            "networks of the PyTorch reference have one norm; export another format"
        )
    if config.generator == "unet" and config.depth < MIN_DEPTH:
        raise InputError(
            f"run_dir={run_dir} has depth={config.depth}, and the U-Nets of the PyTorch reference halve the image "
            f"{MIN_DEPTH} times or more; export another format"
        )
    foreign = {name: value for name, usual in UNKNOWN_THERE.items() if (value := getattr(config, name)) != usual}
    if config.padding not in ("auto", PADDINGS[config.generator]):
        foreign["padding"] = config.padding
    for option, value in foreign.items():
        raise InputError(
            f"run_dir={run_dir} has {option}={value}, and the networks of the PyTorch reference do not; export another "
            "format"
        )
    states = {weights.kind: to_torch(weights, step, config.dropout > 0) for weights in networks}
    options = reference_options(config)
    files = [NAMES[kind] + suffix for kind in states for suffix in SUFFIXES]
    with naming_full_disk(folder, "the export"):
        folder.mkdir(parents=True, exist_ok=True)
        for weights in networks:
            for suffix in SUFFIXES:
                _write(weights, states[weights.kind], folder / f"{NAMES[weights.kind]}{suffix}")
        about = {
            "step": step,
            "checkpoint": checkpoints.words(step),
            "validation": checkpoints.validation(step),
            "reference_options": options,
            "config": dataclasses.asdict(config),
        }
        write_whole(folder / EXPORT_FILE, json.dumps(about, indent=2) + "\n")
        write_card(folder, run_dir, config, step, "torch")
    notes = []
    if any(map(is_affine, networks)):
        notes.append(
            "its instance norms have learned scales: write affine=True at InstanceNorm2d in its get_norm_layer"
        )
    if config.dropout and _generator_options(config)[0] == PIX2PIXHD:
        notes.append("pix2pixHD's generators have no dropout: a training there goes on without")
    if len(networks) < len(NAMES):
        notes.append("no discriminator: that of this run was neither trained nor imported")
    return Export(step, checkpoints.words(step), files, options, notes)


def reference_options(config: Config) -> dict[str, str]:
    """Returns the options with which the reference or pix2pixHD builds the networks of a run, by the program's name."""
    channels = f"--input_nc={config.input_channels} --output_nc={config.target_channels} --norm={config.norm}"
    found: dict[str, list[str]] = {}
    for program, options in (_generator_options(config), _discriminator_options(config)):
        found.setdefault(program, []).append(options)
    return {program: " ".join([*options, channels]) for program, options in found.items()}


def _generator_options(config: Config) -> tuple[str, str]:
    width = f"--ngf={config.generator_width}"
    dropout = "" if config.dropout else " --no_dropout"
    if config.generator == "unet":
        named = NAMED_DEPTHS.get(config.depth)
        generator = f"--netG={named}" if named else f"UnetGenerator(num_downs={config.depth})"
        return REFERENCE, f"{generator} {width}{dropout}"
    if config.depth == RESNET_DEPTH and not config.enhancers:
        is_named = config.blocks in NAMED_BLOCKS
        generator = f"--netG=resnet_{config.blocks}blocks" if is_named else f"ResnetGenerator(n_blocks={config.blocks})"
        return REFERENCE, f"{generator} {width}{dropout}"
    sizes = f"--n_downsample_global={config.depth} --n_blocks_global={config.blocks}"
    if config.enhancers:
        return PIX2PIXHD, f"--netG=local --n_local_enhancers=1 --n_blocks_local={LOCAL_BLOCKS} {sizes} {width}"
    return PIX2PIXHD, f"--netG=global {sizes} {width}"


def _discriminator_options(config: Config) -> tuple[str, str]:
    layers = config.discriminator_layers
    if config.discriminator_scales > 1:
        return (
            PIX2PIXHD,
            f"--num_D={config.discriminator_scales} --n_layers_D={layers} --ndf={config.discriminator_width}",
        )
    discriminator = f"--netD=n_layers --n_layers_D={layers}" if layers else "--netD=pixel"
    return REFERENCE, f"{discriminator} --ndf={config.discriminator_width}"


def _write(weights: NetworkWeights, state: dict, file: pathlib.Path) -> None:
    """Writes a file, and removes it if its numbers are not those of the run."""
    write_file(state, file)
    found = read_weights(file).tensors
    differing = [path for path, tensor in weights.tensors.items() if tensor.tobytes() != found[path].tobytes()]
    if differing:
        file.unlink()
        raise InputError(f"{file} was not written as the run has it: {differing[0]} differs; check the disk")
