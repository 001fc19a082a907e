"""Reads the weights that a new run begins with, fits them into its networks, and tells what was taken."""

import hashlib
import pathlib
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.system.terminal import InputError, one_line
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix, discriminator_of, generator_of
from tfpix2pix.run_dir.history import shown
from tfpix2pix.run_dir.trained_weights import trained_weights
from tfpix2pix.weights import keras_file, weight_file
from tfpix2pix.weights.channels import Channels, Side
from tfpix2pix.weights.fit import NEW, PART, UNUSED, WHOLE, Fit, Row, Shapes, fit
from tfpix2pix.weights.network_weights import KINDS, NetworkWeights, variables_of

# Names in one line of the short table.
MAX_NAMED = 8


class InitialWeights:
    """Holds what both networks take of given weights.

    Args:
      init_from: as the user gave it.
      fits: of the given networks, by kind.
      shapes: of all weights of both networks, by kind and path.
      others: the options that the given networks or their runs have otherwise, by name.
    """

    def __init__(self, init_from: str, fits: dict[str, Fit], shapes: dict[str, Shapes], others: dict[str, Any]):
        self.init_from = init_from
        self.fits = fits
        self.others = others
        self.rows: list[Row] = []
        for kind in KINDS:
            absent = [
                Row(f"{kind}/{path}", NEW, shape, None, f"no {kind} given") for path, shape in shapes[kind].items()
            ]
            self.rows += fits[kind].rows if kind in fits else absent

    def set_in(self, model: Pix2Pix) -> None:
        """Sets the variables of a new model; what is not taken keeps its random start."""
        for network in (model.generator, model.discriminator):
            if network.name in self.fits:
                for path, variable in variables_of(network).items():
                    value = self.fits[network.name].value(path, tf.convert_to_tensor(variable.value).numpy())
                    if value is not None:
                        variable.assign(value)
        model.start_average()

    def summary(self) -> list[str]:
        """Tells in few lines what is taken, and why the rest is not."""
        lines = [f"init_from={self.init_from}"]
        for kind in KINDS:
            rows = [row for row in self.rows if row.tensor.startswith(kind)]
            count = {taken: sum(row.taken == taken for row in rows) for taken in (WHOLE, PART, NEW, UNUSED)}
            if kind not in self.fits:
                lines.append(f"  {kind}: not given, so it starts at random")
                continue
            origin = self.fits[kind].given.origin
            words = [f"{count[WHOLE]} of {len(rows) - count[UNUSED]} tensors are taken whole"]
            words += [f"{count[taken]} {what}" for taken, what in _OTHERS if count[taken]]
            lines.append(f"  {kind} from {origin}: {', '.join(words)}")
            groups: dict[tuple[str, str], list[Row]] = {}
            for row in rows:
                groups.setdefault((row.taken, row.why), []).append(row)
            for taken, _ in _OTHERS:
                for (how, why), group in groups.items():
                    if how == taken:
                        lines.append(f"    {taken:<6}  {_names(kind, group)}: {why}")
        if self.others:
            flags = " ".join(f"--{name}={shown(value)}" for name, value in self.others.items())
            lines.append(f"  these weights were trained with {flags}, which a new run takes if they are given")
        return [one_line(line) for line in lines]

    def digest(self) -> str:
        """Returns what tells these weights from others."""
        sha = hashlib.sha256()
        for kind, one in self.fits.items():
            for path, tensor in one.given.tensors.items():
                sha.update(f"{kind}/{path}{tensor.shape}".encode())
                sha.update(np.ascontiguousarray(tensor))
        return sha.hexdigest()


_OTHERS = ((PART, "in part"), (NEW, "not, and start at random"), (UNUSED, "more are given and unused"))


def read_initial_weights(config: Config, workers: Workers) -> InitialWeights:
    """Reads what config.init_from names, on all workers, and prints what is taken of it.

    Args:
      config: resolved.
      workers: the chief prints.

    Raises:
      InputError: on all workers, if something cannot be read, both parts give the same network, nothing at all fits, or
        workers read different weights.
    """
    initial = workers.together(lambda: fitted(config))
    if not workers.have_same(initial.digest()):
        raise InputError(f"init_from={config.init_from} differs between workers; give all the same files")
    if workers.is_chief:
        print("\n".join(initial.summary()), flush=True)
    return initial


def fitted(config: Config) -> InitialWeights:
    """Reads what config.init_from names, and fits it into the networks of config.

    Raises:
      InputError: as read_initial_weights has it.
    """
    given: dict[str, tuple[NetworkWeights, Channels | None]] = {}
    theirs: dict[str, Any] = {}
    for part in config.init_from.split(","):
        try:
            found, options = _read(part.strip())
        except InputError as error:
            raise InputError(f"init_from={part}: {error}") from None
        theirs |= options
        for weights, sides in found:
            theirs |= weights.options
            if weights.kind in given:
                raise InputError(
                    f"init_from={config.init_from} gives two networks of one kind, the {weights.kind}s of "
                    f"{given[weights.kind][0].origin} and {weights.origin}; leave out one"
                )
            _check_finite(weights)
            given[weights.kind] = weights, sides
    with tf.Graph().as_default():
        # In a graph, variables have shapes but no values.
        networks = generator_of(config), discriminator_of(config)
        shapes: dict[str, Shapes] = {
            network.name: {path: tuple(v.shape) for path, v in variables_of(network).items()} for network in networks
        }
    translated = given["generator"][1] if "generator" in given else None
    fits = {
        kind: fit(weights, sides or _of_pair(weights, translated), shapes[kind], _sides(config))
        for kind, (weights, sides) in given.items()
    }
    ours = {name: getattr(config, name) for name in theirs} | {"discriminator_norm": config.norm_of_discriminator}
    others = {name: value for name, value in theirs.items() if ours[name] != value}
    initial = InitialWeights(config.init_from, fits, shapes, others)
    if not any(row.taken in (WHOLE, PART) for row in initial.rows):
        why = next((row.why for row in initial.rows if row.why), "no weights")
        raise InputError(
            f"init_from={config.init_from}: nothing of it fits into these networks, such as {initial.rows[0].tensor}: "
            f"{why}; give other weights, or networks like theirs"
        )
    return initial


def _read(part: str) -> tuple[list[tuple[NetworkWeights, Channels | None]], dict[str, Any]]:
    """Reads one part of init_from: a run directory, with its checkpoint, or a file.

    Returns:
      Its networks with what they translate, and of a run the options that say what it has learned.
    """
    if not part:
        raise InputError("a name is missing; give run directories or files with single commas between them")
    path, checkpoint = pathlib.Path(part), "best"
    name, _, after = part.rpartition(":")
    if name and not path.exists() and (after in ("best", "latest") or after.isdecimal()):
        path, checkpoint = pathlib.Path(name), after
    if path.is_dir():
        networks, config, _ = trained_weights(path, checkpoint)
        learned = {name: getattr(config, name) for name in ("direction", "image_size")}
        return [(weights, _sides(config)) for weights in networks], learned
    if not path.is_file():
        raise InputError(
            "there is no such run directory or file; give one that exists, several with commas between them"
        )
    for suffixes, read in (
        (keras_file.SUFFIXES, keras_file.read_keras_file),
        (weight_file.SUFFIXES, weight_file.read_weights),
    ):
        if path.name.endswith(suffixes):
            weights = read(path)
            return [(weights, _own_sides(weights))], {}
    raise InputError(
        "is neither a run directory nor a file of a known kind; give a .keras, .weights.h5, .pth or .safetensors file"
    )


def _sides(config: Config) -> Channels:
    return Channels(
        Side(config.input_channels, bool(config.source_labels)),
        Side(config.target_channels, bool(config.target_labels)),
    )


def _own_sides(weights: NetworkWeights) -> Channels | None:
    """Tells what a generator translates by its first and last layer; a discriminator takes both sides as one."""
    if weights.kind != "generator":
        return None
    return Channels(Side(weights.options["source_channels"]), Side(weights.options["target_channels"]))


def _of_pair(weights: NetworkWeights, translated: Channels | None) -> Channels | None:
    """Returns what the generator beside a discriminator translates, if the discriminator sees as many channels."""
    is_same = translated and translated.source.channels + translated.target.channels == weights.pair_channels
    return translated if is_same else None


def _check_finite(weights: NetworkWeights) -> None:
    for path, tensor in weights.tensors.items():
        if not np.isfinite(tensor).all():
            raise InputError(
                f"{weights.origin} has a NaN or infinity in {path}; give weights of a training that went well"
            )


def _names(kind: str, rows: list[Row]) -> str:
    """Names layers or tensors, not too many."""
    by_layer: dict[str, list[str]] = {}
    for row in rows:
        layer, _, variable = row.tensor.removeprefix(f"{kind}/").partition("/")
        by_layer.setdefault(layer, []).append(variable)
    names = [layer if len(variables) > 1 else f"{layer}/{variables[0]}" for layer, variables in by_layer.items()]
    more = len(names) - MAX_NAMED
    return ", ".join(names[:MAX_NAMED]) + (f" and {more} more" if more > 0 else "")
