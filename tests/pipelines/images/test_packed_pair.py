"""Two files as one string: Python and graph agree, and what is not packed is refused."""

import struct

import pytest
import tensorflow as tf

from pipelines.images.header import BadImageError, check_header
from pipelines.images.packed_pair import (
    MAGIC,
    is_packed,
    is_packed_in_graph,
    pack,
    pack_in_graph,
    unpack,
    unpack_in_graph,
)

PAIRS = [
    (b"left", b"right"),
    (b"", b"right"),
    (b"left", b""),
    (b"", b""),
    (bytes(range(256)) * 300, b"\0\xff" * 70_000),
]
SPOILED = {
    "empty": b"",
    "an image": b"\x89PNG\r\n\x1a\n",
    "the signature alone": MAGIC,
    "a length cut short": MAGIC + b"\1\0\0",
    "A longer than all": MAGIC + struct.pack("<q", 5) + b"left",
    "a negative length": MAGIC + struct.pack("<q", -1) + b"left",
    "a length that overflows": MAGIC + struct.pack("<q", 2**63 - 1) + b"left",
}


@pytest.mark.parametrize("pair", PAIRS, ids=range(len(PAIRS)))
def test_graph_equals_python(pair):
    by_hand = MAGIC + struct.pack("<Q", len(pair[0])) + pair[0] + pair[1]
    assert pack(*pair) == by_hand
    assert unpack(by_hand) == pair
    for compiled in (False, True):
        packing, unpacking = (tf.function(f) if compiled else f for f in (pack_in_graph, unpack_in_graph))
        assert packing(*map(tf.constant, pair)).numpy() == by_hand
        assert tuple(part.numpy() for part in unpacking(tf.constant(by_hand))) == pair


def test_packs_and_unpacks_in_a_data_set():
    dataset = tf.data.Dataset.from_tensor_slices(([a for a, _ in PAIRS], [b for _, b in PAIRS]))
    dataset = dataset.map(lambda a, b: unpack_in_graph(pack_in_graph(a, b)), tf.data.AUTOTUNE, deterministic=True)
    assert list(dataset.as_numpy_iterator()) == PAIRS


@pytest.mark.parametrize("contents", SPOILED.values(), ids=SPOILED)
def test_spoiled_bytes_are_refused(contents):
    with pytest.raises(BadImageError):
        unpack(contents)
    for function in (unpack_in_graph, tf.function(unpack_in_graph)):
        with pytest.raises(tf.errors.InvalidArgumentError):
            function(tf.constant(contents))


def test_no_image_is_taken_for_a_pair():
    packed = pack(b"left", b"right")
    assert is_packed(packed)
    assert is_packed_in_graph(tf.constant(packed))
    for contents in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"\x93NUMPY", MAGIC[:-1]):
        assert not is_packed(contents)
        assert not is_packed_in_graph(tf.constant(contents))
    with pytest.raises(BadImageError):
        check_header(packed)
