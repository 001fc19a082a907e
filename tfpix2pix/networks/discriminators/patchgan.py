"""Builds the discriminator, a PatchGAN (Isola et al. 2017, 3.2.2 and 6.1.2; the reference's NLayerDiscriminator)."""

import keras
from keras import layers

from tfpix2pix.networks.choices import RECEPTIVE_FIELDS, AnySize, check_size
from tfpix2pix.networks.discriminators.parts import Parts
from tfpix2pix.networks.layers.convolution import DownConvolution, UnitStrideConvolution, normal_initializer


def patchgan(
    image_size: AnySize = (256, 256),
    source_channels: int | None = 3,
    target_channels: int = 3,
    *,
    width: int = 64,
    n_layers: int = 3,
    norm: str = "batch",
    sync_batch_norm: bool = False,
    products: bool | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the PatchGAN: [source, image], both `(N, H, W, C)` in [-1, 1], to logits `(N, h, w, 1)`.

    Each logit judges whether one patch of the image is real, given the source. With the defaults a patch has 70×70
    pixels, a 256×256 image gives 30×30 logits, and there are 2,768,705 trainable parameters.

    Args:
      image_size: height and width; None for any.
      source_channels: channels of the source; None for a network of the image alone, without its source (section 4.1).
      target_channels: channels of the image that is judged.
      width: filters of the first layer; the paper has 64.
      n_layers: index into RECEPTIVE_FIELDS.
      norm: `batch`, `instance`, `none`, or `spectral`, of all kernels (Miyato et al. 2018).
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      products: whether to compute some convolutions as matrix products; None: on machines without a GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all layers but the last, which is float32 then.

    Raises:
      ValueError: n_layers is out of range, or no logit is left at this image_size.
    """
    if not 0 <= n_layers < len(RECEPTIVE_FIELDS):
        raise ValueError(f"n_layers={n_layers} is not in 0..{len(RECEPTIVE_FIELDS) - 1}")
    check_size(image_size, n_layers)
    parts = Parts(norm, sync_batch_norm, dtype)

    inputs, x = parts.inputs(image_size, source_channels, target_channels)
    if n_layers == 0:
        x = parts.activate(parts.convolve(x, _pointwise(width, True, dtype, "conv1")), "conv1")
        x = parts.convolve(x, _pointwise(2 * width, parts.use_bias, dtype, "conv2"))
        x = parts.normalize_and_activate(x, "conv2")
        logits = parts.convolve(x, _pointwise(1, parts.use_bias, parts.last_dtype, "logits"))
    else:
        x = parts.convolve(x, DownConvolution(width, True, products, dtype=dtype, name="down1"))
        x = parts.activate(x, "down1")
        for layer in range(1, n_layers):
            name = f"down{layer + 1}"
            filters = width * min(2**layer, 8)
            x = parts.convolve(x, DownConvolution(filters, parts.use_bias, products, dtype=dtype, name=name))
            x = parts.normalize_and_activate(x, name)
        filters = width * min(2**n_layers, 8)
        x = parts.convolve(x, UnitStrideConvolution(filters, parts.use_bias, products, dtype=dtype, name="conv"))
        x = parts.normalize_and_activate(x, "conv")
        logits = parts.convolve(x, UnitStrideConvolution(1, True, products, dtype=parts.last_dtype, name="logits"))
    return keras.Model(inputs, logits, name="discriminator")


def _pointwise(filters: int, use_bias: bool, dtype: str | None, name: str) -> layers.Layer:
    initializer = normal_initializer(mean=0.0)
    return layers.Conv2D(filters, 1, use_bias=use_bias, kernel_initializer=initializer, dtype=dtype, name=name)
