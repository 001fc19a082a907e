"""How near generated images come to their targets, image by image."""

import tensorflow as tf

from tfpix2pix import losses

# SSIM's window (Wang et al. 2004); smaller images have none.
SSIM_WINDOW = 11


def image_metrics(target: tf.Tensor, generated: tf.Tensor) -> dict[str, tf.Tensor]:
    """L1, PSNR and SSIM of each image, `(N,)` each, from images `(N, H, W, C)` in [-1, 1].

    l1 is in the units of [-1, 1], as the loss has it. psnr is in dB and ssim in [-1, 1], both on [0, 1]; ssim is
    left out for images with a side under 11 pixels.
    """
    metrics = {"l1": losses.l1(target, generated)}
    target, generated = (target + 1.0) / 2.0, (generated + 1.0) / 2.0
    metrics["psnr"] = tf.image.psnr(target, generated, max_val=1.0)
    if min(target.shape[1:3]) >= SSIM_WINDOW:
        metrics["ssim"] = tf.image.ssim(target, generated, max_val=1.0, filter_size=SSIM_WINDOW)
    return metrics
