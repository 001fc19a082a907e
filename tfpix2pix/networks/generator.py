"""The generator: a U-Net (Isola et al. 2017, section 3.2.1 and 6.1.1; the reference's UnetGenerator)."""

import keras
from keras import layers

from tfpix2pix.networks.choices import check_depth
from tfpix2pix.networks.convolution import DownConvolution, UpConvolution
from tfpix2pix.networks.layers import LEAKY_SLOPE, Dropout, normalization


def unet(
    image_size: tuple[int | None, int | None] = (256, 256),
    source_channels: int = 3,
    target_channels: int = 3,
    *,
    width: int = 64,
    depth: int = 8,
    norm: str = "batch",
    dropout: float = 0.5,
    norm_statistics: str = "moving",
    dropout_at_inference: bool = False,
    sync_batch_norm: bool = False,
    seed: int = 0,
    products: bool | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the U-Net: source `(N, H, W, source_channels)` to `(N, H, W, target_channels)`, both in [-1, 1].

    Each level halves the image on the way down and doubles it on the way up; a skip joins each level's input to its
    output along channels, so that fine structure does not have to pass the bottleneck. Level i has
    `width * min(2**i, 8)` filters. U-Net 256 (the defaults) has 54,413,955 trainable parameters.

    Args:
      image_size: height and width, multiples of 2^depth; None for any such size.
      source_channels: channels of the input.
      target_channels: channels of the output.
      width: filters of the first level; the paper has 64.
      depth: how often the image is halved.
      norm: `batch`, `instance` or `none`. Convolutions before `batch` need no bias, the others have one.
      dropout: rate in those inner levels on the way up that have 8 × width filters, the innermost excepted.
      norm_statistics: what batch norm does at inference, `moving` or `image`.
      dropout_at_inference: whether dropout stays on at inference.
      sync_batch_norm: whether batch norm's statistics are taken over all replicas.
      seed: of the dropout masks.
      products: whether small grids are convolved as matrix products; by default where there is no GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all but the last level, which is float32 then.

    Raises:
      ValueError: a side of image_size is not a multiple of 2^depth.
    """
    check_depth(image_size, depth)
    use_bias = norm != "batch"
    filters = [width * min(2**level, 8) for level in range(depth)]
    innermost = depth - 1

    def normalize(x):
        return normalization(norm, norm_statistics, sync_batch_norm, dtype)(x)

    source = x = keras.Input((*image_size, source_channels), name="source")
    skips = []
    for level in range(depth):
        if level > 0:
            x = layers.LeakyReLU(LEAKY_SLOPE, dtype=dtype)(x)
        x = DownConvolution(filters[level], use_bias, products, dtype)(x)
        # At 1×1 a normalised channel of a single image would be 0: the innermost level goes without.
        if 0 < level < innermost:
            x = normalize(x)
        skips.append(x)

    x = skips.pop()
    for level in reversed(range(innermost)):
        x = UpConvolution(filters[level], use_bias, products, dtype)(layers.ReLU(dtype=dtype)(x))
        x = normalize(x)
        if dropout and filters[level] == 8 * width and level < innermost - 1:
            x = Dropout(dropout, seed=seed * depth + level, at_inference=dropout_at_inference, dtype=dtype)(x)
        # The ReLU that follows acts on the skip as well.
        x = layers.Concatenate(dtype=dtype)([skips.pop(), x])
    last = dtype and "float32"
    x = UpConvolution(target_channels, True, products, last)(layers.ReLU(dtype=dtype)(x))
    return keras.Model(source, layers.Activation("tanh", dtype=last)(x), name="generator")
