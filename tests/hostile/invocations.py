"""Builds the command lines that give a spoiled input, in a folder of its own, to each command."""

import pathlib

from tests.hostile.inputs import Seeds

# Images of 16×16 and two levels: most of the time goes into tracing the networks.
SIDE = 16
TINY = (
    f"--image_size={SIDE}",
    "--depth=2",
    "--generator_width=2",
    "--discriminator_width=2",
    "--discriminator_layers=1",
    "--samples=2",
    "--log_every=1",
)


def run_of(own: pathlib.Path, seeds: Seeds) -> pathlib.Path:
    """Returns the spoiled run if there is one, else the sound one."""
    return own / "run" if (own / "run").exists() else seeds.run_dir


def data_of(own: pathlib.Path, seeds: Seeds) -> pathlib.Path:
    """Returns the spoiled shards if there are any, else the sound pairs."""
    return own / "shards" if (own / "shards").exists() else seeds.pairs


def train_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Trains three steps on the spoiled shards, or resumes the spoiled run."""
    options = (*TINY, f"--data={data_of(own, seeds)}", "--direction=BtoA", "--checkpoint_every=1", "--max_steps=3")
    return "tfpix2pix.train", *options, f"--run_dir={own / 'run'}"


def evaluate_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Evaluates the spoiled shards' training split, or the spoiled run."""
    options = (f"--run_dir={run_of(own, seeds)}", f"--data={data_of(own, seeds)}", "--split=train")
    return (
        "tfpix2pix.evaluate",
        *options,
        f"--output={own / 'out'}",
        "--checkpoint=latest",
        "--nofeatures",
        "--nobaselines",
    )


def bulk_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Translates the spoiled shards in bulk."""
    return "export.bulk", f"--model={model}", f"--input={own / 'shards' / 'train'}", f"--output={own / 'out'}"


def translate_by(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Translates by the spoiled run."""
    options = (f"--input={seeds.pairs / 'val'}", f"--output={own / 'out'}", "--checkpoint=latest")
    return "tfpix2pix.translate", f"--run_dir={own / 'run'}", *options


def check_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Checks the spoiled shards."""
    return "pipelines.prepare", "check", f"--data={own / 'shards'}"


def fetch_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Fetches an archive that lies in place of its download."""
    return "pipelines.prepare", "fetch", "--data=edges2shoes", f"--data_dir={own / 'data'}"


def flags_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Reads the options of a training from the spoiled flagfile, and stops."""
    return "tfpix2pix.train", f"--flagfile={own / 'flags'}", f"--run_dir={own / 'run'}", "--dry_run"


ON_SHARDS = {"check": check_of, "train": train_on, "evaluate": evaluate_on, "bulk": bulk_on}
BY_RUN = {"train": train_on, "translate": translate_by, "evaluate": evaluate_on}
COMMANDS = {
    "shard": ON_SHARDS,
    "manifest": ON_SHARDS,
    "shard index": ON_SHARDS,
    "tar.gz": {"fetch": fetch_of},
    "config.json": BY_RUN,
    "flagfile": {"train": flags_of},
    "checkpoint": BY_RUN,
}
# Where a command may write, below an input's folder.
WRITTEN = {
    "fetch": "data/edges2shoes",
    "check": "nowhere",
    "train": "run/",
    "translate": "out/",
    "evaluate": "out/",
    "bulk": "out/",
}
