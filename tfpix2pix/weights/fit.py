"""Fits the weights of one network into another of other widths, depth or channels, as far as they have a place there.

Layers are matched by name, so that the outer levels of two U-Nets of different depths meet: they see the same features.
What is new must not disturb what is taken. Therefore a kernel's weights for inputs that the given network does not have
are 0, while the filters that make new features keep their random start. A wider or deeper U-Net so begins with the
function of the given one, but for norms of levels that had none. A ResNet's new blocks add nothing at first, as with
the zero-initialized residual blocks of Goyal et al. 2017 (section 5.1), so that one of more blocks does, too. Of
another depth it takes the outer levels alone: blocks work on the innermost one.
"""

import dataclasses

import numpy as np

from tfpix2pix.weights.channels import RGB, Block, Channels, Side, of_features, of_sides
from tfpix2pix.weights.layer_inputs import BLOCK, Inputs, Shapes, layer_inputs
from tfpix2pix.weights.network_weights import NetworkWeights, in_axis, is_resnet, kernel_path, last_layer, out_axis

# What a tensor takes of the given ones. The last is a given tensor that has no place.
WHOLE, PART, NEW, UNUSED = "whole", "part", "new", "unused"


@dataclasses.dataclass(frozen=True)
class Row:
    """Tells what became of one tensor: a row of the table.

    Attributes:
      tensor: its network and path, such as `generator/down1/kernel`.
      taken: WHOLE, PART, NEW or UNUSED.
      shape: here; None if it is UNUSED.
      there: the shape of the given one; None if it is NEW for lack of one.
      why: the reason, unless it is taken whole.
    """

    tensor: str
    taken: str
    shape: tuple[int, ...] | None
    there: tuple[int, ...] | None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Fit:
    """Holds what one network takes of given weights.

    Attributes:
      rows: one for each tensor of either network.
      given: the weights.
    """

    rows: list[Row]
    given: NetworkWeights
    _parts: dict[str, tuple[dict[int, list[Block]], int]]
    _zeros: frozenset[str] = frozenset()

    def value(self, path: str, start: np.ndarray) -> np.ndarray | None:
        """Returns the value of a variable; None if it keeps its start.

        Args:
          path: of the variable.
          start: its random start, of which parts may stay.
        """
        if path in self._zeros:
            return np.zeros_like(start)
        if path in self._parts:
            blocks, out_axis = self._parts[path]
            return _mixed(self.given.tensors[path], start, blocks, out_axis)
        is_whole = any(row.tensor.endswith(f"/{path}") and row.taken == WHOLE for row in self.rows)
        return self.given.tensors[path].astype(np.float32) if is_whole else None


def fit(given: NetworkWeights, given_sides: Channels | None, shapes: Shapes, sides: Channels) -> Fit:
    """Finds what a network can take of given weights.

    Args:
      given: the weights.
      given_sides: what their generator translated; None if it is not known, as for a discriminator's file alone.
      shapes: of the network's weights, by path.
      sides: what the network's generator translates.
    """
    if given.kind == "discriminator" and given_sides is None:
        given_sides = _likely_sides(given.pair_channels, sides)
    old_shapes = {path: tensor.shape for path, tensor in given.tensors.items()}
    old_inputs = layer_inputs(given.kind, old_shapes, given_sides)
    new_inputs = layer_inputs(given.kind, shapes, sides)
    has_same_kind = is_resnet(old_shapes) == is_resnet(shapes)
    rows: dict[str, Row] = {}
    parts = {}
    for path, shape in shapes.items():
        layer = path.split("/")[0]
        convolution = layer.removesuffix("_norm")
        inputs = old_inputs.get(convolution, ()), new_inputs.get(convolution, ())
        there, blocks = old_shapes.get(path), None
        if not has_same_kind:
            taken, why = NEW, [f"a ResNet and a U-Net have nothing in common, and {given.origin} is the other one"]
        elif there is None:
            taken, why = NEW, [f"not in {given.origin}"]
        elif (kernel := kernel_path(rows, convolution)) != path and kernel in rows and rows[kernel].taken == NEW:
            taken, why = NEW, [f"{kernel} is not taken"]
        elif shape == there and (len(shape) == 1 or inputs[0] == inputs[1]):
            taken, why = WHOLE, []
        else:
            # What is shuffled is four pixels: all of it is taken, or nothing.
            makes_target = given.kind == "generator" and layer == last_layer(shapes)
            makes_target = makes_target and f"{layer}/shuffle_kernel" not in shapes
            blocks, why = _blocks(path, there, shape, inputs, (given_sides, sides), makes_target)
            taken = PART if blocks else NEW
        if blocks:
            parts[path] = blocks, out_axis(path, len(shape))
        rows[path] = Row(f"{given.kind}/{path}", taken, shape, there, "; ".join(dict.fromkeys(why)))
    unused = [
        Row(f"{given.kind}/{path}", UNUSED, None, there, "not in this network")
        for path, there in old_shapes.items()
        if path not in shapes
    ]
    zeros = _identities(rows)
    for path in zeros:
        rows[path] = dataclasses.replace(rows[path], why="starts at 0, so that its block adds nothing yet")
    return Fit([*rows.values(), *unused], given, parts, zeros)


def _identities(rows: dict[str, Row]) -> frozenset[str]:
    """Returns the paths of what makes new blocks identities if it is 0: the last scales, or without norms the kernel.

    A block is new that comes after blocks that are taken.
    """
    blocks: dict[str, bool] = {}
    for path, row in rows.items():
        if (block := BLOCK.match(path)) and path.endswith("_conv1/kernel"):
            blocks[block[0]] = row.taken == NEW
    found = set()
    for name, is_new in blocks.items():
        if is_new and not all(
            is_new for block, is_new in blocks.items() if block.startswith(name.rstrip("0123456789"))
        ):
            scales = f"{name}_conv2_norm/gamma"
            found.add(scales if scales in rows else f"{name}_conv2/kernel")
    return frozenset(found)


def _blocks(
    path: str,
    there: tuple[int, ...],
    shape: tuple[int, ...],
    inputs: tuple[Inputs, Inputs],
    both_sides: tuple[Channels | None, Channels],
    makes_target: bool,
) -> tuple[dict[int, list[Block]], list[str]]:
    """Returns the blocks by axis, and why they are not the whole; no blocks if nothing can be taken."""
    axis = out_axis(path, len(shape))
    if not all(inputs) or len(there) != len(shape) or there[:-2] != shape[:-2]:
        return {}, ["another shape"]
    if path.endswith("/shuffle_kernel") and there[axis] != shape[axis]:
        return {}, ["other filters, which lie pixel by pixel"]
    given_sides, sides = both_sides
    why: list[str] = []
    if makes_target:
        ends = (given_sides.target if given_sides else Side(there[axis]), sides.target)
        out, words = of_sides("target", 0, *ends, is_input=False)
    else:
        out, words = of_features("filters", 0, there[axis], shape[axis])
    why += words
    if out.stays:
        return {}, why
    blocks = {axis: [out]}
    if len(shape) > 1:
        ins, words = _input_blocks(*inputs, given_sides, sides)
        why += words
        if all(block.there is None for block in ins):
            origins = (" and ".join(origin for origin, _ in found) for found in inputs)
            return {}, ["takes in what it was not trained on: {1} instead of {0}".format(*origins)]
        if all(block.stays for block in ins):
            return {}, words
        blocks[in_axis(path)] = ins
    return blocks, why


def _input_blocks(
    old: Inputs, new: Inputs, given_sides: Channels | None, sides: Channels
) -> tuple[list[Block], list[str]]:
    """Matches what a layer takes in by where it comes from."""
    starts, place = {}, 0
    for origin, count in old:
        starts[origin] = place, count
        place += count
    blocks, why = [], []
    for origin, count in new:
        if origin not in starts:
            is_end = origin in ("source", "image")
            blocks.append(Block(None, 0, count, stays=is_end))
            why.append(f"what comes from {origin} {'is new' if is_end else 'starts at 0'}")
            continue
        start, old_count = starts[origin]
        if origin in ("source", "image"):
            side = "source" if origin == "source" else "target"
            was = getattr(given_sides, side) if given_sides else Side(old_count)
            block, words = of_sides(side, start, was, getattr(sides, side), is_input=True)
        else:
            block, words = of_features("inputs", start, old_count, count)
        blocks.append(block)
        why += words
    why += [f"without what came from {origin}" for origin in starts if origin not in dict(new)]
    return blocks, why


def _likely_sides(pair: int, sides: Channels) -> Channels | None:
    """Guesses what a discriminator was trained for that sees so many channels; None if it can be several things."""
    if sides.source.channels + sides.target.channels == pair:
        return sides
    # Four can be gray and RGB, or both with alpha.
    return Channels(Side(pair // 2), Side(pair // 2)) if pair in (2, 2 * RGB) else None


def _mixed(given: np.ndarray, start: np.ndarray, blocks: dict[int, list[Block]], out_axis: int) -> np.ndarray:
    """Fills a variable's start with what is taken."""
    (out,) = blocks[out_axis]
    rows = out.taken()
    value = np.moveaxis(start.astype(np.float32), out_axis, 0).copy()
    made = np.moveaxis(out.of(given.astype(np.float32), out_axis), out_axis, 0)
    in_axes = [axis for axis in blocks if axis != out_axis]
    if not in_axes:
        value[rows] = made[rows]
        return np.moveaxis(value, 0, out_axis)
    # Kernels have two spatial axes before these two, so the inputs are the last axis now.
    place = 0
    for block in blocks[in_axes[0]]:
        if not block.stays:
            value[rows, ..., place : place + block.new] = block.of(made, made.ndim - 1)[rows]
        place += block.new
    return np.moveaxis(value, 0, out_axis)
