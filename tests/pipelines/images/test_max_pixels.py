"""Every command refuses an image over the limit in one line, without taking memory or time."""

import dataclasses
import io
import json
import pathlib
import re
import shutil
import struct
import zlib

import pytest
import tensorflow as tf
from PIL import Image

from pipelines import prepare
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import MAX_PIXELS
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import make_pairs
from tfpix2pix import preview, translate
from tfpix2pix.config import Config
from tfpix2pix.run_dir import config_json

evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")

SIDE = 20_000
WORDS = "it has 20000x20000 pixels.* 40000000 .*--max_pixels=400000000"


def claiming(side):
    """Returns a PNG of 128×64 pixels whose header has another size."""
    file = io.BytesIO()
    Image.new("RGB", (128, 64)).save(file, "PNG")
    png = file.getvalue()
    header = b"IHDR" + struct.pack(">II", side, side) + png[24:29]
    return png[:12] + header + struct.pack(">I", zlib.crc32(header)) + png[33:]


def real_bomb(side):
    """Returns a black PNG that a decoder unpacks to a thousand times its size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    parts = (header, b"IDAT" + zlib.compress(bytes((side + 1) * side), 9), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts
    )


@pytest.fixture
def pairs(tmp_path):
    """A data set with a bomb in both splits."""
    folder = make_pairs(tmp_path / "p", train=2, val=2)
    for split in ("train", "val"):
        (folder / split / "bomb.png").write_bytes(claiming(SIDE))
    return folder


def test_prepare_check(pairs, capsys):
    assert call(prepare, "check", f"--data={pairs}") == 1
    for split, line in zip(("train", "val"), capsys.readouterr().err.splitlines(), strict=True):
        assert re.match(f"{pairs}/{split}/bomb.png: {WORDS}", line)


def test_combine(pairs, tmp_path):
    other = shutil.copytree(pairs, tmp_path / "other")
    with pytest.raises(InputError, match=f"bomb.png: {WORDS}"):
        call(prepare, "combine", f"--a={pairs}", f"--b={other}", f"--output={tmp_path / 'o'}")
    assert not (tmp_path / "o").exists()


def test_preview(pairs, tmp_path):
    with pytest.raises(InputError, match=f"bomb.png: {WORDS}"):
        call(preview, f"--data={pairs}", f"--output={tmp_path / 'o.png'}")


def test_shard(pairs, tmp_path):
    pytest.importorskip("apache_beam", reason="needs the extra beam")
    with pytest.raises(InputError, match=f"bomb.png: {WORDS}"):
        call(prepare, "shard", f"--data={pairs}", f"--output={tmp_path / 'o'}")


def test_train(pairs, tmp_path):
    with pytest.raises(InputError, match=f"train/bomb.png: {WORDS}"):
        call(train, "--image_size=64", f"--data={pairs}", f"--run_dir={tmp_path / 'r'}")
    assert not (tmp_path / "r").exists()


def test_inside_the_graph_of_training():
    """A file may be replaced after it was checked."""
    dataset = tf.data.Dataset.from_tensors(claiming(SIDE)).map(PairFormat("AtoB", (64, 64)).read)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"it has 20000x20000 pixels.* 40000000"):
        dataset.get_single_element()


def test_translate(short_run, pairs, tmp_path, capsys):
    arguments = (f"--run_dir={short_run}", f"--input={pairs / 'val'}", f"--output={tmp_path / 'o'}")
    assert call(translate, *arguments) == 1
    assert re.fullmatch(f"error: {pairs}/val/bomb.png: {WORDS}.*\n", capsys.readouterr().err)
    # The run's limit may be replaced.
    assert call(translate, *arguments, "--max_pixels=8191", "--overwrite") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert re.search("0.png: it has 64x128 pixels.* 8191 .*--max_pixels=8192", "".join(lines))


def test_evaluate(short_run, pairs, tmp_path):
    with pytest.raises(InputError, match=f"bomb.png: {WORDS}"):
        call(evaluate, f"--run_dir={short_run}", f"--data={pairs}", f"--output={tmp_path / 'o'}", "--nobaselines")


def test_a_trusted_image_passes(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "p", train=1, val=1)
    assert call(prepare, "check", f"--data={pairs}", "--max_pixels=8192") == 0
    assert call(prepare, "check", f"--data={pairs}", "--max_pixels=8191") == 1
    assert capsys.readouterr().err.count("--max_pixels=8192") == 2


def test_a_file_that_is_too_long_is_not_read(tmp_path, capsys):
    pairs = make_pairs(tmp_path / "p", train=1, val=1)
    with (pairs / "train" / "long.png").open("wb") as file:
        file.write(b"\x89PNG")
        file.truncate(10 << 30)  # of which the disk has nothing
    assert call(prepare, "check", f"--data={pairs}") == 1
    words = "it has 10737418240 bytes.* 40000000 .*--max_pixels=1342177280"
    assert re.match(f"{pairs}/train/long.png: {words}", capsys.readouterr().err)


def resident(name):
    """Returns a field of this process' status, in MiB."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


@pytest.mark.skipif(not pathlib.Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_a_bomb_takes_no_memory(tmp_path):
    """144 million pixels in 140 kB; their 16 bits times three channels alone would be 824 MiB."""
    pairs = make_pairs(tmp_path / "p", train=1, val=1)
    (pairs / "train" / "bomb.png").write_bytes(real_bomb(12_000))
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
    before = resident("VmRSS")
    assert call(prepare, "check", f"--data={pairs}") == 1
    growth = resident("VmHWM") - before
    print(f"{growth:.0f} MiB")
    assert growth < 100


def test_a_run_records_the_limit(tmp_path):
    """A run records it, may resume with another, and has the default if it is older than the option."""
    default = Config().resolved()
    options = dataclasses.replace(default, max_pixels=5)
    config_json.save(options, tmp_path)
    assert config_json.load(tmp_path).pair_format((64, 64)).max_pixels == 5
    assert options.differences(default, "asked", "never") == {}
    values = json.loads(options.to_json())
    del values["max_pixels"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert config_json.load(tmp_path).max_pixels == MAX_PIXELS
