"""Checks the options that augment what the discriminator sees."""

from typing import TYPE_CHECKING

from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import AUGMENTATIONS, DECIDING_LOSSES, parse_augmentations
from tfpix2pix.options.option import is_given

if TYPE_CHECKING:
    from tfpix2pix.config import Config


def check_augmentation(config: "Config") -> None:
    """Raises InputError if the augmentation does nothing, or has no meaning, beside other options."""
    if is_given(config, "augment_images") and not config.augment_target:
        raise InputError(
            f"augment_images={config.augment_images} says how fast augment_target is reached, and there is none; give "
            "augment_target=0.6, or leave out augment_images"
        )
    if config.augment_target and not config.diff_augment:
        raise InputError(
            f"augment_target={config.augment_target} adapts diff_augment, and there is none; give "
            f"diff_augment={','.join(AUGMENTATIONS)}, or leave out augment_target"
        )
    if config.augment_target and config.gan_loss not in DECIDING_LOSSES:
        raise InputError(
            f"augment_target={config.augment_target} needs logits that say real or fake, and those of "
            f"gan_loss={config.gan_loss} only compare; leave out augment_target, or give gan_loss=hinge"
        )
    if not config.diff_augment:
        return
    given = f"diff_augment={config.diff_augment}"
    if "color" in parse_augmentations(config.diff_augment):
        for name in ("target_labels", "target_mask"):
            if getattr(config, name):
                raise InputError(
                    f"{given} and {name}={getattr(config, name)}: classes have no brightness; leave out color"
                )
