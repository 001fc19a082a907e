"""Cuts images into blocks, each the work of one worker, which is done once however often it is begun."""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence

from pipelines.storage.image_set import ImageSet, Readable
from pipelines.storage.validity import length_of
from pipelines.system.disk import write_whole
from pipelines.system.paths import AnyPath, parse_path
from pipelines.system.untrusted_json import parse_json

# Simultaneous requests while the results of blocks are read.
READERS = 16


@dataclasses.dataclass(frozen=True)
class Block:
    """Some images, in order.

    Attributes:
      number: of this block, from 0.
      count: of all blocks.
      output: the folder for its result.
      title: begins the results' names.
      images: name and file of each.
    """

    number: int
    count: int
    output: str
    title: str
    images: Sequence[tuple[str, Readable]]

    @property
    def stem(self) -> str:
        """Returns a name such as train-00000-of-00004."""
        return f"{self.title}-{self.number:05d}-of-{self.count:05d}"

    @property
    def result_path(self) -> AnyPath:
        """Returns the path of the result, which is written after all else of the block."""
        return parse_path(self.output) / f"{self.stem}.json"

    def once(self, recipe: str, work: Callable[[], dict]) -> None:
        """Does the work and writes its result, unless a result of the same images and recipe exists.

        Args:
          recipe: whatever else the result depends on.
          work: returns the result, for JSON.
        """
        key = self._key(recipe)
        try:
            if parse_json(self.result_path.read_text())["key"] == key:
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass
        write_whole(self.result_path, json.dumps({"key": key, **work()}))

    def result(self) -> dict:
        """Returns what `once` wrote."""
        return parse_json(self.result_path.read_text())

    def _key(self, recipe: str) -> str:
        """Returns a digest of names, sizes and recipe."""

        def line(image: tuple[str, Readable]) -> str:
            name, file = image
            try:
                length = length_of(file)
            except OSError:
                length = -1
            return f"{name} {length}\n"

        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            lines = "".join(pool.map(line, self.images))
        return hashlib.sha256(f"{recipe}\n{lines}".encode(errors="surrogateescape")).hexdigest()


def cut_blocks(
    names: Sequence[str], files: Sequence[Readable] | ImageSet, count: int, output: AnyPath, title: str
) -> list[Block]:
    """Cuts images into blocks of even length, which do not depend on the runner.

    Args:
      names: of the images.
      files: as many.
      count: of blocks.
      output: as in Block.
      title: as in Block.
    """
    bounds = [len(names) * number // count for number in range(count + 1)]
    return [
        Block(number, count, str(output), title, tuple((names[i], files[i]) for i in range(start, stop)))
        for number, (start, stop) in enumerate(itertools.pairwise(bounds))
    ]


def results_of(blocks: Sequence[Block]) -> list[dict]:
    """Reads the results of blocks."""
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(Block.result, blocks))
