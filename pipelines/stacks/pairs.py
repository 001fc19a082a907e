"""The slices of pairs of stacks, as a set of images."""

import pathlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.header import BadImageError
from pipelines.stacks.slices import SlicePair, StackFile
from pipelines.storage.file_set import FileSet, fingerprint_of, unless_changed
from pipelines.storage.paired_files import name_order
from pipelines.system.paths import AnyPath

# Digits of a slice's number in its name, so that names have the slices' order.
DIGITS = 6

# Both stacks of a pair.
StackPair = tuple[StackFile, StackFile]


class SlicePairs(FileSet[SlicePair]):
    """An ImageSet of pairs of slices; each image is a packed pair.

    Args:
      folders: of A and of B.
      stacks: the pairs of stacks by name, in the order of names.
      places: `(n, 2)` of the slices: which pair of stacks, which slice of both.
      sizes: `(n,)` of the packed pairs in bytes, as they were first read.
      digests: `(n, 8)` uint8, likewise.
      note: what people should know about how the stacks are read; empty if nothing.
    """

    kind = "pairs"
    is_packed = True

    def __init__(
        self,
        folders: tuple[AnyPath, AnyPath],
        stacks: dict[str, StackPair],
        places: np.ndarray,
        sizes: np.ndarray | None = None,
        digests: np.ndarray | None = None,
        *,
        note: str = "",
    ):
        super().__init__((), sizes, digests)
        self.note = note
        self.folder, self.folders, self.stacks, self._places = folders[0], folders, stacks, places
        self._stack_names = list(stacks)

    def __str__(self) -> str:
        return f"{self.folders[0]} with {self.folders[1]}"

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> SlicePair:
        name, place = self._place(index)
        a, b = self.stacks[name]
        return SlicePair(a, b, place)

    @property
    def stack_count(self) -> int:
        """The number of pairs of stacks that have slices in the set."""
        return len(np.unique(self._places[:, 0]))

    @property
    def stack_words(self) -> str:
        """Counts them, such as `3 pairs of stacks`."""
        return f"{self.stack_count} pairs of stacks" if self.stack_count != 1 else "1 pair of stacks"

    def name(self, index: int) -> str:
        """Returns the name of the pair of stacks, and the number of the slice, from 0."""
        name, place = self._place(index)
        return f"{name}/{place:0{DIGITS}}"

    def _place(self, index: int) -> tuple[str, int]:
        stack, place = self._places[index].tolist()
        return self._stack_names[stack], place

    def _with(self, rows: Sequence[int], sizes: np.ndarray | None, digests: np.ndarray | None) -> "SlicePairs":
        places = self._places[np.asarray(rows, np.int64)]
        return SlicePairs(self.folders, self.stacks, places, sizes, digests, note=self.note)

    def containers(self) -> list[AnyPath]:
        """Returns the folders of A and of B."""
        return list(self.folders)

    def fingerprint(self) -> str:
        """Returns a digest of the slices' names and sizes, in order."""
        sizes = [self[index].size() for index in range(len(self))] if self._sizes is None else self._sizes
        return fingerprint_of(self.names(), sizes)

    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the packed bytes, to be used inside tf.data."""
        digests = None if self._digests is None else tf.constant(self._digests)

        def read_packed(index: int) -> bytes:
            try:
                return self[int(index)].read_bytes()
            except (OSError, BadImageError):
                return b""

        def read(index: tf.Tensor) -> tf.Tensor:
            packed = tf.ensure_shape(tf.numpy_function(read_packed, [index], tf.string), ())
            return packed if digests is None else unless_changed(packed, digests[index])

        return read

    def with_missing(self, names: Iterable[str]) -> "SlicePairs":
        """Returns the set with these slices in their places, even if their stacks no longer exist."""
        wanted = {*self.names(), *names}
        stacks = dict(self.stacks)
        forms = [stack.form for stack in next(iter(stacks.values()))]
        for name in {name.rpartition("/")[0] for name in wanted} - stacks.keys():
            a, b = (
                StackFile(pathlib.Path(folder / name), form) for folder, form in zip(self.folders, forms, strict=True)
            )
            stacks[name] = a, b
        stacks = {name: stacks[name] for name in sorted(stacks, key=name_order)}
        order = {name: number for number, name in enumerate(stacks)}
        places = sorted((order[stack], int(place)) for stack, _, place in (name.rpartition("/") for name in wanted))
        return SlicePairs(self.folders, stacks, np.array(places, np.int64), note=self.note).made_of(self)

    def index_of(self, name: str, index: int) -> int:
        """Returns the index of the slice with this name."""
        return self.names().index(name)

    def count_missing(self) -> int:
        """Counts the slices whose stacks no longer exist."""
        gone = {name for name, pair in self.stacks.items() if not all(stack.path.exists() for stack in pair)}
        return sum(self._place(index)[0] in gone for index in range(len(self)))
