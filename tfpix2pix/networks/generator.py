"""Builds the generator, a U-Net (Isola et al. 2017, 3.2.1 and 6.1.1; the reference's UnetGenerator)."""

from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import AnySize, check_depth, default_depth
from tfpix2pix.networks.convolution import DownConvolution, UpConvolution
from tfpix2pix.networks.layers import LEAKY_SLOPE, Dropout, normalization


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
      seed: seed of the dropout masks.
      products: whether to compute small grids as matrix products; None: on machines without a GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all levels but the last, which is float32 then.

    Raises:
      ValueError: a side of image_size is not a multiple of 2^depth, or another value is out of range.
    """
    depth = depth or default_depth(image_size)
    check_depth(image_size, depth)
    use_bias = norm != "batch"
    filters = [width * min(2**level, 8) for level in range(depth)]
    innermost = depth - 1

    def normalize(x: Any, name: str) -> Any:
        layer = normalization(norm, norm_statistics, sync_batch_norm, dtype, f"{name}_norm")
        return x if layer is None else layer(x)

    source = x = keras.Input((*image_size, source_channels), name="source")
    skips = []
    for level in range(depth):
        name = f"down{level + 1}"
        if level > 0:
            x = layers.LeakyReLU(LEAKY_SLOPE, dtype=dtype, name=f"{name}_relu")(x)
        x = DownConvolution(filters[level], use_bias, products, dtype=dtype, name=name)(x)
        # At 1×1 a normalized channel of a single image is always 0, so the innermost level has no norm.
        if 0 < level < innermost:
            x = normalize(x, name)
        skips.append(x)

    x = skips.pop()
    for level in reversed(range(innermost)):
        name = f"up{level + 2}"
        x = layers.ReLU(dtype=dtype, name=f"{name}_relu")(x)
        x = UpConvolution(filters[level], use_bias, products, dtype=dtype, name=name)(x)
        x = normalize(x, name)
        if dropout and filters[level] == 8 * width and level < innermost - 1:
            x = Dropout(dropout, seed * depth + level, dropout_at_inference, dtype=dtype, name=f"{name}_dropout")(x)
        # The next ReLU acts on the skip as well.
        x = layers.Concatenate(dtype=dtype, name=f"{name}_skip")([skips.pop(), x])
    last = dtype and "float32"
    x = layers.ReLU(dtype=dtype, name="up1_relu")(x)
    x = UpConvolution(target_channels, True, products, dtype=last, name="up1")(x)
    if labels:
        x = layers.Activation("softmax", dtype=last, name="probabilities")(x)
        generated = layers.Rescaling(2.0, -1.0, dtype=last, name="generated")(x)
    else:
        generated = layers.Activation("tanh", dtype=last, name="generated")(x)
    return keras.Model(source, generated, name="generator")


def with_logits(generator: keras.Model) -> keras.Model:
    """Returns the same generator of labels with two outputs: its image, and the logits `(N, H, W, classes)` before it.

    A probability in [-1, 1] has lost what the logarithm of a small one needs.
    """
    return keras.Model(generator.input, [generator.output, generator.get_layer("up1").output], name=generator.name)
