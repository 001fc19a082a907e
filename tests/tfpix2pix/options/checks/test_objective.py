"""Checks that losses which exclude each other, or do nothing, are refused by name."""

import pytest

from pipelines.system.terminal import InputError
from tfpix2pix.config import Config

# Options of how the discriminator learns.
LEARNING = {
    "r1_weight": 1.0,
    "label_smoothing": 0.1,
    "diff_augment": "color",
    "discriminator_steps": 2,
    "discriminator_learning_rate": 0.001,
}
REFUSED = {
    **{
        f"{name} where the generator learns nothing from the discriminator": (
            {"gan_weight": 0.0, "norm": "instance", name: value},
            rf"{name}={value}: with gan_weight=0 and feature_weight=0",
        )
        for name, value in (*LEARNING.items(), ("discriminator_scales", 2))
    },
    **{
        f"{name} of a frozen discriminator": (
            {"freeze": "discriminator", "norm": "instance", name: value},
            rf"{name}={value}: with freeze=discriminator",
        )
        for name, value in (*LEARNING.items(), ("pool_size", 50))
    },
    "a frozen critic": (
        {"gan_loss": "wgan-gp", "norm": "instance", "freeze": "discriminator"},
        r"gan_loss=wgan-gp.*freeze=discriminator; give gan_loss=hinge",
    ),
    "nothing to learn": ({"gan_weight": 0.0, "l1_weight": 0.0}, r"gan_weight=0 and l1_weight=0"),
    "wgan-gp with batch norm": ({"gan_loss": "wgan-gp"}, r"gan_loss=wgan-gp.*batch norm.*discriminator_norm"),
    "R1 with batch norm": (
        {"r1_weight": 1.0, "norm": "instance", "discriminator_norm": "batch"},
        r"r1_weight=1.0.*batch",
    ),
    "two penalties": (
        {"gan_loss": "wgan-gp", "r1_weight": 1.0, "discriminator_norm": "none"},
        r"r1_weight=1.0 and gan_loss=wgan-gp",
    ),
    "no penalty": (
        {"gan_loss": "wgan-gp", "penalty_weight": 0.0, "discriminator_norm": "none"},
        r"gan_loss=wgan-gp and penalty_weight=0",
    ),
    "penalty of another loss": ({"penalty_weight": 5.0}, r"penalty_weight=5.0 needs gan_loss=wgan-gp"),
    "R1 at weight 0": ({"r1_every": 4}, r"r1_every=4 needs an r1_weight"),
    "labels of hinge": ({"label_smoothing": 0.1, "gan_loss": "hinge"}, r"label_smoothing=0.1 and gan_loss=hinge"),
    "all labels smoothed": ({"label_smoothing": 0.5}, r"label_smoothing=0.5.*below 0.5"),
    **{
        f"{name} of classes": (
            {name: 1.0, "target_labels": 3, "best_by": "class_iou"},
            rf"{name}=1.0.*target_labels=3.*cross-entropy",
        )
        for name in (
            *("l2_weight", "charbonnier_weight", "ssim_weight", "gradient_difference_weight", "perceptual_weight"),
        )
    },
    "SSIM of small images": (
        {"ssim_weight": 1.0, "image_size": (8, 8), "depth": 2, "discriminator_layers": 1},
        r"ssim_weight=1.0 needs sides of 11.*image_size=8x8",
    ),
    "VGG of small images": (
        {"perceptual_weight": 1.0, "image_size": (8, 8), "depth": 2, "discriminator_layers": 1},
        r"perceptual_weight=1.0 needs sides of 16.*image_size=8x8",
    ),
    "VGG of many channels": (
        {"perceptual_weight": 1.0, "target_channels": 5},
        r"perceptual_weight=1.0.*target_channels=5",
    ),
    "a file of VGG for nothing": ({"vgg_weights": "vgg.h5"}, r"vgg_weights=vgg.h5.*perceptual_weight=0"),
    "pixels at several scales": (
        {"discriminator_scales": 2, "discriminator_layers": 0},
        r"discriminator_scales=2 and discriminator_layers=0",
    ),
}


@pytest.mark.parametrize(("options", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(options, words):
    with pytest.raises(InputError, match=words):
        Config(**options).resolved()


@pytest.mark.parametrize(
    "options",
    [
        {"gan_loss": "wgan-gp", "discriminator_norm": "instance", "penalty_weight": 5.0},
        {"gan_loss": "wgan-gp", "discriminator_norm": "none", "mixed_precision": "float16", "xla": True},
        {"r1_weight": 1.0, "r1_every": 4, "norm": "instance"},
        {"r1_weight": 1.0, "discriminator_norm": "spectral", "gan_loss": "hinge"},
        {"l1_weight": 0.0, "gan_weight": 0.0, "l2_weight": 1.0},
        # What recipes give, and what alone takes the discriminator out of them.
        {"gan_weight": 0.0, "gan_loss": "lsgan", "pool_size": 50},
        # The discriminator trains the generator through its features.
        {"gan_weight": 0.0, "feature_weight": 10.0, "norm": "instance", "discriminator_scales": 2, **LEARNING},
        {
            "discriminator_scales": 3,
            "feature_weight": 10.0,
            "norm": "instance",
            "target_labels": 3,
            "best_by": "class_iou",
        },
        # Where the paper's PatchGAN would have no logit left.
        {"discriminator_scales": 2, "image_size": (16, 16), "depth": 2, "discriminator_layers": 4, "best_by": "l1"},
    ],
    ids=str,
)
def test_taken(options):
    assert Config(**options).resolved()


def test_the_discriminators_norm():
    assert Config().norm_of_discriminator == "batch"
    assert Config(norm="instance").norm_of_discriminator == "instance"
    assert Config(norm="instance", discriminator_norm="spectral").norm_of_discriminator == "spectral"
