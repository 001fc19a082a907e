"""Defines the options of how weights are updated, for how long, and on which devices."""

import dataclasses

from tfpix2pix.options.option import option

MIXED_PRECISION = ("none", "bfloat16", "float16", "auto")
SCHEDULES = ("linear", "cosine", "step", "plateau", "constant")
OPTIMIZERS = ("adam", "adamw")
# What the reference multiplies the rate by.
USUAL_FACTORS = {"step": 0.1, "plateau": 0.2}
STRATEGIES = ("auto", "one", "mirrored", "multi_worker")


@dataclasses.dataclass(frozen=True)
class Optimization:
    """Options of updates, precision and devices."""

    batch_size: int = option(1, "pairs in a step, over all replicas together", minimum=1, change="asked")
    epochs: int = option(200, "passes over the training set, in all", minimum=1, change="asked")
    decay_epochs: int = option(
        0, "how many of the last epochs lower the learning rate to zero", minimum=0, change="asked"
    )
    max_steps: int = option(0, "stop after this many steps; 0: after the last epoch", minimum=0, change="freely")
    steps_per_call: int = option(
        1,
        "steps that TensorFlow takes in one call; it saves Python's time between two steps, a millisecond or less",
        minimum=1,
        change="freely",
    )
    learning_rate: float = option(2e-4, "learning rate of both networks", minimum=0.0, change="asked")
    warmup_steps: int = option(
        0, "how many of the first steps raise the learning rate linearly", minimum=0, change="asked"
    )
    schedule: str = option(
        "linear",
        "how the learning rate falls: linear or cosine, over the last decay_epochs; step, every decay_every epochs; "
        "plateau, when validation by best_by does not improve; constant, never",
        choices=SCHEDULES,
        change="asked",
    )
    decay_every: int = option(50, "epochs after which schedule=step multiplies the rate", minimum=1, change="asked")
    decay_patience: int = option(
        5,
        "validations without a better one after which schedule=plateau multiplies the rate",
        minimum=1,
        change="asked",
    )
    decay_factor: float = option(
        0.0,
        "what schedule=step and plateau multiply the rate by; 0: 0.1 for step, 0.2 for plateau",
        minimum=0.0,
        below=1.0,
        change="asked",
    )
    discriminator_learning_rate: float = option(
        0.0, "the discriminator's own learning rate; 0: learning_rate", minimum=0.0, change="asked"
    )
    discriminator_steps: int = option(
        1, "the generator learns at every n-th step, the discriminator at all", minimum=1, change="asked"
    )
    optimizer: str = option(
        "adam", "adam, or adamw, which has weight_decay besides", choices=OPTIMIZERS, change="asked"
    )
    weight_decay: float = option(
        0.0,
        "the share of each kernel, times the learning rate, that adamw takes off at each update",
        minimum=0.0,
        change="asked",
    )
    clip_norm: float = option(
        0.0, "limit of the norm of all gradients of a network together; 0: none", minimum=0.0, change="asked"
    )
    beta1: float = option(0.5, "Adam's decay of the first moment", minimum=0.0, below=1.0, change="asked")
    beta2: float = option(0.999, "Adam's decay of the second moment", minimum=0.0, below=1.0, change="asked")
    epsilon: float = option(1e-8, "Adam's epsilon", minimum=0.0, change="asked")
    ema: float = option(
        0.0,
        "decay per step, such as 0.999, of a moving average of the generator's weights, which is then validated and "
        "used; 0: none",
        minimum=0.0,
        below=1.0,
        change="asked",
    )
    mixed_precision: str = option(
        "none",
        "compute in half precision, with weights, losses and optimizers in float32; float16 scales its losses; auto "
        "takes what suits the machine that begins the run",
        choices=MIXED_PRECISION,
        change="asked",
    )
    gradient_accumulation: int = option(
        1, "parts into which each replica splits its share of a batch, to save memory", minimum=1, change="asked"
    )
    deterministic: bool = option(
        False, "add in a fixed order on GPUs too, so that two runs are equal to the last bit", change="asked"
    )
    xla: bool = option(False, "compile forward and backward passes by XLA", change="asked")
    strategy: str = option(
        "auto",
        "devices: one; mirrored (all GPUs of this machine); multi_worker (those of all machines that TF_CONFIG or "
        "Slurm name); auto (as many as there are)",
        choices=STRATEGIES,
        change="freely",
    )
    seed: int = option(
        0, "seed of weights, dropout, data order, jitter and pool", minimum=0, below=2**32, change="asked"
    )

    @property
    def rate_factor(self) -> float:
        """The factor by which the schedules `step` and `plateau` multiply the learning rate each time."""
        return self.decay_factor or USUAL_FACTORS.get(self.schedule, 1.0)
