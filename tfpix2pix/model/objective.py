"""Computes the losses of a step: what the discriminator learns, and what the generator learns (section 3.3)."""

import functools
import operator
from collections.abc import Callable, Iterable

import tensorflow as tf

from tfpix2pix.config import Config
from tfpix2pix.losses import (
    GAN_LOSSES,
    PIXEL_LOSSES,
    UNDECIDED,
    average,
    class_cross_entropy,
    correct,
    feature_matching,
    hide_ignored,
    image_gradients,
    mixed,
    per_image,
    perceptual,
    r1,
    slope_penalty,
)
from tfpix2pix.model.augmentation import uniform_of_step
from tfpix2pix.model.turn import USUAL_TURN, Turn
from tfpix2pix.networks.discriminators.discriminator import Judgment
from tfpix2pix.quality.pretrained.vgg import Vgg19

# What is measured of a step, by name; all are scalars, shares of the mean over the global batch.
Metrics = dict[str, tf.Tensor]
# (source, image), both `(N, H, W, C)`, to what the discriminator says of them.
Judge = Callable[[tf.Tensor, tf.Tensor], Judgment]

REAL_SIGN = "discriminator/real_sign"
PENALTY = "discriminator/gradient_penalty"
R1 = "discriminator/r1"
# Of these draws, as uniform_of_step has it.
STREAM = 2**43


class Objective:
    """The losses of both networks, as the options weight them.

    Make it in the scope of a strategy: the perceptual loss has a network, which no checkpoint holds.

    Args:
      config: a resolved Config.

    Raises:
      InputError: the perceptual loss is asked for, and its network's weights cannot be had.
    """

    def __init__(self, config: Config):
        self.config = config
        self.vgg = Vgg19(config.vgg_weights) if config.perceptual_weight else None
        # L1 is measured even where it does not count.
        self.pixel_losses = {name: loss for name, loss in PIXEL_LOSSES.items() if name == "l1" or self.weight(name)}

    def weight(self, name: str) -> float:
        """Returns the weight of a loss of the generator."""
        return getattr(self.config, f"{name}_weight")

    def discriminator_names(self, turn: Turn) -> tuple[str, ...]:
        """Returns the names of what `of_discriminator` measures in a turn."""
        return (
            "discriminator/loss",
            "discriminator/real",
            "discriminator/fake",
            "discriminator/accuracy",
            *((REAL_SIGN,) if self.config.augment_target else ()),
            *((PENALTY,) if self.config.gan_loss == "wgan-gp" else ()),
            *((R1,) if turn.has_r1 else ()),
        )

    def generator_names(self) -> tuple[str, ...]:
        """Returns the names of what `of_generator` measures."""
        config = self.config
        pixel = ("cross_entropy",) if config.target_labels else tuple(self.pixel_losses)
        features = [name for name in ("feature", "perceptual") if self.weight(name)]
        return tuple(f"generator/{name}" for name in ("loss", "adversarial", *pixel, *features))

    def draw_mixture(self, step: tf.Tensor) -> tf.Tensor | None:
        """Draws where between target and generated image wgan-gp measures slopes, `(N,)` in [0, 1); else None.

        Args:
          step: scalar int64, how many steps were done before this one.
        """
        if self.config.gan_loss != "wgan-gp":
            return None
        return uniform_of_step(self.config, step, STREAM)

    def of_discriminator(
        self,
        judge: Judge,
        source: tf.Tensor,
        target: tf.Tensor,
        pooled: tuple[tf.Tensor, tf.Tensor],
        turn: Turn = USUAL_TURN,
        mixture: tf.Tensor | None = None,
    ) -> Metrics:
        """Computes 0.5 (loss(D(pooled), fake) + loss(D(source, target), real) + penalties).

        Real and generated pairs pass D separately, because their batch norm statistics differ. Losses of several scales
        are added, as in pix2pixHD. The penalties are penalty_weight · slope_penalty of wgan-gp, and in turns with R1
        r1_weight / 2 · R1 · r1_every.

        Args:
          judge: the discriminator.
          source: `(N, H, W, C)`, as are the others.
          target: the source's target.
          pooled: (source, image) of generated pairs.
          turn: whether it has R1.
          mixture: of `draw_mixture`.
        """
        config, n = self.config, self.config.batch_size
        loss_of, _ = GAN_LOSSES[config.gan_loss]
        smoothing = {"smoothing": config.label_smoothing} if config.label_smoothing else {}
        fakes, reals = _logits(judge(*pooled)), _logits(judge(source, target))
        fake = average(_sum(per_image(loss_of(logits, real=False)) for logits in fakes), n)
        real = average(_sum(per_image(loss_of(logits, real=True, **smoothing)) for logits in reals), n)
        of_fakes, of_reals = (
            average(_sum(correct(logits, is_real, UNDECIDED[config.gan_loss]) for logits in scales), n)
            for is_real, scales in ((False, fakes), (True, reals))
        )
        accuracy = 0.5 / len(reals) * (of_fakes + of_reals)
        total, more = fake + real, []
        if config.augment_target:
            # The paper's r_t.
            signs = [per_image(tf.sign(logits - UNDECIDED[config.gan_loss])) for logits in reals]
            more.append(average(_sum(signs), n) / len(reals))
        if mixture is not None:
            # Between the pairs: the pool may have given another source.
            middle = mixed(source, pooled[0], mixture)
            gradients = image_gradients(lambda x: _logits(judge(middle, x)), mixed(target, pooled[1], mixture))
            more.append(average(slope_penalty(gradients), n))
            total += config.penalty_weight * more[-1]
        if turn.has_r1:
            gradients = image_gradients(lambda x: _logits(judge(source, x)), target)
            more.append(average(r1(gradients), n))
            total += 0.5 * config.r1_weight * config.r1_every * more[-1]
        values = (0.5 * total, real, fake, accuracy, *more)
        return dict(zip(self.discriminator_names(turn), values, strict=True))

    def of_generator(
        self,
        judge: Judge,
        source: tf.Tensor,
        target: tf.Tensor,
        generated: tf.Tensor,
        logits: tf.Tensor | None = None,
    ) -> Metrics:
        """Computes gan_weight · loss(D(source, generated), real) + l1_weight · L1(target, generated) + further losses.

        Labels have the cross-entropy of their logits in place of L1. The further losses are those of PIXEL_LOSSES,
        feature matching and the perceptual loss, each times its weight; those of weight 0 are left out.

        Args:
          judge: the discriminator.
          source: `(N, H, W, C)`, as are the others.
          target: the source's target.
          generated: the generator's image of the source.
          logits: of labels, `(N, H, W, classes)`.
        """
        config, n = self.config, self.config.batch_size
        _, loss_of = GAN_LOSSES[config.gan_loss]
        judged = judge(source, self.as_seen(target, generated))
        adversarial = average(_sum(per_image(loss_of(scale)) for scale in _logits(judged)), n)
        terms = [(config.gan_weight, adversarial)]
        if logits is None:
            for name, loss in self.pixel_losses.items():
                terms.append((self.weight(name), average(loss(target, generated), n)))
        else:
            terms.append((config.l1_weight, average(class_cross_entropy(target, logits), n)))
        if config.feature_weight:
            real, fake = _features(judge(source, target)), _features(judged)
            terms.append((config.feature_weight, average(feature_matching(real, fake), n)))
        if self.vgg:
            distances = perceptual(self.vgg(target), self.vgg(generated))
            terms.append((config.perceptual_weight, average(distances, n)))
        loss = _sum(weight * value for weight, value in terms)
        return dict(zip(self.generator_names(), (loss, *(value for _, value in terms)), strict=True))

    def as_seen(self, target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
        """Returns generated images as the discriminator sees them: labels have no class where the target has none."""
        return hide_ignored(target, generated) if self.config.target_labels else generated


def _logits(judgment: Judgment) -> list[tf.Tensor]:
    return [scale[-1] for scale in judgment]


def _features(judgment: Judgment) -> list[list[tf.Tensor]]:
    return [scale[:-1] for scale in judgment]


def _sum(values: Iterable[tf.Tensor]) -> tf.Tensor:
    """Adds values in their order; one alone is returned as it is."""
    return functools.reduce(operator.add, values)
