"""Defines the options of what both networks learn."""

import dataclasses

from tfpix2pix.networks.choices import GAN_LOSSES, parse_augmentations
from tfpix2pix.options.option import option


@dataclasses.dataclass(frozen=True)
class Objective:
    """Options of the losses."""

    gan_loss: str = option(
        "vanilla",
        "adversarial loss; wgan-gp needs discriminator_norm=instance, spectral or none",
        choices=GAN_LOSSES,
        change="asked",
    )
    gan_weight: float = option(1.0, "weight of the adversarial loss; 0 leaves the others", minimum=0.0, change="asked")
    l1_weight: float = option(100.0, "weight of the L1 loss; 0 leaves the others", minimum=0.0, change="asked")
    l2_weight: float = option(0.0, "weight of the mean squared difference", minimum=0.0, change="asked")
    charbonnier_weight: float = option(
        0.0, "weight of the Charbonnier loss, an L1 that is smooth at 0", minimum=0.0, change="asked"
    )
    ssim_weight: float = option(0.0, "weight of 1 - SSIM", minimum=0.0, change="asked")
    gradient_difference_weight: float = option(
        0.0, "weight of the difference between the images' gradients, which keeps edges", minimum=0.0, change="asked"
    )
    feature_weight: float = option(
        0.0,
        "weight of feature matching: L1 between what the discriminator's layers see; pix2pixHD has 10",
        minimum=0.0,
        change="asked",
    )
    perceptual_weight: float = option(
        0.0,
        "weight of the perceptual loss: L1 between what VGG19's layers see; pix2pixHD has 10",
        minimum=0.0,
        change="asked",
    )
    vgg_weights: str = option(
        "", "Keras' file of VGG19's weights (without its top); default: fetched by Keras", change="machine"
    )
    label_smoothing: float = option(
        0.0,
        "how much less than 1 the label of real pairs is, with vanilla and lsgan, such as 0.1",
        minimum=0.0,
        below=0.5,
        change="asked",
    )
    penalty_weight: float = option(
        10.0, "weight of the gradient penalty; with gan_loss=wgan-gp only", minimum=0.0, change="asked"
    )
    r1_weight: float = option(
        0.0,
        "weight of R1, the discriminator's squared gradient at real images; half of it counts; needs "
        "discriminator_norm=instance, spectral or none; not with wgan-gp",
        minimum=0.0,
        change="asked",
    )
    r1_every: int = option(16, "steps between two with R1, which then counts so many times", minimum=1, change="asked")
    pool_size: int = option(
        0,
        "generated pairs kept for the discriminator, per replica; the tutorial has 50, the paper 0",
        minimum=0,
        change="asked",
    )
    diff_augment: str = option(
        "",
        "how pairs are changed at random before the discriminator sees them, of color, translation, cutout, such as "
        "color,translation,cutout; for few pairs",
        parse=parse_augmentations,
        change="asked",
    )
    augment_target: float = option(
        0.0,
        "how sure the discriminator should be of real pairs, from 0 (not at all) to 1; diff_augment gets as likely as "
        "that takes; the paper has 0.6; 0: always augment",
        minimum=0.0,
        below=1.0,
        change="asked",
    )
    augment_images: int = option(
        500_000,
        "after how many images augment_target can have gone from no augmentation to all",
        minimum=1,
        change="asked",
    )

    @property
    def has_penalty(self) -> bool:
        """Whether the discriminator's loss has its gradients in it, in some steps at least."""
        return self.gan_loss == "wgan-gp" or self.r1_weight > 0
