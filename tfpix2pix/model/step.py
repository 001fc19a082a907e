"""Runs one train step, from tensors to a dict of scalars, without I/O (Isola et al. 2017, section 3.3)."""

from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.model.image_pool import ImagePool
from tfpix2pix.model.optimizer import Adam
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.networks.generator import with_logits
from tfpix2pix.networks.losses import (
    GAN_LOSSES,
    average,
    class_cross_entropy,
    correct,
    hide_ignored,
    l1,
    per_image,
)

Metrics = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]

DISCRIMINATOR_METRICS = ("discriminator/loss", "discriminator/real", "discriminator/fake", "discriminator/accuracy")
GENERATOR_METRICS = ("generator/loss", "generator/adversarial", "generator/l1")
LABEL_METRICS = ("generator/loss", "generator/adversarial", "generator/cross_entropy")
# If these two are finite, all their parts are.
LOSSES = ("discriminator/loss", "generator/loss")


def make_train_step(model: Pix2Pix, strategy: tf.distribute.Strategy) -> Callable[..., Metrics]:
    """Returns `train_step(source, target) -> metrics`, compiled, over all replicas of the strategy.

    The step takes a global batch of `model.config.batch_size` pairs from the strategy's distributed data set, updates
    the model, and returns means over the global batch.
    """
    step = replica_step if model.config.gradient_accumulation == 1 else accumulating_step

    @tf.function
    def train_step(source: tf.Tensor, target: tf.Tensor) -> Metrics:
        metrics = _sum_over_replicas(strategy, strategy.run(step, args=(model, source, target)))
        is_finite = tf.reduce_all([tf.math.is_finite(metrics[name]) for name in LOSSES])
        metrics["learning_rate"] = tf.identity(model.generator_optimizer.learning_rate)
        scales = model.loss_scales()
        if scales:
            # Over both networks. The losses of a skipped step are finite.
            metrics["skipped_steps"] = tf.add_n([tf.identity(scale.skipped) for scale in scales])
            metrics["loss_scale"] = tf.reduce_min([tf.identity(scale.scale) for scale in scales])
            is_finite &= ~tf.reduce_any([scale.is_exhausted() for scale in scales])
        model.count_step(is_finite)
        return metrics

    return train_step


def replica_step(model: Pix2Pix, source: tf.Tensor, target: tf.Tensor) -> Metrics:
    """Runs one replica's part of a step: the discriminator learns, then the generator through the updated one.

    The generator runs once for both updates. The tutorial runs it again before its own update, which gives the same
    gradients and takes more time.
    """
    with tf.GradientTape() as generator_tape:
        generated, logits = generate(model, source)

    seen = _as_seen(model, target, generated)
    pooled = _replica_pool(model).query(source, seen, model.step)
    gradients, discriminator_metrics = discriminator_gradients(model, source, target, seen, pooled)
    model.discriminator_optimizer.apply(gradients, model.discriminator.trainable_variables)

    gradients, generator_metrics = generator_gradients(model, source, target, generated, generator_tape, logits)
    model.generator_optimizer.apply(gradients, model.generator.trainable_variables)
    return discriminator_metrics | generator_metrics


def accumulating_step(model: Pix2Pix, source: tf.Tensor, target: tf.Tensor) -> Metrics:
    """Does what replica_step does in `gradient_accumulation` parts, with the memory that one part needs.

    Gradients are sums over images, so the gradients of the parts add up to those of the batch. Two things differ: batch
    norm takes its statistics over a part, and dropout draws other masks.

    The generator learns through the updated discriminator, so all parts must pass the discriminator first. To keep the
    generator's activations until then would take the memory of the whole batch. Therefore the step keeps only the
    images, and runs the generator forward again. The second run starts from the same running averages and dropout
    counts, so both runs make the same images and count once.
    """
    parts = model.config.gradient_accumulation
    sources, targets = (tf.reshape(x, (parts, x.shape[0] // parts, *x.shape[1:])) for x in (source, target))

    state = model.generator.non_trainable_variables
    before = [tf.identity(tf.convert_to_tensor(variable)) for variable in state]
    images = tf.map_fn(
        lambda part: generate(model, part)[0], sources, fn_output_signature=target.dtype, parallel_iterations=1
    )
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)

    generated = _as_seen(model, target, tf.reshape(images, target.shape))
    pooled = _replica_pool(model).query(source, generated, model.step)
    pooled_parts = [tf.reshape(x, (*sources.shape[:2], *x.shape[1:])) for x in pooled]

    def discriminator_part(i: tf.Tensor) -> tuple[Gradients, Metrics]:
        return discriminator_gradients(
            model, sources[i], targets[i], images[i], (pooled_parts[0][i], pooled_parts[1][i])
        )

    def generator_part(i: tf.Tensor) -> tuple[Gradients, Metrics]:
        with tf.GradientTape() as tape:
            generated, logits = generate(model, sources[i])
        return generator_gradients(model, sources[i], targets[i], generated, tape, logits)

    gradients, discriminator_metrics = _sum_over_parts(
        parts, discriminator_part, model.discriminator.trainable_variables, DISCRIMINATOR_METRICS
    )
    model.discriminator_optimizer.apply(gradients, model.discriminator.trainable_variables)

    gradients, generator_metrics = _sum_over_parts(
        parts, generator_part, model.generator.trainable_variables, generator_metrics_of(model)
    )
    model.generator_optimizer.apply(gradients, model.generator.trainable_variables)
    return discriminator_metrics | generator_metrics


def generate(model: Pix2Pix, source: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Runs the generator in training mode: returns the image and, for labels, the logits of the classes."""
    if model.config.target_labels:
        return _compiled(model, lambda x: tuple(with_logits(model.generator)(x, training=True)))(source)
    return _compiled(model, lambda x: model.generator(x, training=True))(source), None


def generator_metrics_of(model: Pix2Pix) -> tuple[str, ...]:
    """Returns the names of what `generator_gradients` measures."""
    return LABEL_METRICS if model.config.target_labels else GENERATOR_METRICS


def discriminator_gradients(
    model: Pix2Pix,
    source: tf.Tensor,
    target: tf.Tensor,
    generated: tf.Tensor,
    pooled: tuple[tf.Tensor, tf.Tensor] | None = None,
) -> tuple[Gradients, Metrics]:
    """Computes the gradients of 0.5 (loss(D(pooled), fake) + loss(D(source, target), real)), times any loss scale.

    Real and generated pairs pass D separately, because their batch norm statistics differ.

    Args:
      model: only its discriminator is used.
      source: `(N, H, W, C)`, as are the others.
      target: the source's target.
      generated: the generator's image of the source.
      pooled: the pool's answer to (source, generated); default: the two themselves.
    """
    loss_of, _ = GAN_LOSSES[model.config.gan_loss]
    discriminator, n = model.discriminator, model.config.batch_size

    def gradients(source: tf.Tensor, target: tf.Tensor, pooled: list[tf.Tensor]) -> tuple[Gradients, Metrics]:
        with tf.GradientTape() as tape:
            fake_logits = discriminator(pooled, training=True)
            real_logits = discriminator([source, target], training=True)
            fake = average(per_image(loss_of(fake_logits, real=False)), n)
            real = average(per_image(loss_of(real_logits, real=True)), n)
            loss = 0.5 * (fake + real)
        accuracy = 0.5 * (average(correct(fake_logits, real=False), n) + average(correct(real_logits, real=True), n))
        values = tape.gradient(
            loss, discriminator.trainable_variables, output_gradients=_scale(model.discriminator_optimizer)
        )
        return values, dict(zip(DISCRIMINATOR_METRICS, (loss, real, fake, accuracy), strict=True))

    return _compiled(model, gradients)(source, target, list(pooled or (source, generated)))


def generator_gradients(
    model: Pix2Pix,
    source: tf.Tensor,
    target: tf.Tensor,
    generated: tf.Tensor,
    generator_tape: tf.GradientTape,
    logits: tf.Tensor | None = None,
) -> tuple[Gradients, Metrics]:
    """Computes gradients of gan_weight · loss(D(source, generated), real) + l1_weight · L1(target, generated).

    Labels have the cross-entropy of their logits in place of L1. The gradients are multiplied by the loss scale if
    there is one. The chain rule is applied in two parts, loss to image and image to weights, so that no gradient of D's
    weights is computed.

    Args:
      model: the discriminator as it is now; the generator as it was when it made `generated`.
      source: `(N, H, W, C)`, as are the others.
      target: the source's target.
      generated: the generator's image of the source.
      generator_tape: the tape that recorded how the generator made it.
      logits: of labels, `(N, H, W, classes)`; recorded by the tape, too.
    """
    config, n = model.config, model.config.batch_size
    _, loss_of = GAN_LOSSES[config.gan_loss]

    def gradient_of_outputs(
        source: tf.Tensor, target: tf.Tensor, outputs: list[tf.Tensor]
    ) -> tuple[list[tf.Tensor], Metrics]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(outputs)
            seen = _as_seen(model, target, outputs[0])
            adversarial = average(per_image(loss_of(model.discriminator([source, seen], training=True))), n)
            each = l1(target, outputs[0]) if logits is None else class_cross_entropy(target, outputs[1])
            distance = average(each, n)
            loss = config.gan_weight * adversarial + config.l1_weight * distance
        values = tape.gradient(loss, outputs, output_gradients=_scale(model.generator_optimizer))
        return values, dict(zip(generator_metrics_of(model), (loss, adversarial, distance), strict=True))

    outputs = [generated] if logits is None else [generated, logits]
    values, metrics = _compiled(model, gradient_of_outputs)(source, target, outputs)
    gradients = generator_tape.gradient(outputs, model.generator.trainable_variables, output_gradients=values)
    return gradients, metrics


def _as_seen(model: Pix2Pix, target: tf.Tensor, generated: tf.Tensor) -> tf.Tensor:
    """Returns generated images as the discriminator sees them: labels have no class where the target has none."""
    return hide_ignored(target, generated) if model.config.target_labels else generated


def _sum_over_replicas(strategy: tf.distribute.Strategy, shares: Metrics) -> Metrics:
    # As one vector, because each sum between machines costs a round trip.
    dtype = strategy.experimental_local_results(shares[LOSSES[0]])[0].dtype
    vectors = strategy.run(lambda values: tf.stack([tf.cast(v, dtype) for v in values]), args=([*shares.values()],))
    return dict(zip(shares, tf.unstack(strategy.reduce("SUM", vectors, axis=None), len(shares)), strict=True))


def _sum_over_parts(
    parts: int, compute: Callable[[tf.Tensor], tuple[Gradients, Metrics]], variables: list, names: tuple[str, ...]
) -> tuple[Gradients, Metrics]:
    """Sums compute(i) over all parts, one after the other, so that only the sums stay in memory."""
    zeros = [tf.zeros(v.shape, v.dtype) for v in variables], dict.fromkeys(names, tf.zeros(()))

    def add(i: tf.Tensor, sums: tuple[Gradients, Metrics]) -> tuple[tf.Tensor, tuple[Gradients, Metrics]]:
        return i + 1, tf.nest.map_structure(tf.add, sums, compute(i))

    _, sums = tf.while_loop(lambda i, _: i < parts, add, (tf.constant(0), zeros), parallel_iterations=1)
    return sums


def _compiled(model: Pix2Pix, function: Callable) -> Callable:
    # A new function at each use: a function that two replicas share would keep the first replica's variables.
    return tf.function(function, jit_compile=True, autograph=False) if model.config.xla else function


def _scale(optimizer: Adam) -> tf.Tensor | None:
    return None if optimizer.loss_scale is None else tf.identity(optimizer.loss_scale.scale)


def _replica_pool(model: Pix2Pix) -> ImagePool:
    context = tf.distribute.get_replica_context()
    # A Python number, because each replica is traced by itself. It counts the replicas of earlier workers too.
    return model.pools[tf.get_static_value(context.replica_id_in_sync_group) % len(model.pools)]
