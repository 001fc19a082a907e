"""From files to shards: the same pairs in the same order to the last bit, any of them in one read."""

import dataclasses
import hashlib
import json
import subprocess

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines import prepare
from pipelines.images.pair_format import PairFormat
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import naming_unreadable, open_pairs
from pipelines.storage import manifest, records
from pipelines.storage.image_files import Files
from pipelines.storage.listing import list_files
from pipelines.storage.shards import Shards, open_files
from pipelines.system.disk import write_whole
from pipelines.system.paths import RemotePath, parse_path
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.golden import SHARED
from tests.helpers.runs import (
    TINY,
    assert_one_clear_line,
    assert_same_state,
    make_pairs,
    run,
    start,
    start_code,
    wait_for,
)
from tfpix2pix.run_dir import config_json
from tfpix2pix.run_dir.claim import claim

evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")

pytest.importorskip("apache_beam", reason="needs the extra beam")

FORM = PairFormat("BtoA", (70, 72))
# Sorted as paths these stand in this order; as strings `a-b/2` would come first.
NAMES = ["a/1.png", "a/9.PNG", "a-b/2.jpg", "b.png", "c/d/e.jpeg", "z.png", "ü.png"]


def make_folder(folder, names=NAMES, seed=0):
    rng = np.random.default_rng(seed)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 128, 3), dtype=np.uint8)).save(folder / name)
    return folder


def shard(folder, output, *options):
    assert call(prepare, "shard", f"--data={folder}", f"--output={output}", *options) == 0
    return output


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("files") / "pairs")


@pytest.fixture(scope="module")
def shards(folder, tmp_path_factory):
    return shard(folder, tmp_path_factory.mktemp("shards") / "pairs", "--shards=3")


def batches(pairs, first_step=0, last_step=12, batch_size=2):
    options = {"image_size": (64, 64), "flip": True, "batch_size": batch_size, "seed": 3}
    return list(train_dataset(pairs, **options, first_step=first_step, last_step=last_step).as_numpy_iterator())


def assert_same(a, b):
    for one, other in zip(a, b, strict=True):
        for x, y in zip(one, other, strict=True):
            np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("cache_mib", [0, pytest.param(100, marks=pytest.mark.slow)])
def test_training_sees_the_same_bits(folder, shards, cache_mib):
    from_files, from_shards = (open_pairs(each, FORM, cache_mib=cache_mib) for each in (folder, shards))
    assert isinstance(from_shards.files, Shards)
    whole = batches(from_files)
    assert_same(batches(from_shards), whole)
    assert_same(batches(from_shards, first_step=5), whole[5:])
    assert_same(eval_dataset(from_shards, 3).as_numpy_iterator(), eval_dataset(from_files, 3).as_numpy_iterator())


def test_parts_of_workers_make_the_whole(shards):
    """A worker's part does not depend on the other workers: order and jitter follow from the position."""
    pairs = open_pairs(shards, FORM)
    options = {"image_size": (64, 64), "flip": True, "batch_size": 1, "seed": 3, "first_step": 0, "last_step": 12}
    parts = [list(train_dataset(pairs, **options).shard(2, k).as_numpy_iterator()) for k in (0, 1)]
    assert_same([each for both in zip(*parts, strict=True) for each in both], batches(pairs, batch_size=1))


def test_records_read_like_files(folder, shards):
    files, opened = open_files(folder), open_files(shards)
    assert [record.read() for record in opened] == [(n, f.read_bytes()) for n, f in zip(NAMES, files, strict=True)]
    assert opened.names() == files.names() == NAMES
    chosen = opened.select([6, 0, 0, 3])
    assert chosen.names() == files.select([6, 0, 0, 3]).names() == ["ü.png", "a/1.png", "a/1.png", "b.png"]
    assert chosen.select([3]).names() == ["b.png"]
    assert opened[-1] == opened[6]
    assert len({opened.fingerprint(), chosen.fingerprint(), opened.select([6, 0, 0, 4]).fingerprint()}) == 3


def test_shards_are_tfrecords_of_examples(folder, shards):
    """Plain TensorFlow reads them, without manifest and index."""
    paths = sorted(str(path) for path in shards.glob("*.tfrecord"))
    assert [path[-24:] for path in paths] == [f"-{i:05d}-of-00003.tfrecord" for i in range(3)]
    examples = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(paths)]
    for example, file in zip(examples, list_files(folder), strict=True):
        assert example.features.feature["image"].bytes_list.value[0] == file.read_bytes()


def test_manifest(folder, shards):
    found = manifest.load(shards)
    assert (found.kind, found.records, found.channels) == ("pairs", 7, {"3": 7})
    assert (found.heights, found.widths, found.skipped) == ([64, 64], [128, 128], {})
    assert found.image_bytes == sum(file.stat().st_size for file in list_files(folder))
    assert [each.records for each in found.shards] == [2, 2, 3]
    for each in found.shards:
        contents = (shards / each.name).read_bytes()
        assert (len(contents), hashlib.sha256(contents).hexdigest()) == (each.bytes, each.sha256)
    names = {"manifest.json"} | {each.name + suffix for each in found.shards for suffix in ("", ".index")}
    assert {path.name for path in shards.iterdir()} == names


@pytest.mark.slow
def test_the_same_shards_whoever_makes_them(folder, shards, tmp_path):
    again = shard(folder, tmp_path / "again", "--shards=3", "--workers=2")
    assert {p.name for p in again.iterdir()} == {p.name for p in shards.iterdir()}
    for path in again.iterdir():
        assert path.read_bytes() == (shards / path.name).read_bytes(), path


def spoiled(tmp_path):
    folder = make_folder(tmp_path / "p", ["train/0.png", "train/1.png", "train/2.png", "val/0.png"])
    (folder / "train" / "1.png").write_bytes(b"no image")
    Image.new("RGB", (7, 4)).save(folder / "train" / "odd.png")
    return folder


def test_bad_files_are_named_or_skipped(tmp_path, capsys):
    folder, output = spoiled(tmp_path), tmp_path / "s"
    arguments = ("shard", f"--data={folder}", f"--output={output}", "--shards=1")
    with pytest.raises(InputError) as error:
        call(prepare, *arguments)
    assert "2 of 4 files" in str(error.value)
    assert f"{folder}/train/1.png: " in str(error.value)
    assert not (output / "train" / "manifest.json").exists()
    assert call(prepare, *arguments, "--bad_images=skip") == 0
    assert "skipped odd.png: its width is odd" in capsys.readouterr().out
    pairs = open_pairs(output / "train", FORM)
    assert (len(pairs), list(pairs.skipped), pairs.files.names()) == (2, ["1.png", "odd.png"], ["0.png", "2.png"])


def test_a_repaired_file_is_read_again_whatever_its_size(tmp_path):
    folder = make_folder(tmp_path / "p", ["0.png", "1.png"])
    good = (folder / "1.png").read_bytes()
    (folder / "1.png").write_bytes(b"?" * len(good))
    with pytest.raises(InputError):
        call(prepare, "shard", f"--data={folder}", f"--output={tmp_path / 's'}")
    (folder / "1.png").write_bytes(good)
    assert Shards(shard(folder, tmp_path / "s"))[1].read() == ("1.png", good)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--output=/proc/none",), "output=/proc/none cannot be written"),
        (("--runner=NoSuchRunner",), "runner=NoSuchRunner"),
    ],
)
def test_refusals(folder, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        call(prepare, "shard", f"--data={folder}", f"--output={tmp_path / 's'}", *options)


def test_at_most_one_shard_an_image(folder, tmp_path):
    assert len(manifest.load(shard(folder, tmp_path / "s", "--shards=100")).shards) == 7


def test_existing_shards_stay(folder, shards):
    before = {path: path.stat().st_mtime_ns for path in shards.iterdir()}
    shard(folder, shards, "--shards=3")
    assert {path: path.stat().st_mtime_ns for path in shards.iterdir()} == before


def test_other_shards_are_not_overwritten(folder, shards, tmp_path):
    """Other shards are a different number of them, or as many of other images."""
    for data, count in ((folder, 1), (make_folder(tmp_path, seed=1), 3)):
        with pytest.raises(InputError, match=f"output={shards} "):
            call(prepare, "shard", f"--data={data}", f"--output={shards}", f"--shards={count}")


def test_shards_without_their_manifest(shards, tmp_path):
    (tmp_path / "0.tfrecord").write_bytes(next(shards.glob("*.tfrecord")).read_bytes())
    with pytest.raises(InputError, match=f"{tmp_path} .*manifest.json"):
        open_pairs(tmp_path, FORM)


def test_shards_of_single_images_are_refused(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    Image.new("L", (7, 4)).save(folder / "0.png")
    output = shard(folder, tmp_path / "s", "--kind=images")
    assert manifest.load(output).channels == {"1": 1}
    with pytest.raises(InputError, match=f"{output} .*single images"):
        open_pairs(output, FORM)


def test_arrays_whose_axes_are_said(tmp_path):
    """Twelve pages and an array of channels; without --axes, nobody knows what the pages are."""
    folder = tmp_path / "p"
    folder.mkdir()
    values = np.random.default_rng(0).integers(0, 4096, (12, 8, 16)).astype(np.uint16)
    tifffile.imwrite(folder / "0.tif", values, photometric="minisblack")
    np.save(folder / "1.npy", values[:, :, :10])
    with pytest.raises(InputError, match=r"0.tif: it has 12 pages.*--axes=CYX"):
        call(prepare, "shard", f"--data={folder}", f"--output={tmp_path / 'refused'}")
    output = shard(folder, tmp_path / "s", "--axes=CYX")
    found = manifest.load(output)
    assert (found.channels, found.heights, found.widths) == ({"12": 2}, [8, 8], [10, 16])
    with pytest.raises(InputError, match="--axes=ZYX"):
        call(prepare, "shard", f"--data={folder}", f"--output={tmp_path / 'refused'}", "--axes=ZYX")
    assert [file.read_bytes() for file in Shards(output)] == [
        file.read_bytes() for file in (folder / "0.tif", folder / "1.npy")
    ]


@pytest.fixture
def copy(shards, tmp_path):
    for path in shards.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def flip(path, position):
    contents = bytearray(path.read_bytes())
    contents[position] ^= 1
    path.write_bytes(contents)


def test_a_flipped_bit_is_named(copy, capsys):
    record = Shards(copy)[4]
    flip(copy / "pairs-00002-of-00003.tfrecord", record.start + 500)
    pairs = open_pairs(copy, FORM)
    message = f"pairs-00002-of-00003.tfrecord, record 0 at byte {record.start}: .*its checksum"
    with pytest.raises(InputError, match=message), naming_unreadable(pairs):
        batches(pairs)
    with pytest.raises(InputError, match="1 of 7 files"):
        open_pairs(copy, FORM, cache_mib=100)
    with pytest.raises(InputError, match=message):
        Shards(copy).names()
    assert call(prepare, "check", f"--data={copy}") == 1
    assert f"record 0 at byte {record.start}: it cannot be read (its checksum" in capsys.readouterr().err


def test_a_flipped_bit_in_a_length_is_named(copy):
    start = Shards(copy)[1].start
    flip(copy / "pairs-00000-of-00003.tfrecord", start)
    pairs = open_pairs(copy, FORM)
    message = f"pairs-00000-of-00003.tfrecord, record 1 at byte {start}"
    with pytest.raises(InputError, match=message), naming_unreadable(pairs):
        batches(pairs)


def test_shards_that_differ_from_the_manifest(copy):
    index = copy / "pairs-00001-of-00003.tfrecord.index"
    before = index.read_bytes()
    flip(index, 8)
    with pytest.raises(InputError, match=r"00001-of-00003.tfrecord.index "):
        Shards(copy)
    index.write_bytes(before)
    path = copy / "pairs-00001-of-00003.tfrecord"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"00001-of-00003.tfrecord .*bytes"):
        Shards(copy)
    path.unlink()
    with pytest.raises(InputError, match=r"00001-of-00003.tfrecord "):
        Shards(copy)
    text = (copy / "manifest.json").read_text()
    (copy / "manifest.json").write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(InputError, match=r"manifest.json .*2.*1"):
        Shards(copy)
    (copy / "manifest.json").write_text(text[:-20])
    with pytest.raises(InputError, match=r"manifest.json "):
        Shards(copy)


def test_an_empty_shard_is_skipped(tmp_path):
    kept = [
        records.write_shard(tmp_path / f"s{i}.tfrecord", images)
        for i, images in enumerate([[], [("a", b"1")], [], [("b", b"2")], []])
    ]
    manifest.Manifest("images", 2, 2, {}, (0, 0), (0, 0), kept, {}).save(tmp_path)
    assert [record.read() for record in Shards(tmp_path)] == [("a", b"1"), ("b", b"2")]
    assert Shards(tmp_path).names() == ["a", "b"]


def test_in_an_object_store(folder):
    """ram:// stands in for gs:// and its like: TensorFlow's own file system, which pathlib and open() cannot reach."""
    store = RemotePath("ram://store/set")
    assert (str(store / "a"), str(parse_path("x/y"))) == ("ram://store/set/a", "x/y")
    for name, file in zip(NAMES, list_files(folder), strict=True):
        tf.io.gfile.makedirs(str((store / "pairs" / "train" / name).parent))
        write_whole(store / "pairs" / "train" / name, file.read_bytes())
    shard(store / "pairs", store / "shards", "--shards=2")
    pairs = open_pairs(store / "shards" / "train", FORM)
    assert pairs.files.names() == NAMES
    assert_same(batches(pairs), batches(open_pairs(folder, FORM)))
    files = open_pairs(store / "pairs" / "train", FORM)
    assert files.fingerprint() == open_pairs(folder, FORM).fingerprint()
    assert_same(batches(files), batches(pairs))
    with pytest.raises(InputError, match="ram://store/nowhere"):
        call(prepare, "check", "--data=ram://store/nowhere")


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    """Trains from files, and from shards with a kill and a resume; returns the folder of both runs."""
    folder = tmp_path_factory.mktemp("trainings")
    make_pairs(folder / "files", train=6, val=2)
    shard(folder / "files", folder / "shards", "--shards=2")
    options = (*TINY, "--direction=BtoA", "--cache_mib=0", "--checkpoint_every=4", "--max_steps=10")
    assert call(train, *options, f"--data={folder / 'files'}", f"--run_dir={folder / 'run-files'}") == 0
    options = (*options, f"--data={folder / 'shards'}", f"--run_dir={folder / 'run-shards'}")
    process = start("tfpix2pix.train", *options)
    wait_for(lambda: list((folder / "run-shards" / "checkpoints").glob("0*4")), process, seconds=300)
    process.kill()
    process.communicate()
    assert call(train, *options) == 0
    return folder


@pytest.mark.slow
def test_a_killed_training_from_shards_is_one_from_files(trainings):
    """Six pairs make an epoch: the checkpoint after four steps is in the middle of one."""
    states = [max((trainings / f"run-{data}" / "checkpoints").glob("0*")) for data in ("files", "shards")]
    assert states[0].name == states[1].name
    assert_same_state(*states)


@pytest.mark.slow
def test_evaluation_from_shards_is_that_from_files(trainings):
    for data in ("files", "shards"):
        assert call(evaluate, f"--run_dir={trainings / f'run-{data}'}", "--checkpoint=10") == 0
    files, shards = ((trainings / f"run-{d}/evaluation/val-10/images.csv").read_text() for d in ("files", "shards"))
    assert files == shards
    assert "1.png" in files


@pytest.mark.slow
def test_a_run_refuses_other_shards(trainings):
    run_dir, folder = trainings / "run-shards", trainings / "shards" / "train"
    found = manifest.load(folder)
    assert json.loads((run_dir / "data.json").read_text())["fingerprint"] == found.fingerprint()
    changed = [dataclasses.replace(found.shards[0], sha256="0"), *found.shards[1:]]
    dataclasses.replace(found, shards=changed).save(folder)
    options = config_json.load(run_dir)
    with pytest.raises(InputError, match="their names, sizes or contents differ"):
        claim(run_dir, options, open_pairs(folder, FORM), open_pairs(folder.with_name("val"), FORM))
    found.save(folder)
    claim(run_dir, options, open_pairs(folder, FORM), open_pairs(folder.with_name("val"), FORM))


@pytest.mark.slow
def test_a_killed_sharding_resumes(tmp_path):
    """The shards that were complete when it was killed are not made again."""
    folder = make_folder(tmp_path / "p", [f"{i:03d}.png" for i in range(200)])
    whole = shard(folder, tmp_path / "whole", "--shards=20")
    process = start("pipelines.prepare", "shard", f"--data={folder}", f"--output={tmp_path / 's'}", "--shards=20")
    wait_for(lambda: len(list((tmp_path / "s").glob("*-of-00020.json"))) >= 3, process)
    process.kill()
    process.communicate()
    assert not (tmp_path / "s" / "manifest.json").exists()
    done = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "s").glob("*.json")}
    before = {name: (tmp_path / "s" / name).with_suffix(".tfrecord").stat().st_mtime_ns for name in done}
    assert 3 <= len(done) < 20
    shard(folder, tmp_path / "s", "--shards=20")
    for name, modified in before.items():
        assert (tmp_path / "s" / name).with_suffix(".tfrecord").stat().st_mtime_ns == modified
    contents = [{path.name: path.read_bytes() for path in each.iterdir()} for each in (whole, tmp_path / "s")]
    assert contents[0] == contents[1]


@pytest.mark.slow
def test_processes_end_in_one_line(folder, tmp_path):
    result = run(
        "pipelines.prepare", "shard", f"--data={spoiled(tmp_path)}", f"--output={tmp_path / 's'}", "--shards=1"
    )
    assert_one_clear_line(result, "error: 2 of 4 files in", "--bad_images=skip")


@pytest.mark.slow
@pytest.mark.needs_shared
def test_facades_in_four_shards(tmp_path):
    facades = SHARED / "data" / "facades"
    output = shard(facades, tmp_path / "facades", "--shards=4")
    assert [manifest.load(output / split).records for split in ("train", "val", "test")] == [400, 100, 106]
    form = PairFormat("BtoA", (286, 286))
    options = {"image_size": (256, 256), "flip": True, "batch_size": 4, "seed": 0, "first_step": 97, "last_step": 105}
    from_files = train_dataset(
        dataclasses.replace(open_pairs(output / "train", form), files=open_files(facades / "train")), **options
    )
    from_shards = train_dataset(open_pairs(output / "train", form), **options)
    assert isinstance(open_files(facades / "train"), Files)
    assert_same(from_shards.as_numpy_iterator(), from_files.as_numpy_iterator())


def test_a_full_disk_ends_in_one_line(folder, tmp_path):
    """Beam wraps what its workers raise, and prints it."""
    arguments = ("shard", f"--data={folder}", f"--output={tmp_path / 's'}", "--kind=images")
    script = (
        "import os, sys, errno\n"
        f"sys.argv[1:] = {arguments!r}\n"
        "from pipelines import prepare\n"
        "from pipelines.sharding import shard\n"
        "from pipelines.system import terminal\n"
        "def full(*_): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "shard.write_block = full\n"
        "prepare.define_flags()\n"
        "terminal.run(prepare.main)\n"
    )
    process = start_code(script)
    stdout, stderr = process.communicate()
    assert process.returncode == 74, stderr
    assert_one_clear_line(
        subprocess.CompletedProcess(script, 74, stdout, stderr),
        f"error: no room for the result in {tmp_path / 's'}",
        "MiB free",
        "Make room",
    )
