"""Checks the options of how weights are updated."""

from typing import TYPE_CHECKING

from pipelines.system.terminal import InputError
from tfpix2pix.options.option import is_given

if TYPE_CHECKING:
    from tfpix2pix.config import Config

# The options of each schedule of the learning rate.
OF_SCHEDULES = {
    "linear": ("decay_epochs",),
    "cosine": ("decay_epochs",),
    "step": ("decay_every", "decay_factor"),
    "plateau": ("decay_patience", "decay_factor"),
    "constant": (),
}


def check_optimization(config: "Config") -> None:
    """Raises InputError if an option of the updates does nothing, or has no meaning, beside others."""
    _check_schedule(config)
    _check_calls(config)
    if config.optimizer == "adam" and config.weight_decay:
        raise InputError(
            f"weight_decay={config.weight_decay} needs optimizer=adamw, and it is adam; give that, or leave out "
            "weight_decay"
        )
    if config.optimizer == "adamw" and not config.weight_decay:
        raise InputError("optimizer=adamw without weight_decay is adam; give weight_decay=0.01, or optimizer=adam")
    if 0 < config.max_steps < config.discriminator_steps:
        raise InputError(
            f"discriminator_steps={config.discriminator_steps} and max_steps={config.max_steps}: the generator learns "
            f"at none of these; give max_steps={config.discriminator_steps} or more, or fewer discriminator_steps"
        )


def _check_calls(config: "Config") -> None:
    for name in ("log_every", "tensorboard_every", "checkpoint_every"):
        steps, calls = getattr(config, name), config.steps_per_call
        if steps % calls:
            raise InputError(
                f"steps_per_call={calls} does not divide {name}={steps}, which comes between two calls; give "
                f"{name}={steps + -steps % calls}, or another steps_per_call"
            )


def _check_schedule(config: "Config") -> None:
    for name in dict.fromkeys(name for options in OF_SCHEDULES.values() for name in options):
        if is_given(config, name) and name not in OF_SCHEDULES[config.schedule]:
            others = " or ".join(schedule for schedule, options in OF_SCHEDULES.items() if name in options)
            raise InputError(
                f"{name}={getattr(config, name)} does nothing with schedule={config.schedule}; leave out {name}, or "
                f"give schedule={others}"
            )
    if config.decay_epochs > config.epochs:
        raise InputError(
            f"decay_epochs={config.decay_epochs} is more than epochs={config.epochs}, of which it is a part; give "
            f"decay_epochs={config.epochs} or less, or decay_epochs=0 for a constant rate"
        )
    if config.schedule == "cosine" and not config.decay_epochs:
        raise InputError(
            f"schedule=cosine needs decay_epochs; give decay_epochs={config.epochs} for all epochs, or "
            "schedule=constant"
        )
    if config.schedule == "step" and config.decay_every >= config.epochs:
        fewer = f"give decay_every={config.epochs - 1} or less" if config.epochs > 1 else "give more epochs"
        raise InputError(
            f"schedule=step lowers the rate after decay_every={config.decay_every} epochs, and epochs={config.epochs}; "
            f"{fewer}, or schedule=constant"
        )
    if config.schedule == "plateau" and 0 < config.patience <= config.decay_patience:
        raise InputError(
            f"patience={config.patience} stops the training before schedule=plateau lowers the rate, after "
            f"decay_patience={config.decay_patience} validations; give patience={config.decay_patience + 1} or more, "
            "or a smaller decay_patience"
        )
