"""The index of a checkpoint: as TensorFlow reads it where it is sound, and refused before TensorFlow dies of it."""

import math
import os
import random
import shutil
import time

import keras
import pytest
import tensorflow as tf
from tensorflow.core.framework.tensor_shape_pb2 import TensorShapeProto
from tensorflow.core.framework.tensor_slice_pb2 import TensorSliceProto
from tensorflow.core.protobuf.tensor_bundle_pb2 import BundleEntryProto, BundleHeaderProto

from pipelines.system.terminal import InputError
from tests.helpers import table_writer
from tests.helpers.checksum import masked_crc
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY
from tests.helpers.table_writer import block, index, pair, table, varint
from tfpix2pix import translate
from tfpix2pix.run_dir.bundle import MOST_BYTES, OBJECT_GRAPH, check_index
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator

train = command_module("tfpix2pix.train")

DATA = "state.data-00000-of-00001"
KERNEL = b"w/.ATTRIBUTES/VARIABLE_VALUE"
HEADER = BundleHeaderProto(num_shards=1)


@pytest.fixture
def prefix(tmp_path):
    """Of a checkpoint of one matrix, 2×3, and one number."""
    objects = tf.train.Checkpoint(w=tf.Variable(tf.ones([2, 3])), n=tf.Variable(7, dtype=tf.int64))
    objects.write(str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def entries(prefix):
    """The header and the entries of it."""
    return {b"": HEADER, **{name.encode(): entry for name, entry in check_index(prefix).items()}}


def put(prefix, contents):
    prefix.with_name("state.index").write_bytes(contents)


def shape(*sizes):
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def assert_as_tensorflow_reads(prefix):
    found = check_index(prefix)
    reader = tf.train.load_checkpoint(str(prefix))
    shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
    assert {name: [dim.size for dim in entry.shape.dim] for name, entry in found.items()} == shapes
    assert {name: tf.as_dtype(entry.dtype) for name, entry in found.items()} == dtypes
    return found


def test_a_model_and_its_optimizer(tmp_path):
    model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization()])
    model.build((None, 8, 8, 3))
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    tf.train.Checkpoint(model=model, optimizer=optimizer).write(str(tmp_path / "state"))
    assert len(assert_as_tensorflow_reads(tmp_path / "state")) > 15


@pytest.mark.parametrize("dtype", [tf.bool, tf.uint8, tf.float16, tf.bfloat16, tf.float64, tf.string])
def test_dtypes_and_shapes(tmp_path, dtype):
    values = [tf.zeros(sizes, tf.int8) for sizes in ([], [0], [3], [2, 0, 5], [1] * 9)]
    if dtype == tf.string:
        values = [tf.constant(text) for text in (b"", b"a", b"b" * 127, b"c" * 128, b"d" * 3_000_000)]
    else:
        values = [tf.cast(value, dtype) for value in values]
    variables = {f"v{i}": tf.Variable(value) for i, value in enumerate(values)}
    tf.train.Checkpoint(**variables).write(str(tmp_path / "state"))
    assert len(assert_as_tensorflow_reads(tmp_path / "state")) == 6


def test_several_blocks(tmp_path):
    """TensorFlow begins a block after 256 kB; in each, names are written as what they do not share."""
    folders = {f"{'folder' * 20}{i}": tf.train.Checkpoint(v=tf.Variable(i)) for i in range(5000)}
    tf.train.Checkpoint(**folders).write(str(tmp_path / "state"))
    assert len(assert_as_tensorflow_reads(tmp_path / "state")) == 5001
    contents = (tmp_path / "state.index").read_bytes()
    assert contents.count(b"folder" * 20) < 5001 / 10
    assert len(contents) > 2**18


def test_a_checkpoint_of_two_data_files(prefix, entries):
    entries[b""] = BundleHeaderProto(num_shards=2)
    entries[KERNEL].shard_id = 1
    put(prefix, index(entries))
    contents = prefix.with_name(DATA).read_bytes()
    for i in range(2):
        prefix.with_name(f"state.data-0000{i}-of-00002").write_bytes(contents)
    assert_as_tensorflow_reads(prefix)
    reader = tf.train.load_checkpoint(str(prefix))
    assert reader.get_tensor(KERNEL.decode()).tolist() == [[1, 1, 1]] * 2


def test_the_writer_of_these_tests(prefix, entries):
    put(prefix, index(entries))
    assert_as_tensorflow_reads(prefix)
    assert tf.train.load_checkpoint(str(prefix)).get_tensor(KERNEL.decode()).tolist() == [[1, 1, 1]] * 2


# TensorFlow 2.21 aborts for those that come first.
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"shape": shape(-5)}, "no shape"),
        ({"shape": shape(2**40, 2**40)}, "more than .* elements"),
        ({"shape": shape(2**40, 2**40, 0), "size": 0}, "more than .* elements"),
        ({"shape": shape(*[1] * 255)}, "no shape"),
        ({"shape": shape(-2, -3)}, "no shape"),
        ({"shape": TensorShapeProto(unknown_rank=True)}, "no shape"),
        ({"shape": shape(2, 4)}, "has 24 bytes"),
        ({"shape": shape(0)}, "has 24 bytes"),
        ({"size": 23}, "has 23 bytes"),
        ({"size": -24}, "has -24 bytes"),
        ({"size": 2**50, "shape": shape(2**48)}, "not inside"),
        ({"size": 4_000_000, "shape": shape(1_000_000)}, "not inside"),
        ({"offset": -1}, "not inside"),
        ({"offset": 2**62}, "not inside"),
        ({"shard_id": 1}, "data file 1 of 1"),
        ({"shard_id": -7}, "data file -7 of 1"),
        ({"dtype": 0}, "dtype 0"),
        ({"dtype": 999}, "dtype 999"),
        ({"dtype": 21}, "dtype 21"),
        ({"dtype": 101}, "dtype 101"),
        ({"dtype": 7}, "more than one string"),
        ({"dtype": 2}, "has 24 bytes"),
        ({"slices": [TensorSliceProto(extent=[TensorSliceProto.Extent(start=-1, length=5)])]}, "slices"),
    ],
)
def test_entries_that_are_refused(prefix, entries, change, why):
    is_and = {"dtype": 1, "shape": shape(2, 3), "size": 24, "offset": entries[KERNEL].offset} | change
    entries[KERNEL] = BundleEntryProto(**is_and)
    put(prefix, index(entries))
    with pytest.raises(ValueError, match=f"w/.*{why}"):
        check_index(prefix)


def test_254_dimensions_are_a_shape(prefix, entries):
    entries[KERNEL].shape.CopyFrom(shape(2, 3, *[1] * 252))
    put(prefix, index(entries))
    assert_as_tensorflow_reads(prefix)


@pytest.mark.parametrize("length", [2**60, 2**64 - 1, 0, 4])
def test_a_string_of_another_length_than_its_entry(prefix, entries, length):
    """TensorFlow takes the memory first: a segmentation fault."""
    number = varint(length)
    string = number + masked_crc(length.to_bytes(8 if length > 2**32 else 4, "little")).to_bytes(4, "little") + b"abc"
    entries[OBJECT_GRAPH.encode()].MergeFrom(
        BundleEntryProto(offset=prefix.with_name(DATA).stat().st_size, size=len(string))
    )
    with prefix.with_name(DATA).open("ab") as file:
        file.write(string)
    put(prefix, index(entries))
    with pytest.raises(ValueError, match=f"string of {length} bytes in {len(string)}"):
        check_index(prefix)


def pairs_of(entries):
    return [pair(name, entries[name].SerializeToString()) for name in sorted(entries)]


TABLES = {
    "compressed": lambda e: table(block(*pairs_of(e)), kind=b"\1"),
    "no header": lambda e: index({name: entry for name, entry in e.items() if name}),
    "not in order": lambda e: table(block(*pairs_of(e)[::-1])),
    "twice": lambda e: table(block(*pairs_of(e), pairs_of(e)[-1])),
    "block without entries": lambda e: table(block(*pairs_of(e)), block()),
    "no blocks": lambda _: table(),
    "one block twice": lambda e: table(block(*pairs_of(e)), handles=[varint(0) + varint(9)] * 2),
    "block outside": lambda e: table(block(*pairs_of(e)), handles=[varint(2**40) + varint(100)]),
    "block longer than the file": lambda e: table(block(*pairs_of(e)), handles=[varint(0) + varint(2**63)]),
    "handle cut short": lambda e: table(block(*pairs_of(e)), handles=[b"\x80"]),
    "handle of 11 bytes": lambda e: table(block(*pairs_of(e)), handles=[b"\x80" * 10 + b"\0"]),
    "handle above 64 bits": lambda e: table(block(*pairs_of(e)), handles=[b"\xff" * 9 + b"\x7f\0"]),
    # An entry inside another's value: who reads all in turn would not see it.
    "start inside an entry": lambda e: table(block(*pairs_of(e), starts=(0, 4))),
    "starts beyond": lambda e: table(block(*pairs_of(e), starts=(0, 2**32 - 1))),
    "no starts": lambda e: table(block(*pairs_of(e), starts=())),
    "more starts than bytes": lambda e: table(b"".join(pairs_of(e)) + b"\xff\xff\xff\x3f"),
    "shares more than there is": lambda e: table(block(*pairs_of(e), varint(200) + varint(1) + varint(0) + b"x")),
    "value longer than its block": lambda e: table(block(*pairs_of(e), varint(0) + varint(1) + varint(2**40) + b"x")),
    "entry that is no message": lambda e: table(block(*pairs_of(e), pair(b"x", b"\xff\xff"))),
    "header that is no message": lambda e: table(block(pair(b"", b"\xff\xff"), *pairs_of(e)[1:])),
    "name that is no text": lambda e: table(block(*pairs_of(e), pair(b"\xff", e[KERNEL].SerializeToString()))),
    "long name": lambda e: table(block(*pairs_of(e), pair(b"x" * 2000, e[KERNEL].SerializeToString()))),
    "long entry": lambda e: table(block(*pairs_of(e), pair(b"x", b"\x12\0" * 10_000))),
    "shared bytes": lambda e: index({**e, b"x": e[OBJECT_GRAPH.encode()], b"y": e[OBJECT_GRAPH.encode()]}),
    "no object graph": lambda e: index({name: e[name] for name in (b"", KERNEL)}),
    "object graph of numbers": lambda e: index({**e, OBJECT_GRAPH.encode(): e[KERNEL]}),
    "no data files": lambda e: index({**e, b"": BundleHeaderProto()}),
    "data file that is not there": lambda e: index({**e, b"": BundleHeaderProto(num_shards=9)}),
    "empty": lambda _: b"",
    "footer alone": lambda _: table()[-48:],
    "text": lambda _: b"no table" * 100,
    "too long": lambda e: index(e) + bytes(MOST_BYTES),
}


@pytest.mark.parametrize("what", TABLES)
def test_tables_that_are_refused(prefix, entries, what):
    put(prefix, TABLES[what](entries))
    with pytest.raises(ValueError, match=r"index|state|tensors|entry|header|data file|utf-8"):
        check_index(prefix)


def test_files_that_would_hang(prefix):
    """A pipe that nobody writes into."""
    data = prefix.with_name(DATA)
    data.rename(prefix.with_name("aside"))
    os.mkfifo(data)
    with pytest.raises(ValueError, match=f"{DATA} is no regular file"):
        check_index(prefix)
    prefix.with_name("state.index").unlink()
    with pytest.raises(ValueError, match="No such file"):
        check_index(prefix)
    os.mkfifo(prefix.with_name("state.index"))
    with pytest.raises(ValueError, match=r"state\.index is no regular file"):
        check_index(prefix)


def test_flipped_bytes_and_cut_files(prefix):
    """Nothing but ValueError, and soon; what is let through has the bytes changed that no one looks at here."""
    contents = prefix.with_name("state.index").read_bytes()
    rng = random.Random(0)
    refused, begun = 0, time.perf_counter()
    for i in range(300):
        spoiled = bytearray(contents)
        for _ in range(rng.choice([1, 1, 3])):
            spoiled[rng.randrange(len(spoiled))] = rng.randrange(256)
        put(prefix, spoiled[: rng.randrange(len(spoiled))] if i % 3 == 0 else spoiled)
        try:
            check_index(prefix)
        except ValueError:
            refused += 1
    assert 150 < refused < 300
    assert time.perf_counter() - begun < 10


def test_the_most_that_a_small_index_unfolds_into(prefix, monkeypatch):
    """Names of 1000 bytes, each of which shares all but the last nine with the one before."""
    # Nobody gets so far as to look at them, and they would take most of the time.
    monkeypatch.setattr(table_writer, "masked_crc", lambda _: 0)
    value = BundleEntryProto(dtype=1, shape=shape(0)).SerializeToString()
    names = [b"a" * 991, *(b"a" * 991 + b"%09d" % i for i in range(MOST_BYTES // 20))]
    pairs = [pair(b"", HEADER.SerializeToString()), pair(names[0], value)]
    put(prefix, table(block(*pairs, *(pair(name, value, shared=991) for name in names[1:]))))
    assert 0.8 < prefix.with_name("state.index").stat().st_size / MOST_BYTES < 1
    begun = time.perf_counter()
    with pytest.raises(ValueError, match="which objects the tensors are of"):
        check_index(prefix)
    assert time.perf_counter() - begun < 20


@pytest.fixture
def run_dir(short_run, tmp_path):
    """A run with checkpoints of two steps, of which the newest is to be spoiled."""
    shutil.copytree(short_run, tmp_path / "run")
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    shutil.copytree(newest, newest.with_name("00000003"))
    return tmp_path / "run"


def test_translate_and_train_with_a_forged_checkpoint(short_run, run_dir, tmp_path, capsys):
    """In this process: it would be gone."""
    forged = run_dir / "checkpoints" / "00000003" / "state"
    entries = {name.encode(): entry for name, entry in check_index(forged).items()}
    name = next(name for name in sorted(entries) if name.startswith(b"model/generator/"))
    entries[name].shape.CopyFrom(shape(-5))
    forged.with_name("state.index").write_bytes(index({b"": HEADER, **entries}))
    pairs = short_run.parent / "pairs"
    translating = (f"--input={pairs / 'val'}", "--pairs", f"--output={tmp_path / 'out'}", "--checkpoint=latest")
    with pytest.raises(InputError, match=r"00000003 cannot be read \(.* has no shape .*\); take another --checkpoint"):
        call(translate, f"--run_dir={run_dir}", *translating)
    training = ("--direction=BtoA", "--max_steps=4", "--learning_rate=0.05")
    assert call(train, *TINY, f"--data={pairs}", f"--run_dir={run_dir}", *training) == 0
    assert "the checkpoint of step 3 is damaged and was set aside" in "".join(capsys.readouterr())
    assert 4 in Checkpoints(run_dir).steps()
    assert (run_dir / "checkpoints" / "damaged-00000003").is_dir()
    assert math.isfinite(float(load_generator(run_dir, "latest")[0].trainable_variables[0][0, 0, 0, 0]))


@pytest.mark.parametrize("graph", [b"\xff\xff\xff", b"\x0a\x06\x0a\x04\x08\x63\x12\x00"])
def test_an_object_graph_that_is_none(run_dir, graph):
    """The string is sound, and what it says is not: no message, or one whose only object has a child that is not."""
    forged = run_dir / "checkpoints" / "00000003" / "state"
    entries = {name.encode(): entry for name, entry in check_index(forged).items()}
    lengths = len(graph).to_bytes(4, "little")
    crc = masked_crc(lengths).to_bytes(4, "little")
    data = forged.with_name(DATA)
    entries[OBJECT_GRAPH.encode()].MergeFrom(
        BundleEntryProto(offset=data.stat().st_size, size=5 + len(graph), crc32c=masked_crc(lengths + crc + graph))
    )
    with data.open("ab") as file:
        file.write(varint(len(graph)) + crc + graph)
    forged.with_name("state.index").write_bytes(index({b"": HEADER, **entries}))
    assert tf.train.load_checkpoint(str(forged)).get_tensor(OBJECT_GRAPH) == graph
    with pytest.raises(InputError, match="00000003 cannot be read"):
        load_generator(run_dir, "latest")
