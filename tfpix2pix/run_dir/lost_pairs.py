"""Records the training pairs that could no longer be read, so that a run resumes with the same replacements."""

import dataclasses
import json
import pathlib
import re

from pipelines.pairs import LostPair
from pipelines.system.disk import write_whole
from pipelines.system.paths import is_below
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json

FOLDER = "lost"
# Excludes the temporary files of other workers and of killed ones, whose names begin with a dot.
FILES = "[0-9]*.json"


class Lost:
    """Keeps one small file for each lost pair, run_dir/lost/<index>.json: any of several workers may find one.

    Args:
      run_dir: need not exist before `add`.
    """

    def __init__(self, run_dir: pathlib.Path):
        self.folder = run_dir / FOLDER

    def __len__(self) -> int:
        return len(list(self.folder.glob(FILES)))

    def load(self) -> list[LostPair]:
        """Reads all lost pairs, by index.

        Raises:
          InputError: one of their files cannot be read.
        """
        pairs = []
        for path in sorted(self.folder.glob(FILES)):
            try:
                pair = LostPair(**parse_json(path.read_text()))
                _check(pair)
            except (ValueError, TypeError) as error:
                raise InputError(f"{path} cannot be read ({error}); restore it, or give another --run_dir") from None
            pairs.append(pair)
        return pairs

    def add(self, pair: LostPair) -> None:
        """Records one pair."""
        self.folder.mkdir(exist_ok=True)
        write_whole(self.folder / f"{pair.index:08d}.json", json.dumps(dataclasses.asdict(pair), indent=2) + "\n")


def _check(pair: LostPair) -> None:
    """Raises ValueError or TypeError if a pair is not as `add` writes it."""
    counts, texts = (pair.index, pair.size), (pair.name, pair.reason, pair.digest)
    if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
        raise ValueError("its index or size is not a number")
    if not all(type(text) is str for text in texts):
        raise TypeError("its name, reason or digest is not a text")
    # A pair with a digest is a file, whose name must stay below the data's folder.
    if pair.digest and not (re.fullmatch("[0-9a-f]{16}", pair.digest) and is_below(pair.name)):
        raise ValueError("its name or digest is not one")
