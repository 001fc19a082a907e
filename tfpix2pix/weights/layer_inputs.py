"""Tells what each convolution takes in, by the names and shapes of a network's weights."""

import re

from tfpix2pix.weights.channels import Channels
from tfpix2pix.weights.network_weights import in_axis, is_resnet, kernel_path

Shapes = dict[str, tuple[int, ...]]
# Where the inputs of a convolution come from, and how many channels each gives, in order.
Inputs = tuple[tuple[str, int], ...]

BLOCK = re.compile(r"(local_)?block\d+(?=_conv)")


def layer_inputs(kind: str, shapes: Shapes, sides: Channels | None) -> dict[str, Inputs]:
    """Returns what each convolution takes in.

    Args:
      kind: of the network.
      shapes: of its weights, by path.
      sides: what the generator translates; None if it is not known.
    """
    paths = {layer: kernel_path(shapes, layer) for layer in dict.fromkeys(path.split("/")[0] for path in shapes)}
    kernels = {layer: shapes[path] for layer, path in paths.items() if len(shapes.get(path, ())) == 4}
    counts = {layer: shape[in_axis(paths[layer])] for layer, shape in kernels.items()}
    if kind == "discriminator":
        scales = dict.fromkeys(found[0] if (found := re.match(r"scale\d+_", layer)) else "" for layer in counts)
        return {layer: taken for scale in scales for layer, taken in _discriminator(scale, counts, sides).items()}
    if is_resnet(shapes):
        return {layer: ((origin, counts[layer]),) for layer, origin in _resnet(counts).items()}
    return _unet(counts, kernels)


def _levels(counts: dict[str, int], name: str) -> int:
    depth = 0
    while f"{name}{depth + 1}" in counts:
        depth += 1
    return depth


def _unet(counts: dict[str, int], kernels: Shapes) -> dict[str, Inputs]:
    depth = _levels(counts, "down")
    inputs: dict[str, Inputs] = {
        f"down{level}": ((f"down{level - 1}" if level > 1 else "source", counts[f"down{level}"]),)
        for level in range(1, depth + 1)
    }
    for level in range(1, depth + 1):
        name, skip = f"up{level}", f"down{level}"
        if name in counts:
            outs = kernels[skip][3]
            rest = max(counts[name] - outs, 0)
            inputs[name] = ((skip, outs), (f"up{level + 1}", rest)) if level < depth else ((skip, counts[name]),)
    return inputs


def _resnet(counts: dict[str, int]) -> dict[str, str]:
    """Names where each convolution's input comes from. All blocks add to the channels of the innermost level."""
    depth = _levels(counts, "down")
    origins = {"first": "source", "down1": "first", "last": "up1"}
    origins |= {f"down{level}": f"down{level - 1}" for level in range(2, depth + 1)}
    origins |= {f"up{level}": f"up{level + 1}" if level < depth else f"down{depth}" for level in range(1, depth + 1)}
    # What the global part gives is added to what local_down1 gives.
    origins |= {"local_first": "source", "local_down1": "local_first"}
    origins |= {"local_up1": "local_down1", "local_last": "local_up1"}
    for layer in counts:
        if block := BLOCK.match(layer):
            trunk = "local_down1" if block[1] else f"down{depth}"
            origins[layer] = f"{block[0]}_conv1" if layer.endswith("_conv2") else trunk
    return {layer: origin for layer, origin in origins.items() if layer in counts}


def _discriminator(scale: str, counts: dict[str, int], sides: Channels | None) -> dict[str, Inputs]:
    """Returns what the convolutions of one scale take in, whose names begin with `scale`."""
    depth = _levels(counts, f"{scale}down")
    last, first = (f"{scale}down{depth}", f"{scale}down1") if depth else ("conv1", "conv1")
    inputs: dict[str, Inputs] = {
        f"{scale}down{level}": ((f"{scale}down{level - 1}", counts[f"{scale}down{level}"]),)
        for level in range(2, depth + 1)
    }
    for name, origin in (("conv2", "conv1"), ("conv", last), ("logits", f"{scale}conv" if depth else "conv2")):
        if scale + name in counts:
            inputs[scale + name] = ((origin, counts[scale + name]),)
    if first in counts:
        pair = counts[first]
        known = sides and sides.source.channels + sides.target.channels == pair
        inputs[first] = (
            (("source", sides.source.channels), ("image", sides.target.channels))
            if sides and known
            else (("pair", pair),)
        )
    return inputs
