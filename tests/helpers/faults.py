"""Does harm to real trainings; test_faults.py does most kinds once, stress.py all of them often."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import subprocess
import time
from collections.abc import Callable

from pipelines.storage.listing import list_files
from pipelines.storage.manifest import Manifest
from pipelines.storage.records import write_shard
from tests.helpers.runs import assert_one_clear_line, run, start, wait_for
from tests.helpers.victim import FLAGS, GAP, STAND, STEPS, TRAIN, Victim, assert_nothing_lost, finish, losses
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.run_dir.sessions import sessions

DISK_FULL = 74


def killed(
    victim: Victim, moment: str | None = None, meanwhile: Callable[[Victim, subprocess.Popen], None] | None = None
) -> int:
    """Sends kill -9, at a moment, at which something else may be tried before, or at a random one."""
    before = victim.newest()
    if moment:
        process = victim.start(moment)
        if meanwhile:
            meanwhile(victim, process)
    else:
        ahead = min(GAP + 1, STEPS - 1 - before)
        process = victim.started(int(victim.rng.integers(1, ahead + 1)))
        time.sleep(victim.rng.uniform(0, 0.3))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    if moment == "save":
        assert list((victim.run_dir / "checkpoints").glob(".unfinished-*/state*"))
    return assert_nothing_lost(victim, before)


def asked_to_stop(victim: Victim, moment: str, number: signal.Signals = signal.SIGTERM) -> int:
    """Sends SIGTERM at a moment; if there is something to save, it must be saved."""
    before = victim.newest()
    # A training that was killed earlier may have logged steps after its last checkpoint; they go after the reading.
    stale = victim.step() - before
    is_early = moment in ("reading", "tracing", "first step")
    process = victim.start(moment, STAND if is_early else 1)
    process.send_signal(number)
    result = finish(process)
    assert result.returncode == 128 + number, result.stderr
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stdout.splitlines() if line.startswith(f"stopped by {number.name}")]
    assert len(lines) == 1, result.stdout
    assert ("before a step was done" in lines[0]) == is_early, lines
    if moment != "reading":
        # By this watch knows that it does not run.
        assert sessions(victim.run_dir)[-1].last_step == victim.newest()
    assert assert_nothing_lost(victim, before) == (stale if moment == "reading" else 0)
    assert is_early or victim.newest() > before
    return 0


def asked_twice(victim: Victim) -> int:
    """Sends SIGTERM twice while it saves: it ends at once, with the checkpoint before."""
    before = victim.newest()
    process = victim.start("save")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    result = finish(process)
    assert result.returncode == 128 + signal.SIGTERM, result.stderr
    assert "stopped by SIGTERM again" in result.stdout
    return assert_nothing_lost(victim, before)


def damaged_checkpoint(victim: Victim, damage: Callable[[bytearray], bytes]) -> int:
    """Damages the newest checkpoint; it is set aside, and the one before is restored."""
    newest = victim.newest()
    # The checkpoint before must be that of a step: nothing resumes from step 0.
    while sorted([0, 0, *Checkpoints(victim.run_dir).steps()])[-2] == 0 or victim.newest() == newest:
        finish(_interrupted(victim))
    newest = victim.newest()
    data = Checkpoints(victim.run_dir).path(newest) / "state.data-00000-of-00001"
    data.write_bytes(damage(bytearray(data.read_bytes())))
    before = sorted(Checkpoints(victim.run_dir).steps())[-2]
    result = finish(_interrupted(victim))
    assert f"the checkpoint of step {newest} is damaged" in result.stdout, result.stdout
    assert f"resuming after step {before}" in result.stdout
    return newest - before


def _interrupted(victim: Victim) -> subprocess.Popen:
    process = victim.started()
    process.send_signal(signal.SIGTERM)
    return process


def flipped(contents: bytearray) -> bytes:
    contents[len(contents) // 2] ^= 1
    return bytes(contents)


def cut(contents: bytearray) -> bytes:
    return bytes(contents[: len(contents) // 2])


def full_disk(victim: Victim, then: str | None = None) -> int:
    """Fills the disk of the run directory while it trains; once there is room, it resumes and completes."""
    before = victim.newest()
    with small_disk(victim.run_dir.parent) as fill:
        if fill is None:
            # No mount is allowed here.
            lost = no_room(victim, "full disk")
            victim.completes(then)
            return lost
        process = victim.started()
        filler = fill()
        result = finish(process)
        lost = _assert_full(victim, result, before)
        assert f"the disk at {victim.run_dir.parent.resolve()}" in result.stderr
        filler.unlink()
        victim.completes(then)
    return lost


def no_room(victim: Victim, moment: str = "no room") -> int:
    """Has the disk full when a checkpoint is due, or while it is written."""
    before = victim.newest()
    process = start("tests.helpers.moments", moment, os.devnull, 0, *victim.arguments)
    return _assert_full(victim, finish(process), before)


def _assert_full(victim: Victim, result: subprocess.CompletedProcess, before: int) -> int:
    assert result.returncode == DISK_FULL, result.stderr
    assert_one_clear_line(result, "error: no room for ", "MiB free", "Make room")
    assert not list((victim.run_dir / "checkpoints").glob(".unfinished-*"))
    return assert_nothing_lost(victim, before)


@contextlib.contextmanager
def small_disk(place: pathlib.Path):
    """Mounts a disk of 24 MiB; yields a function that fills it and returns the filler, or None without that right."""
    aside = place.with_name(f"{place.name}.aside")
    shutil.copytree(place, aside)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", place], capture_output=True)
    if mounted.returncode:
        shutil.rmtree(aside)
        yield None
        return
    shutil.copytree(aside, place, dirs_exist_ok=True)

    def fill() -> pathlib.Path:
        filler = place / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        return filler

    try:
        yield fill
        shutil.rmtree(aside)
        shutil.copytree(place, aside)
    finally:
        subprocess.run(["umount", place], check=True)
    shutil.copytree(aside, place, dirs_exist_ok=True)
    shutil.rmtree(aside)


def file_gone(victim: Victim, split: str = "train") -> int:
    """Removes a file; the line names it, nothing is lost, and with the file back the training resumes."""
    file = victim.pairs / split / "1.png"
    return _unreadable(victim, file, file.unlink, "it cannot be read (No such file or directory)")


def file_changed(victim: Victim) -> int:
    """Replaces a file by another image."""
    file = victim.pairs / "train" / "4.png"
    other = (victim.pairs / "train" / "5.png").read_bytes()
    return _unreadable(victim, file, lambda: file.write_bytes(other), "it has changed since")


def _unreadable(victim: Victim, file: pathlib.Path, harm: Callable[[], object], reason: str) -> int:
    before, contents = victim.newest(), file.read_bytes()
    process = victim.start("opened", 2)
    harm()
    result = finish(process)
    assert result.returncode == 2, (result.stdout, result.stderr)
    assert_one_clear_line(result, f"error: {file}: {reason}", "--bad_images=skip")
    lost = assert_nothing_lost(victim, before)
    assert lost == 0
    file.write_bytes(contents)
    return lost


def second_is_refused(victim: Victim, first: subprocess.Popen) -> None:
    """Starts another training in the same run directory, which is refused at once."""
    second = run(TRAIN, *victim.arguments)
    assert second.returncode == 2
    assert_one_clear_line(second, f"error: run_dir={victim.run_dir} is being written", f"process {first.pid} on ")


def second_training(victim: Victim) -> int:
    """Starts another training in the same run directory: it is refused at once. kill -9 of the first frees the lock."""
    return killed(victim, "validation", second_is_refused)


def make_shards(pairs: pathlib.Path, output: pathlib.Path) -> pathlib.Path:
    """Makes two shards a split, as `prepare shard` does, without Beam."""
    for split in ("train", "val"):
        files, written = list_files(pairs / split), []
        (output / split).mkdir(parents=True)
        for number, part in enumerate((files[: len(files) // 2], files[len(files) // 2 :])):
            images = [(file.name, file.read_bytes()) for file in part]
            written.append(write_shard(output / split / f"{split}-{number:05d}-of-00002.tfrecord", images))
        total = sum(file.stat().st_size for file in files)
        Manifest("pairs", len(files), total, {"3": len(files)}, (64, 64), (128, 128), written, {}).save(output / split)
    return output


def shard_flipped(victim: Victim, bad_images: str) -> int:
    """Flips a bit of a record, in a training on shards."""
    shards = make_shards(victim.pairs, victim.pairs.with_name(f"{victim.pairs.name}.shards"))
    sharded = dataclasses.replace(victim, pairs=shards, flags=(*victim.flags, f"--bad_images={bad_images}"))
    before = victim.newest()
    process = sharded.start("opened", 2)
    path = shards / "train" / "train-00001-of-00002.tfrecord"
    contents = path.read_bytes()
    harmed = bytearray(contents)
    harmed[200] ^= 1
    path.write_bytes(harmed)
    result = finish(process)
    place = f"{path}, record 0 at byte 0: it cannot be read (its checksum"
    if bad_images == "skip":
        assert result.returncode == 0, result.stderr
        assert_skipped(sharded, result, place)
        return 0
    assert result.returncode == 2, result.stderr
    assert_one_clear_line(result, f"error: {place}")
    lost = assert_nothing_lost(victim, before)
    assert lost == 0
    path.write_bytes(contents)
    sharded.completes()
    return lost


def assert_skipped(victim: Victim, result: subprocess.CompletedProcess, place: str) -> None:
    """Asserts that one line names the pair, and that log and run directory count it."""
    lines = [line for line in result.stdout.splitlines() if line.startswith("lost ")]
    assert len(lines) == 1, result.stdout
    assert lines[0].startswith(f"lost {place}")
    assert read_log(victim.run_dir)[-1].get("lost_pairs", read_log(victim.run_dir)[-2].get("lost_pairs")) == 1
    assert len(list((victim.run_dir / "lost").iterdir())) == 1


def file_gone_and_skipped(victim: Victim, other: Victim) -> int:
    """Removes a file, and others replace it; killed afterwards, the training ends as one that was not."""
    for each in (victim, other):
        each.flags = (*FLAGS, "--bad_images=skip")
        process = each.start("opened", 2)
        file = each.pairs / "train" / "1.png"
        file.unlink()
        if each is victim:
            result = finish(process)
            assert result.returncode == 0, result.stderr
            assert_skipped(victim, result, str(file))
            continue
        wait_for(lambda: other.step() >= STEPS // 2, process)
        process.kill()
        process.communicate()
        assert_nothing_lost(other, 0)
        other.undisturbed = victim.run_dir
        other.completes()
        assert losses(other.run_dir) == losses(victim.run_dir)
    # The test can fail: it is not what the training with the file is.
    assert losses(victim.run_dir) != losses(victim.undisturbed)
    return 0
