"""How near generated images come to their targets: the metrics by name, and those that are taken image by image."""

import dataclasses

import tensorflow as tf

from tfpix2pix.networks import losses

# SSIM's window (Wang et al. 2004); smaller images have none.
SSIM_WINDOW = 11
# MS-SSIM halves the image four times (Wang et al. 2003), and the window must still fit.
MS_SSIM_SIDE = (SSIM_WINDOW - 1) * 2**4 + 1
# AlexNet's second pooling leaves nothing of a smaller image, so LPIPS needs this.
LPIPS_SIDE = 31


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is shown, and which way is better.

    Attributes:
      label: as it stands in a table.
      is_higher_better: whether more is better.
      digits: behind the point.
      is_of_set: whether it belongs to all images together, and no single one has it.
    """

    label: str
    is_higher_better: bool
    digits: int = 4
    is_of_set: bool = False

    @property
    def title(self) -> str:
        """The label with an arrow that points to the better side."""
        return f"{self.label} {'↑' if self.is_higher_better else '↓'}"

    def format(self, value: float, signed: bool = False) -> str:
        """A value as a table shows it."""
        return f"{value:{'+' if signed else ''}.{self.digits}f}"


METRICS = {
    "l1": Metric("L1", False),
    "psnr": Metric("PSNR, dB", True, 2),
    "ssim": Metric("SSIM", True),
    "ms_ssim": Metric("MS-SSIM", True),
    "lpips": Metric("LPIPS", False),
    "fid": Metric("FID", False, 2, is_of_set=True),
    "kid": Metric("KID", False, 5, is_of_set=True),
    "pixel_accuracy": Metric("pixel accuracy", True),
    "class_accuracy": Metric("class accuracy", True, is_of_set=True),
    "class_iou": Metric("class IoU", True, is_of_set=True),
    "diversity_l1": Metric("diversity, L1", True),
    "diversity_lpips": Metric("diversity, LPIPS", True),
}


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
