"""Computes the gradients of both networks for one batch, or for a part of it (Isola et al. 2017, section 3.3)."""

from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.model.augmentation import Draw
from tfpix2pix.model.objective import Judge, Metrics
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.turn import USUAL_TURN, Turn
from tfpix2pix.model.updates.optimizer import Adam
from tfpix2pix.networks.discriminators.discriminator import judge, with_features
from tfpix2pix.networks.generators.generator import with_logits

Gradients = list[tf.Tensor]


def generate(model: Pix2Pix, source: tf.Tensor) -> list[tf.Tensor]:
    """Runs the generator in training mode: returns the image and, for labels, the logits of the classes."""
    if model.config.target_labels:
        return _compiled(model, lambda x: with_logits(model.generator)(x, training=True))(source)
    return [_compiled(model, lambda x: model.generator(x, training=True))(source)]


def discriminator_gradients(
    model: Pix2Pix,
    source: tf.Tensor,
    target: tf.Tensor,
    generated: tf.Tensor,
    pooled: tuple[tf.Tensor, tf.Tensor] | None = None,
    draw: Draw | None = None,
    turn: Turn = USUAL_TURN,
    mixture: tf.Tensor | None = None,
) -> tuple[Gradients, Metrics]:
    """Computes the gradients of the discriminator's loss, times any loss scale.

    Args:
      model: only its discriminator is used.
      source: `(N, H, W, C)`, as are the others.
      target: the source's target.
      generated: the generator's image of the source.
      pooled: the pool's answer to (source, generated); default: the two themselves.
      draw: how the pairs are augmented; default: not at all.
      turn: what the loss has.
      mixture: where wgan-gp measures slopes, as Objective.draw_mixture draws it.
    """

    def gradients(
        source: tf.Tensor,
        target: tf.Tensor,
        pooled: tuple[tf.Tensor, tf.Tensor],
        draw: Draw,
        mixture: tf.Tensor | None,
    ) -> tuple[Gradients, Metrics]:
        with tf.GradientTape() as tape:
            metrics = model.objective.of_discriminator(_judge(model, draw), source, target, pooled, turn, mixture)
        values = tape.gradient(
            metrics["discriminator/loss"],
            model.discriminator.trainable_variables,
            output_gradients=_scale(model.discriminator_optimizer),
        )
        return values, metrics

    return _compiled(model, gradients)(source, target, pooled or (source, generated), draw or {}, mixture)


def generator_gradients(
    model: Pix2Pix,
    source: tf.Tensor,
    target: tf.Tensor,
    outputs: list[tf.Tensor],
    generator_tape: tf.GradientTape,
    draw: Draw | None = None,
    turn: Turn = USUAL_TURN,
) -> tuple[Gradients, Metrics]:
    """Computes the gradients of the generator's loss, times any loss scale; none if the generator does not learn.

    The chain rule is applied in two parts, loss to image and image to weights, so that no gradient of D's weights is
    computed.

    Args:
      model: the discriminator as it is now; the generator as it was when it made the outputs.
      source: `(N, H, W, C)`, as are the others.
      target: the source's target.
      outputs: what `generate` made of the source.
      generator_tape: the tape that recorded how.
      draw: how the pairs are augmented; default: not at all.
      turn: whether the generator learns.
    """

    def gradients_of_outputs(
        source: tf.Tensor, target: tf.Tensor, outputs: list[tf.Tensor], draw: Draw
    ) -> tuple[Gradients, Metrics]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(outputs)
            metrics = model.objective.of_generator(_judge(model, draw), source, target, *outputs)
        if not turn.generator_learns:
            return [], metrics
        scale = _scale(model.generator_optimizer)
        return tape.gradient(metrics["generator/loss"], outputs, output_gradients=scale), metrics

    values, metrics = _compiled(model, gradients_of_outputs)(source, target, outputs, draw or {})
    if not turn.generator_learns:
        return [], metrics
    gradients = generator_tape.gradient(outputs, model.generator.trainable_variables, output_gradients=values)
    return gradients, metrics


def _judge(model: Pix2Pix, draw: Draw) -> Judge:
    """Returns the discriminator in training mode, which sees all pairs augmented by one draw."""
    discriminator = with_features(model.discriminator) if model.config.feature_weight else model.discriminator
    return lambda source, image: judge(discriminator, *model.augmentation(source, image, draw))


def _compiled(model: Pix2Pix, function: Callable) -> Callable:
    # A new function at each use: a function that two replicas share would keep the first replica's variables.
    return tf.function(function, jit_compile=True, autograph=False) if model.config.xla else function


def _scale(optimizer: Adam) -> tf.Tensor | None:
    return None if optimizer.loss_scale is None else tf.identity(optimizer.loss_scale.scale)
