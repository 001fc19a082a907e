"""Holds everything that training changes: a checkpoint saves this and nothing else."""

import math
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from pipelines.images.size import format_size
from tfpix2pix.config import Config
from tfpix2pix.model.adaptive_strength import AdaptiveStrength
from tfpix2pix.model.augmentation import Augmentation
from tfpix2pix.model.image_pool import ImagePool
from tfpix2pix.model.objective import Objective
from tfpix2pix.model.updates.loss_scale import LossScale
from tfpix2pix.model.updates.moving_average import start_average
from tfpix2pix.model.updates.optimizer import Adam
from tfpix2pix.model.updates.rate import Plateau, Rate
from tfpix2pix.networks.choices import OWN_OPTIONS
from tfpix2pix.networks.discriminators.discriminator import build_discriminator
from tfpix2pix.networks.frozen import freeze
from tfpix2pix.networks.generators.generator import GENERATORS
from tfpix2pix.networks.memory_estimate import TRAINING_COPIES, check_fits


class Pix2Pix(tf.Module):
    """Holds networks, optimizers, pools and the step counter.

    Networks and optimizers are mirrored over the strategy's devices. Each replica has a pool of its own, and `pools`
    lists those of this process. With mixed precision the networks compute in half precision, on float32 weights.

    Args:
      config: a resolved Config.
      strategy: over one device or several.
      total_steps: steps of the whole training; the learning rate's decay ends there.
      decay_steps: how many of the last steps lower the learning rate.
      cuts: after how many steps the learning rate is multiplied by config.rate_factor.
    """

    def __init__(
        self,
        config: Config,
        strategy: tf.distribute.Strategy,
        total_steps: int,
        decay_steps: int = 0,
        cuts: Sequence[int] = (),
    ):
        super().__init__(name="pix2pix")
        self.config = config
        keras.utils.set_random_seed(config.seed)
        with strategy.scope():
            dtype = None if config.mixed_precision == "none" else f"mixed_{config.mixed_precision}"
            self.generator = generator_of(config, dtype=dtype)
            self.discriminator = discriminator_of(config, dtype)
            networks = (self.generator, self.discriminator)
            self.frozen_weights = sum(freeze(network, config.frozen_parts) for network in networks)
            self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
            self.plateau = Plateau() if config.schedule == "plateau" else None
            self.plan_rates(total_steps, decay_steps, cuts)
            # Of the step, not of the optimizer's updates, of which there may be fewer.
            self.generator_optimizer = _optimizer(config, lambda: self.rate(self.step), self.generator)
            self.discriminator_optimizer = _optimizer(
                config, lambda: self.discriminator_rate(self.step), self.discriminator
            )
            # The first step with a NaN or infinite loss, -1 for none. It stays on the device, so that the loop need
            # not wait for each step's losses.
            self.non_finite_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="non_finite_step")
            self.adaptive_strength = _adaptive_strength(config)
            # Last, so that the random numbers of all others are those of a run without it.
            self.averaged_generator = generator_of(config, dtype=dtype) if config.ema else None
            self.objective = Objective(config)
        self.start_average()
        self.pools = _pools(config, strategy)
        self.augmentation = Augmentation(config, self.adaptive_strength)

    def plan_rates(self, total_steps: int, decay_steps: int, cuts: Sequence[int]) -> None:
        """Says over which steps the rates change; for use before a step is compiled. The arguments are the class's."""
        config = self.config
        self.rate, self.discriminator_rate = (
            Rate(
                rate,
                total_steps,
                decay_steps,
                config.warmup_steps,
                cosine=config.schedule == "cosine",
                cuts=cuts,
                cut_factor=config.rate_factor,
                plateau=self.plateau,
            )
            for rate in (config.learning_rate, config.discriminator_learning_rate or config.learning_rate)
        )

    @property
    def final_generator(self) -> keras.Model:
        """The generator that is validated and used: the average where there is one."""
        return self.averaged_generator or self.generator

    def start_average(self) -> None:
        """Sets the average, if there is one, to the generator's weights; for use when these were set from outside."""
        if self.averaged_generator:
            start_average(self.averaged_generator, self.generator)

    def loss_scales(self) -> list[LossScale]:
        """Returns the scales of both networks' losses; none unless they compute in float16."""
        scales = (self.generator_optimizer.loss_scale, self.discriminator_optimizer.loss_scale)
        return [scale for scale in scales if scale is not None]

    def nbytes(self, with_shared: bool = True) -> int:
        """Counts the bytes of all that a checkpoint saves, or of the pools alone."""
        saved = [variable for pool in self.pools for variable in pool.variables]
        if with_shared:
            saved += self._shared_variables()
        return sum(math.prod(v.shape) * tf.as_dtype(v.dtype).size for v in saved)

    def is_finite(self) -> bool:
        """Says whether all weights and all of the optimizers' moments are finite."""
        floats = [variable for variable in self._shared_variables() if tf.as_dtype(variable.dtype).is_floating]
        return all(bool(tf.reduce_all(tf.math.is_finite(variable))) for variable in floats)

    def count_step(self, losses_are_finite: tf.Tensor) -> None:
        """Adds 1 to the step counter, and remembers the first step whose losses were not finite."""
        self.step.assign_add(1)
        first = tf.logical_and(self.non_finite_step < 0, tf.logical_not(losses_are_finite))
        self.non_finite_step.assign(tf.where(first, tf.identity(self.step), tf.identity(self.non_finite_step)))

    def _shared_variables(self) -> list[keras.Variable]:
        parts = (self.generator, self.discriminator, self.generator_optimizer, self.discriminator_optimizer)
        average = self.averaged_generator.variables if self.averaged_generator else []
        strength = self.adaptive_strength.variables if self.adaptive_strength else ()
        return [variable for part in parts for variable in part.variables] + average + [*strength]


def generator_of(
    config: Config,
    image_size: tuple[int | None, int | None] | None = None,
    norm_statistics: str | None = None,
    dropout_at_inference: bool = False,
    products: bool | None = None,
    dtype: str | None = None,
) -> keras.Model:
    """Builds the generator that config describes; image_size and norm_statistics may differ from training's.

    It computes in float32 unless dtype says otherwise, even if config trains in mixed precision. Weights are always
    float32.
    """
    return GENERATORS[config.generator](
        image_size or config.image_size,
        config.input_channels,
        config.target_channels,
        width=config.generator_width,
        depth=config.depth,
        norm=config.norm,
        labels=bool(config.target_labels),
        dropout=config.dropout,
        norm_statistics=norm_statistics or config.norm_statistics,
        dropout_at_inference=dropout_at_inference,
        sync_batch_norm=config.sync_batch_norm,
        upsample=config.upsample,
        padding=config.padding,
        attention=config.attention_levels,
        spectral_norm=config.generator_spectral_norm,
        seed=config.seed,
        products=products,
        dtype=dtype,
        **{name: getattr(config, name) for name in OWN_OPTIONS[config.generator]},
    )


def discriminator_of(config: Config, dtype: str | None = None) -> keras.Model:
    """Builds the discriminator that config describes, in float32 unless dtype says otherwise."""
    return build_discriminator(
        config.image_size,
        config.input_channels if config.conditional else None,
        config.target_channels,
        scales=config.discriminator_scales,
        width=config.discriminator_width,
        n_layers=config.discriminator_layers,
        norm=config.norm_of_discriminator,
        sync_batch_norm=config.sync_batch_norm,
        # Matrix products take slices, of which XLA has no second derivatives ("gradient registry has no entry for:
        # XlaDynamicUpdateSlice", TensorFlow 2.21).
        products=False if config.xla and config.has_penalty else None,
        dtype=dtype,
    )


def check_trainable(config: Config) -> None:
    """Raises InputError if this machine's memory is too small to train the networks that config describes."""
    check_fits(
        f"a training with image_size={format_size(config.image_size)}, generator_width={config.generator_width} and "
        f"discriminator_width={config.discriminator_width}",
        lambda: [generator_of(config), discriminator_of(config)],
        TRAINING_COPIES,
    )


def _optimizer(config: Config, rate: Callable[[], tf.Tensor], network: keras.Model) -> Adam:
    adam = Adam(
        rate,
        beta_1=config.beta1,
        beta_2=config.beta2,
        epsilon=config.epsilon,
        loss_scale=LossScale() if config.mixed_precision == "float16" else None,
        kernel_decay=config.weight_decay,
        max_norm=config.clip_norm,
    )
    # The step would build the slots outside the strategy's scope.
    adam.build(network.trainable_variables)
    return adam


def _adaptive_strength(config: Config) -> AdaptiveStrength | None:
    if not config.augment_target:
        return None
    return AdaptiveStrength(config.augment_target, config.augment_images, config.batch_size)


def _pools(config: Config, strategy: tf.distribute.Strategy) -> list[ImagePool]:
    pools, devices = [], strategy.extended.worker_devices
    worker = tf.DeviceSpec.from_string(devices[0]).task or 0
    for replica, device in enumerate(devices, worker * len(devices)):
        # Outside the strategy's scope, which would mirror the variables: one history for all replicas.
        with tf.device(device):
            pools.append(
                ImagePool(
                    config.pool_size,
                    (*config.image_size, config.input_channels),
                    (*config.image_size, config.target_channels),
                    seed=config.seed * strategy.num_replicas_in_sync + replica,
                )
            )
    return pools
