"""Builds pix2pixHD's discriminator of several scales (Wang et al. 2018, section 3.2; its MultiscaleDiscriminator)."""

from typing import Any

import keras
from keras import layers

from tfpix2pix.networks.choices import RECEPTIVE_FIELDS, AnySize
from tfpix2pix.networks.discriminators.parts import Parts
from tfpix2pix.networks.layers.convolution import KERNEL_SIZE, UnitStrideConvolution, normal_initializer
from tfpix2pix.networks.layers.pooling import HalvingPool


def multiscale(
    image_size: AnySize = (256, 256),
    source_channels: int | None = 3,
    target_channels: int = 3,
    *,
    scales: int = 2,
    width: int = 64,
    n_layers: int = 3,
    norm: str = "instance",
    sync_batch_norm: bool = False,
    products: bool | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds one PatchGAN a scale: [source, image], both `(N, H, W, C)` in [-1, 1], to a list of logits `(N, h, w, 1)`.

    The first sees the pair at its full size, each other one at half the size of the one before. They have no weights in
    common. Unlike the paper's PatchGAN they pad by 2, so that each convolution adds a row and a column: at scale 1,
    256×256 pixels give 35×35 logits. Layers are named as in `patchgan`, after their scale: `scale1_down1` is the first
    of the full size.

    Args:
      image_size: height and width; None for any.
      source_channels: channels of the source; None for a network of the image alone, without its source.
      target_channels: channels of the image that is judged.
      scales: how many there are.
      width: filters of each first layer.
      n_layers: how often each halves what it sees, 1 to 6.
      norm: `batch`, `instance`, `none`, or `spectral`, of all kernels.
      sync_batch_norm: whether batch norm takes its statistics over all replicas.
      products: whether to compute some convolutions as matrix products; None: on machines without a GPU.
      dtype: Keras' policy, such as `mixed_bfloat16`, for all layers but the last, which is float32 then.

    Raises:
      ValueError: n_layers is out of range.
    """
    if not 1 <= n_layers < len(RECEPTIVE_FIELDS):
        raise ValueError(f"n_layers={n_layers} is not in 1..{len(RECEPTIVE_FIELDS) - 1}")
    parts = Parts(norm, sync_batch_norm, dtype)

    def convolve(x: Any, layer: layers.Layer, padding: int) -> Any:
        x = layers.ZeroPadding2D(padding, dtype=dtype, name=f"{layer.name}_padding")(x)
        return parts.convolve(x, layer)

    def halve(x: Any, filters: int, has_bias: bool, name: str) -> Any:
        layer = layers.Conv2D(
            filters,
            KERNEL_SIZE,
            2,
            use_bias=has_bias,
            kernel_initializer=normal_initializer(mean=0.0),
            dtype=dtype,
            name=name,
        )
        return convolve(x, layer, padding=2)

    def keep(x: Any, filters: int, has_bias: bool, name: str, policy: str | None) -> Any:
        # The layer itself pads by 1.
        return convolve(x, UnitStrideConvolution(filters, has_bias, products, dtype=policy, name=name), padding=1)

    inputs, seen = parts.inputs(image_size, source_channels, target_channels)
    logits = []
    for scale in range(1, scales + 1):
        if scale > 1:
            seen = HalvingPool(dtype=dtype, name=f"scale{scale}")(seen)
        name = f"scale{scale}_down1"
        x = parts.activate(halve(seen, width, True, name), name)
        for layer in range(1, n_layers):
            name = f"scale{scale}_down{layer + 1}"
            x = parts.normalize_and_activate(halve(x, width * min(2**layer, 8), parts.use_bias, name), name)
        name = f"scale{scale}_conv"
        x = parts.normalize_and_activate(keep(x, width * min(2**n_layers, 8), parts.use_bias, name, dtype), name)
        logits.append(keep(x, 1, True, f"scale{scale}_logits", parts.last_dtype))
    return keras.Model(inputs, logits, name="discriminator")
