"""Readers of data from outside raise InputError or skip it: the cases that fuzzing found."""

import dataclasses
import hashlib
import json
import math
import tracemalloc

import numpy as np
import pytest

from pipelines.images.pair_format import PairFormat
from pipelines.pairs import open_pairs
from pipelines.storage import records
from pipelines.storage.manifest import Manifest
from pipelines.storage.manifest import load as load_manifest
from pipelines.storage.records import write_shard
from pipelines.storage.shards import Shards
from pipelines.system import terminal
from pipelines.system.terminal import InputError
from pipelines.system.untrusted_json import parse_json
from tests.helpers.checksum import masked_crc
from tests.helpers.runs import make_pairs
from tfpix2pix.config import Config
from tfpix2pix.devices.cluster import find_cluster
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.claim import claim
from tfpix2pix.run_dir.log_jsonl import read_log

DEEP = "[" * 100_000


def test_json_that_is_nested_too_deep():
    assert parse_json('{"a": [1]}') == {"a": [1]}
    with pytest.raises(ValueError, match="nested too deep"):
        parse_json(DEEP)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DEEP, "nested too deep"),
        ("\udcff", "codec can't decode"),
        ("[[1]]", "unhashable"),
        ('{"learning_rate": NaN}', "learning_rate=nan"),
        ('{"l1_weight": 1e400}', "l1_weight=inf"),
        ('{"batch_size": -5}', "batch_size=-5"),
        ('{"beta1": 1}', "beta1=1"),
        ('{"source_channels": 257}', "source_channels=257"),
        ('{"image_size": [64, -64]}', r"image_size=\[64, -64\]"),
        ('{"image_size": [64, 1000000]}', r"image_size=\[64, 1000000\]"),
        ('{"data": %s}' % ("9" * 1000), f"data={'9' * 100} "),
    ],
)
def test_config(tmp_path, text, reason):
    (tmp_path / "config.json").write_text(text, errors="surrogateescape")
    with pytest.raises(InputError, match=rf"config.json .*{reason}"):
        config_json.load(tmp_path)


def test_every_option_is_saved_and_read_again(tmp_path):
    config = Config().resolved()
    config_json.save(config, tmp_path)
    assert config_json.load(tmp_path) == config


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        (b"--data=a\n\xff\n", "the flagfile cannot be read ('utf-8' codec"),
        (b"--flagfile=a\0b\n", "the flagfile cannot be read (embedded null byte)"),
        (b"--" + b"x" * 3000 + b"=1\n", "a flag's name is longer than any flag's"),
        (b"--nothing=1\n", "Unknown command line flag 'nothing'"),
    ],
)
def test_flagfile(tmp_path, capsys, contents, reason):
    (tmp_path / "x.flags").write_bytes(contents)
    with pytest.raises(SystemExit) as end:
        terminal.parse_flags(["x", f"--flagfile={tmp_path / 'x.flags'}"])
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"error: {reason}")
    assert printed.count("\n") == 1


def as_tf_config(**parts):
    return json.dumps({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 0}} | parts)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DEEP, "it is nested too deep"),
        (as_tf_config(task={"index": math.inf}), "cannot convert float infinity"),
        (as_tf_config(cluster={"worker": "ab"}), "'a' is not a host:port"),
        (as_tf_config(cluster={"worker": [1, 2]}), "1 is not a host:port"),
        (as_tf_config(cluster={"worker": ["a:1", "b:x"]}), "'b:x' is not a host:port"),
        (as_tf_config(cluster={"worker": ["a:1", "b 2:2"]}), "'b 2:2' is not a host:port"),
    ],
)
def test_tf_config(text, reason):
    with pytest.raises(InputError, match=r"TF_CONFIG=.*") as error:
        find_cluster("auto", {"TF_CONFIG": text})
    assert f"cannot be used ({reason}" in str(error.value)


@pytest.mark.parametrize("address", ["[::1]:2222", "10.0.0.1:1", "tf-worker-0.jobs.svc:2222", "host_1:65535"])
def test_valid_addresses(address):
    assert (
        find_cluster("auto", {"TF_CONFIG": as_tf_config(cluster={"worker": ["a:1", address]})}).addresses[1] == address
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [("STEP_NODELIST", "n[1-99999999]"), ("STEP_TASKS_PER_NODE", "1(x99999999)"), ("STEP_NUM_TASKS", "9" * 9)],
)
def test_slurm_that_names_too_many(name, value):
    slurm = {
        "STEP_NUM_TASKS": "2",
        "PROCID": "0",
        "STEP_NODELIST": "n[1-2]",
        "STEP_TASKS_PER_NODE": "1(x2)",
        "JOB_ID": "1",
    }
    assert find_cluster("auto", {f"SLURM_{key}": text for key, text in slurm.items()}).addresses == (
        "n1:20001",
        "n2:20001",
    )
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than 100000 workers"):
            find_cluster("auto", {f"SLURM_{key}": text for key, text in (slurm | {name: value}).items()})
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_log_keeps_what_is_a_record(tmp_path):
    good = {"step": 1, "epoch": 0.5, "validation/l1": 0.25}
    lines = [
        json.dumps(good),
        "5",
        "[]",
        '{"epoch": 1}',
        '{"step": 2}',
        '{"step": 2.5, "epoch": 1}',
        '{"step": 2, "epoch": "x"}',
        '{"step": 2, "epoch": 1, "generator/l1": []}',
        '{"step": 2, "epoch": %s}' % ("9" * 400),
        '{"step": 1e400, "epoch": 1}',
        "\udcff",
        DEEP,
        '{"step": 3, "epoch": 1, "validation/l1": NaN}',
        '{"step": 4, "epo',
    ]
    (tmp_path / "log.jsonl").write_text("\n".join(lines), errors="surrogateescape")
    first, second = read_log(tmp_path)
    assert first == good
    assert second["step"] == 3
    assert math.isnan(second["validation/l1"])


@pytest.mark.parametrize("text", ["[]", '{"validation": [1]}', '{"validation": {"l1": []}}', "\udcff", DEEP, "5", ""])
def test_a_checkpoint_without_a_validation_that_can_be_read(tmp_path, text):
    folder = tmp_path / "checkpoints" / "00000007"
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(text, errors="surrogateescape")
    assert Checkpoints(tmp_path).validation(7) == {}
    assert Checkpoints(tmp_path).choose("best") == 7


OUTSIDE = '{"pairs": 6, "fingerprint": "", "files": {"../0.png": "1 0000000000000000"}}'


def test_data_json_of_something_else(tmp_path):
    pairs = open_pairs(make_pairs(tmp_path / "p") / "train", PairFormat("AtoB", (64, 64)))
    for contents in (DEEP, '{"pairs": 6}', "[]", '{"pairs": 6, "fingerprint": "", "files": {"0.png": "1"}}', OUTSIDE):
        (tmp_path / "data.json").write_text(contents)
        with pytest.raises(InputError, match=r"data\.json"):
            claim(tmp_path, Config(), pairs, pairs)


@pytest.fixture
def shards(tmp_path):
    path = tmp_path / "s" / "train-00000-of-00001.tfrecord"
    path.parent.mkdir()
    shard = write_shard(path, [("a.png", b"first"), ("b.png", b"second image")])
    Manifest("pairs", 2, 17, {"3": 2}, (8, 8), (16, 16), [shard], {}).save(path.parent)
    return path.parent, shard


def rewritten(folder, shard, **changes):
    """Its manifest as a dict, with other values: of the shard where it has such, or of the manifest."""
    values = json.loads((folder / "manifest.json").read_text())
    for name, value in changes.items():
        (values["shards"][0] if name in dataclasses.asdict(shard) and name != "records" else values)[name] = value
    (folder / "manifest.json").write_text(json.dumps(values))


def test_shards_as_they_were_written(shards):
    opened = Shards(shards[0])
    assert [record.read() for record in opened] == [("a.png", b"first"), ("b.png", b"second image")]


@pytest.mark.parametrize("length", [2**40, 2**64 - 1, 0])
def test_record_of_a_forged_length(shards, length):
    folder, shard = shards
    contents = (folder / shard.name).read_bytes()
    assert masked_crc(contents[:8]).to_bytes(4, "little") == contents[8:12]
    header = length.to_bytes(8, "little")
    forged = header + masked_crc(header).to_bytes(4, "little") + contents[12:]
    (folder / shard.name).write_bytes(forged)
    first, second = Shards(folder)
    with pytest.raises(OSError, match="its length"):
        first.read()
    assert second.read() == ("b.png", b"second image")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../s/train-00000-of-00001.tfrecord"},
        {"name": "/etc/passwd.tfrecord"},
        {"name": "a\0.tfrecord"},
        {"name": "\ud800.tfrecord"},
        {"name": ".."},
        {"name": 5},
        {"bytes": -1},
        {"bytes": 1e400},
        {"index_sha256": None},
        {"records": 3},
        {"records": True},
        {"shards": [], "records": 0},
        {"sha256": "\ud800"},
        {"shards": {}},
        {"kind": "others"},
        {"kind": []},
        {"channels": {"3": "2"}},
        {"channels": []},
        {"heights": [8]},
        {"widths": 8},
        {"skipped": ["c.png"]},
        {"shards": [[]]},
    ],
)
def test_manifest(shards, changes):
    rewritten(*shards, **changes)
    with pytest.raises(InputError, match=r"manifest.json cannot be read; make the shards again"):
        load_manifest(shards[0])


def test_manifest_that_is_nested_too_deep(shards):
    (shards[0] / "manifest.json").write_text(DEEP)
    with pytest.raises(InputError, match=r"manifest.json cannot be read"):
        load_manifest(shards[0])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda offsets: offsets[:-1], "other offsets"),
        (lambda offsets: offsets[1:], "other offsets"),
        (lambda offsets: offsets + np.array([0, 0, 8], "<u8"), "other offsets"),
        (lambda offsets: offsets[[0, 2, 2]], "do not ascend"),
        (lambda offsets: np.where([False, True, False], 2**64 - 1, offsets), "do not ascend"),
        (lambda offsets: np.where([False, True, False], 2**40, offsets), "do not ascend"),
        (lambda offsets: np.frombuffer(offsets.tobytes()[:-1], np.uint8), "other offsets"),
    ],
)
def test_index_of_an_honest_digest(shards, change, reason):
    folder, shard = shards
    path = records.index_path(folder / shard.name)
    contents = change(np.frombuffer(path.read_bytes(), "<u8")).tobytes()
    path.write_bytes(contents)
    rewritten(folder, shard, index_sha256=hashlib.sha256(contents).hexdigest())
    with pytest.raises(InputError, match=f"tfrecord.index has .*{reason}"):
        Shards(folder)
