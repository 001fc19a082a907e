"""Builds the generator, a U-Net (Isola et al. 2017, 3.2.1 and 6.1.1; the reference's UnetGenerator)."""

from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import LEAKY_SLOPE, AnySize, check_depth, default_depth
from tfpix2pix.networks.generators.parts import Parts
from tfpix2pix.networks.layers.activation import LeakyReLU
from tfpix2pix.networks.layers.convolution import DownConvolution, UpConvolution
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution


def unet(
    image_size: AnySize = (256, 256),
    source_channels: int = 3,
    target_channels: int = 3,
    *,
    width: int = 64,
    depth: int | None = 0,
    norm: str = "batch",
    labels: bool = False,
    dropout: float = 0.5,
    norm_statistics: str = "image",
    dropout_at_inference: bool = False,
    sync_batch_norm: bool = False,
    upsample: str = "transpose",
    padding: str = "auto",
    attention: tuple[int, ...] = (),
    spectral_norm: bool = False,
    seed: int = 0,
    products: bool | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the U-Net: source `(N, H, W, source_channels)` to `(N, H, W, target_channels)`, both in [-1, 1].

    Each level halves the image on the way down and doubles it on the way up. A skip joins each level's input to its
    output along channels, so that fine structure does not have to pass the bottleneck. Level i has
    `width * min(2**i, 8)` filters. U-Net 256 (the defaults) has 54,413,955 trainable parameters.

    Layers are named after their level: `down1` is the first convolution and `up1` the last, and `down3_norm` normalizes
    the output of `down3`. `keras.models.load_model` reads a saved network after `import tfpix2pix.networks.layers`.

    Args:
      image_size: height and width, multiples of 2^depth; None for any such size.
      source_channels: channels of the input.
      target_channels: channels of the output.
      width: filters of the first level; the paper has 64.
      depth: how often the image is halved; 0 or None: as often as possible, up to 8.
      norm: `batch`, `instance` or `none`. Convolutions before `batch` need no bias, the others have one.
      labels: whether the target's channels are classes. `up1` then gives their logits, and the output is 2 p - 1 of
        their probabilities p (a softmax), as one-hot targets in [-1, 1] have it.
      dropout: rate in the inner levels on the way up that have 8 × width filters, except the innermost.
      norm_statistics: what batch norm uses at inference: `image`, each image's own, or `moving`, running averages.
      dropout_at_inference: whether dropout stays on at inference.
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      upsample: how features are doubled: by a `transpose`d 4×4 convolution, or by 3×3 ones, as Parts has it.
      padding: what convolutions see beyond the edges: `zero`, which is `auto` here, or `reflect`.
      attention: levels on the way up whose features, halved so often, self-attention is at.
      spectral_norm: whether the convolutions' kernels are divided by their spectral norms.
      seed: seed of the dropout masks.
      products: whether to compute small grids as matrix products; None: on machines without a GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all levels but the last, which is float32 then.

    Raises:
      ValueError: a side of image_size is not a multiple of 2^depth, or another value is out of range.
    """
    depth = depth or default_depth(image_size)
    check_depth(image_size, depth)
    parts = Parts(
        norm,
        labels,
        dropout,
        norm_statistics,
        dropout_at_inference,
        sync_batch_norm,
        upsample,
        padding,
        attention=attention,
        spectral_norm=spectral_norm,
        seed=seed,
        products=products,
        dtype=dtype,
    )
    filters = [width * min(2**level, 8) for level in range(depth)]
    innermost = depth - 1

    source = x = keras.Input((*image_size, source_channels), name="source")
    skips: list[Any] = []
    for level in range(depth):
        name = f"down{level + 1}"
        if level > 0:
            x = LeakyReLU(LEAKY_SLOPE, dtype=dtype, name=f"{name}_relu")(x)
            # The ReLU on the way up makes the same of it as of what came in, which need not be kept then.
            skips[-1] = x
        x = parts.convolve(x, _halving(filters[level], parts, name))
        # At 1×1 a normalized channel of a single image is always 0, so the innermost level has no norm.
        if 0 < level < innermost:
            x = parts.normalize(x, name)
        skips.append(x)

    x = parts.attend(skips.pop(), depth)
    for level in reversed(range(innermost)):
        name = f"up{level + 2}"
        x = parts.relu(x, name)
        x = parts.double(x, UpConvolution(filters[level], parts.use_bias, products, dtype=dtype, name=name))
        x = parts.normalize(x, name)
        if filters[level] == 8 * width and level < innermost - 1:
            x = parts.drop(x, name, seed * depth + level)
        x = parts.attend(x, level + 1)
        # The next ReLU acts on the skip as well.
        x = layers.Concatenate(dtype=dtype, name=f"{name}_skip")([skips.pop(), x])
    x = parts.relu(x, "up1")
    x = parts.double(x, UpConvolution(target_channels, True, products, dtype=parts.last_dtype, name="up1"))
    return parts.finish(source, x)


def _halving(filters: int, parts: Parts, name: str) -> layers.Layer:
    if parts.reflect:
        return PaddedConvolution(filters, 4, parts.use_bias, stride=2, reflect=True, dtype=parts.dtype, name=name)
    return DownConvolution(filters, parts.use_bias, parts.products, dtype=parts.dtype, name=name)
