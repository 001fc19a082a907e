"""Lists the metrics by name, and the image sizes that they need; without TensorFlow, so --help is quick."""

import dataclasses

# SSIM's window (Wang et al. 2004); smaller images have no SSIM.
SSIM_WINDOW = 11
# MS-SSIM halves the image four times (Wang et al. 2003); the window must still fit.
MS_SSIM_SIDE = (SSIM_WINDOW - 1) * 2**4 + 1
# AlexNet's second pooling leaves nothing of a smaller image.
LPIPS_SIDE = 31
# VGG19 halves the image four times before the last layer that the perceptual loss compares.
VGG_SIDE = 2**4
# The shortest side of an image that a metric can measure; others measure every image.
MIN_SIDES = {"ssim": SSIM_WINDOW, "ms_ssim": MS_SSIM_SIDE, "lpips": LPIPS_SIDE}

# What a target is: it decides what is measured.
KINDS = ("image", "labels", "mask")
# By which metric of single images a page orders them.
ORDERED_BY = {"image": "l1", "labels": "pixel_accuracy", "mask": "l1"}

# The metrics by which a checkpoint can be chosen, and the kinds of targets that have them.
BEST_BY = {
    "l1": KINDS,
    "psnr": ("image", "mask"),
    "ssim": ("image", "mask"),
    "ms_ssim": ("image", "mask"),
    "lpips": ("image", "mask"),
    "fid": ("image", "mask"),
    "kid": ("image", "mask"),
    "pixel_accuracy": ("labels",),
    "class_accuracy": ("labels",),
    "class_iou": ("labels",),
    "iou": ("mask",),
    "f1": ("labels", "mask"),
}
# Their networks read gray or RGB photographs, with alpha or without.
OF_PHOTOGRAPHS = ("lpips", "fid", "kid")


@dataclasses.dataclass(frozen=True)
class Metric:
    """How a metric is shown, and which direction is better.

    Attributes:
      label: its name in a table.
      is_higher_better: whether a higher value is better.
      digits: after the decimal point.
      is_of_set: whether it belongs to all images together, not to single ones.
    """

    label: str
    is_higher_better: bool
    digits: int = 4
    is_of_set: bool = False

    @property
    def title(self) -> str:
        """The label with an arrow in the better direction."""
        return f"{self.label} {'↑' if self.is_higher_better else '↓'}"

    def format(self, value: float, signed: bool = False) -> str:
        """Formats a value for a table."""
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
    "iou": Metric("IoU", True, is_of_set=True),
    "f1": Metric("F1", True, is_of_set=True),
    "diversity_l1": Metric("diversity, L1", True),
    "diversity_lpips": Metric("diversity, LPIPS", True),
}
