"""The index of a checkpoint: as it is, or a block of it, which gets a table around it with right checksums.

What is let through is given to TensorFlow, which has to find the same, and not to die of it.
"""

import contextlib
import pathlib
import tempfile

import tensorflow as tf

from tests.helpers.table_writer import table
from tfpix2pix.run_dir.bundle import check_index

EXPECTED = (ValueError,)

with tempfile.TemporaryDirectory() as made:
    folder = pathlib.Path(made)
    objects = tf.train.Checkpoint(v=tf.Variable([[1.0, 2.0]]), w=tf.Variable(3, dtype=tf.int64))
    objects.write(str(folder / "state"))
    DATA = (folder / "state.data-00000-of-00001").read_bytes()
    INDEX = (folder / "state.index").read_bytes()

# Behind the only block of entries stand its trailer, of 5 bytes, and a block without any, of 8 and 5.
ENTRIES = INDEX[: INDEX.index(bytes(4) + b"\1\0\0\0", 1) + 8]
SEEDS = [b"i" + INDEX, b"b" + ENTRIES]


def target(data, folder):
    prefix = folder / "state"
    contents = data[1:] if data[:1] == b"i" else table(data[1:])
    prefix.with_name("state.index").write_bytes(contents)
    prefix.with_name("state.data-00000-of-00001").write_bytes(DATA)
    found = check_index(prefix)
    # What only TensorFlow looks at: checksums, the header's version, what the data say.
    refused = (tf.errors.OpError, ValueError)
    with contextlib.suppress(*refused):
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = {name: [dim.size for dim in entry.shape.dim] for name, entry in found.items()}
        assert shapes == reader.get_variable_to_shape_map()
        for name in found:
            with contextlib.suppress(*refused):
                reader.get_tensor(name)
