"""Defines what every set of encoded images can do, whether it lies in files or in shards."""

import abc
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import tensorflow as tf

from pipelines.images.size import Size
from pipelines.storage.file_pair import FilePair, PartPair
from pipelines.storage.records import Record
from pipelines.system.paths import AnyPath

# An encoded image: a file, a pair of files or of parts of them, or a record of a shard.
Readable = AnyPath | FilePair | PartPair | Record


@dataclasses.dataclass(frozen=True)
class Identity:
    """Tells an image from another one under its name.

    Attributes:
      name: of a file, below the set's folder; of a record, the shard and the record.
      size: of a file in bytes, when it was first read; 0 of a record, which has a checksum.
      digest: of a file, in hex; empty of a record.
    """

    name: str
    size: int = 0
    digest: str = ""


class ImageSet(abc.ABC):
    """Gives encoded images by index.

    The methods with a body fit sets that were read when they were made, and have checksums.

    Attributes:
      folder: where the images lie.
      kind: `pairs` or `images`, if the set says so; else None.
      skipped: the images that were left out when the set was made, with the reason.
      left_out: the files that were not taken for images of the set, with a reason that follows their count.
      load_size: (height, width) to which its pairs were resized when it was made; None: they are as they were.
      resize_methods: by which A and B were, if they were.
      was_read: whether each image was read and found good when the set was made.
    """

    folder: AnyPath
    kind: str | None = None
    skipped: Mapping[str, str] = {}
    left_out: Mapping[AnyPath, str] = {}
    load_size: Size | None = None
    resize_methods: tuple[str, str] | None = None
    was_read: bool = True

    def __str__(self) -> str:
        return str(self.folder)

    @property
    def is_packed(self) -> bool:
        """Whether its images are packed pairs of two files."""
        return False

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def __getitem__(self, index: int) -> Readable: ...

    def __iter__(self) -> Iterator[Readable]:
        return (self[index] for index in range(len(self)))

    @abc.abstractmethod
    def select(self, indices: Sequence[int]) -> "ImageSet":
        """Returns a set of some of the images, in this order."""

    @abc.abstractmethod
    def names(self) -> list[str]:
        """Returns the names of the images: paths below the folder that they came from."""

    @abc.abstractmethod
    def containers(self) -> list[AnyPath]:
        """Returns the files or folders without which no image can be read."""

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Returns a digest that changes with the images and their order."""

    @abc.abstractmethod
    def reader(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns a function from a scalar int64 index to the encoded bytes, to be used inside tf.data.

        It returns an empty string for a file that has changed since `as_read`.
        """

    def with_missing(self, names: Iterable[str]) -> "ImageSet":
        """Returns the set with these files in their places, even if they no longer exist."""
        return self

    def as_read(self, sizes: np.ndarray, digests: np.ndarray) -> "ImageSet":
        """Returns the set, which now knows its files' sizes `(n,)` in bytes and digests `(n, 8)` uint8."""
        return self

    def index_of(self, name: str, index: int) -> int:
        """Returns the index of an image that had this name and index when it was first read."""
        return index

    def identity(self, index: int) -> Identity:
        """Returns what tells an image from another one under its name."""
        return Identity(str(self[index]))

    def identities(self) -> list[Identity]:
        """Returns the identity of every file; none of records, since `fingerprint` covers their contents."""
        return []

    def is_unchanged(self, index: int, contents: bytes) -> bool:
        """Tells whether these are the bytes that the image had when it was first read."""
        return True

    def contents_fingerprint(self) -> str | None:
        """Returns a digest of the files' contents; None if `fingerprint` covers them."""
        return None

    def count_missing(self) -> int:
        """Counts the files that no longer exist."""
        return 0
