"""Checkpoints: whole or not there, also with several workers; if one is damaged, the one before is restored."""

import concurrent.futures
import math
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf

from pipelines.pairs import LostPair
from pipelines.system.disk import DiskFullError
from pipelines.system.terminal import InputError
from tfpix2pix.config import Config
from tfpix2pix.devices.workers import Workers
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.run_dir.checkpoint_parts import FRAME_BYTES
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.config_json import save
from tfpix2pix.run_dir.lost_pairs import Lost
from tfpix2pix.run_dir.trained_generator import load_generator

CONFIG = Config(
    image_size=(32, 32), depth=3, generator_width=1, discriminator_width=1, discriminator_layers=1
).resolved()


@pytest.fixture(scope="module")
def built(strategies, tmp_path_factory):
    """A model that all tests share, and a file with its values of the start."""
    model = Pix2Pix(CONFIG, strategies[1], total_steps=10)
    return model, tf.train.Checkpoint(model=model).write(str(tmp_path_factory.mktemp("built") / "start"))


@pytest.fixture
def model(built):
    model, start = built
    tf.train.Checkpoint(model=model).read(start).assert_consumed()
    return model


@pytest.fixture(scope="module")
def saved(built, tmp_path_factory):
    """A run directory with checkpoints of two steps."""
    folder = tmp_path_factory.mktemp("saved") / "r"
    folder.mkdir()
    save(CONFIG, folder)
    for step in (4, 8):
        built[0].step.assign(step)
        Checkpoints(folder, keep=2).save(built[0])
    return folder


def damage(folder, how):
    """Cuts the weights' file at a length, or changes a byte in it, or empties or removes a file."""
    data = next(folder.glob("state.data*"))
    contents = bytearray(data.read_bytes())
    if how == "flipped":
        contents[len(contents) // 2] ^= 0xFF
        data.write_bytes(contents)
    elif how == "no index":
        (folder / "state.index").unlink()
    elif how == "empty index":
        (folder / "state.index").write_bytes(b"")
    elif isinstance(how, tuple):
        index = folder / "state.index"
        contents = bytearray(index.read_bytes())
        match how:
            case ("index cut at", position):
                contents = contents[:position]
            case ("index flipped at", position):
                contents[position] ^= 0xFF
        index.write_bytes(contents)
    else:
        data.write_bytes(contents[:how])


@pytest.mark.parametrize(
    "how",
    [
        *(0, 100, 1000, -1000, -1, "flipped", "no index", "empty index"),
        *(("index cut at", position) for position in (1, 3000, -100, -48, -1)),
        # Its first byte, one of its middle, and of its last 48 those that say where the names are.
        *(("index flipped at", position) for position in (0, 3000, -1000, -48, -47, -45, -1)),
    ],
)
def test_a_damaged_checkpoint(model, saved, tmp_path, how):
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    checkpoints = Checkpoints(tmp_path, keep=2)
    damage(checkpoints.path(8), how)
    with pytest.raises(InputError, match=r"00000008 .*\(.+\).* --checkpoint"):
        load_generator(tmp_path, "latest")
    warnings = []
    assert checkpoints.restore_newest(model, warnings.append) == model.step.numpy() == 4
    assert len(warnings) == 1
    assert warnings[0].startswith("warning: the checkpoint of step 8 is damaged")
    assert str(tmp_path / "checkpoints" / "damaged-00000008") in warnings[0]
    assert "{{" not in warnings[0]
    assert "\n" not in warnings[0]
    assert checkpoints.steps() == [4]
    assert (tmp_path / "checkpoints" / "damaged-00000008").is_dir()


def test_no_checkpoint_can_be_read(model, tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(model)
    damage(checkpoints.path(0), 100)
    with pytest.raises(InputError, match=r"no checkpoint in .*"):
        checkpoints.restore_newest(model, lambda _: None)


def test_a_run_that_goes_on_replaces_what_is_being_read(model, tmp_path, monkeypatch):
    """Between the choice and the reading, a running training may delete the checkpoint that was chosen."""
    save(CONFIG, tmp_path)
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(model)
    path = Checkpoints.path

    def path_and_another_save(self, step):
        monkeypatch.setattr(Checkpoints, "path", path)
        model.step.assign(5)
        model.generator.trainable_variables[0].assign_add(np.ones((4, 4, 3, 1), np.float32))
        checkpoints.save(model)
        assert checkpoints.steps() == [5]
        return path(self, step)

    monkeypatch.setattr(Checkpoints, "path", path_and_another_save)
    generator, _, step = load_generator(tmp_path, "latest")
    assert step == 5
    np.testing.assert_array_equal(generator.trainable_variables[0], model.generator.trainable_variables[0])


def test_best_is_chosen_by_any_metric(model, tmp_path):
    values = {
        1: {"l1": 0.3, "psnr": 12.0, "fid": 90.0},
        2: {"l1": 0.2, "psnr": 11.0},
        3: {"l1": 0.4, "psnr": 13.0, "fid": math.nan},
        4: {"l1": 0.5, "psnr": 10.0, "fid": 80.0},
    }
    for step, validation in values.items():
        model.step.assign(step)
        Checkpoints(tmp_path, keep=9).save(model, validation)
    assert {by: Checkpoints(tmp_path, best_by=by).best() for by in ("l1", "psnr", "fid")} == {
        "l1": 2,
        "psnr": 3,
        "fid": 4,
    }
    assert Checkpoints(tmp_path, best_by="kid").best() is None
    # Without a best one, the newest.
    assert Checkpoints(tmp_path, best_by="kid").choose("best") == 4
    model.step.assign(5)
    Checkpoints(tmp_path, keep=1, best_by="psnr").save(model, {"psnr": 1.0})
    assert Checkpoints(tmp_path).steps() == [3, 5]


def test_a_disk_that_is_full_leaves_the_checkpoints_before(model, tmp_path, monkeypatch):
    """Found before the writing begins, or by TensorFlow while it writes."""
    checkpoints = Checkpoints(tmp_path, keep=2)
    checkpoints.save(model)
    model.step.assign(4)
    usage = shutil._ntuple_diskusage(2**30, 2**30 - 1000, 1000)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(DiskFullError, match=r"no room for the checkpoint of step 4 in .* are missing"):
            checkpoints.save(model)

    def write(self, path):
        pathlib.Path(path + ".data-00000-of-00001").write_bytes(b"half")
        raise tf.errors.ResourceExhaustedError(None, None, f"{path}.tempstate; No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(tf.train.Checkpoint, "write", write)
        with pytest.raises(DiskFullError, match=r"no room for the checkpoint of step 4 in .* MiB free"):
            checkpoints.save(model)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000000"]
    checkpoints.save(model)
    assert checkpoints.steps() == [0, 4]


def test_the_room_that_a_checkpoint_needs(model, tmp_path):
    path = Checkpoints(tmp_path).save(model)
    data = path / "state.data-00000-of-00001"
    # The object graph is in there too.
    assert (
        model.nbytes()
        <= data.stat().st_size
        <= sum(f.stat().st_size for f in path.iterdir())
        < model.nbytes() + FRAME_BYTES
    )


def test_weights_that_are_not_finite(model):
    assert model.is_finite()
    model.discriminator_optimizer.variables[-1].assign(
        tf.fill(model.discriminator_optimizer.variables[-1].shape, math.inf)
    )
    assert not model.is_finite()


class Threads(Workers):
    """Two workers in two threads, which meet as those of a cluster do."""

    def __init__(self, index: int, barrier: threading.Barrier, flags: dict[int, bool], on_meeting):
        super().__init__()
        self.index, self.count = index, 2
        self._barrier, self._flags, self._on_meeting = barrier, flags, on_meeting

    def begin_any(self, flag):
        self._on_meeting(self.index)
        self._flags[self.index] = flag
        self._barrier.wait(60)
        result = any(self._flags.values())
        self._barrier.wait(60)
        return result

    def from_chief(self, value):
        return self.any(bool(value) and self.is_chief)


def test_workers_that_write_at_the_same_time(strategies, tmp_path, monkeypatch):
    """TensorFlow makes and removes files beside a worker's own: those of a worker that is still writing."""
    config = Config(**{**vars(CONFIG), "pool_size": 1})
    models = [Pix2Pix(config, strategies[1], total_steps=10) for _ in range(2)]
    made, may_remove, removed = threading.Event(), threading.Event(), threading.Event()
    write, fsync = tf.train.Checkpoint.write, os.fsync
    temporary = tmp_path / "checkpoints" / ".unfinished-00000000" / "state_temp"
    foreign = temporary / "part" / "data"

    def write_slowly(self, prefix):
        if pathlib.Path(prefix).name == "state":
            foreign.parent.mkdir(parents=True)
            foreign.touch()
            made.set()
            assert may_remove.wait(60)
            shutil.rmtree(temporary)
            removed.set()
        else:
            assert made.wait(60)
        return write(self, prefix)

    def fsync_slowly(descriptor):
        if foreign.exists() and os.path.samestat(os.fstat(descriptor), foreign.stat()):
            # The other worker is inside this one's folder now.
            may_remove.set()
            assert removed.wait(60)
        fsync(descriptor)

    def on_meeting(index):
        if index == 1 and made.is_set():
            # It has written its part, and touched nothing of this one's.
            may_remove.set()

    monkeypatch.setattr(tf.train.Checkpoint, "write", write_slowly)
    monkeypatch.setattr(os, "fsync", fsync_slowly)
    barrier, flags = threading.Barrier(2), {}
    checkpoints = [Checkpoints(tmp_path, workers=Threads(index, barrier, flags, on_meeting)) for index in range(2)]
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        paths = list(threads.map(lambda each, model: each.save(model), checkpoints, models))
    assert paths == [tmp_path / "checkpoints" / "00000000"] * 2
    assert {path.name for path in paths[0].iterdir()} == {
        "meta.json",
        "state.index",
        "state.data-00000-of-00001",
        "worker-1.index",
        "worker-1.data-00000-of-00001",
    }


def test_lost_pairs_beside_another_worker_that_writes(tmp_path):
    lost, pair = Lost(tmp_path), LostPair(7, "7.png", "it is gone", 4, "0" * 16)
    lost.add(pair)
    # As a worker leaves it that was killed while it wrote.
    (tmp_path / "lost" / ".00000008.json").write_text('{"index": ')
    assert (len(lost), lost.load()) == (1, [pair])
