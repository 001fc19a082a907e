"""Runs one train step, from tensors to a dict of scalars, without I/O (Isola et al. 2017, section 3.3)."""

import functools
import itertools
from collections.abc import Callable, Sequence

import tensorflow as tf

from tfpix2pix.model.augmentation import Draw
from tfpix2pix.model.gradients import Gradients, discriminator_gradients, generate, generator_gradients
from tfpix2pix.model.image_pool import ImagePool
from tfpix2pix.model.objective import Metrics
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.turn import Turn, turn_of
from tfpix2pix.model.updates.moving_average import update_average

# If these two are finite, all their parts are.
LOSSES = ("discriminator/loss", "generator/loss")


def make_train_step(model: Pix2Pix, strategy: tf.distribute.Strategy) -> Callable[..., Metrics]:
    """Returns `train_step(source, target) -> metrics`, compiled, over all replicas of the strategy.

    The step takes a global batch of `model.config.batch_size` pairs from the strategy's distributed data set, updates
    the model, and returns means over the global batch. It counts the steps from the model's own count at this call, so
    make it after the checkpoint is restored.
    """
    compiled, steps = _compiled(model, strategy), itertools.count(int(model.step.numpy()))

    def train_step(source: tf.Tensor, target: tf.Tensor) -> Metrics:
        # What a step does follows from its number, which the host knows without asking the device.
        return compiled(turn_of(model.config, next(steps)))(source, target)

    return train_step


def make_train_steps(model: Pix2Pix, strategy: tf.distribute.Strategy) -> Callable[..., Metrics]:
    """Returns `train_steps(batches) -> metrics` of the last: what make_train_step returns, several times in one call.

    Each number of batches is compiled once, and each of their turns.
    """
    compiled, steps = _compiled(model, strategy), itertools.count(int(model.step.numpy()))

    @functools.cache
    def together(turns: tuple[Turn, ...]) -> Callable[..., Metrics]:
        @tf.function(autograph=False)
        def train_steps(batches: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> Metrics:
            metrics = [compiled(turn)(*batch) for turn, batch in zip(turns, batches, strict=True)]
            return metrics[-1]

        return train_steps

    def train_steps(batches: Sequence[tuple[tf.Tensor, tf.Tensor]]) -> Metrics:
        turns = tuple(turn_of(model.config, next(steps)) for _ in batches)
        return compiled(*turns)(*batches[0]) if len(turns) == 1 else together(turns)(batches)

    return train_steps


def _compiled(model: Pix2Pix, strategy: tf.distribute.Strategy) -> Callable[[Turn], Callable[..., Metrics]]:
    """Returns the function that compiles a step of each kind of turn, once."""
    replica = replica_step if model.config.gradient_accumulation == 1 else accumulating_step

    @functools.cache
    def compiled(turn: Turn) -> Callable[..., Metrics]:
        # Nothing here needs AutoGraph, which takes a second to convert all that is called.
        @tf.function(autograph=False)
        def train_step(source: tf.Tensor, target: tf.Tensor) -> Metrics:
            metrics = _sum_over_replicas(strategy, strategy.run(replica, args=(model, source, target, turn)))
            if model.averaged_generator and turn.generator_learns:
                optimizer = model.generator_optimizer
                update_average(model.averaged_generator, model.generator, optimizer, model.config.ema, strategy)
            is_finite = tf.reduce_all([tf.math.is_finite(metrics[name]) for name in LOSSES])
            if model.adaptive_strength:
                metrics["augmentation_strength"] = tf.identity(model.adaptive_strength.strength)
                model.adaptive_strength.adapt(metrics["discriminator/real_sign"], model.step)
            scales = model.loss_scales()
            if scales:
                # Over both networks. The losses of a skipped step are finite.
                metrics["skipped_steps"] = tf.add_n([tf.identity(scale.skipped) for scale in scales])
                metrics["loss_scale"] = tf.reduce_min([tf.identity(scale.scale) for scale in scales])
                is_finite &= ~tf.reduce_any([scale.is_exhausted() for scale in scales])
            model.count_step(is_finite)
            # Those of the next step.
            metrics["learning_rate"] = model.rate(model.step)
            if model.config.discriminator_learning_rate:
                metrics["discriminator_learning_rate"] = model.discriminator_rate(model.step)
            return metrics

        return train_step

    return compiled


def replica_step(model: Pix2Pix, source: tf.Tensor, target: tf.Tensor, turn: Turn) -> Metrics:
    """Runs one replica's part of a step: the discriminator learns, then the generator through the updated one.

    The generator runs once for both updates. The tutorial runs it again before its own update, which gives the same
    gradients and takes more time.
    """
    with tf.GradientTape() as generator_tape:
        outputs = generate(model, source)

    seen = model.objective.as_seen(target, outputs[0])
    pooled = _replica_pool(model).query(source, seen, model.step)
    draw, mixture = model.augmentation.draw(model.step), model.objective.draw_mixture(model.step)
    gradients, discriminator_metrics = discriminator_gradients(model, source, target, seen, pooled, draw, turn, mixture)
    model.discriminator_optimizer.apply(gradients, model.discriminator.trainable_variables)

    gradients, generator_metrics = generator_gradients(model, source, target, outputs, generator_tape, draw, turn)
    model.generator_optimizer.apply(gradients, model.generator.trainable_variables)
    return discriminator_metrics | generator_metrics


def accumulating_step(model: Pix2Pix, source: tf.Tensor, target: tf.Tensor, turn: Turn) -> Metrics:
    """Does what replica_step does in `gradient_accumulation` parts, with the memory that one part needs.

    Gradients are sums over images, so the gradients of the parts add up to those of the batch. Three things differ:
    batch norm takes its statistics over a part, dropout draws other masks, and spectral norm refines its estimate at
    each part.

    The generator learns through the updated discriminator, so all parts must pass the discriminator first. To keep the
    generator's activations until then would take the memory of the whole batch. Therefore the step keeps only the
    images, and runs the generator forward again. The second run starts from the same running averages and dropout
    counts, so both runs make the same images and count once.
    """
    parts = model.config.gradient_accumulation

    def split(x: tf.Tensor) -> tf.Tensor:
        return tf.reshape(x, (parts, source.shape[0] // parts, *x.shape[1:]))

    sources, targets = split(source), split(target)

    # What a pass changes: frozen layers have no part in it.
    state = [v for layer in model.generator.layers if layer.trainable for v in layer.non_trainable_variables]
    before = [tf.identity(tf.convert_to_tensor(variable)) for variable in state]
    images = tf.map_fn(
        lambda part: generate(model, part)[0], sources, fn_output_signature=target.dtype, parallel_iterations=1
    )
    for variable, value in zip(state, before, strict=True):
        variable.assign(value)

    generated = model.objective.as_seen(target, tf.reshape(images, target.shape))
    pooled_sources, pooled_images = map(split, _replica_pool(model).query(source, generated, model.step))
    draws = {name: split(x) for name, x in model.augmentation.draw(model.step).items()}
    mixture = model.objective.draw_mixture(model.step)
    mixtures = None if mixture is None else split(mixture)

    def draw(i: tf.Tensor) -> Draw:
        return {name: x[i] for name, x in draws.items()}

    def discriminator_part(i: tf.Tensor) -> tuple[Gradients, Metrics]:
        pooled = pooled_sources[i], pooled_images[i]
        mixture = None if mixtures is None else mixtures[i]
        return discriminator_gradients(model, sources[i], targets[i], images[i], pooled, draw(i), turn, mixture)

    def generator_part(i: tf.Tensor) -> tuple[Gradients, Metrics]:
        with tf.GradientTape() as tape:
            outputs = generate(model, sources[i])
        return generator_gradients(model, sources[i], targets[i], outputs, tape, draw(i), turn)

    gradients, discriminator_metrics = _sum_over_parts(
        parts, discriminator_part, model.discriminator.trainable_variables, model.objective.discriminator_names(turn)
    )
    model.discriminator_optimizer.apply(gradients, model.discriminator.trainable_variables)

    variables = model.generator.trainable_variables if turn.generator_learns else []
    gradients, generator_metrics = _sum_over_parts(parts, generator_part, variables, model.objective.generator_names())
    model.generator_optimizer.apply(gradients, variables)
    return discriminator_metrics | generator_metrics


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


def _replica_pool(model: Pix2Pix) -> ImagePool:
    context = tf.distribute.get_replica_context()
    # A Python number, because each replica is traced by itself. It counts the replicas of earlier workers too.
    return model.pools[tf.get_static_value(context.replica_id_in_sync_group) % len(model.pools)]
