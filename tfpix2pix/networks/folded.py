"""Rebuilds a network for inference alone, by fewer operations, or in half precision."""

from typing import Any

import keras
import numpy as np
from keras import layers

from tfpix2pix.networks.layers.normalization import BatchNormalization
from tfpix2pix.networks.layers.spectral_norm import PLAIN, SpectralNorm

CONVOLUTIONS = (layers.Conv2D, layers.Conv2DTranspose)


def folded(network: keras.Model, precision: str = "float32") -> keras.Model:
    """Returns a network that computes at inference what this one does.

    Spectral norms are divided out, and batch norms that use moving averages become part of the kernels and biases of
    the convolutions before them. If there is nothing to fold, it is the network itself; else it has weights of its own.

    Args:
      network: with its final weights.
      precision: what it computes in, one of choices.PRECISIONS. In half precision kernels are stored so too, while
        norms stay float32, and so do the last convolution, what follows it, and input and output.
    """
    norms = _foldable(network)
    has_spectral_norm = any(isinstance(layer, SpectralNorm) for layer in network.layers)
    if precision == "float32" and not norms and not has_spectral_norm:
        return network
    folded_norms = [norm.name for norm in norms.values()]
    last = [place for place, layer in enumerate(network.layers) if isinstance(layer, CONVOLUTIONS)][-1]
    source = keras.Input(network.input_shape[1:], name=network.layers[0].name)
    values = {id(network.input): source}
    for place, layer in enumerate(network.layers[1:], 1):
        x = keras.tree.map_structure(lambda tensor: values[id(tensor)], layer.input)
        if layer.name not in folded_norms:
            norm, half = norms.get(layer.name), precision if place < last and precision != "float32" else None
            new = _rebuilt(layer, half, with_bias=norm is not None)
            x = new(x)
            is_convolution = isinstance(layer, CONVOLUTIONS)
            new.set_weights(_kernel_and_bias(layer, norm) if is_convolution else layer.get_weights())
        values[id(layer.output)] = x
    return keras.Model(source, values[id(network.output)], name=network.name)


def _rebuilt(layer: layers.Layer, half: str | None, with_bias: bool) -> layers.Layer:
    """Returns a layer with the same arguments, without spectral norm, if asked for in half precision or with a bias."""
    config = layer.get_config()
    if half:
        # Statistics, scales and softmax need the precision of float32; kernels are nearly all weights.
        config["dtype"] = half if isinstance(layer, CONVOLUTIONS) else f"mixed_{half}"
    if with_bias:
        config["use_bias"] = True
    return PLAIN.get(type(layer), type(layer)).from_config(config)


def _foldable(network: keras.Model) -> dict[str, BatchNormalization]:
    """Finds the batch norms whose statistics are fixed and that alone see a convolution's output, by its name."""
    makers = {id(layer.output): layer for layer in network.layers}
    used = [id(tensor) for layer in network.layers[1:] for tensor in keras.tree.flatten(layer.input)]
    found = {}
    for layer in network.layers:
        if isinstance(layer, BatchNormalization) and layer.statistics == "moving" and used.count(id(layer.input)) == 1:
            maker = makers[id(layer.input)]
            if isinstance(maker, CONVOLUTIONS):
                found[maker.name] = layer
    return found


def _kernel_and_bias(convolution: Any, norm: BatchNormalization | None) -> list[np.ndarray]:
    """Returns the kernel, and the bias if there is one, of a convolution and the norm behind it."""
    is_divided = isinstance(convolution, SpectralNorm)
    kernel = (convolution.divided_kernel() if is_divided else convolution.kernel).numpy()
    bias = convolution.bias.numpy() if convolution.use_bias else None
    if norm is None:
        return [kernel] if bias is None else [kernel, bias]
    gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in norm.get_weights())
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # (kernel x + bias - mean) scale + beta, where a transposed kernel is (k, k, filters, C).
    axis = -2 if isinstance(convolution, layers.Conv2DTranspose) else -1
    # Before a pixel shuffle, each filter of the result has four.
    copies = kernel.shape[axis] // len(scale)
    scale, shift = np.tile(scale, copies), np.tile(beta - mean * scale, copies)
    shape = [-1 if place == axis % 4 else 1 for place in range(4)]
    return [kernel * scale.reshape(shape), shift if bias is None else shift + bias * scale]
