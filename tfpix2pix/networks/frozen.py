"""Freezes parts of the networks: training leaves their variables as they are, to the last bit."""

import re
from typing import TYPE_CHECKING

from tfpix2pix.networks.choices import GENERATORS

if TYPE_CHECKING:
    import keras

GROUPS = ("encoder", "blocks", "decoder", "global", "local", "discriminator")
# One level of the generator, such as down1: its convolution and its norm.
LEVEL = re.compile(r"(down|up)([1-9]\d?)")
LOCAL = "local_"


def parse_parts(text: str) -> tuple[str, ...]:
    """Reads which parts are frozen, such as `encoder,discriminator` or `down1,down2,up1`.

    Raises:
      ValueError: there is no such part.
    """
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    for part in parts:
        if part not in GROUPS and not LEVEL.fullmatch(part):
            raise ValueError(
                f"names {part or 'nothing'}; give {', '.join(GROUPS)}, or levels of the generator such as down1 and "
                "up2, with commas between them"
            )
    return parts


def check_parts(parts: tuple[str, ...], generator: str, depth: int, enhancers: int = 0) -> None:
    """Checks parts against the generator.

    Args:
      parts: what parse_parts returned.
      generator: one of choices.GENERATORS.
      depth: how often it halves the image; a local enhancer not counted.
      enhancers: how many local enhancers it has.

    Raises:
      ValueError: the generator does not have a part, or all of its parts are frozen.
    """
    levels = {f"{way}{level}" for way in ("down", "up") for level in range(1, depth + 1)}
    layers = levels | ({"first", "block1_conv1", "last"} if generator == "resnet" else set())
    if enhancers:
        layers |= {LOCAL + layer for layer in ("first", "down1", "block1_conv1", "up1", "last")}
    known = {part for layer in layers for part in _parts_of(layer)} & ({*GROUPS} | levels)
    if not enhancers:
        known -= {"global", "local"}
    for part in parts:
        if part not in known and part != "discriminator":
            groups = ", ".join(group for group in GROUPS if group in known)
            raise ValueError(
                f"names {part}, and this {GENERATORS[generator]} has {groups}, down1 to down{depth} and up1 to "
                f"up{depth}; give some of these"
            )
    if all(_is_in(layer, parts, "generator") for layer in layers):
        raise ValueError("leaves nothing of the generator to learn; give fewer parts")


def freeze(network: "keras.Model", parts: tuple[str, ...]) -> int:
    """Freezes those layers of a network that belong to parts, and counts their weights.

    A frozen batch norm normalizes in training as it does at inference, and its running averages stay. Dropout stays as
    it is: it has no weights. Call this before an optimizer is made for the network's trainable variables.

    Args:
      network: a generator or discriminator.
      parts: what parse_parts returned.
    """
    count = 0
    for layer in network.layers:
        if layer.trainable_variables and _is_in(layer.name.removesuffix("_norm"), parts, network.name):
            layer.trainable = False
            count += layer.count_params()
    return count


def _is_in(layer: str, parts: tuple[str, ...], network: str) -> bool:
    """Whether a layer, or its norm, belongs to one of the parts."""
    if network == "discriminator":
        return "discriminator" in parts
    return not _parts_of(layer).isdisjoint(parts)


def _parts_of(layer: str) -> set[str]:
    """Names the parts of a generator that a layer belongs to: levels are those of the global part."""
    inner = layer.removeprefix(LOCAL)
    group = "encoder" if inner.startswith(("first", "down")) else "blocks" if inner.startswith("block") else "decoder"
    return {layer, group, "global" if inner == layer else "local"}
