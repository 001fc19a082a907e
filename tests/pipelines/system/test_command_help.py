"""--help: each option once, in one entry, under its group's heading."""

import dataclasses
import re

import pytest
from absl import flags

from pipelines.images.size import SizeParser, SizeSerializer
from pipelines.system import command_help
from pipelines.system.command_help import help_text
from tests.helpers.commands import command_module
from tfpix2pix.config import Config
from tfpix2pix.options.data_options import Data
from tfpix2pix.options.network_options import Networks
from tfpix2pix.options.objective_options import Objective
from tfpix2pix.options.optimization_options import Optimization
from tfpix2pix.options.output_options import Output

GROUPS = {"data": Data, "networks": Networks, "objective": Objective, "optimization": Optimization, "output": Output}

EXPECTED = """\
Does nothing, well.

the command itself
  --output=...                folder for the results
  --[no]loud                  say so (off)
  --flagfile=FILE             options from a file, or of a recipe: one, two

sizes: of pictures
  --size=8x16                 height x width
  --rate_that_has_a_long_name=1e-08
                              a number, described at some length, so that its
                              words take two lines
  --name=""                   a text
  --loss=hinge                the loss (vanilla, hinge)
  --mode=pad                  pad: with a border; crop: without

Behind each = stands the default. --helpfull shows absl's options, too."""


def test_every_kind_of_option(monkeypatch):
    monkeypatch.setattr(command_help, "_headings", {})
    values = flags.FlagValues()
    flags.DEFINE_string("output", None, "folder for the results", flag_values=values)
    flags.DEFINE(SizeParser(), "size", "8x16", "height x width", flag_values=values, serializer=SizeSerializer())
    long = "a number, described at some length, so that its words take two lines"
    flags.DEFINE_float("rate_that_has_a_long_name", 1e-8, long, flag_values=values)
    flags.DEFINE_bool("loud", False, "say so", flag_values=values)
    flags.DEFINE_string("name", "", "a text", flag_values=values)
    flags.DEFINE_enum("loss", "hinge", ["vanilla", "hinge"], "the loss", flag_values=values)
    flags.DEFINE_enum("mode", "pad", ["pad", "crop"], "pad: with a border; crop: without", flag_values=values)
    order = ("output", "size", "rate_that_has_a_long_name", "loud", "name", "loss", "mode")
    for name in order:
        if name not in ("output", "loud"):
            command_help.put_under("sizes: of pictures", name)
    assert help_text("Does nothing, well.\n", [values[name] for name in order], ["one", "two"], 80) == EXPECTED


def test_options_that_are_given_several_times():
    values = flags.FlagValues()
    flags.DEFINE_multi_enum("kinds", ["a", "b"], ["a", "b"], "which; repeat it", flag_values=values)
    flags.DEFINE_multi_string("more", [], "an option of another program", flag_values=values)
    shown = help_text("Exports.", [values["kinds"], values["more"]], [], 80)
    assert shown.splitlines()[2:5] == [
        "options",
        "  --kinds=...                 which; repeat it; default: all (a, b)",
        "  --more=...                  an option of another program; default: none",
    ]


@pytest.mark.parametrize("command", ["train", "preview", "benchmark"])
def test_the_options_of_training_stand_under_their_groups(command):
    module = command_module(f"tfpix2pix.{command}")
    before = set(flags.FLAGS)
    module.define_flags()
    try:
        options = flags.FLAGS.get_key_flags_for_module(module.__name__)
        text = help_text(module.__doc__, options, [], 80)
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
    parts = re.split(r"^(\w[\w ]*)(?::.*)?\n(?=  --)", text, flags=re.M)
    listed = {
        heading: re.findall(r"^  --(?:\[no\])?(\w+)", part, re.M)
        for heading, part in zip(parts[1::2], parts[2::2], strict=True)
    }
    own = listed.pop("the command itself")
    assert list(listed) == list(GROUPS)
    assert listed == {heading: [f.name for f in dataclasses.fields(group)] for heading, group in GROUPS.items()}
    assert [name for names in listed.values() for name in names] == [f.name for f in dataclasses.fields(Config)]
    assert not set(own) & {f.name for f in dataclasses.fields(Config)}
