"""Runs every command on spoiled inputs, and prints a table of what was refused, skipped and accepted.

    make hostile

The exit code is 1 if a command crashed, hung, showed a traceback, took more memory than worker.MAX_MIB, wrote outside
its folder, failed without a message, or gave a result that is not finite.
"""

import csv
import json
import pathlib
import shutil
import sys
import tempfile
import time

from PIL import Image

from pipelines.storage import manifest
from tests.helpers.runs import make_pairs
from tests.hostile import inputs, pictures
from tests.hostile.inputs import Seeds, spoil
from tests.hostile.invocations import COMMANDS, SIDE, TINY, WRITTEN
from tests.hostile.tally import Tally
from tests.hostile.worker import MAX_MIB, MAX_SECONDS, Outcome, Worker

# Exit codes if some of a folder's images are spoiled.
CODES = {"check": 1, "shard": 0, "train": 0, "translate": 1, "evaluate": 0, "bulk": 1}
BATCH_SIZE = 4


def prepare(worker: Worker, folder: pathlib.Path) -> tuple[Seeds, pathlib.Path]:
    """Makes the sound files and an export."""
    seeds = Seeds(make_pairs(folder / "pairs"), folder / "sharded", folder / "run")
    training = (*TINY, f"--data={seeds.pairs}", f"--run_dir={seeds.run_dir}", "--direction=BtoA", "--max_steps=2")
    for command in (
        ("tfpix2pix.train", *training, "--checkpoint_every=1"),
        ("pipelines.prepare", "shard", f"--data={seeds.pairs}", f"--output={seeds.shards}", "--shards=2"),
        ("export.saved_model", f"--run_dir={seeds.run_dir}", f"--output={folder / 'model'}", "--parity_images=1"),
    ):
        outcome = worker.run(*command)
        assert outcome.code == 0, outcome
    return seeds, folder / "model" / "1"


def check_images(worker: Worker, tally: Tally, seeds: Seeds, model: pathlib.Path, folder: pathlib.Path, **how) -> dict:
    """Gives all spoiled images at once to commands that take folders, and each alone to commands that take one."""
    files = {}
    numbers = {}
    for split in ("train", "val"):
        shutil.copytree(seeds.pairs / split, folder / "images" / split)
    for kind, made in pictures.spoiled(**how).items():
        numbers[kind] = len(made)
        for i, (suffix, contents) in enumerate(made):
            name = f"{kind}-{i:03d}{suffix}"
            files[name] = kind
            for split in ("train", "val"):
                (folder / "images" / split / name).write_bytes(contents)
    images, output = folder / "images", folder / "output"
    run_dir, data = f"--run_dir={folder / 'new-run'}", f"--data={images}"

    def settle(command: str, outcome: Outcome, left_out: set[str], how: str) -> None:
        tally.note(f"{command} of all images", outcome)
        if outcome.code != CODES[command]:
            tally.fault(f"{command} of all images", f"exit code {outcome.code}: {outcome.text}")
        print(f"{command}: {outcome.seconds:.1f} s, {outcome.mib:.0f} MiB, {len(left_out)} left out", flush=True)
        for name, kind in files.items():
            tally.count(kind, command, how if name in left_out else "accepted")

    def named(text: str) -> set[str]:
        """Returns the files that a line names."""
        return {name for name in files for line in text.splitlines() if f"/{name}: " in line}

    outcome = worker.run("pipelines.prepare", "check", data)
    settle("check", outcome, named(outcome.text), "refused")

    outcome = worker.run(
        "pipelines.prepare", "shard", data, f"--output={output / 's'}", "--bad_images=skip", "--shards=2"
    )
    settle("shard", outcome, set(manifest.load(output / "s" / "train").skipped), "skipped")

    steps = -(-(len(files) + 6) // BATCH_SIZE)
    options = (*TINY, data, run_dir, "--bad_images=skip", "--cache_mib=0", f"--batch_size={BATCH_SIZE}")
    outcome = worker.run("tfpix2pix.train", *options, f"--max_steps={steps}")
    settle("train", outcome, named(outcome.printed), "skipped")
    tally.check_finite("train of all images", folder / "new-run" / "log.jsonl")

    options = (f"--run_dir={seeds.run_dir}", f"--input={images / 'val'}", f"--output={output / 't'}", "--pairs")
    outcome = worker.run("tfpix2pix.translate", *options)
    settle("translate", outcome, named(outcome.text), "skipped")

    options = (f"--run_dir={seeds.run_dir}", data, f"--output={output / 'e'}", "--bad_images=skip", "--nofeatures")
    outcome = worker.run("tfpix2pix.evaluate", *options)
    with (output / "e" / "images.csv").open() as file:
        measured = {row[next(iter(row))] for row in csv.DictReader(file)}
    settle("evaluate", outcome, set(files) - measured, "skipped")
    tally.check_finite("evaluate of all images", output / "e" / "metrics.json")

    outcome = worker.run("export.bulk", f"--model={model}", f"--input={images / 'val'}", f"--output={output / 'b'}")
    lines = (output / "b" / "failed.jsonl").read_text().splitlines()
    settle("bulk", outcome, {json.loads(line)["name"] for line in lines}, "skipped")

    for command, results in (("translate", output / "t"), ("bulk", output / "b")):
        for path in results.rglob("*.png"):
            if Image.open(path).convert("RGB").size != (SIDE, SIDE):
                tally.fault(command, f"{path} is not a result")

    for name, kind in files.items():
        alone = folder / "alone"
        shutil.rmtree(alone, ignore_errors=True)
        for side in ("a", "b"):
            (alone / side).mkdir(parents=True)
            shutil.copy(images / "val" / name, alone / side / name)
        for command, arguments in (
            (
                "combine",
                ("pipelines.prepare", "combine", f"--a={alone / 'a'}", f"--b={alone / 'b'}", f"--output={alone / 'o'}"),
            ),
            ("export", ("serve", str(model), str(images / "val" / name))),
        ):
            outcome = worker.run(*arguments)
            tally.note(f"{command} of {name}", outcome)
            tally.count(kind, command, "refused" if outcome.code else "accepted")
    return numbers


def check_others(
    worker: Worker,
    tally: Tally,
    seeds: Seeds,
    model: pathlib.Path,
    folder: pathlib.Path,
    counts: dict[str, int],
    seed: int = 0,
) -> None:
    """Gives every other input alone to every command that takes its kind."""
    for kind, count in counts.items():
        start = time.monotonic()
        for number in range(count):
            for command in COMMANDS[kind]:
                own = folder / "case"
                shutil.rmtree(own, ignore_errors=True)
                own.mkdir()
                spoil(kind, number, seeds, own, seed)
                before = listing(folder, own)
                inside = listing(own)
                what = f"{command} of {kind} {number}"
                outcome = worker.run(*COMMANDS[kind][command](own, seeds, model))
                tally.note(what, outcome)
                if listing(folder, own) != before:
                    tally.fault(what, f"wrote outside its folder: {listing(folder, own) ^ before}")
                new = {path for path, *_ in listing(own) - inside if not path.startswith(WRITTEN[command])}
                if new:
                    tally.fault(what, f"wrote outside its target: {new}")
                for path in (*own.rglob("log.jsonl"), *own.rglob("metrics.json")):
                    if not outcome.code:
                        tally.check_finite(what, path)
                failed = own / "out" / "failed.jsonl"
                skipped = failed.exists() and failed.read_text()
                tally.count(kind, command, "skipped" if skipped else "refused" if outcome.code else "accepted")
        print(f"{kind}: {count} in {time.monotonic() - start:.0f} s", flush=True)


def listing(folder: pathlib.Path, without: pathlib.Path | None = None) -> set[tuple]:
    """Lists all files below a folder, with sizes and times."""
    return {
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not (without and path.is_relative_to(without))
    }


def run_all(folder: pathlib.Path, share: float = 1.0, counts: dict[str, int] = inputs.COUNTS, seed: int = 0) -> Tally:
    """Checks all inputs, below a folder that may be written to, and prints the table."""
    tally = Tally()
    with Worker() as worker:
        (folder / "sound").mkdir()
        (folder / "images").mkdir()
        (folder / "others").mkdir()
        seeds, model = prepare(worker, folder / "sound")
        numbers = check_images(worker, tally, seeds, model, folder / "images", seed=seed, share=share)
        check_others(worker, tally, seeds, model, folder / "others", counts, seed)
    print(f"\n{sum(numbers.values()) + sum(counts.values())} inputs; refused + skipped + accepted:\n")
    print(tally.table(numbers | counts))
    print(f"\nslowest {tally.seconds:.1f} s of at most {MAX_SECONDS} ({tally.slowest})")
    print(f"most memory {tally.mib:.0f} MiB of at most {MAX_MIB} ({tally.largest})")
    print(f"{len(tally.faults)} faults")
    for fault in tally.faults:
        print(f"  {fault.strip().splitlines()[0]} ... {fault.strip().splitlines()[-1]}")
    return tally


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        # Deep enough that a file that is written above its folder is still seen.
        below = pathlib.Path(root) / "a" / "b"
        below.mkdir(parents=True)
        sys.exit(1 if run_all(below).faults else 0)
