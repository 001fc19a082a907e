"""Reads log.jsonl, data.json, meta.json and a lost pair of a run directory, joined into one input."""

import math
import pathlib

import numpy as np

from pipelines.images.pair_format import PairFormat
from pipelines.pairs import Pairs
from pipelines.storage.image_files import Files
from pipelines.system.terminal import InputError
from tests.fuzz.mutate import mutator
from tfpix2pix.run_dir import data_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.run_dir.lost_pairs import Lost

EXPECTED = (InputError,)
SPLIT = b"\n----\n"
FILES = Files(pathlib.Path("train"), [pathlib.Path("train/0.png")]).as_read(np.array([7]), np.zeros((1, 8), np.uint8))
PAIRS = Pairs(FILES, PairFormat("AtoB", (8, 8)), {})
FINGERPRINT = PAIRS.fingerprint().encode()
SEEDS = [
    SPLIT.join(
        [
            b'{"step": 1, "epoch": 0.5, "generator/l1": 0.25}\n{"step": 2, "epoch": 1.0, "validation/l1": NaN}\n{"st',
            b'{"pairs": 1, "fingerprint": "%b", "skipped": [], "files": {"0.png": "7 0000000000000000"}, "validation": '
            b'{"pairs": 1, "fingerprint": "%b", "contents": "c"}}' % (FINGERPRINT, FINGERPRINT),
            b'{"step": 1, "validation": {"l1": 0.5}}',
            b'{"index": 0, "name": "0.png", "reason": "gone", "size": 7, "digest": "0000000000000000"}',
        ]
    ),
    SPLIT.join(
        [b'5\n[]\n{"step": 1e400, "epoch": 9}\n\xff\n{"step": "1"}', b'{"pairs": 1, "fingerprint": "g"}', b"[]"]
    ),
    SPLIT.join([b"[" * 2000, b"{" * 10, b'{"validation": {"l1": "x"}}']),
]
MUTATOR = mutator(split=SPLIT)


def target(data, folder):
    log, pairs, meta, lost = [*data.split(SPLIT), b"", b"", b""][:4]
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
    (folder / "train").mkdir()
    (folder / "train" / "1.png").touch()
    assert all(type(pair.name) is str for pair in data_json.missing_pairs(folder, Files(folder / "train", [])))
    data_json.differences(folder, PAIRS, PAIRS)
    (folder / "lost").mkdir()
    (folder / "lost" / "00000000.json").write_bytes(lost)
    assert all(0 <= pair.index < 1 << 63 for pair in Lost(folder).load())
