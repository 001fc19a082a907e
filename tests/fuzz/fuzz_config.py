"""Loads the config.json of a run directory."""

import json

from pipelines.system.terminal import InputError
from tests.fuzz.mutate import mutator
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json

EXPECTED = (InputError,)
SEEDS = [
    Config().to_json().encode(),
    json.dumps({"image_size": [64, 128], "learning_rate": 1, "norm": "instance", "epochs": 3}).encode(),
    b'{"beta1": NaN, "seed": -1, "data": "\\ud800", "crop": 1}',
    b"[" * 3000,
]
MUTATOR = mutator(split=b"\0")


def target(data, folder):
    (folder / "config.json").write_bytes(data)
    loaded = config_json.load(folder)
    # A loaded config can be saved and loaded again, and can be resolved.
    config_json.save(loaded, folder)
    assert config_json.load(folder) == loaded
    loaded.resolved()
