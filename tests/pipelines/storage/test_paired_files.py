"""Pairs of files: they read, change, vanish and keep their order as single files do."""

import hashlib
import os
import pickle

import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.header import BadImageError
from pipelines.images.packed_pair import pack
from pipelines.storage.file_pair import FilePair
from pipelines.storage.file_set import digest_of
from pipelines.storage.paired_files import PairedFiles
from pipelines.storage.validity import read_file

NAMES = ["b", "day 1/b", "day 1/ü", "z"]


@pytest.fixture
def files(tmp_path):
    pairs = []
    for number, name in enumerate(NAMES):
        pair = FilePair(tmp_path / "A" / f"{name}.tif", tmp_path / "B" / f"{name}.PNG")
        for file in (pair.a, pair.b):
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(f"{file} {number}".encode() * (number + 1))
        pairs.append(pair)
    return PairedFiles((tmp_path / "A", tmp_path / "B"), NAMES, pairs)


def contents_of(pair):
    return pack(pair.a.read_bytes(), pair.b.read_bytes())


def known(files):
    """Returns the set as it is after the first read."""
    contents = [contents_of(pair) for pair in files]
    digests = np.stack([digest_of(each).numpy() for each in contents])
    return files.as_read(np.array([len(each) for each in contents]), digests)


def read_in_graph(files):
    read = files.reader()
    return list(tf.data.Dataset.range(len(files)).map(read, tf.data.AUTOTUNE, deterministic=True).as_numpy_iterator())


def test_reads_both_files_packed_in_a_graph_and_without(files):
    expected = [contents_of(pair) for pair in files]
    assert read_in_graph(files) == read_in_graph(known(files)) == expected
    assert [read_file(pair, bytes) for pair in files] == expected
    assert [files.reader()(tf.constant(i, tf.int64)).numpy() for i in range(len(files))] == expected
    assert [pair.size() for pair in files] == [len(each) for each in expected]


def test_a_name_that_is_not_utf_8_is_read(tmp_path):
    pair = FilePair(*(tmp_path / os.fsdecode(name) for name in (b"a\xff.png", b"b\xff.png")))
    pair.a.write_bytes(b"left")
    pair.b.write_bytes(b"right")
    files = PairedFiles((tmp_path, tmp_path), [pair.a.stem], [pair])
    assert read_in_graph(files) == [pack(b"left", b"right")]
    assert len(files.fingerprint()) == 64


def test_either_file_tells_a_changed_pair(files):
    files = known(files)
    for index, side in ((0, "a"), (3, "b")):
        file = getattr(files[index], side)
        changed = bytearray(file.read_bytes())
        changed[-1] ^= 1
        file.write_bytes(changed)
    found = read_in_graph(files)
    assert [not each for each in found] == [True, False, False, True]
    assert [files.is_unchanged(i, contents_of(pair)) for i, pair in enumerate(files)] == [False, True, True, False]


@pytest.mark.parametrize("side", ["a", "b"])
def test_the_file_that_is_gone_is_named(files, side):
    gone, there = getattr(files[1], side), getattr(files[1], "b" if side == "a" else "a")
    gone.unlink()
    with pytest.raises(BadImageError) as error:
        read_file(files[1], bytes)
    assert str(gone) in error.value.reason
    assert str(there) not in error.value.reason
    assert str(gone) in str(files[1])
    assert files.count_missing() == 1


def test_missing_pairs_keep_their_places(files):
    for name in NAMES:
        index = files.index_of(name, -1)
        rest = files.select([i for i in range(len(NAMES)) if i != index])
        assert rest.names() == [other for other in NAMES if other != name]
        again = rest.with_missing([name])
        assert again.names() == NAMES
        assert again.index_of(name, -1) == index
        with pytest.raises(BadImageError):
            read_file(again[index], bytes)
    assert files.with_missing(NAMES[:2]).names() == NAMES
    assert list(files.with_missing(NAMES[:2])) == list(files)


def test_identity_and_fingerprint_by_hand(files):
    sizes = [len(contents_of(pair)) for pair in files]
    lines = "".join(f"{name} {size}\n" for name, size in zip(NAMES, sizes, strict=True))
    expected = hashlib.sha256(lines.encode()).hexdigest()
    assert files.fingerprint() == known(files).fingerprint() == expected
    assert files.contents_fingerprint() is None
    identity = known(files).identity(2)
    assert (identity.name, identity.size) == (NAMES[2], sizes[2])
    assert identity.digest == digest_of(contents_of(files[2])).numpy().tobytes().hex()
    assert known(files).select([3, 1, 1]).identities() == [known(files).identity(i) for i in (3, 1, 1)]
    assert files.select([1, 0]).fingerprint() != files.select([0, 1]).fingerprint()


def test_pairs_pass_to_other_processes_and_serve_as_keys(files):
    again = pickle.loads(pickle.dumps(list(files)))
    assert again == list(files)
    assert len({*again, *files}) == len(NAMES)
