"""Images in blocks, each the work of one worker, done once however often it is begun."""

import concurrent.futures
import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Sequence

from pipelines.storage.validity import Readable, length_of
from pipelines.system.paths import AnyPath, parse_path, put
from pipelines.system.untrusted_json import parse_json

# Requests under way at once while the results of blocks are read.
READERS = 16


@dataclasses.dataclass(frozen=True)
class Block:
    """Some images, in order.

    Attributes:
      number: of this block, from 0.
      count: of all blocks.
      output: folder that its result goes to.
      title: what the results are called.
      images: name and file of each.
    """

    number: int
    count: int
    output: str
    title: str
    images: Sequence[tuple[str, Readable]]

    @property
    def stem(self) -> str:
        """Such as train-00000-of-00004."""
        return f"{self.title}-{self.number:05d}-of-{self.count:05d}"

    @property
    def result_path(self) -> AnyPath:
        """What is written when all else of the block is."""
        return parse_path(self.output) / f"{self.stem}.json"

    def once(self, recipe: str, work: Callable[[], dict]) -> None:
        """Does the work and writes its result, unless that is there, of the same images and the same recipe.

        Args:
          recipe: whatever else the result depends on.
          work: returns the result, as JSON can hold it.
        """
        key = self._key(recipe)
        try:
            if parse_json(self.result_path.read_text())["key"] == key:
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass
        put(self.result_path, json.dumps({"key": key, **work()}).encode())

    def result(self) -> dict:
        """What `once` wrote."""
        return json.loads(self.result_path.read_text())

    def _key(self, recipe: str) -> str:
        """Tells whether names, sizes and recipe are the same."""

        def line(image: tuple[str, Readable]) -> str:
            name, file = image
            try:
                found = length_of(file)
            except OSError:
                found = -1
            return f"{name} {found}\n"

        with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
            lines = "".join(pool.map(line, self.images))
        return hashlib.sha256(f"{recipe}\n{lines}".encode(errors="surrogateescape")).hexdigest()


def cut(names: Sequence[str], files: Sequence[Readable], count: int, output: AnyPath, title: str) -> list[Block]:
    """Cuts images into blocks of even length, the same ones whatever does the work.

    Args:
      names: of the images.
      files: as many.
      count: of blocks.
      output: as Block has it.
      title: as Block has it.
    """
    bounds = [len(names) * number // count for number in range(count + 1)]
    return [
        Block(number, count, str(output), title, tuple((names[i], files[i]) for i in range(start, stop)))
        for number, (start, stop) in enumerate(itertools.pairwise(bounds))
    ]


def results(blocks: Sequence[Block]) -> list[dict]:
    """What was written of each."""
    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(Block.result, blocks))
