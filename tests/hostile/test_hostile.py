"""Tests spoiled files: each is refused in one line, skipped and counted, or accepted."""

import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from export.bulk_job import plan
from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset
from pipelines.pairs import naming_unreadable, open_pairs
from pipelines.sharding.inventory import Inventory, summed
from pipelines.storage import manifest, records
from pipelines.storage.shards import Shards
from pipelines.system.terminal import InputError
from tests.helpers.checksum import masked_crc
from tests.helpers.runs import make_pairs
from tests.hostile import check
from tests.hostile.inputs import with_index
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json

# Fewer of each kind than `make hostile` has.
SHARE = 0.1
COUNTS = {"shard": 2, "manifest": 1, "shard index": 1, "tar.gz": 6, "config.json": 1, "flagfile": 4, "checkpoint": 2}
FORM = PairFormat("AtoB", (64, 64))


@pytest.mark.slow
def test_spoiled_inputs_through_every_command(tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    (tmp_path / "a" / "b").mkdir(parents=True)
    tally = check.run_all(tmp_path / "a" / "b", SHARE, COUNTS)
    assert not tally.faults
    accepted = sum(counts["accepted"] for counts in tally.counts.values())
    left_out = sum(counts["refused"] + counts["skipped"] for counts in tally.counts.values())
    # Not everything is accepted, and not everything is refused.
    assert accepted > 5
    assert left_out > 40


def write_shards(folder, images):
    folder.mkdir()
    inventory = Inventory()
    for _, contents in images:
        inventory.add(contents)
    shard = records.write_shard(folder / "train-00000-of-00001.tfrecord", images)
    part = {"shard": dataclasses.asdict(shard), "skipped": {}, **inventory.to_dict()}
    summed([part], "pairs").save(folder)
    return folder


@pytest.fixture
def images(tmp_path):
    return [(path.name, path.read_bytes()) for path in sorted((make_pairs(tmp_path / "p") / "train").iterdir())]


@pytest.fixture
def shards(images, tmp_path):
    return write_shards(tmp_path / "s", images)


def vouch(folder, **changes):
    """Changes the manifest's first shard."""
    found = manifest.load(folder)
    changed = dataclasses.replace(found.shards[0], **changes)
    dataclasses.replace(found, shards=[changed], records=changed.records).save(folder)


@pytest.mark.parametrize("length", [2**60, 2**40, 2**64 - 16, 0])
def test_a_record_with_a_false_length_is_refused(shards, length):
    """TensorFlow's kernel trusts a length with a right checksum, and dies of 2^60 bytes."""
    path = min(shards.glob("*.tfrecord"))
    whole, second = bytearray(path.read_bytes()), Shards(shards)[1].start
    word = length.to_bytes(8, "little")
    whole[second : second + 12] = word + masked_crc(word).to_bytes(4, "little")
    path.write_bytes(whole)
    with pytest.raises(OSError, match="length"):
        Shards(shards)[1].read()
    # Also in training's graph, if nothing read the record before.
    pairs = open_pairs(shards, FORM)
    with pytest.raises(InputError, match=f"record 1 at byte {second}.*length"), naming_unreadable(pairs):
        list(eval_dataset(pairs, 1))
    with pytest.raises(InputError, match="1 of 6 files"):
        open_pairs(shards, FORM, cache_mib=100)
    assert len(open_pairs(shards, FORM, "skip", cache_mib=100)) == 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda offsets: np.append(offsets[:-2], [2**62, offsets[-1]]),
        lambda offsets: np.append(offsets[:-2], [2**64 - 1, offsets[-1]]),
        lambda offsets: np.append(offsets[:-1], [9 * 10**18]),
        lambda offsets: offsets[::-1],
        lambda offsets: offsets[:-1],
        lambda offsets: offsets[:0],
        lambda offsets: np.append(offsets, [0]),
    ],
)
def test_a_wrong_index_with_a_right_digest_is_refused(shards, spoil):
    """Offsets decide how much memory a read takes."""
    path = min(shards.glob("*.tfrecord"))
    index = spoil(np.frombuffer(records.index_path(path).read_bytes(), records.INDEX_TYPE)).astype("<u8").tobytes()
    for contents in (index, index + b"x"):
        records.index_path(path).write_bytes(contents)
        vouch(shards, index_sha256=hashlib.sha256(contents).hexdigest())
        with pytest.raises(InputError, match=path.name):
            Shards(shards)


@pytest.mark.parametrize("name", ["../0.png", "a/../../0.png", "/tmp/0.png", "", "a\0.png"])
def test_names_in_shards_do_not_lead_out_of_the_output(images, tmp_path, name):
    folder = write_shards(tmp_path / "s", [(name, images[0][1])])
    with pytest.raises(InputError, match=re.escape(repr(name))):
        plan(folder, tmp_path / "o", 256, 10**6)


@pytest.mark.parametrize("example", [tf.train.Example().SerializeToString(), b"\xdc\xff\xfe" * 20])
def test_a_record_without_an_image(shards, tmp_path, example):
    """The checksum is right, but the record is not an image; TensorFlow's error quotes bytes that are not text."""
    path = min(shards.glob("*.tfrecord"))
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example)
    shard = with_index(path, [0, len(example) + records.FRAME_BYTES])
    vouch(shards, **dataclasses.asdict(shard))
    with pytest.raises(OSError, match="record 0"):
        Shards(shards)[0].read_bytes()
    with pytest.raises(InputError, match="record 0 at byte 0"):
        plan(shards, tmp_path / "o", 256, 10**6)
    pairs = open_pairs(shards, FORM)
    with pytest.raises(InputError, match="record 0 at byte 0"), naming_unreadable(pairs):
        list(eval_dataset(pairs, 1))


def test_an_error_of_the_code_is_not_taken_for_one_of_the_data(shards):
    with pytest.raises(tf.errors.InvalidArgumentError), naming_unreadable(open_pairs(shards, FORM)):
        tf.reshape(tf.zeros(3), (2, 2)).numpy()


@pytest.mark.parametrize("name", ["depth", "generator_width", "discriminator_width"])
def test_a_network_that_no_machine_can_hold(tmp_path, name):
    """A depth of 2^31 once filled the memory with the list of its levels."""
    values = json.loads(Config().to_json()) | {name: 2**31}
    (tmp_path / "config.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=f"config.json.*{name}=2147483648"):
        config_json.load(tmp_path)
