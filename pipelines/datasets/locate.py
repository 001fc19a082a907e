"""From what the user calls a data set to the folder that holds it."""

import pathlib

from pipelines.datasets.catalogue import DATASETS
from pipelines.datasets.demo import make_demo
from pipelines.datasets.fetch import fetch
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.terminal import InputError

DEMO = "demo"


def dataset_folder(data: str, data_dir: str, make: bool = True) -> AnyPath:
    """Returns the folder with train/ and val/, made or fetched if it is a name that is not there yet.

    Args:
      data: `demo`, a key of DATASETS, or a folder; also one in an object store, such as gs://bucket/shards.
      data_dir: where named data sets are kept.
      make: False where it is a run's config, perhaps somebody else's, that says so, and not the user.

    Raises:
      InputError: not there, and not to be made; neither a name nor a folder, or the data set cannot be had.
    """
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
    """Which half of this data set is usually the source; the left one, `AtoB`, where nothing is known."""
    if data == DEMO:
        return "BtoA"
    return DATASETS[data].direction if data in DATASETS else "AtoB"
