"""Puts spoiled inputs through every command that takes such, and prints a table of what became of them.

    make hostile

Exit code 1 where anything crashed, hung, showed a traceback, took more memory than worker.MOST_MIB, wrote outside its
folder, ended without a word, or gave a result that is not finite.
"""

import collections
import csv
import json
import math
import pathlib
import shutil
import sys
import tempfile
import time

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1])]

import inputs  # noqa: E402
import pictures  # noqa: E402
from inputs import Seeds, spoil  # noqa: E402
from PIL import Image  # noqa: E402
from runs import make_pairs  # noqa: E402
from worker import MOST_MIB, MOST_SECONDS, Outcome, Worker  # noqa: E402

from pipelines import manifest  # noqa: E402

COLUMNS = ("fetch", "check", "combine", "shard", "train", "translate", "evaluate", "bulk", "export")
# Exit codes where some of a folder's images are spoiled.
CODES = {"check": 1, "shard": 0, "train": 0, "translate": 1, "evaluate": 0, "bulk": 1}
# Images of 16×16 and two levels: what takes the time is the tracing of the networks.
SIDE = 16
TINY = (
    f"--image_size={SIDE}",
    "--depth=2",
    "--generator_width=2",
    "--discriminator_width=2",
    "--discriminator_layers=1",
    "--samples=2",
    "--log_every=1",
)
# Steps at which training has seen every pair of a folder of spoiled images.
BATCH_SIZE = 4


class Tally:
    """What became of the inputs, by kind and command, and what went wrong."""

    def __init__(self):
        self.counts = collections.defaultdict(collections.Counter)
        self.faults = []
        self.seconds, self.mib, self.slowest, self.largest = 0.0, 0.0, "", ""

    def note(self, what: str, outcome: Outcome) -> None:
        """Of one command: its time and memory, and whether it was clean."""
        if outcome.seconds > self.seconds:
            self.seconds, self.slowest = outcome.seconds, what
        if outcome.mib > self.mib:
            self.mib, self.largest = outcome.mib, what
        if not outcome.clean:
            self.fault(what, outcome.text)
        elif outcome.code and not any(line.strip() for line in outcome.text.splitlines()):
            self.fault(what, f"exit code {outcome.code}, and not a word")

    def fault(self, what: str, text: str) -> None:
        """Something is wrong with us, not with the input."""
        self.faults.append(f"{what}: {text}")
        print(f"FAULT {what}: {text}", flush=True)

    def count(self, kind: str, command: str, how: str) -> None:
        """One input was `refused`, `skipped` or `accepted`."""
        self.counts[kind, command][how] += 1

    def table(self, numbers: dict[str, int]) -> str:
        """Markdown: a row a kind, a column a command; refused + skipped + accepted."""
        lines = [f"| input | | {' | '.join(COLUMNS)} |", f"|---|{'---|' * (len(COLUMNS) + 1)}"]
        for kind, number in numbers.items():
            cells = [_cell(self.counts.get((kind, command))) for command in COLUMNS]
            lines.append(f"| {kind} | {number} | {' | '.join(cells)} |")
        return "\n".join(lines)


def _cell(counts: collections.Counter | None) -> str:
    if not counts:
        return ""
    return "+".join(str(counts[how]) for how in ("refused", "skipped", "accepted"))


def prepare(worker: Worker, folder: pathlib.Path) -> tuple[Seeds, pathlib.Path]:
    """The sound files, and an export."""
    seeds = Seeds(make_pairs(folder / "pairs"), folder / "sharded", folder / "run")
    training = (*TINY, f"--data={seeds.pairs}", f"--run_dir={seeds.run_dir}", "--direction=BtoA", "--max_steps=2")
    for command in (
        ("tfpix2pix.train", *training, "--checkpoint_every=1"),
        ("pipelines.prepare", "shard", f"--data={seeds.pairs}", f"--output={seeds.shards}", "--shards=2"),
        ("export.saved_model", f"--run_dir={seeds.run_dir}", f"--export_dir={folder / 'model'}", "--parity_images=1"),
    ):
        outcome = worker.run(*command)
        assert outcome.code == 0, outcome
    return seeds, folder / "model" / "1"


def check_images(worker: Worker, tally: Tally, seeds: Seeds, model: pathlib.Path, folder: pathlib.Path, **how) -> dict:
    """All spoiled images at once through what takes folders, each by itself through what takes one."""
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
        """The files that a line is about."""
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
    finite(tally, "train of all images", folder / "new-run" / "log.jsonl")

    options = (f"--run_dir={seeds.run_dir}", f"--input={images / 'val'}", f"--output={output / 't'}", "--pairs")
    outcome = worker.run("tfpix2pix.translate", *options)
    settle("translate", outcome, named(outcome.text), "skipped")

    options = (f"--run_dir={seeds.run_dir}", data, f"--output={output / 'e'}", "--bad_images=skip", "--nofeatures")
    outcome = worker.run("tfpix2pix.evaluate", *options)
    with (output / "e" / "images.csv").open() as file:
        measured = {row[next(iter(row))] for row in csv.DictReader(file)}
    settle("evaluate", outcome, set(files) - measured, "skipped")
    finite(tally, "evaluate of all images", output / "e" / "metrics.json")

    outcome = worker.run("export.bulk", f"--model={model}", f"--input={images / 'val'}", f"--output={output / 'b'}")
    lines = (output / "b" / "failed.jsonl").read_text().splitlines()
    settle("bulk", outcome, {json.loads(line)["name"] for line in lines}, "skipped")

    for command, results in (("translate", output / "t"), ("bulk", output / "b")):
        for path in results.rglob("*.png"):
            if Image.open(path).convert("RGB").size != (SIDE, SIDE):
                tally.fault(command, f"{path} is no result")

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
    """Every other input by itself through every command that takes such."""
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
                        finite(tally, what, path)
                failed = own / "out" / "failed.jsonl"
                skipped = failed.exists() and failed.read_text()
                tally.count(kind, command, "skipped" if skipped else "refused" if outcome.code else "accepted")
        print(f"{kind}: {count} in {time.monotonic() - start:.0f} s", flush=True)


def run_of(own: pathlib.Path, seeds: Seeds) -> pathlib.Path:
    """The spoiled run, or the sound one."""
    return own / "run" if (own / "run").exists() else seeds.run_dir


def data_of(own: pathlib.Path, seeds: Seeds) -> pathlib.Path:
    """The spoiled shards, or the sound pairs."""
    return own / "shards" if (own / "shards").exists() else seeds.pairs


def train_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """A training, of three steps, on the spoiled shards, or that goes on with the spoiled run."""
    options = (*TINY, f"--data={data_of(own, seeds)}", "--direction=BtoA", "--checkpoint_every=1", "--max_steps=3")
    return "tfpix2pix.train", *options, f"--run_dir={own / 'run'}"


def evaluate_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Of the spoiled shards' training split, or by the spoiled run."""
    options = (f"--run_dir={run_of(own, seeds)}", f"--data={data_of(own, seeds)}", "--split=train")
    return (
        "tfpix2pix.evaluate",
        *options,
        f"--output={own / 'out'}",
        "--checkpoint=latest",
        "--nofeatures",
        "--nobaselines",
    )


def bulk_on(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Of the spoiled shards."""
    return "export.bulk", f"--model={model}", f"--input={own / 'shards' / 'train'}", f"--output={own / 'out'}"


def translate_by(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """By the spoiled run."""
    options = (f"--input={seeds.pairs / 'val'}", f"--output={own / 'out'}", "--checkpoint=latest")
    return "tfpix2pix.translate", f"--run_dir={own / 'run'}", *options


def check_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """Of the spoiled shards."""
    return "pipelines.prepare", "check", f"--data={own / 'shards'}"


def fetch_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """An archive that lies where its download would."""
    return "pipelines.prepare", "fetch", "--data=edges2shoes", f"--data_dir={own / 'data'}"


def flags_of(own: pathlib.Path, seeds: Seeds, model: pathlib.Path) -> tuple:
    """A training that only reads its options."""
    return "tfpix2pix.train", f"--flagfile={own / 'flags'}", f"--run_dir={own / 'run'}", "--dry_run"


ON_SHARDS = {"check": check_of, "train": train_on, "evaluate": evaluate_on, "bulk": bulk_on}
BY_RUN = {"train": train_on, "translate": translate_by, "evaluate": evaluate_on}
COMMANDS = {
    "shard": ON_SHARDS,
    "manifest": ON_SHARDS,
    "shard index": ON_SHARDS,
    "tar.gz": {"fetch": fetch_of},
    "config.json": BY_RUN,
    "flagfile": {"train": flags_of},
    "checkpoint": BY_RUN,
}
# Where a command may write, below an input's folder.
WRITTEN = {
    "fetch": "data/edges2shoes",
    "check": "nowhere",
    "train": "run/",
    "translate": "out/",
    "evaluate": "out/",
    "bulk": "out/",
}


def listing(folder: pathlib.Path, without: pathlib.Path | None = None) -> set[tuple]:
    """All files below a folder, with sizes and times."""
    return {
        (path.relative_to(folder).as_posix(), path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not (without and path.is_relative_to(without))
    }


def finite(tally: Tally, what: str, path: pathlib.Path) -> None:
    """Notes where a file of numbers holds one that is not finite."""
    text = path.read_text(errors="replace")
    if not text.strip():
        return
    values = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    while values:
        value = values.pop()
        if isinstance(value, (dict, list)):
            values += value.values() if isinstance(value, dict) else value
        elif isinstance(value, float) and not math.isfinite(value):
            tally.fault(what, f"{path.name} has {value}")


def run_all(folder: pathlib.Path, share: float = 1.0, counts: dict[str, int] = inputs.COUNTS, seed: int = 0) -> Tally:
    """Everything, below a folder that may be written to; prints the table."""
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
    print(f"\nslowest {tally.seconds:.1f} s of at most {MOST_SECONDS} ({tally.slowest})")
    print(f"most memory {tally.mib:.0f} MiB of at most {MOST_MIB} ({tally.largest})")
    print(f"{len(tally.faults)} faults")
    for fault in tally.faults:
        print(f"  {fault.strip().splitlines()[0]} ... {fault.strip().splitlines()[-1]}")
    return tally


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as root:
        # Deep enough that what climbs out of its folder is still seen.
        below = pathlib.Path(root) / "a" / "b"
        below.mkdir(parents=True)
        sys.exit(1 if run_all(below).faults else 0)
