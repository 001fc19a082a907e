"""Checks the options of what both networks learn, and of the discriminator that judges it."""

from typing import TYPE_CHECKING

from pipelines.images.choices import MAX_PLAIN_CHANNELS
from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.networks.choices import LABELED_LOSSES
from tfpix2pix.options.option import is_given
from tfpix2pix.quality.metrics import SSIM_WINDOW, VGG_SIDE

if TYPE_CHECKING:
    from tfpix2pix.config import Config

# Weights of losses of the generator that compare colors, and the side in pixels that each needs.
OF_COLORS = {
    "l2_weight": 1,
    "charbonnier_weight": 1,
    "ssim_weight": SSIM_WINDOW,
    "gradient_difference_weight": 1,
    "perceptual_weight": VGG_SIDE,
}
OF_GENERATOR = ("gan_weight", "l1_weight", "feature_weight", *OF_COLORS)
# Options of how the discriminator learns. gan_loss and pool_size are not among them: recipes give these, and
# gan_weight=0 alone should take the discriminator out of a recipe.
OF_LEARNING = ("r1_weight", "label_smoothing", "diff_augment", "discriminator_steps", "discriminator_learning_rate")


def check_objective(config: "Config") -> None:
    """Raises InputError if a loss has no meaning, or does nothing, beside other options."""
    if not any(getattr(config, name) for name in OF_GENERATOR):
        others = OF_GENERATOR[2:3] if config.target_labels else OF_GENERATOR[2:]
        raise InputError(
            "gan_weight=0 and l1_weight=0 leave nothing to learn; give a weight to one of them, or to "
            f"{', '.join(others)}"
        )
    if config.discriminator_scales > 1 and config.discriminator_layers == 0:
        raise InputError(
            f"discriminator_scales={config.discriminator_scales} and discriminator_layers=0: single pixels look alike "
            "at all scales; give discriminator_layers of 1 or more, or discriminator_scales=1"
        )
    _check_generators_losses(config)
    _check_penalties(config)
    if config.label_smoothing and config.gan_loss not in LABELED_LOSSES:
        raise InputError(
            f"label_smoothing={config.label_smoothing} and gan_loss={config.gan_loss}, which has no labels; give "
            f"gan_loss={' or '.join(LABELED_LOSSES)}, or leave label_smoothing out"
        )
    _check_learning(config)


def _check_generators_losses(config: "Config") -> None:
    for name, side in OF_COLORS.items():
        weight = getattr(config, name)
        if weight and config.target_labels:
            raise InputError(
                f"{name}={weight} compares colors, and target_labels={config.target_labels} are classes, which learn "
                f"by cross-entropy, at l1_weight; leave {name} out"
            )
        if weight and min(config.image_size) < side:
            raise InputError(
                f"{name}={weight} needs sides of {side} or more, and image_size={format_size(config.image_size)}; "
                f"leave {name} out, or give larger images"
            )
    if config.perceptual_weight and config.target_channels > MAX_PLAIN_CHANNELS:
        raise InputError(
            f"perceptual_weight={config.perceptual_weight} needs photographs, and target_channels="
            f"{config.target_channels}; leave perceptual_weight out"
        )
    if config.vgg_weights and not config.perceptual_weight:
        raise InputError(
            f"vgg_weights={config.vgg_weights} is for the perceptual loss, and perceptual_weight=0; leave the file "
            "out, or give a weight"
        )


def _check_penalties(config: "Config") -> None:
    is_wgan = config.gan_loss == "wgan-gp"
    if config.r1_weight and is_wgan:
        raise InputError(
            f"r1_weight={config.r1_weight} and gan_loss=wgan-gp, which has its own penalty; leave out one of them"
        )
    if is_wgan and not config.penalty_weight:
        raise InputError("gan_loss=wgan-gp and penalty_weight=0: nothing bounds its critic; give a weight, such as 10")
    for name, acts, needs in (
        ("penalty_weight", is_wgan, "gan_loss=wgan-gp"),
        ("r1_every", bool(config.r1_weight), "an r1_weight"),
    ):
        if is_given(config, name) and not acts:
            raise InputError(f"{name}={getattr(config, name)} needs {needs}; give it, or leave {name} out")
    given = "gan_loss=wgan-gp" if is_wgan else f"r1_weight={config.r1_weight}" if config.r1_weight else ""
    if given and config.norm_of_discriminator == "batch":
        raise InputError(
            f"{given} takes the gradient of each image, and batch norm in the discriminator mixes images; give "
            "discriminator_norm=instance, spectral or none"
        )


def _check_learning(config: "Config") -> None:
    """Refuses options of how the discriminator learns where it does not, or the generator learns nothing from it."""
    given = _given(config, *OF_LEARNING, "discriminator_scales")
    if given and config.gan_weight == 0 and config.feature_weight == 0:
        raise InputError(
            f"{given}: with gan_weight=0 and feature_weight=0 the generator learns nothing from the discriminator; "
            "leave this out, or give gan_weight or feature_weight"
        )
    if "discriminator" not in config.frozen_parts:
        return
    if given := _given(config, *OF_LEARNING, "pool_size"):
        raise InputError(
            f"{given}: with freeze={config.freeze} the discriminator does not learn; leave this out, or do not freeze "
            "the discriminator"
        )
    if config.gan_loss == "wgan-gp":
        raise InputError(
            f"gan_loss=wgan-gp bounds a critic that learns, and freeze={config.freeze}; give gan_loss=hinge, which is "
            "the same to the generator, or do not freeze the discriminator"
        )


def _given(config: "Config", *names: str) -> str:
    """Lists those options that are not the defaults, such as 'r1_weight=1.0, diff_augment=color'."""
    return ", ".join(f"{name}={getattr(config, name)}" for name in names if is_given(config, name))
