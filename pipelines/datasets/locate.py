"""Finds the folder of a data set from its name; makes or fetches it if needed."""

import pathlib

from pipelines.datasets.catalogue import DATASETS
from pipelines.datasets.demo import make_demo
from pipelines.datasets.fetch import fetch
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

DEMO = "demo"


def dataset_folder(data: str, data_dir: str, make: bool = True) -> AnyPath:
    """Returns the folder with train/ and val/; makes or fetches a named data set that does not exist yet.

    Args:
      data: `demo`, a key of DATASETS, or a folder; also one in an object store, such as gs://bucket/shards.
      data_dir: where named data sets are kept.
      make: False if the name comes from a run's config, which may be somebody else's, and not from the user.

    Raises:
      InputError: `data` is neither a name nor a folder; the download fails; or the folder does not exist and `make` is
        False.
    """
    if not data:
        raise InputError("data= names no data set; give --data=NAME or --data=FOLDER")
    if data in (DEMO, *DATASETS) and not make and not (pathlib.Path(data_dir) / data).is_dir():
        raise InputError(
            f"data={data} of the run is not in {data_dir}; give --data={data} to have it made or fetched there, or "
            "--data=FOLDER"
        )
    if data == DEMO:
        return make_demo(pathlib.Path(data_dir) / DEMO)
    if data in DATASETS:
        return fetch(data, DATASETS[data], pathlib.Path(data_dir))
    folder = parse_path(data)
    if not folder.is_dir():
        names = ", ".join((DEMO, *DATASETS))
        raise InputError(f"data={data} is neither a folder nor a data set's name; the names are {names}")
    return folder


def usual_direction(data: str) -> str:
    """Returns the usual direction of a data set: `AtoB`, from left to right, if nothing is known."""
    if data == DEMO:
        return "BtoA"
    return DATASETS[data].direction if data in DATASETS else "AtoB"
