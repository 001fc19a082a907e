"""log.jsonl, data.json and meta.json of a run directory, one behind the other."""

import math

from mutate import mutator

from pipelines.command import InputError
from tfpix2pix import run_dir
from tfpix2pix.checkpoint import Checkpoints
from tfpix2pix.config import Config
from tfpix2pix.journal import read_log

EXPECTED = (InputError,)
SPLIT = b"\n----\n"
SEEDS = [
    SPLIT.join(
        [
            b'{"step": 1, "epoch": 0.5, "generator/l1": 0.25}\n{"step": 2, "epoch": 1.0, "validation/l1": NaN}\n{"st',
            b'{"pairs": 3, "fingerprint": "f", "skipped": []}',
            b'{"step": 1, "validation": {"l1": 0.5}}',
        ]
    ),
    SPLIT.join(
        [b'5\n[]\n{"step": 1e400, "epoch": 9}\n\xff\n{"step": "1"}', b'{"pairs": 1, "fingerprint": "g"}', b"[]"]
    ),
    SPLIT.join([b"[" * 2000, b"{" * 10, b'{"validation": {"l1": "x"}}']),
]
MUTATOR = mutator(split=SPLIT)


class Pairs:
    """What claim asks of a data set."""

    skipped = ()

    def __len__(self):
        return 3

    def fingerprint(self):
        return "f"


def target(data, folder):
    log, pairs, meta = [*data.split(SPLIT), b"", b""][:3]
    (folder / "log.jsonl").write_bytes(log)
    for record in read_log(folder):
        assert type(record["step"]) is int
        assert all(type(value) is float for name, value in record.items() if name != "step")
    checkpoints = Checkpoints(folder)
    (folder / "checkpoints" / "00000001").mkdir(parents=True)
    (folder / "checkpoints" / "00000001" / "meta.json").write_bytes(meta)
    assert checkpoints.choose("best") == 1
    assert all(math.isnan(value) or value <= math.inf for value in checkpoints.validation(1).values())
    (folder / "data.json").write_bytes(pairs)
    run_dir.claim(folder, Config(), Pairs())
