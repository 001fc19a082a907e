"""Reads what a comparison names: runs, `b=runs/b@latest:moving`, exported files, and folders of generated images."""

import dataclasses
import pathlib
import re

from pipelines.storage.listing import list_folder
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.exported.open_model import MODEL_SUFFIXES, is_model
from tfpix2pix.networks.choices import NORM_STATISTICS
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints

# A folder's name may hold anything; what follows its last @ or : is taken for a checkpoint or for statistics.
CONTENDER = re.compile(r"(.*?)(?:@([^@:/]+))?(?::([^@:/]+))?\Z", re.DOTALL)
# Options that all contenders must have alike: otherwise their images are not of one kind.
SHARED = ("direction", "source_channels", "source_context", "target_channels", "target_labels", "target_mask")


@dataclasses.dataclass(frozen=True)
class Other:
    """What is compared besides runs.

    Attributes:
      name: unique among the contenders.
      path: of an exported file, of a SavedModel, or of a folder of generated images.
    """

    name: str
    path: pathlib.Path

    def __str__(self) -> str:
        """Says what it is, in one line."""
        return str(self.path)


class Exported(Other):
    """An exported generator."""


class Folder(Other):
    """A folder of images that any program has generated."""

    def __str__(self) -> str:
        """Says what it is, in one line."""
        return f"{self.path}, generated images"


@dataclasses.dataclass(frozen=True)
class Contender:
    """A trained generator that is compared.

    Attributes:
      name: unique among the contenders.
      folder: its run directory.
      config: of its training, with the norm statistics that were asked for.
      step: of its checkpoint.
    """

    name: str
    folder: pathlib.Path
    config: Config
    step: int

    def __str__(self) -> str:
        """Says which generator it is, in one line."""
        which = Checkpoints(self.folder, best_by=self.config.best_by).words(self.step)
        return f"{self.folder}, norm statistics {self.config.norm_statistics}, {which}"


def parse_contenders(arguments: list[str], checkpoint: str) -> dict[str, list[Contender | Other]]:
    """Parses the arguments of a comparison into groups of contenders, by name.

    Args:
      arguments: each [NAME=]RUN_DIR[@CHECKPOINT][:NORM_STATISTICS], or an exported file or a folder of images, or
        several of these with commas between them.
      checkpoint: of contenders that name none: best, latest or a step.

    Raises:
      InputError: there are fewer than two, a name occurs twice, or a run or a checkpoint is not there.
    """
    if len(arguments) < 2:
        raise InputError(
            "a comparison needs two runs or more, or exported files or folders of images too: compare RUN_A RUN_B"
        )
    groups: dict[str, list[Contender | Other]] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        texts = (text if equals else argument).split(",")
        name = name if equals else _short_name(argument)
        if name in groups:
            raise InputError(f"{argument}: two runs have the name {name}; give each its own, NAME=RUN_DIR")
        labels = [name] if len(texts) == 1 else [f"{name}, {_short_name(text)}" for text in texts]
        groups[name] = [_parse_one(label, text, checkpoint) for label, text in zip(labels, texts, strict=True)]
    names = [contender.name for group in groups.values() for contender in group]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: one run is given twice; leave one of them out")
    return groups


def _short_name(text: str) -> str:
    """Returns the last part of a path: `runs/a@latest` becomes `a@latest`."""
    return text.rstrip("/").rpartition("/")[2]


def _parse_one(name: str, text: str, checkpoint: str) -> Contender | Other:
    path = pathlib.Path(text)
    if path.suffix.lower() in MODEL_SUFFIXES and not path.exists():
        raise InputError(f"{path} does not exist; give an exported file or a run directory that does")

    if is_model(path):
        return Exported(name, path)
    if path.is_dir() and not config_json.holds_run(path) and list_folder(path).files:
        return Folder(name, path)
    folder_name, own_checkpoint, statistics = CONTENDER.findall(text)[0]
    if statistics and statistics not in NORM_STATISTICS:
        known = ", ".join(NORM_STATISTICS)
        raise InputError(f"{text}: {statistics} is none of {known}; give RUN_DIR:STATISTICS with one of them")
    folder = pathlib.Path(folder_name)
    config = config_json.load(folder)
    if statistics:
        config = dataclasses.replace(config, norm_statistics=statistics)
    step = Checkpoints(folder, best_by=config.best_by).choose(own_checkpoint or checkpoint)
    return Contender(name, folder, config, step)


def check_comparable(contenders: list[Contender], same_data: bool) -> None:
    """Raises InputError if the images of a contender are of another kind than those of the first.

    Args:
      contenders: at least one.
      same_data: whether their data sets must be the same too.
    """
    first = contenders[0]
    for other in contenders[1:]:
        for option in (*SHARED, "data") if same_data else SHARED:
            ours, theirs = getattr(first.config, option), getattr(other.config, option)
            is_alike = ours == theirs
            if option == "data":
                # The same folder by another name is the same data.
                is_alike = _folders(first.config) == _folders(other.config)
                ours, theirs = first.config.data_words, other.config.data_words
            if not is_alike:
                remedy = "give --data=FOLDER to measure all on that" if option == "data" else "leave one of them out"
                raise InputError(f"{first.folder} has {option}={ours} and {other.folder} {theirs}: {remedy}")


def _folders(config: Config) -> list[pathlib.Path]:
    return [
        pathlib.Path(each).resolve() for each in ([config.data_a, config.data_b] if config.data_a else [config.data])
    ]
