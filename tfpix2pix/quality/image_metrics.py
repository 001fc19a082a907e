"""Computes the metrics that each image has by itself."""

import tensorflow as tf

from tfpix2pix.networks import losses
from tfpix2pix.quality.metrics import MS_SSIM_SIDE, SSIM_WINDOW


def image_metrics(target: tf.Tensor, generated: tf.Tensor) -> dict[str, tf.Tensor]:
    """L1, PSNR, SSIM and MS-SSIM of each image, `(N,)` each, from images `(N, H, W, C)` in [-1, 1].

    l1 is in the units of [-1, 1], as the loss has it. psnr is in dB, ssim and ms_ssim are at most 1, all three on
    [0, 1]; ssim is left out for images with a side under 11 pixels, ms_ssim under 161.
    """
    metrics = {"l1": losses.l1(target, generated)}
    target, generated = (target + 1.0) / 2.0, (generated + 1.0) / 2.0
    metrics["psnr"] = tf.image.psnr(target, generated, max_val=1.0)
    side = min(target.shape[1:3])
    if side >= SSIM_WINDOW:
        metrics["ssim"] = tf.image.ssim(target, generated, max_val=1.0, filter_size=SSIM_WINDOW)
    if side >= MS_SSIM_SIDE:
        metrics["ms_ssim"] = tf.image.ssim_multiscale(target, generated, max_val=1.0, filter_size=SSIM_WINDOW)
    return metrics
