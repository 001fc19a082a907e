"""A generator to share: a run directory with weights as safetensors in place of checkpoints, from a folder or a hub."""

import dataclasses
import json
import os
import pathlib
import shutil
from typing import Any

from pipelines.system.disk import write_whole
from pipelines.system.terminal import InputError, reason
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json, data_json
from tfpix2pix.run_dir.checkpoints import FOLDER, META_FILE, Checkpoints, write_meta
from tfpix2pix.weights.network_weights import NetworkWeights
from tfpix2pix.weights.weight_file import read_weights_of, write_file

# The name that Hugging Face's pages know.
WEIGHTS_FILE = "model.safetensors"
# What is before a repository's name on Hugging Face.
HUB = "hf://"
# What a run needs of a repository; its card and pictures stay there.
NEEDED = (config_json.CONFIG_FILE, data_json.DATA_FILE, WEIGHTS_FILE, f"{FOLDER}/*/{META_FILE}")
# What a stranger need not know of the data: the names of its files.
TOLD_OF_DATA = ("pairs", "fingerprint", "contents", "aspects", "size")


def find_run(run_dir: str | os.PathLike[str]) -> pathlib.Path:
    """Returns the folder of a run: the path itself, or what was downloaded of `hf://OWNER/NAME` or `...@REVISION`.

    Raises:
      InputError: the repository cannot be had, or is not named so.
    """
    text = os.fspath(run_dir)
    if not text.startswith(HUB):
        return pathlib.Path(text)
    # It takes a second to import, and few need it.
    import huggingface_hub

    name, _, revision = text.removeprefix(HUB).partition("@")
    try:
        folder = huggingface_hub.snapshot_download(name, revision=revision or None, allow_patterns=list(NEEDED))
    except (OSError, ValueError) as error:
        raise InputError(
            f"run_dir={text} cannot be downloaded ({reason(error)}); give {HUB}OWNER/NAME of a model repository that "
            "export.card wrote, or a local copy of it"
        ) from None
    return pathlib.Path(str(folder))


def name_of(run_dir: pathlib.Path) -> str:
    """Returns what people call a run: the name of its folder, or of the repository of which `find_run` has a copy."""
    folder = run_dir.resolve()
    # The hub's cache has models--OWNER--NAME/snapshots/REVISION.
    return folder.parent.parent.name.rpartition("--")[2] if folder.parent.name == "snapshots" else folder.name


def is_shared(run_dir: str | os.PathLike[str]) -> bool:
    """Tells whether a run directory holds the weights of a generator alone."""
    return (pathlib.Path(run_dir) / WEIGHTS_FILE).exists()


def read(run_dir: pathlib.Path) -> NetworkWeights:
    """Reads the generator's weights; raises InputError if they cannot be read."""
    return read_weights_of("generator", run_dir / WEIGHTS_FILE)


def write(
    folder: pathlib.Path,
    run_dir: pathlib.Path,
    config: Config,
    weights: NetworkWeights,
    step: int,
    validation: dict[str, float],
) -> None:
    """Writes what `NEEDED` names into a folder that exists.

    Nothing tells where files lay, or what they were called.

    Args:
      folder: of the result.
      run_dir: of the run.
      config: of the run.
      weights: of its generator.
      step: of its checkpoint.
      validation: the metrics of that step.
    """
    write_file(weights.tensors, folder / WEIGHTS_FILE)
    config_json.save(without_places(config), folder)
    checkpoints = Checkpoints(folder)
    # The weights are of one step.
    shutil.rmtree(checkpoints.folder, ignore_errors=True)
    checkpoints.path(step).mkdir(parents=True)
    write_meta(checkpoints.path(step), step, validation)
    if data := data_json.described(run_dir):
        told = {name: data[name] for name in TOLD_OF_DATA if name in data}
        told["validation"] = {name: data["validation"][name] for name in TOLD_OF_DATA if name in data["validation"]}
        write_whole(folder / data_json.DATA_FILE, json.dumps(told | {"skipped": []}, indent=2) + "\n")


def without_places(config: Config) -> Config:
    """Returns the options of a run without folders of the machine that trained it; its data set keeps its name."""
    places = ("data", "data_a", "data_b", "init_from")
    names: dict[str, Any] = {name: pathlib.PurePath(getattr(config, name)).name for name in places}
    return dataclasses.replace(config.without_machine_options(), **names)
