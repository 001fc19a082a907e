"""Training pairs that could no longer be read: kept in the run directory, so that a run goes on as it would have."""

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
# Not the temporary file of another worker, nor that of a killed one, whose names begin with a dot.
FILES = "[0-9]*.json"


class Lost:
    """One small file a pair, run_dir/lost/<index>.json, since of several workers any may find one.

    Args:
      run_dir: need not be there before `add`.
    """

    def __init__(self, run_dir: pathlib.Path):
        self.folder = run_dir / FOLDER

    def __len__(self) -> int:
        return len(list(self.folder.glob(FILES)))

    def load(self) -> list[LostPair]:
        """All of them, by index.

        Raises:
          InputError: a file of them cannot be read.
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
        """Keeps one."""
        self.folder.mkdir(exist_ok=True)
        write_whole(self.folder / f"{pair.index:08d}.json", json.dumps(dataclasses.asdict(pair), indent=2) + "\n")


def _check(pair: LostPair) -> None:
    """Raises ValueError or TypeError where it is not as `add` writes it."""
    counts, texts = (pair.index, pair.size), (pair.name, pair.reason, pair.digest)
    if not all(type(count) is int and 0 <= count < 1 << 63 for count in counts):
        raise ValueError("what counts something is no number")
    if not all(type(text) is str for text in texts):
        raise TypeError("a name is no text")
    # A file's name, unlike a record's, is below the data's folder.
    if pair.digest and not (re.fullmatch("[0-9a-f]{16}", pair.digest) and is_below(pair.name)):
        raise ValueError("a name or a digest is none of ours")
