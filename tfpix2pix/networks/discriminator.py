"""Builds the discriminator, a PatchGAN (Isola et al. 2017, 3.2.2 and 6.1.2; the reference's NLayerDiscriminator)."""

from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import RECEPTIVE_FIELDS, AnySize, check_size
from tfpix2pix.networks.convolution import DownConvolution, UnitStrideConvolution, normal_initializer
from tfpix2pix.networks.layers import LEAKY_SLOPE, normalization


def patchgan(
    image_size: AnySize = (256, 256),
    source_channels: int = 3,
    target_channels: int = 3,
    *,
    width: int = 64,
    n_layers: int = 3,
    norm: str = "batch",
    sync_batch_norm: bool = False,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the PatchGAN: [source, image], both `(N, H, W, C)` in [-1, 1], to logits `(N, h, w, 1)`.

    Each logit judges whether one patch of the image is real, given the source. With the defaults a patch has 70×70
    pixels, a 256×256 image gives 30×30 logits, and there are 2,768,705 trainable parameters.

    Args:
      image_size: height and width; None for any.
      source_channels: channels of the source.
      target_channels: channels of the image that is judged.
      width: filters of the first layer; the paper has 64.
      n_layers: index into RECEPTIVE_FIELDS.
      norm: `batch`, `instance` or `none`.
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all layers but the last, which is float32 then.

    Raises:
      ValueError: n_layers is out of range, or no logit is left at this image_size.
    """
    if not 0 <= n_layers < len(RECEPTIVE_FIELDS):
        raise ValueError(f"n_layers={n_layers} is not in 0..{len(RECEPTIVE_FIELDS) - 1}")
    check_size(image_size, n_layers)
    use_bias = norm != "batch"

    def activate(x: Any, name: str) -> Any:
        return layers.LeakyReLU(LEAKY_SLOPE, dtype=dtype, name=f"{name}_relu")(x)

    def normalize_and_activate(x: Any, name: str) -> Any:
        layer = normalization(norm, synchronized=sync_batch_norm, dtype=dtype, name=f"{name}_norm")
        return activate(x if layer is None else layer(x), name)

    source = keras.Input((*image_size, source_channels), name="source")
    image = keras.Input((*image_size, target_channels), name="image")
    x = layers.Concatenate(dtype=dtype, name="pair")([source, image])
    last = dtype and "float32"
    if n_layers == 0:
        x = activate(_pointwise(width, True, dtype, "conv1")(x), "conv1")
        x = normalize_and_activate(_pointwise(2 * width, use_bias, dtype, "conv2")(x), "conv2")
        logits = _pointwise(1, use_bias, last, "logits")(x)
    else:
        x = activate(DownConvolution(width, True, dtype=dtype, name="down1")(x), "down1")
        for layer in range(1, n_layers):
            name = f"down{layer + 1}"
            filters = width * min(2**layer, 8)
            x = normalize_and_activate(DownConvolution(filters, use_bias, dtype=dtype, name=name)(x), name)
        filters = width * min(2**n_layers, 8)
        x = normalize_and_activate(UnitStrideConvolution(filters, use_bias, dtype=dtype, name="conv")(x), "conv")
        logits = UnitStrideConvolution(1, True, dtype=last, name="logits")(x)
    return keras.Model([source, image], logits, name="discriminator")


def _pointwise(filters: int, use_bias: bool, dtype: str | None, name: str) -> layers.Layer:
    initializer = normal_initializer(mean=0.0)
    return layers.Conv2D(filters, 1, use_bias=use_bias, kernel_initializer=initializer, dtype=dtype, name=name)
