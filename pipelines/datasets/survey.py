"""Looks at every pair of a split, in one pass and with little memory: numbers, sizes, equal images, fine structure."""

import dataclasses
import threading
from collections.abc import Callable, Iterator

from pipelines.datasets.side_survey import Look, SideSurvey, look_at
from pipelines.images import codecs, packed_pair
from pipelines.images.header import BadImageError
from pipelines.images.pair_format import PairFormat
from pipelines.images.seam import has_seam
from pipelines.storage.image_set import ImageSet, Readable
from pipelines.storage.sample import spread_indices
from pipelines.storage.validity import read_file, read_files
from pipelines.system.terminal import InputError, progress_bar

# Pairs that a training and a preview look at before they begin: fewer of large images, so that it takes seconds.
SAMPLE = 32
MIN_SAMPLE = 4
SAMPLE_BYTES = 2**28


@dataclasses.dataclass(frozen=True)
class PairLook:
    """The facts that a survey keeps of one pair.

    Attributes:
      source: its source.
      target: its target.
      is_one_image: whether both lie side by side in one image.
      has_seam: as seam.has_seam of that image.
    """

    source: Look
    target: Look
    is_one_image: bool
    has_seam: bool | None


class Survey:
    """Collects what the pairs of a split are.

    Attributes:
      form: how they will be read.
      source: their sources.
      target: their targets.
      names: of the pairs.
      equal_sides: pairs whose source has the pixels of their target.
      unlike_shapes: pairs whose source has another ratio of height to width than their target.
      side_by_side: pairs that are one image.
      seams: those of them in which two images visibly meet in the middle.
      no_seams: those that go on there, as single images do.
    """

    def __init__(self, form: PairFormat):
        self.form = form
        self.source = SideSurvey()
        self.target = SideSurvey()
        self.names: list[str] = []
        self.equal_sides = 0
        self.unlike_shapes = 0
        self.side_by_side = 0
        self.seams = 0
        self.no_seams = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sides(self) -> dict[str, SideSurvey]:
        """Both sides by name."""
        return {"source": self.source, "target": self.target}

    def look(self, contents: bytes) -> PairLook:
        """Decodes a pair and counts its numbers, in any thread; returns what `add` takes.

        Raises:
          BadImageError: it cannot be decoded.
        """
        is_one_image = not packed_pair.is_packed(contents)
        seam = None
        if is_one_image:
            whole = self.form.decode_whole(contents)
            source, target = self.form.split_raster(whole)
            seam = has_seam(whole.values)
        else:
            files = dict(zip("AB", packed_pair.unpack(contents), strict=True))
            source, target = (self.form.of_side(side).decode(files[side]) for side in self.form.sides())
        looks = look_at(source, self.form.size), look_at(target, self.form.size)
        with self._lock:
            self.source.count(source)
            self.target.count(target)
        return PairLook(*looks, is_one_image, seam)

    def add(self, name: str, pair: PairLook) -> None:
        """Adds the next pair."""
        self.names.append(name)
        self.source.add(pair.source)
        self.target.add(pair.target)
        self.equal_sides += pair.source.digest == pair.target.digest
        (height, width), (other_height, other_width) = pair.source.size, pair.target.size
        # One pixel more or less comes of rounding.
        self.unlike_shapes += abs(height * other_width - other_height * width) > max(other_width, other_height)
        self.side_by_side += pair.is_one_image
        self.seams += pair.has_seam is True
        self.no_seams += pair.has_seam is False

    def repeated(self) -> int:
        """Counts the pairs that are equal to another one before them."""
        return len(self) - len({*_digests(self)})


def survey_pairs(
    files: ImageSet, form: PairFormat, title: str, check: Callable[[bytes], object] = len
) -> tuple[Survey, dict[Readable, str]]:
    """Looks at all pairs, with a progress bar of this title; returns the bad ones with the reason, too.

    Args:
      files: the pairs.
      form: how they will be read.
      title: of the progress bar.
      check: called with the bytes of each; raises, as read_file's `decode` does, for what is bad besides.
    """
    survey, bad = Survey(form), {}

    def look(contents: bytes) -> PairLook:
        check(contents)
        return survey.look(contents)

    results = progress_bar(read_files(files, look, form.max_pixels), title, len(files))
    for name, file, result in zip(_names(files), files, results, strict=True):
        if isinstance(result, BadImageError):
            bad[file] = result.reason
        else:
            survey.add(name, result)
    return survey, bad


def _names(files: ImageSet) -> list[str]:
    """Returns the images' names; those of a damaged shard's records, which cannot be asked for theirs, by place."""
    try:
        return files.names()
    except InputError:
        return [files.identity(index).name for index in range(len(files))]


def survey_sample(files: ImageSet, form: PairFormat) -> Survey:
    """Looks at up to SAMPLE pairs at even distances; leaves out bad ones."""
    try:
        size = read_file(files[0], lambda contents: _decoded_bytes(contents, form), form.max_pixels)
        count = min(SAMPLE, max(MIN_SAMPLE, SAMPLE_BYTES // max(size, 1)))
    except BadImageError:
        count = MIN_SAMPLE
    sample = files.select(spread_indices(len(files), count))
    return survey_pairs(sample, form, f"looking at {files.folder}")[0]


def _decoded_bytes(contents: bytes, form: PairFormat) -> int:
    """Returns how much memory a pair takes when it is decoded, by its header."""
    headers = [codecs.probe(part, form.source.axes) for part in packed_pair.files_of(contents)]
    return sum(header.height * header.width * header.channels * header.dtype.itemsize for header in headers)


def same_pairs(first: Survey, second: Survey) -> Iterator[tuple[str, str]]:
    """Yields the names of two pairs, one of either split, that have the same pixels on both sides."""
    names = dict(zip(_digests(first), first.names, strict=True))
    for digests, name in zip(_digests(second), second.names, strict=True):
        if digests in names:
            yield names[digests], name


def _digests(survey: Survey) -> Iterator[tuple[int, int]]:
    return zip(survey.source.digests, survey.target.digests, strict=True)
