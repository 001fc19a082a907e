"""The train step: tensors in, a dict of scalars out, no I/O (Isola et al. 2017, section 3.3)."""

from collections.abc import Callable

import tensorflow as tf

from tfpix2pix.losses import GAN_LOSSES, average, correct, l1, per_image
from tfpix2pix.state import Pix2Pix

Metrics = dict[str, tf.Tensor]
Gradients = list[tf.Tensor]

# These two being finite, all their parts are.
LOSSES = ("discriminator/loss", "generator/loss")


def make_train_step(model: Pix2Pix, strategy: tf.distribute.Strategy) -> Callable[..., Metrics]:
    """Returns `train_step(source, target) -> metrics`, compiled, over all replicas of the strategy.

    It takes what the strategy's distributed data set gives, a global batch of `model.config.batch_size` pairs,
    updates the model, and returns means over the global batch.
    """

    @tf.function
    def train_step(source, target):
        shares = strategy.run(replica_step, args=(model, source, target))
        metrics = {name: strategy.reduce("SUM", share, axis=None) for name, share in shares.items()}
        metrics["learning_rate"] = tf.identity(model.generator_optimizer.learning_rate)
        model.count_step(tf.reduce_all([tf.math.is_finite(metrics[name]) for name in LOSSES]))
        return metrics

    return train_step


def replica_step(model: Pix2Pix, source: tf.Tensor, target: tf.Tensor) -> Metrics:
    """One replica's part of a step: the discriminator learns, then the generator through the updated one.

    The generator runs once and serves both updates: running it again before its own, as the tutorial does, gives the
    same gradients for more time.
    """
    with tf.GradientTape() as generator_tape:
        generated = model.generator(source, training=True)

    gradients, discriminator_metrics = discriminator_gradients(model, source, target, generated)
    model.discriminator_optimizer.apply(gradients, model.discriminator.trainable_variables)

    gradients, generator_metrics = generator_gradients(model, source, target, generated, generator_tape)
    model.generator_optimizer.apply(gradients, model.generator.trainable_variables)
    return discriminator_metrics | generator_metrics


def discriminator_gradients(
    model: Pix2Pix, source: tf.Tensor, target: tf.Tensor, generated: tf.Tensor
) -> tuple[Gradients, Metrics]:
    """Gradients of 0.5 (loss(D(pool(source, generated)), fake) + loss(D(source, target), real)).

    Real and generated pairs go through D separately: their batch norm statistics differ.
    """
    loss_of, _ = GAN_LOSSES[model.config.gan_loss]
    discriminator, n = model.discriminator, model.config.batch_size
    pooled = _replica_pool(model).query(source, generated, model.step)
    with tf.GradientTape() as tape:
        fake_logits = discriminator(pooled, training=True)
        real_logits = discriminator([source, target], training=True)
        fake = average(per_image(loss_of(fake_logits, real=False)), n)
        real = average(per_image(loss_of(real_logits, real=True)), n)
        loss = 0.5 * (fake + real)
    accuracy = 0.5 * (average(correct(fake_logits, real=False), n) + average(correct(real_logits, real=True), n))
    metrics = {
        "discriminator/loss": loss,
        "discriminator/real": real,
        "discriminator/fake": fake,
        "discriminator/accuracy": accuracy,
    }
    return tape.gradient(loss, discriminator.trainable_variables), metrics


def generator_gradients(
    model: Pix2Pix,
    source: tf.Tensor,
    target: tf.Tensor,
    generated: tf.Tensor,
    generator_tape: tf.GradientTape,
) -> tuple[Gradients, Metrics]:
    """Gradients of gan_weight · loss(D(source, generated), real) + l1_weight · L1(target, generated).

    The chain rule in two links, loss to image and image to weights, so that no gradient of D's weights is computed.

    Args:
      model: the discriminator is used as it is now, the generator as it was when it made `generated`.
      source: `(N, H, W, C)`, as are the others.
      target: what the generator should have made.
      generated: what it made.
      generator_tape: has recorded how.
    """
    config, n = model.config, model.config.batch_size
    _, loss_of = GAN_LOSSES[config.gan_loss]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(generated)
        logits = model.discriminator([source, generated], training=True)
        adversarial = average(per_image(loss_of(logits)), n)
        distance = average(l1(target, generated), n)
        loss = config.gan_weight * adversarial + config.l1_weight * distance
    gradients = generator_tape.gradient(
        generated, model.generator.trainable_variables, output_gradients=tape.gradient(loss, generated)
    )
    return gradients, {"generator/loss": loss, "generator/adversarial": adversarial, "generator/l1": distance}


def _replica_pool(model: Pix2Pix):
    context = tf.distribute.get_replica_context()
    # A Python number, since each replica is traced by itself.
    return model.pools[tf.get_static_value(context.replica_id_in_sync_group)]
