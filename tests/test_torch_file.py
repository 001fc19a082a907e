"""Files that torch wrote (tests/oracle), and such as nobody should have written."""

import io
import pathlib
import pickle
import random
import zipfile

import numpy as np
import pytest
import torch_writer
from oracle import inputs

from pipelines.command import InputError
from tfpix2pix.quality.torch_file import read_tensors, require

ORACLE = pathlib.Path(__file__).parent / "oracle"
FILES = ("legacy.pth", "zip.pth")


class Hostile:
    """Unpickled as usual, it makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.path}",)


def assert_refused(file, content, reason):
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_tensors(file)
    message = str(error.value)
    assert message.startswith(f"{file}: no tensors can be read (")
    assert message.endswith("; give a whole file that torch.save made of a state dict")
    assert reason in message
    assert "\n" not in message


def zipped(pickled, *storages, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for i, storage in enumerate(storages):
            archive.writestr(f"archive/data/{i}", storage)
    return buffer.getvalue()


@pytest.mark.parametrize("name", FILES)
def test_equals_what_torch_wrote(name):
    tensors = read_tensors(ORACLE / name)
    expected = inputs.torch_file_tensors()
    weight = expected["layer.weight"]
    views = {
        "transposed": weight.transpose(2, 3, 1, 0),
        "rows": weight[1:3],
        "every_other": weight[:, ::2],
        "parameter": weight[0],
        "shared": weight,
    }
    assert list(tensors) == [*expected, *views]
    for key, array in {**expected, **views}.items():
        assert tensors[key].dtype == array.dtype, key
        np.testing.assert_array_equal(tensors[key], array, strict=True, err_msg=key)
    assert np.shares_memory(tensors["rows"], tensors["shared"])


def test_the_other_writer_is_understood(tmp_path):
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "scalar": np.float32(3), "empty": np.zeros((0, 2))}
    tensors = read_tensors(torch_writer.write(tmp_path / "x.pth", arrays))
    for key, array in arrays.items():
        np.testing.assert_array_equal(tensors[key], array)
        assert tensors[key].shape == array.shape


@pytest.mark.parametrize("name", FILES)
def test_every_cut_is_refused(tmp_path, name):
    content = (ORACLE / name).read_bytes()
    for length in range(0, len(content), 7):
        assert_refused(tmp_path / "cut.pth", content[:length], "")


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # in a damaged string
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_byte_gives_tensors_or_one_line(tmp_path, name):
    original = (ORACLE / name).read_bytes()
    file = tmp_path / "damaged.pth"
    draws = random.Random(1)
    refused = 0
    for _ in range(500):
        content = bytearray(original)
        content[draws.randrange(len(content))] = draws.randrange(256)
        file.write_bytes(content)
        try:
            read_tensors(file)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error)  # noqa: PT017
    assert refused > 50


@pytest.mark.parametrize("depth", ["first object", "in the state", "zip"])
def test_nothing_is_called(tmp_path, depth):
    trace = tmp_path / "trace"
    if depth == "first object":
        content = pickle.dumps(Hostile(trace), protocol=2)
    elif depth == "in the state":
        start = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, {"a": Hostile(trace)})
        content = b"".join(pickle.dumps(thing, protocol=2) for thing in start)
    else:
        content = zipped(pickle.dumps({"a": Hostile(trace)}, protocol=2))
    assert_refused(tmp_path / "hostile.pth", content, "system is not part of a state dict")
    assert not trace.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ""),
        (b"<html>please log in</html>", ""),
        (pickle.dumps({"a": 1}, protocol=2), "does not begin as torch.save's"),
        (zipped(pickle.dumps([1], protocol=2)), "something else than a state dict"),
        (zipped(pickle.dumps({"epoch": 3}, protocol=2)), "its entry 'epoch' is not a tensor"),
        (zipped(b"\x80\x02ctorch\nBFloat16Storage\n."), "torch.BFloat16Storage is not part of a state dict"),
        # The unpickler would make a table of 64 GiB.
        (zipped(b"\x80\x02}r\xff\xff\xff\xff."), "an index larger than the file"),
        (zipped(bytes(10_000_000), compression=zipfile.ZIP_DEFLATED), "entries are larger than the file"),
        (zipped(b"\x80\x02}(" + torch_writer.plain("a") + torch_writer.tensor("0", np.zeros(5)) + b"u."), ""),
    ],
)
def test_other_files_are_refused(tmp_path, content, reason):
    assert_refused(tmp_path / "other.pth", content, reason)


def test_zip_of_something_else_is_refused(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert_refused(tmp_path / "other.zip", buffer.getvalue(), "a zip file without data.pkl")


@pytest.mark.parametrize(
    ("claimed", "strides", "reason"),
    [
        ((5,), (1,), "does not fit"),
        ((2, 2), (2, 2), "reaches beyond"),
        ((1000, 1000), (0, 0), "does not fit"),
        ((2,), (-1,), "does not fit"),
        ((2, 2), (1,), "does not fit"),
    ],
)
def test_a_view_stays_within_its_storage(tmp_path, claimed, strides, reason):
    honest = torch_writer.tensor("0", np.zeros(4, np.float32))
    shape, step = torch_writer.plain((4,)), torch_writer.plain((1,))
    assert honest.count(shape + step) == 1
    claim = honest.replace(shape + step, torch_writer.plain(claimed) + torch_writer.plain(strides))
    content = zipped(b"\x80\x02}(" + torch_writer.plain("a") + claim + b"u.", bytes(16))
    assert_refused(tmp_path / "view.pth", content, reason)


def test_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_tensors(tmp_path / "none.pth")


def test_required_tensors():
    file = pathlib.Path("w.pth")
    tensors = {"a": np.arange(3.0)}
    np.testing.assert_array_equal(require(tensors, "a", (3,), file), np.arange(3, dtype=np.float32), strict=True)
    with pytest.raises(InputError, match=r"^w.pth: tensor a has shape \(3,\), not \(4,\): it is another"):
        require(tensors, "a", (4,), file)
    with pytest.raises(InputError, match=r"^w.pth: tensor b is missing: it is another"):
        require(tensors, "b", (3,), file)
