"""Gives networks of the PyTorch reference and of pix2pixHD the names and layouts of ours, and back.

Their `*_net_G.pth` and `*_net_D.pth` are state dicts. torch's DataParallel puts `module.` in front of each name.
"""

import numpy as np

from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import RESNET_DEPTH
from tfpix2pix.weights.network_weights import NetworkWeights, out_axis
from tfpix2pix.weights.torch import names as layer_names
from tfpix2pix.weights.torch.names import Names

Tensors = dict[str, np.ndarray]

# torch's convolutions are (out, in, height, width), its transposed ones (in, out, height, width); Keras has (height,
# width, in, out) and (height, width, out, in).
TO_KERAS, TO_TORCH = (2, 3, 1, 0), (3, 2, 0, 1)
CONVOLUTION = {"kernel": "weight", "bias": "bias"}
AFFINE = {"gamma": "weight", "beta": "bias"}
RUNNING = {"moving_mean": "running_mean", "moving_variance": "running_var"}
COUNT = "num_batches_tracked"
REMEDY = "give latest_net_G.pth or latest_net_D.pth of pytorch-CycleGAN-and-pix2pix or pix2pixHD"


def from_torch(tensors: Tensors, file: str) -> NetworkWeights:
    """Gives the tensors of one of their networks the names and layouts of ours.

    Instance norm has no scales and offsets there: they are 1 and 0. Without a norm, convolutions have no bias there: it
    is 0. What torch of 2017 tracked in instance norms is left out, as the reference leaves it out. pix2pixHD has a bias
    before batch norm too, which subtracts it again with the mean: here the running mean is without it.

    Args:
      tensors: by the names of torch.
      file: which, for messages.

    Raises:
      InputError: it is another network, which is named, or a tensor is missing, left over or not finite.
    """
    if tensors and all(name.startswith("module.") for name in tensors):
        tensors = {name.removeprefix("module."): tensor for name, tensor in tensors.items()}
    names = _recognized(tensors, file)
    norm = _norm(tensors, names, file)
    found: Tensors = {}
    used = set()
    for layer, name in names.layers.items():
        if not layer.endswith("_norm"):
            kernel = _number(tensors, f"{name}.weight", 4, file).transpose(TO_KERAS)
            found[f"{layer}/kernel"] = kernel
            if f"{name}.bias" in tensors:
                found[f"{layer}/bias"] = _number(tensors, f"{name}.bias", 1, file)
            elif norm == "none":
                found[f"{layer}/bias"] = np.zeros(kernel.shape[out_axis(f"{layer}/kernel")], np.float32)
            used |= {f"{name}.weight", f"{name}.bias"}
            continue
        used |= {f"{name}.{part}" for part in (*AFFINE.values(), *RUNNING.values(), COUNT)}
        convolution = layer.removesuffix("_norm")
        if norm == "instance" and f"{name}.weight" not in tensors:
            filters = found[f"{convolution}/kernel"].shape[out_axis(f"{convolution}/kernel")]
            found[f"{layer}/gamma"] = np.ones(filters, np.float32)
            found[f"{layer}/beta"] = np.zeros(filters, np.float32)
        elif norm != "none":
            for ours, part in {**AFFINE, **(RUNNING if norm == "batch" else {})}.items():
                found[f"{layer}/{ours}"] = _number(tensors, f"{name}.{part}", 1, file)
        if norm == "batch" and (bias := found.pop(f"{convolution}/bias", None)) is not None:
            if bias.shape != found[f"{layer}/moving_mean"].shape:
                raise InputError(f"{file} has {f'{name}.running_mean'!r:.100} of another shape; {REMEDY}")
            found[f"{layer}/moving_mean"] = found[f"{layer}/moving_mean"] - bias
    if left := [name for name in tensors if name not in used]:
        raise InputError(f"{file} has {left[0]!r:.100}, which {names.program}'s network does not; {REMEDY}")
    return NetworkWeights(names.kind, file, found, names.options)


def to_torch(weights: NetworkWeights, batches: int, has_dropout: bool = False) -> Tensors:
    """Gives the weights of a network the names and layouts of the reference or of pix2pixHD, in their order.

    They have no scales and offsets in instance norm. Those of 1 and 0 are left out; others are kept, and the reference
    needs `affine=True` to load them (see `is_affine`). pix2pixHD's biases before batch norm are 0.

    Args:
      weights: of one of our networks.
      batches: what num_batches_tracked says. Nothing depends on it, since they have a fixed momentum.
      has_dropout: whether a ResNet's blocks have dropout, which counts in the names of what follows it.

    Raises:
      InputError: it has no norm, and biases that they do not have then, or none where they have some.
    """
    names, norm = _names_of(weights, has_dropout), _norm_of(weights)
    if names.biased is None and norm == "none":
        raise InputError(f"{weights.origin} has no norm, and pix2pixHD's networks have one; export another format")
    affine = is_affine(weights)
    found: Tensors = {}
    for layer, name in names.layers.items():
        for ours, part in ({**AFFINE, **RUNNING} if layer.endswith("_norm") else CONVOLUTION).items():
            tensor = weights.tensors.get(f"{layer}/{ours}")
            is_foreign = _is_foreign(names, norm, layer, ours)
            if tensor is not None and is_foreign and ours == "bias" and tensor.any():
                raise InputError(
                    f"{weights.origin} has no norm and a bias in {layer}, and convolutions of the PyTorch reference "
                    "have none then; export another format"
                )
            if tensor is None and names.biased is None and ours == "bias":
                tensor = np.zeros(weights.tensors[f"{layer}/kernel"].shape[out_axis(f"{layer}/kernel")], np.float32)
            if tensor is None or (is_foreign and not affine):
                continue
            found[f"{name}.{part}"] = np.ascontiguousarray(tensor.transpose(TO_TORCH) if tensor.ndim == 4 else tensor)
        if f"{layer}/moving_mean" in weights.tensors:
            found[f"{name}.{COUNT}"] = np.array(batches, np.int64)
    return found


def is_affine(weights: NetworkWeights) -> bool:
    """Tells whether instance norms have learned scales or offsets, for which the reference needs affine=True."""
    if _norm_of(weights) != "instance":
        return False
    neutral = {"gamma": 1.0, "beta": 0.0}
    parts = ((path.split("/")[1], tensor) for path, tensor in weights.tensors.items())
    return any(bool(np.any(tensor != neutral[part])) for part, tensor in parts if part in neutral)


def _norm_of(weights: NetworkWeights) -> str:
    return str(weights.options["norm" if weights.kind == "generator" else "discriminator_norm"])


def _is_foreign(names: Names, norm: str, layer: str, part: str) -> bool:
    """Whether they have no tensor for this part of a layer."""
    if norm == "instance":
        return part in AFFINE
    return norm == "none" and part == "bias" and names.biased is not None and layer not in names.biased


def _names_of(weights: NetworkWeights, has_dropout: bool) -> Names:
    """Returns the network of theirs that has the layers of ours."""
    options = weights.options
    if weights.kind == "discriminator":
        scales, n_layers = options["discriminator_scales"], options["discriminator_layers"]
        return layer_names.multiscale(scales, n_layers) if scales > 1 else layer_names.patchgan(n_layers)
    depth = options["depth"]
    if options["generator"] == "unet":
        return layer_names.unet(depth)
    if options["enhancers"]:
        return layer_names.enhancer(depth, options["blocks"])
    return layer_names.resnet(depth, options["blocks"], has_dropout and depth == RESNET_DEPTH)


def _recognized(tensors: Tensors, file: str) -> Names:
    if found := layer_names.find(tensors):
        return found
    if other := layer_names.other(tensors):
        raise InputError(f"{file} holds {other}, which cannot be read; {REMEDY}")
    names = ", ".join(f"{name!r:.60}" for name in list(tensors)[:3]) or "none"
    raise InputError(f"{file} holds no network that is known here; its first tensors are {names}; {REMEDY}")


def _norm(tensors: Tensors, names: Names, file: str) -> str:
    """Finds the norm of a network: `batch`, `instance` or `none`."""
    norms = [layer for layer in names.layers if layer.endswith("_norm")]
    convolutions = [names.layers[layer.removesuffix("_norm")] for layer in norms]
    has_bias = any(f"{name}.bias" in tensors for name in convolutions)
    has_scales = any(f"{names.layers[layer]}.weight" in tensors for layer in norms)
    has_running = any(f"{names.layers[layer]}.running_var" in tensors for layer in norms)
    if has_scales and has_running and (not has_bias or names.biased is None):
        return "batch"
    if has_bias and not (has_scales and has_running):
        return "instance"
    if not (has_bias or has_scales or has_running):
        return "none"
    has = (
        "scales, running averages and a bias before them" if has_bias else "no bias before them and no running averages"
    )
    raise InputError(
        f"{file} has norms with {has}, which are neither batch nor instance norm of {names.program}; {REMEDY}"
    )


def _number(tensors: Tensors, name: str, dimensions: int, file: str) -> np.ndarray:
    """Returns a tensor as float32."""
    if name not in tensors:
        raise InputError(f"{file} has no {name!r:.100}; give a whole file")
    tensor = tensors[name]
    if tensor.ndim != dimensions or tensor.dtype.kind != "f" or not tensor.size:
        raise InputError(f"{file} has {name!r:.100} of shape {tensor.shape} and {tensor.dtype}; {REMEDY}")
    if not np.isfinite(tensor).all():
        raise InputError(f"{file} has a NaN or infinity in {name!r:.100}: its training failed; give an earlier one")
    return tensor.astype(np.float32)
