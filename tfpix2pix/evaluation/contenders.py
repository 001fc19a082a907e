"""The trained generators that a comparison names on its command line."""

import dataclasses
import pathlib
import re

from pipelines.images.size import format_size
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints

# A folder's name may hold anything; what stands behind its last @ or : is taken for a checkpoint or statistics.
RUN = re.compile(r"(?P<folder>.*?)(?:@(?P<checkpoint>[^@:/]+))?(?::(?P<statistics>[^@:/]+))?", re.DOTALL)
# What all runs must have alike: otherwise their images are not of one kind.
SHARED = ("image_size", "direction", "source_channels", "target_channels")


@dataclasses.dataclass(frozen=True)
class Run:
    """A trained generator, as it is named on the command line.

    Attributes:
      name: unique among the runs.
      folder: its run directory.
      config: of its training, with the statistics that are asked for.
      step: of its checkpoint.
    """

    name: str
    folder: pathlib.Path
    config: Config
    step: int


def parse(arguments: list[str], checkpoint: str) -> dict[str, list[Run]]:
    """Arguments such as `runs/a`, `b=runs/b@latest:moving` or `c=runs/c-0,runs/c-1` as groups of runs, by name.

    Args:
      arguments: each [NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS], or several of these with commas between them.
      checkpoint: of runs that name none: best, latest or a step.

    Raises:
      InputError: fewer than two, a name twice, or a run or checkpoint that is not there.
    """
    if len(arguments) < 2:
        raise InputError("a comparison needs two run directories or more: compare RUN_A RUN_B")
    groups = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        texts = (text if equals else argument).split(",")
        name = name if equals else _short_name(argument)
        if name in groups:
            raise InputError(f"{argument}: two runs have the name {name}; give each its own, NAME=RUN_DIR")
        labels = [name] if len(texts) == 1 else [f"{name}, {_short_name(text)}" for text in texts]
        groups[name] = [_parse_run(label, text, checkpoint) for label, text in zip(labels, texts, strict=True)]
    names = [run.name for group in groups.values() for run in group]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: one run is given twice")
    return groups


def _short_name(text: str) -> str:
    """The last part of a path, with what stands behind it: `runs/a@latest` becomes `a@latest`."""
    return text.rstrip("/").rpartition("/")[2]


def _parse_run(name: str, text: str, checkpoint: str) -> Run:
    match = RUN.fullmatch(text)
    if match["statistics"] and match["statistics"] not in NORM_STATISTICS:
        raise InputError(f"{text}: {match['statistics']} is none of {', '.join(NORM_STATISTICS)}")
    folder = pathlib.Path(match["folder"])
    config = config_json.load(folder)
    if match["statistics"]:
        config = dataclasses.replace(config, norm_statistics=match["statistics"])
    step = Checkpoints(folder, best_by=config.best_by).choose(match["checkpoint"] or checkpoint)
    return Run(name, folder, config, step)


def check_alike(runs: list[Run], same_data: bool) -> None:
    """Raises InputError where a run's images are of another kind than the first one's.

    Args:
      runs: at least one.
      same_data: whether their data sets must be the same too.
    """
    first = runs[0]
    for run in runs[1:]:
        for option in (*SHARED, "data") if same_data else SHARED:
            ours, theirs = getattr(first.config, option), getattr(run.config, option)
            if option == "data":
                # The same folder by another name is the same data.
                ours, theirs = pathlib.Path(ours).resolve(), pathlib.Path(theirs).resolve()
            if ours != theirs:
                ours, theirs = (format_size(v) if isinstance(v, tuple) else v for v in (ours, theirs))
                remedy = "give --data=FOLDER to measure all on that" if option == "data" else "leave one of them out"
                raise InputError(f"{first.folder} has {option}={ours} and {run.folder} {theirs}: {remedy}")
