"""Opens a folder of shards by a manifest.json and an index, and reads from it."""

import contextlib
import hashlib
import json
import pathlib
import shutil
import tempfile

from pipelines.storage import records
from pipelines.storage.manifest import Manifest
from pipelines.storage.records import write_shard
from pipelines.storage.shards import Shards
from pipelines.system.terminal import InputError
from tests.fuzz.mutate import mutator

EXPECTED = (InputError,)
SPLIT = b"\n--index--\n"

with tempfile.TemporaryDirectory() as made:
    path = pathlib.Path(made) / "train-00000-of-00001.tfrecord"
    shard = write_shard(path, [("a.png", b"first"), ("b.png", b"second image")])
    Manifest("pairs", 2, 17, {"3": 2}, (8, 8), (16, 16), [shard], {"c.png": "no image"}).save(path.parent)
    SHARD, INDEX = path.read_bytes(), records.index_path(path).read_bytes()
    MANIFEST = (path.parent / "manifest.json").read_bytes()

SEEDS = [
    MANIFEST,
    MANIFEST + SPLIT + INDEX,
    MANIFEST + SPLIT + INDEX[:8] + INDEX[16:],
    MANIFEST.replace(b"train-", b"../train-"),
    json.dumps({**json.loads(MANIFEST), "shards": [], "records": 0}).encode(),
    b'{"format": 2}',
]
MUTATOR = mutator(split=SPLIT)


def target(data, folder):
    text, _, index = data.partition(SPLIT)
    (folder / shard.name).write_bytes(SHARD)
    if index:
        # The manifest gets the index's digest: digests show damage, not malice.
        text = text.replace(shard.index_sha256.encode(), hashlib.sha256(index).hexdigest().encode())
    (folder / f"{shard.name}{records.INDEX_SUFFIX}").write_bytes(index or INDEX)
    (folder / "manifest.json").write_bytes(text)
    opened = Shards(folder)
    assert opened.fingerprint()
    for record in (opened[0], opened[-1]) if len(opened) else ():
        assert pathlib.Path(record.path).parent == folder
        assert 0 <= record.start < record.stop <= len(SHARD)
        # A wrong offset leads to a wrong checksum.
        with contextlib.suppress(OSError):
            record.read()
    shutil.rmtree(folder)
