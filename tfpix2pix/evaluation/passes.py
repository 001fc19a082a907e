"""Groups what a comparison measures into passes over the same images, each at a size of its own."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np

from pipelines.images.choices import OWN_SHAPE
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size, format_size
from pipelines.pairs import Pairs
from pipelines.storage.file_pair import FilePair
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.paths import AnyPath
from pipelines.system.terminal import InputError
from tfpix2pix.evaluation.columns import contender_columns
from tfpix2pix.evaluation.contenders import Contender, Exported, Folder
from tfpix2pix.evaluation.measure_options import MeasureOptions
from tfpix2pix.evaluation.metric_networks import available_networks
from tfpix2pix.evaluation.result_folders import match_results, open_results, read_headers, results_for, shapes_of
from tfpix2pix.evaluation.subject import Subject, make_subject, open_subject
from tfpix2pix.exported.model_file import ModelFile
from tfpix2pix.exported.open_model import open_model
from tfpix2pix.quality.measure import Column


@dataclasses.dataclass
class Pass:
    """Holds what is measured together, on images of one size.

    Attributes:
      subject: the images.
      measured: what they are, in words.
      columns: by name of contender.
      needs: pairs that columns need besides.
      models: as Subject.measure has them.
    """

    subject: Subject
    measured: str
    columns: dict[str, Column] = dataclasses.field(default_factory=dict)
    needs: dict[str, Pairs] = dataclasses.field(default_factory=dict)
    models: dict[str, Callable[[np.ndarray], np.ndarray]] = dataclasses.field(default_factory=dict)

    def add_model(self, name: str, model: ModelFile) -> None:
        """Adds an exported generator; raises InputError if it is for other images."""
        config = self.subject.config
        model.check(dataclasses.asdict(config), self.subject.pairs.shape)
        need = f"results of {name}"
        self.models[need] = functools.partial(model.translate, multiple=config.multiple)
        self.columns[name] = lambda batch: [batch[need]]


# Passes, and what a reader must know of images that are not measured.
Passes = tuple[list[Pass], list[str]]


def passes_of_split(
    runs: Sequence[Contender],
    exported: Sequence[Exported],
    folders: Sequence[Folder],
    options: MeasureOptions,
    match: str,
) -> Passes:
    """Opens a split once for each scale at which one of the contenders is measured.

    Args:
      runs: at least one; exported files are measured at the scale of the first.
      exported: by the options of the first run.
      folders: of images generated from the split, each at the size of its images.
      options: what is measured.
      match: two patterns, of the generated images and of the split's pairs; equal names if it is empty.

    Raises:
      InputError: something cannot be opened, or does not fit the others.
    """
    scales: dict[str, list[Contender]] = {}
    for run in runs:
        scales.setdefault(run.config.measured_at, []).append(run)
    subjects = {scale: open_subject(group[0].config, options) for scale, group in scales.items()}
    images = {folder.name: _images_of(folder, next(iter(subjects.values())), match) for folder in folders}
    # In the order of the first, those that all have.
    first, *others = ([*subject.pairs.files.names()] for subject in subjects.values())
    common = [name for name in first if all(name in found for found in (*map(set, others), *images.values()))]
    if not common:
        raise InputError("the contenders have no image in common; compare fewer of them")
    notes = []
    for name, found in images.items():
        if missing := [each for each in first if each not in found]:
            notes.append(f"{name} lacks {len(missing)} of {len(first)} images, such as {missing[0]}.")
    if len(common) < len(first):
        notes.append(f"All are measured on the {len(common)} images that every one has.")
    passes = []
    for scale, subject in subjects.items():
        places = {name: place for place, name in enumerate(subject.pairs.files.names())}
        if len(common) < len(places):
            subject = dataclasses.replace(subject, pairs=subject.pairs.select([places[name] for name in common]))
        opened = Pass(subject, scale)
        for run in scales[scale]:
            columns, needs = contender_columns(run, subject.pairs)
            opened.columns |= columns
            opened.needs |= needs
        passes.append(opened)
    for model in exported:
        passes[0].add_model(model.name, open_model(model.path))
    for folder in folders:
        files = [images[folder.name][name] for name in common]
        opened = _pass_of_folder(folder, files, passes, options)
        need = f"images of {folder.name}"
        opened.needs[need] = _generated(folder, files, common, opened.subject)
        opened.columns[folder.name] = functools.partial(lambda batch, need: [batch[need][0]], need=need)
    return passes, notes


def _images_of(folder: Folder, subject: Subject, match: str) -> dict[str, AnyPath]:
    files = subject.pairs.files
    return results_for(folder.path, files.names(), not isinstance(files, PairedFiles), match)


def _pass_of_folder(folder: Folder, files: Sequence[AnyPath], passes: list[Pass], options: MeasureOptions) -> Pass:
    """Returns the pass at the size of a folder's images, which is added if there is none yet."""
    shapes = shapes_of(read_headers(files, f"looking at {folder.path}"))
    for opened in passes:
        pairs = opened.subject.pairs
        theirs = np.array([pairs.shape] * len(files)) if pairs.shape else pairs.shapes
        if np.array_equal(shapes, theirs):
            return opened
    form = passes[0].subject.pairs.form
    if form.preprocess in OWN_SHAPE or (shapes != shapes[0]).any():
        raise InputError(
            f"{folder.path}: its images have other sizes than those that are measured ({passes[0].measured}), such as "
            f"{files[0]} with {format_size(_size(shapes[0]))}; generate them at these sizes"
        )
    size = _size(shapes[0])
    subject = passes[0].subject
    pairs = dataclasses.replace(
        subject.pairs, form=dataclasses.replace(form, size=size, crop=size, middle_pixels=0), cache=None, shapes=None
    )
    available = available_networks(subject.config, options)
    passes.append(
        Pass(make_subject(subject.config, options, pairs, available), f"whole pictures at {format_size(size)}")
    )
    return passes[-1]


def _size(shape: np.ndarray) -> Size:
    height, width = shape.tolist()
    return height, width


def _generated(folder: Folder, files: Sequence[AnyPath], names: Sequence[str], subject: Subject) -> Pairs:
    """Returns a folder's images as sources of pairs, whose targets are the same files."""
    target = subject.config.image_format("target")
    form = PairFormat("AtoB", subject.config.image_size, target, target, preprocess="none", whole=True)
    pairs = PairedFiles((folder.path, folder.path), names, [FilePair(file, file) for file in files])
    opened = subject.pairs
    shapes = np.array([opened.shape] * len(files)) if opened.shape else opened.shapes
    return Pairs(pairs, form, skipped={}, shapes=shapes)


def passes_of_folders(
    folders: Sequence[Folder], targets: str, sources: str, options: MeasureOptions, match: str
) -> Passes:
    """Opens folders of generated images with their targets, each folder in a pass of its own.

    Args:
      folders: at least two.
      targets: folder.
      sources: folder, or empty.
      options: what is measured.
      match: as match_results has it.

    Raises:
      InputError: there are no images that all have, or a file is bad.
    """
    matched = [match_results(str(folder.path), targets, sources, match) for folder in folders]
    common = [target for target in matched[0].files if all(target in found.files for found in matched)]
    if not common:
        raise InputError(f"{' and '.join(str(folder.path) for folder in folders)} have no image in common")
    notes = []
    for folder, found in zip(folders, matched, strict=True):
        if found.left_out:
            file, reason = next(iter(found.left_out.items()))
            notes.append(f"{folder.name}: {len(found.left_out)} files have no partner, such as {file}: {reason}.")
        if len(common) < len(found.files):
            notes.append(
                f"{folder.name}: {len(found.files) - len(common)} images are left out, since others lack them."
            )
    passes = []
    for folder, found in zip(folders, matched, strict=True):
        subject, resized = open_results(found.select(common), options)
        shape = subject.pairs.shape
        words = format_size(shape) if shape else "sizes of their own"
        measured = f"images of {words}{f', {resized}' if resized else ''}"
        passes.append(Pass(subject, measured, {folder.name: lambda batch: [batch["source"]]}))
    if any([*opened.subject.pairs.files.names()] != [*passes[0].subject.pairs.files.names()] for opened in passes):
        raise InputError("some images of one of the folders are bad, and the others have them; remove them everywhere")
    return passes, notes


def missing_of(passes: Sequence[Pass]) -> dict[str, str]:
    """Returns what was measured in none or not in all of the passes, and why."""
    found: dict[str, str] = {}
    for opened in reversed(passes):
        found |= opened.subject.missing
    return found


def scale_note(passes: Sequence[Pass]) -> list[str]:
    """Says that contenders are measured at sizes of their own, if they are."""
    if len({opened.subject.pairs.shape for opened in passes}) == 1 and len({opened.measured for opened in passes}) == 1:
        return []
    parts = [f"{', '.join(opened.columns)}: {opened.measured}" for opened in passes]
    return [
        f"Each is measured at its own size, against targets of that size ({'; '.join(parts)}). Small images have less "
        "detail to get wrong, so a difference may be that of the sizes."
    ]
