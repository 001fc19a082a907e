"""Tables that say what the compared runs are: the options in which they differ, and the facts of each."""

import dataclasses
from collections.abc import Mapping

from pipelines.images.size import format_size
from tfpix2pix.config import Config
from tfpix2pix.report.page import Table


def options_table(configs: Mapping[str, Config]) -> Table | None:
    """Returns the options in which runs differ, one a row; None if they are all alike.

    Args:
      configs: by name of run.
    """
    rows = []
    for field in dataclasses.fields(Config):
        values = [getattr(config, field.name) for config in configs.values()]
        # Of what describes the machine, only what decides what was learned.
        is_told = field.metadata["change"] != "machine" or field.name in ("data", "data_a", "data_b", "init_from")
        if is_told and any(value != values[0] for value in values):
            rows.append((field.name, [_shown(value) for value in values], None))
    return Table("options in which the runs differ", [*configs], rows, corner="option") if rows else None


def facts_table(facts: Mapping[str, Mapping[str, str]]) -> Table:
    """Returns what each run is, one fact a row.

    Args:
      facts: by name of run, then of the fact.
    """
    names = list(dict.fromkeys(name for each in facts.values() for name in each))
    rows = [(name, [each.get(name, "-") for each in facts.values()], None) for name in names]
    return Table("what each run is", [*facts], rows, corner="run")


def _shown(value: object) -> str:
    return format_size(value) if isinstance(value, tuple) else "-" if value == "" else str(value)
