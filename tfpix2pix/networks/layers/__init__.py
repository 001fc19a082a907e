"""The layers that networks are made of.

convolution.py      the 4×4 convolutions, as matrix products where that is faster
products.py         their factors as matrix products, and the gradients of these
padded_convolution.py  the 3×3 and 7×7 convolutions of ResNets, reflection at the edges
doubling.py         convolutions in place of transposed ones
attention.py        self-attention
pooling.py          the average pool that halves
normalization.py    batch and instance norm
spectral_norm.py    convolutions whose kernels are divided by their spectral norms
activation.py       the leaky ReLU
dropout.py          dropout that a checkpoint can resume

Importing this package registers all of them with Keras, so that `keras.models.load_model` reads a saved network:

    import tfpix2pix.networks.layers
    generator = keras.models.load_model("g.keras")
"""

from tfpix2pix.networks.layers import (
    activation,
    attention,
    convolution,
    doubling,
    dropout,
    normalization,
    padded_convolution,
    pooling,
    spectral_norm,
)

__all__ = [
    "activation",
    "attention",
    "convolution",
    "doubling",
    "dropout",
    "normalization",
    "padded_convolution",
    "pooling",
    "spectral_norm",
]
