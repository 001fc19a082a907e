"""Shows the options of a run in TensorBoard: as a text, those that were chosen first, and in the HParams table."""

import dataclasses
from typing import Any

from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.options.output_options import Output
from tfpix2pix.run_dir.run_facts import escaped

# Have a column in the HParams table, also where they are the defaults.
MAIN = (
    *("data", "direction", "image_size", "generator", "generator_width", "discriminator_width", "norm"),
    *("epochs", "batch_size", "learning_rate", "gan_loss", "l1_weight", "seed"),
)
# A training fills them in from the files of the targets.
OF_FILES = ("target_type", "target_palette")


def chosen(config: Config) -> list[str]:
    """Lists the options that are neither the defaults nor what follows from others or the data, in their order.

    Args:
      config: resolved.
    """
    return [field.name for field in dataclasses.fields(config) if _is_chosen(config, field)]


def hparams(config: Config) -> dict[str, bool | float | str]:
    """Returns the main options and those that were chosen, by name, as the HParams plugin takes them.

    What describes the machine, or says what is written and when, is left out: the results do not depend on it.
    """
    written = {field.name for field in dataclasses.fields(Output)}
    fields = config.__dataclass_fields__
    names = [n for n in chosen(config) if n not in written and fields[n].metadata["change"] != "machine"]
    return {name: _plain(getattr(config, name)) for name in dict.fromkeys((*MAIN, *names))}


def as_markdown(config: Config, command: str) -> str:
    """Returns the command line and all options, as TensorBoard shows texts.

    Args:
      config: resolved.
      command: the command line; empty if there was none.
    """
    ours = chosen(config)
    others = [field.name for field in dataclasses.fields(config) if field.name not in ours]
    # Four spaces make a block of code, whatever the line holds.
    code = f"### Command\n\n    {command}\n\n" if command.isprintable() and command else ""
    return (
        f"{code}### Options that were chosen\n\n{_table(config, ours)}\n"
        f"### All others: defaults, or what follows from the former\n\n{_table(config, others)}"
    )


def _is_chosen(config: Config, field: dataclasses.Field) -> bool:
    value = getattr(config, field.name)
    if value == field.default or field.name in OF_FILES:
        return False
    try:
        default: dict[str, Any] = {field.name: field.default}
        return bool(getattr(dataclasses.replace(config, **default).resolved(), field.name) != value)
    except InputError:
        # Others need it.
        return True


def _plain(value: Any) -> bool | float | str:
    return format_size(value) if isinstance(value, tuple) else value


def _table(config: Config, names: list[str]) -> str:
    rows = "".join(f"| {escaped(name)} | {escaped(str(_plain(getattr(config, name))))} |\n" for name in names)
    return f"| option | value |\n|---|---|\n{rows}"
