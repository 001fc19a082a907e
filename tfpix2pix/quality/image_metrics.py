"""Computes the metrics of single images: L1, PSNR, SSIM, MS-SSIM."""

import tensorflow as tf

from tfpix2pix.losses.pixel import l1
from tfpix2pix.quality.metrics import MS_SSIM_SIDE, SSIM_WINDOW


def image_metrics(target: tf.Tensor, generated: tf.Tensor, min_side: int | None = None) -> dict[str, tf.Tensor]:
    """Computes the metrics of each image, `(N,)` each, from images `(N, H, W, C)` in [-1, 1].

    l1 is in units of [-1, 1], like the loss. psnr (dB), ssim and ms_ssim (at most 1) are taken on [0, 1].

    Args:
      target: of any shape.
      generated: of the same.
      min_side: the shortest side of all images that are measured; by default that of these. Under 11 pixels there is
        no ssim, under 161 no ms_ssim.
    """
    metrics = {"l1": l1(target, generated)}
    target, generated = (target + 1.0) / 2.0, (generated + 1.0) / 2.0
    metrics["psnr"] = tf.image.psnr(target, generated, max_val=1.0)
    side = min_side or min(target.shape[1:3])
    if side >= SSIM_WINDOW:
        metrics["ssim"] = tf.image.ssim(target, generated, max_val=1.0, filter_size=SSIM_WINDOW)
    if side >= MS_SSIM_SIDE:
        metrics["ms_ssim"] = tf.image.ssim_multiscale(target, generated, max_val=1.0, filter_size=SSIM_WINDOW)
    return metrics
