"""A run directory from somebody else: nothing is written or deleted outside it, and no command hangs."""

import contextlib
import ctypes
import json
import os
import shutil

import pytest

from export import saved_model
from pipelines.system.disk import check_writable, write_whole
from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.runs import TINY
from tfpix2pix import translate
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.lock import Lock

compare = command_module("tfpix2pix.compare")
evaluate = command_module("tfpix2pix.evaluate")
train = command_module("tfpix2pix.train")


@pytest.fixture
def run_dir(short_run, tmp_path):
    return shutil.copytree(short_run, tmp_path / "run")


def commands(run_dir, short_run):
    pairs = short_run.parent / "pairs"
    training = (*TINY, "--direction=BtoA", "--learning_rate=0.05", f"--data={pairs}", "--max_steps=3")
    return (
        (train, *training, f"--run_dir={run_dir}"),
        (evaluate, f"--run_dir={run_dir}", "--nofeatures", "--nobaselines"),
        (translate, f"--run_dir={run_dir}", f"--input={pairs / 'val'}", f"--output={run_dir.parent / 'o'}", "--pairs"),
    )


@pytest.mark.parametrize(
    "name",
    [".log.jsonl", "lock", ".writable", "curves.png", "samples/step-00000003.png", "evaluation", "checkpoints/x"],
)
def test_a_training_refuses_links(run_dir, short_run, tmp_path, name):
    """It would write through them."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (run_dir / name).parent.mkdir(exist_ok=True)
    if (run_dir / name).is_dir():
        shutil.rmtree(run_dir / name)
    (run_dir / name).unlink(missing_ok=True)
    (run_dir / name).symlink_to(outside)
    training, evaluation, translation = commands(run_dir, short_run)
    with pytest.raises(InputError, match=f"run_dir={run_dir} has {name}, which is a link"):
        call(*training)
    assert call(*translation) == 0
    if name == "evaluation":
        with pytest.raises(InputError, match=r"evaluation is a link, .*--output"):
            call(*evaluation)
    assert outside.read_text() == "precious"


def test_a_linked_folder_of_checkpoints_loses_nothing(run_dir, short_run, tmp_path):
    photos = tmp_path / "photos"
    (photos / "00000001").mkdir(parents=True)
    (photos / "00000001" / "letter.txt").write_text("dear")
    shutil.rmtree(run_dir / "checkpoints")
    (run_dir / "checkpoints").symlink_to(photos)
    training, *others = commands(run_dir, short_run)
    with pytest.raises(InputError, match="has checkpoints, which is a link"):
        call(*training)
    for command in others:
        with pytest.raises(InputError, match="00000001 cannot be read"):
            call(*command)
    assert (photos / "00000001" / "letter.txt").read_text() == "dear"


def linked(run_dir, folder):
    """A folder with a link to each thing of a run, as version control of data makes them, files one by one."""
    for path in run_dir.rglob("*"):
        if path.is_file():
            link = folder / path.relative_to(run_dir)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path)
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["links", "a link to each folder", "read-only"])
def test_commands_that_read_take_what_they_may_not_change(run_dir, short_run, tmp_path, kind):
    if kind == "links":
        given = linked(run_dir, tmp_path / "linked")
    else:
        given = run_dir
        if kind != "read-only":
            given = tmp_path / "linked"
            given.mkdir()
            for path in run_dir.iterdir():
                (given / path.name).symlink_to(path)
    before = contents(run_dir)
    _, evaluation, translation = commands(given, short_run)
    own = f"--output={tmp_path / 'e'}"
    rest = (compare, f"--output={tmp_path / 'c'}", "--nofeatures", str(given), f"latest={given}@latest")
    export = (saved_model, f"--run_dir={given}", f"--output={tmp_path / 'm'}", "--parity_images=1")
    with without_rights(run_dir) if kind == "read-only" else contextlib.nullcontext():
        for command in ((*evaluation, own), translation, rest, export):
            assert call(*command) == 0
        if kind == "read-only":
            with pytest.raises(InputError, match=r"evaluation/val-[02] cannot be written .*--output"):
                call(*evaluation)
    assert contents(run_dir) == before


@contextlib.contextmanager
def without_rights(folder):
    """Nothing below a folder can be written, for root either."""
    paths = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in paths:
        path.chmod(0o555)
    try:
        with without_override():
            with pytest.raises(PermissionError):
                (folder / "probe").touch()
            yield
    finally:
        for path in paths:
            path.chmod(0o755)


@contextlib.contextmanager
def without_override():
    """Root obeys permissions, too: this thread lacks CAP_DAC_OVERRIDE meanwhile."""
    if os.geteuid():
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    fewer = (ctypes.c_uint32 * 6)(*before)
    fewer[0] &= ~0b10
    assert libc.capset(header, fewer) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


def test_the_run_directory_itself_may_be_a_link(run_dir, short_run, tmp_path):
    (tmp_path / "link").symlink_to(run_dir)
    assert call(*commands(tmp_path / "link", short_run)[2]) == 0


@pytest.mark.parametrize("name", ["config.json", "log.jsonl", "data.json", "lost"])
def test_a_pipe_is_not_read(run_dir, short_run, name):
    if (run_dir / name).is_dir():
        shutil.rmtree(run_dir / name)
    (run_dir / name).unlink(missing_ok=True)
    os.mkfifo(run_dir / name)
    for command in commands(run_dir, short_run):
        with pytest.raises(InputError, match=f"has {name}, "):
            call(*command)


def test_a_link_is_replaced_and_not_followed(tmp_path):
    """The link was made after the check for links."""
    outside = tmp_path / "outside"
    outside.write_text("precious")
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (".file", ".writable", "lock"):
        (folder / name).symlink_to(outside)
    write_whole(folder / "file", "new")
    check_writable(folder, "folder")
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        Lock(folder).take()
    assert (folder / "file").read_text() == "new"
    assert outside.read_text() == "precious"


def test_only_names_that_a_training_gives_are_checkpoints(tmp_path):
    folder = tmp_path / "checkpoints"
    for name in ("00000003", "9", "٠٠٠٠٠٠٠٤", "000000010", "damaged-00000001", "123456789"):
        (folder / name).mkdir(parents=True)
    (folder / "00000005").write_text("no folder")
    (folder / "00000006").symlink_to(tmp_path / "nowhere")
    assert Checkpoints(tmp_path).steps() == [3, 123456789]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "/etc/hostname"}, "name"),
        ({"name": "../0.png"}, "name"),
        ({"name": None}, "text"),
        ({"digest": "00"}, "digest"),
        ({"index": "0"}, "number"),
        ({"index": 2**70}, "number"),
        ({"index": -1}, "number"),
        ({"size": 1.5}, "number"),
    ],
)
def test_lost_pairs_that_no_training_writes(run_dir, short_run, change, words):
    pair = {"index": 0, "name": "0.png", "reason": "gone", "size": 1, "digest": "0" * 16}
    (run_dir / "lost").mkdir()
    (run_dir / "lost" / "00000000.json").write_text(json.dumps(pair | change))
    with pytest.raises(InputError, match=f"00000000.json .*{words}"):
        call(*commands(run_dir, short_run)[0])


def test_all_pairs_lost(run_dir, short_run):
    (run_dir / "lost").mkdir()
    for index, file in enumerate(sorted((short_run.parent / "pairs" / "train").iterdir())):
        pair = {"index": index, "name": file.name, "reason": "gone", "size": 1, "digest": "0" * 16}
        (run_dir / "lost" / f"{index:08d}.json").write_text(json.dumps(pair))
    with pytest.raises(InputError, match="pairs"):
        call(*commands(run_dir, short_run)[0])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ('{"dropout": 1%s}' % ("0" * 400), "64 bits"),
        ('{"max_pixels": 1%s}' % ("0" * 30), "more than 64 bits"),
        ('{"data_dir": "\\u0000"}', "data_dir="),
        ('{"image_size": [0, 0]}', "image_size=0x0"),
    ],
)
def test_options_that_no_training_writes(run_dir, short_run, values, words):
    config = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps(config | json.loads(values)))
    for command in commands(run_dir, short_run)[1:]:
        with pytest.raises(InputError, match=f"config.json .*{words}"):
            call(*command)


def test_an_option_that_was_left_open_is_resolved(noisy_run, short_run, tmp_path):
    """Six levels are those of 64x64."""
    run_dir = shutil.copytree(noisy_run, tmp_path / "run")
    config = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps(config | {"depth": 0, "load_size": [0, 0]}))
    assert call(*commands(run_dir, short_run)[2]) == 0
