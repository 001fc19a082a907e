"""Parses a flagfile on the command line of training."""

import contextlib
import io
import math

from absl import flags
from absl.testing import flagsaver

from pipelines.system import terminal
from pipelines.system.terminal import InputError
from tfpix2pix import config

EXPECTED = (InputError,)
SEEDS = [
    b"# a recipe\n--data=facades\n--image_size=64x128\n--nocrop\n--learning_rate=1e-3\n",
    b"--norm=instance\n--gan_loss=lsgan\n--epochs=5\n--decay_epochs=6\n--flagfile=other\n",
    b"--undefok=nothing\n--nothing=1\n--beta1=nan\n--seed=99999999999999999999\n",
    b"--flagfile=recipe.flags\n\xff\xfe\n// also a comment\n-data x\n--\n--dropout\n0.3",
]

# absl's suggestions for misspelled flags take three quarters of the time.
flags._flagvalues._helpers.get_flag_suggestions = lambda attempt, names: []
config.define_config_flags()
flags.FLAGS.mark_as_parsed()


def target(data, folder):
    # It may name other flagfiles, but not an endless device.
    if b"/dev/" in data:
        return
    (folder / "recipe.flags").write_bytes(data)
    saved = flagsaver.save_flag_values()
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.chdir(folder):
            rest = terminal.parse_flags(["train", "--flagfile=recipe.flags"])
        terminal.no_arguments(rest)
        resolved = config.config_from_flags(flags.FLAGS).resolved()
        assert math.isfinite(resolved.learning_rate)
    except SystemExit as end:
        if end.code != terminal.USAGE_EXIT_CODE:
            raise AssertionError(f"exit code {end.code}") from end
    finally:
        flagsaver.restore_flag_values(saved)
