"""Files that torch wrote (tests/oracle), and damaged and hostile ones."""

import io
import pathlib
import pickle
import random
import time
import tracemalloc
import zipfile

import numpy as np
import pytest

from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.oracle import inputs
from tfpix2pix.weights.torch.file import read_tensors, require

ORACLE = pathlib.Path(__file__).parents[3] / "oracle"
FILES = ("legacy.pth", "zip.pth", "protocol5.pth")


class Hostile:
    """Makes a file when it is unpickled in the usual way."""

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
    assert str(file) in message
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


def test_reads_files_of_the_test_writer(tmp_path):
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
        (zipped(b"\x80\x02ctorch\nBFloat16Storage\n)R."), "torch.BFloat16Storage is not part of a state dict"),
        (zipped(b"\x80\x02ctorch\nFloatStorage\n)R."), "it calls something that is no part of a state dict"),
        (zipped(b"\x80\x02c__builtin__\neval\n."), "__builtin__.eval is not part of a state dict"),
        (zipped(b"\x80\x04" + torch_writer.plain("os") + torch_writer.plain("system") + b"\x93."), "os.system is not"),
        (zipped(b"\x80\x02(ios\nsystem\n."), "opcode INST is not part of a state dict"),
        (zipped(b"\x80\x02cposix\nsystem\n\x81."), "posix.system is not part of a state dict"),
        (zipped(b"\x80\x02K\x01)\x81."), "opcode NEWOBJ is not part of a state dict"),
        (zipped(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\nK\x01\x85R."), "_rebuild_tensor_v2 with 1 arguments"),
        (zipped(b"\x80\x02\x82\x01."), "opcode EXT1 is not part of a state dict"),
        (zipped(b"\x80\x02\x85."), "it takes more than it has"),
        (zipped(b"\x80\x02}K\x01K\x02s."), "int where str should be"),
        (zipped(b"\x80\x02}]K\x01K\x02s."), "list where dict should be"),
        (zipped(b"\x80\x02]K\x01Q."), "int where tuple should be"),
        (zipped(b"\x80\x02(K\x01K\x02K\x03K\x04K\x05tQ."), "a storage of an unknown kind"),
        (zipped(bytes(10_000_000), compression=zipfile.ZIP_DEFLATED), "entries are larger than the file"),
        (
            zipped(random.Random(1).randbytes(100), compression=zipfile.ZIP_DEFLATED),
            "entries are compressed or encrypted",
        ),
        (zipped(b"\x80\x02}(" + torch_writer.plain("a") + torch_writer.tensor("0", np.zeros(5)) + b"u."), ""),
    ],
)
def test_other_files_are_refused(tmp_path, content, reason):
    assert_refused(tmp_path / "other.pth", content, reason)


ORDERED_DICT = b"ccollections\nOrderedDict\n"
NESTED = b")q\x09" + 60 * b"h\x09h\x09\x86q\x09"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        # Tuples, each with the one before twice: 2^60 parts, as soon as they are hashed, compared or shown.
        (NESTED + b"}h\x09K\x01s.", "tuple where str should be"),
        (NESTED + b"(" + torch_writer.plain("storage") + b"ctorch\nFloatStorage\nh\x09NK\x01tQ.", "tuple where str"),
        (NESTED + b"h\x09h\x09\x93.", "tuple where str should be"),
        (NESTED + b"h\x09h\x09R.", "it calls something that is no part of a state dict"),
        # A number of 255 bytes to be multiplied 10,000 times.
        (
            b"ctorch._utils\n_rebuild_tensor_v2\n(K\x00K\x00("
            + 10_000 * (b"\x8a\xff" + b"\x7f" * 255)
            + b"tq\x00h\x00tR.",
            "a tensor's size does not fit its strides",
        ),
        (b"ctorch._utils\n_rebuild_parameter\n(" + 9 * b"N" + b"tR.", "a call with 9 arguments"),
        (b"(" + torch_writer.plain("storage") + 8 * b"N" + b"tQ.", "a call with 9 arguments"),
    ],
)
def test_a_program_that_would_take_forever_is_refused(tmp_path, program, reason):
    begun = time.process_time()
    assert_refused(tmp_path / "long.pth", zipped(b"\x80\x02" + program), reason)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "program",
    [
        # One list to make a dict of, 2000 times.
        b"](" + b"".join(b"]X\x04\x00\x00\x00%04dNe" % i for i in range(2000)) + b"eq\x00"
        b"](" + 2000 * (ORDERED_DICT + b"h\x00\x85R") + b"e.",
        # A place far away.
        b"]r\xff\xff\xff\xff.",
        # A string that is longer than the file.
        b"X\xff\xff\xff\x7fa.",
    ],
)
def test_memory_is_in_proportion_to_the_file(tmp_path, program):
    content = zipped(b"\x80\x02" + program.replace(b"]X", b"](X"))
    tracemalloc.start()
    try:
        assert_refused(tmp_path / "large.pth", content, "")
        assert tracemalloc.get_traced_memory()[1] < 2_000_000 + 10 * len(content)
    finally:
        tracemalloc.stop()


def test_reads_a_file_of_python_2(tmp_path):
    # As in the published file of LPIPS: an OrderedDict of pairs, byte strings, hooks of an empty list.
    array = np.arange(4, dtype=np.float32)
    tensor = torch_writer.tensor("0", array).replace(ORDERED_DICT + b")R", ORDERED_DICT + b"]\x85R")
    pairs = b"".join(b"](U\x01" + name + tensor + b"e" for name in (b"b", b"a"))
    versions = b"}U\x09_metadata" + ORDERED_DICT + b"]\x85Rs"
    state = ORDERED_DICT + b"](" + pairs + b"e\x85R" + versions + b"b."
    file = tmp_path / "old.pth"
    file.write_bytes(zipped(b"\x80\x02" + state, array.tobytes()))
    tensors = read_tensors(file)
    assert list(tensors) == ["b", "a"]
    np.testing.assert_array_equal(tensors["a"], array, strict=True)


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    # Each entry of the directory says where its bytes are, so all may say the same.
    state = b"\x80\x02}(" + torch_writer.plain("a") + torch_writer.tensor("0", np.zeros(1000, np.float32)) + b"u."
    content = zipped(state, bytes(4000))
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    last = content[content.rindex(b"PK\x01\x02") : end]
    tail = bytearray(content[end:])
    tail[8:10] = tail[10:12] = (2 + 50).to_bytes(2, "little")
    tail[12:16] = (end - start + 50 * len(last)).to_bytes(4, "little")
    bomb = content[:end] + 50 * last + bytes(tail)
    assert_refused(tmp_path / "bomb.pth", bomb, "entries are larger than the file")


def test_an_encrypted_entry_is_refused(tmp_path):
    content = bytearray(zipped(b"\x80\x02}."))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert_refused(tmp_path / "encrypted.pth", bytes(content), "compressed or encrypted")


def test_a_storage_is_of_one_kind(tmp_path):
    one = torch_writer.tensor("0", np.zeros(2, np.float32))
    other = one.replace(b"FloatStorage", b"IntStorage")
    state = b"\x80\x02}(" + torch_writer.plain("a") + one + torch_writer.plain("b") + other + b"u."
    assert_refused(tmp_path / "two.pth", zipped(state, bytes(8)), "storage 0 is of two kinds")


def test_a_storage_has_as_many_numbers_as_it_says(tmp_path):
    state = b"\x80\x02}(" + torch_writer.plain("a") + torch_writer.tensor("0", np.zeros(2, np.float32)) + b"u."
    assert_refused(tmp_path / "few.pth", zipped(state, bytes(12)), "storage 0 has 3 elements instead of 2")


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
    with pytest.raises(InputError, match=r"w.pth: tensor a .*\(3,\), not \(4,\)"):
        require(tensors, "a", (4,), file)
    with pytest.raises(InputError, match=r"w\.pth: tensor b is missing"):
        require(tensors, "b", (3,), file)
