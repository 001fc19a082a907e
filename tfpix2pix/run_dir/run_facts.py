"""Says what a run is, for people: sizes, rate, data, how long it took, when it was resumed or changed."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterable

from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import DEFAULT_BLOCKS, GENERATORS
from tfpix2pix.options.checks.objective import OF_GENERATOR
from tfpix2pix.options.network_options import Networks
from tfpix2pix.options.objective_options import Objective
from tfpix2pix.options.optimization_options import Optimization
from tfpix2pix.options.option import is_given
from tfpix2pix.run_dir import data_json, imported
from tfpix2pix.run_dir.history import changes
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.run_dir.sessions import sessions

# Interruptions that are listed; more are counted.
SHOWN = 5
# Options of losses and updates that have words of their own; the others are listed if they are not the defaults.
IN_WORDS = {
    *OF_GENERATOR,
    *("gan_loss", "diff_augment", "augment_target", "discriminator_width"),
    *("batch_size", "epochs", "decay_epochs", "learning_rate", "warmup_steps", "seed", "ema"),
}


def run_facts(run_dir: str | pathlib.Path, config: Config) -> dict[str, str]:
    """Returns short texts by name.

    Args:
      run_dir: of the training.
      config: of the run.
    """
    run_dir = pathlib.Path(run_dir)
    decay = f", the last {config.decay_epochs} with a falling rate" if config.decay_epochs else ""
    if config.schedule in ("step", "plateau"):
        when = f"after every {config.decay_every}" if config.schedule == "step" else "where validation stays"
        decay = f", the rate times {config.rate_factor:g} {when}"
    warmup = f", rising to it over {config.warmup_steps} steps" if config.warmup_steps else ""
    facts = {
        "data": f"{config.data_words}, {config.direction}",
        "image size": f"{format_size(config.image_size)}, from {format_size(config.load_size)} ({config.preprocess})",
        "network": _generator(config),
        "widths": f"generator {config.generator_width}, discriminator {config.discriminator_width}",
        "depth": f"{config.depth}, norm {config.norm}",
        "batch size": str(config.batch_size),
        "epochs": f"{config.epochs}{decay}",
        "learning rate": f"{config.learning_rate:g}{warmup}",
        "loss": _loss(config),
        "seed": str(config.seed),
    } | _further(config)
    if config.source_context:
        facts["sources"] = f"slices of stacks, with {config.source_context} neighbors on either side"
    if config.ema:
        facts["EMA"] = f"{config.ema:g}"
    if config.diff_augment:
        adaptive = f", as likely as a mean sign of {config.augment_target:g} takes" if config.augment_target else ""
        facts["the discriminator sees"] = f"pairs with changes of {config.diff_augment.replace(',', ', ')}{adaptive}"
    if config.init_from:
        facts["began with"] = f"the weights of {config.init_from}"
    if config.freeze:
        facts["frozen"] = str(config.freeze)
    if pairs := data_json.count_pairs(run_dir):
        facts["training pairs"] = str(pairs)
    records = read_log(run_dir)
    if records:
        facts["trained"] = f"{records[-1]['step']} steps, {records[-1]['epoch']:g} epochs"
    elif files := imported.origins(run_dir):
        # What config.json says of a training is our defaults.
        facts = {name: facts[name] for name in ("data", "network", "depth")} | {
            "image size": format_size(config.image_size),
            "generator": f"{files['generator']}, width {config.generator_width}; how it was trained is not known",
        }
    return facts | _course(run_dir)


def _generator(config: Config) -> str:
    """Says what the generator is, such as 'ResNet, 9 blocks, upsample resize'."""
    further = ("upsample", "padding", "attention_at", "dropout", "norm_statistics", "sync_batch_norm")
    words = [GENERATORS[config.generator]]
    if config.generator == "resnet":
        words += [f"{config.blocks or DEFAULT_BLOCKS} blocks", *(["local enhancer"] if config.enhancers else [])]
    words += _listed(config, further)
    return ", ".join([*words, *(["spectral norm"] if config.generator_spectral_norm else [])])


def _loss(config: Config) -> str:
    """Says what the generator's loss is, such as 'hinge × 1 + L1 × 100 + feature × 10'."""
    of_l1 = "cross-entropy" if config.target_labels else "L1"
    words = {"gan_weight": config.gan_loss, "l1_weight": of_l1, "l2_weight": "L2", "ssim_weight": "SSIM"}
    return " + ".join(
        f"{words.get(name, name.removesuffix('_weight').replace('_', ' '))} × {weight:g}"
        for name in OF_GENERATOR
        if (weight := getattr(config, name))
    )


def _further(config: Config) -> dict[str, str]:
    """Lists the other options of losses, discriminator and updates that are not the defaults."""
    networks, objective, optimization = (
        [field.name for field in dataclasses.fields(group) if field.metadata["change"] != "machine"]
        for group in (Networks, Objective, Optimization)
    )
    groups = {
        "discriminator": [name for name in networks if name.startswith("discriminator") or name == "conditional"],
        "discriminator's loss": objective,
        "updates": optimization,
    }
    # Without its weight, the generator's loss does not name it.
    said = IN_WORDS if config.gan_weight else IN_WORDS - {"gan_loss"}
    listed = {title: _listed(config, (name for name in names if name not in said)) for title, names in groups.items()}
    return {title: ", ".join(words) for title, words in listed.items() if words}


def _listed(config: Config, names: Iterable[str]) -> list[str]:
    """Lists those options that are not the defaults, such as 'clip_norm 0.5'."""
    return [f"{name} {getattr(config, name)}" for name in names if is_given(config, name)]


def as_markdown(facts: dict[str, str]) -> str:
    """Returns the facts as a table, as TensorBoard shows texts."""
    rows = "".join(f"| {name} | {escaped(text)} |\n" for name, text in facts.items())
    return f"| what | |\n|---|---|\n{rows}"


def _course(run_dir: pathlib.Path) -> dict[str, str]:
    """Says how long the training took, and when it was resumed or changed."""
    facts = {}
    found = sessions(run_dir)
    known = [session.seconds for session in found if session.seconds is not None]
    if known:
        facts["wall time"] = f"{'' if len(known) == len(found) else 'at least '}{duration(sum(known))}"
    # A command that found nothing left to train is none.
    steps = [session.first_step for session in found[1:] if session.last_step != session.first_step]
    if steps:
        more = f" and {len(steps) - SHOWN} more" if len(steps) > SHOWN else ""
        facts["resumed"] = f"after step {', '.join(map(str, steps[:SHOWN]))}{more}"
    # A history that cannot be read keeps a run from being resumed, not from being measured.
    with contextlib.suppress(InputError):
        if made := changes(run_dir):
            facts["changed"] = "; ".join(map(str, made))
    return facts


def duration(seconds: float) -> str:
    """Returns a time in two units, such as 5 min 42 s."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def escaped(text: str) -> str:
    """Returns a text as Markdown, in which a name can neither end a cell nor add a link."""
    return "".join(f"\\{char}" if char in "|<>[]*_`\\" else char for char in text if char.isprintable())
