"""Does every fault of faults.py many times, at random moments and in random order; prints a table. `make stress`."""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import sys
import tempfile
import time
import traceback

import numpy as np

from tests.helpers.faults import (
    asked_to_stop,
    asked_twice,
    cut,
    damaged_checkpoint,
    file_changed,
    file_gone,
    file_gone_and_skipped,
    flipped,
    full_disk,
    killed,
    no_room,
    second_training,
    shard_flipped,
)
from tests.helpers.victim import STEPS, Bench

# Name to how often, and to a function that does it to a training and returns how many steps must be done again.
FAULTS = {
    "kill -9 at a random moment": (22, killed),
    "kill -9 inside a checkpoint's write": (8, lambda victim: killed(victim, "save")),
    "SIGTERM while data is read": (2, lambda victim: asked_to_stop(victim, "reading")),
    "SIGTERM while the step is traced": (2, lambda victim: asked_to_stop(victim, "tracing")),
    "SIGTERM in the first step": (2, lambda victim: asked_to_stop(victim, "first step")),
    "SIGTERM in validation": (2, lambda victim: asked_to_stop(victim, "validation")),
    "SIGTERM in a save": (2, lambda victim: asked_to_stop(victim, "save")),
    "SIGTERM twice": (1, asked_twice),
    "newest checkpoint with a flipped bit": (1, lambda victim: damaged_checkpoint(victim, flipped)),
    "newest checkpoint cut short": (1, lambda victim: damaged_checkpoint(victim, cut)),
    "full disk": (2, full_disk),
    "disk full inside a checkpoint's write": (1, no_room),
    "no room for the next checkpoint": (1, lambda victim: no_room(victim, "full disk")),
    "training file vanishes": (2, file_gone),
    "training file becomes another": (2, file_changed),
    "validation file vanishes": (1, lambda victim: file_gone(victim, "val")),
    "a second training in the run directory": (2, second_training),
}
# These start trainings of their own.
ALONE = {
    "flipped bit in a shard": lambda bench: shard_flipped(bench.victim("shard"), "fail"),
    "flipped bit in a shard, skipped": lambda bench: shard_flipped(bench.victim("skipped shard"), "skip"),
    "file vanishes, skipped; kill -9": lambda b: file_gone_and_skipped(b.victim("gone"), b.victim("killed")),
    "a clock that jumps by days": lambda bench: bench.victim("clock").completes("clock") or 0,
}
# Faults in the life of one training, and the steps that one fault may need.
LIFE = 5
ROOM = 7
HEAD = ("fault", "times", "passed", "most steps lost", "seconds")


@dataclasses.dataclass
class Try:
    """Records a fault that was done; `lost` is None if something did not hold."""

    name: str
    seconds: float
    lost: int | None


def main() -> int:
    """Returns 1 if anything did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="trainings at a time")
    parser.add_argument("--seed", type=int, default=0, help="of order and moments, as far as the machine keeps to them")
    arguments = parser.parse_args()
    start, tries = time.monotonic(), []
    rng = np.random.default_rng(arguments.seed)
    names = rng.permutation([name for name, (times, _) in FAULTS.items() for _ in range(times)]).tolist()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(pathlib.Path(folder))
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            alone = [pool.submit(lambda name=name: [attempt(name, lambda: ALONE[name](bench))]) for name in ALONE]
            lives = [
                pool.submit(live, bench, number, names[number : number + LIFE], rng.spawn(1)[0])
                for number in range(0, len(names), LIFE)
            ]
            for done in concurrent.futures.as_completed(alone + lives):
                tries += done.result()
                print(f"{len(tries)} of {len(names) + len(ALONE)} after {time.monotonic() - start:.0f} s", flush=True)
    print("\n| " + " | ".join(HEAD) + " |\n" + "|---" * len(HEAD) + "|")
    for name in (*FAULTS, *ALONE):
        of_name = [each for each in tries if each.name == name]
        held = [each.lost for each in of_name if each.lost is not None]
        seconds = np.mean([each.seconds for each in of_name])
        print(f"| {name} | {len(of_name)} | {len(held)} | {max(held, default='-')} | {seconds:.0f} |")
    failed = [each for each in tries if each.lost is None]
    minutes = (time.monotonic() - start) / 60
    print(f"\n{len(tries)} faults, {len(failed)} of them not survived, in {minutes:.0f} min")
    return int(bool(failed))


def live(bench: Bench, number: int, names: list[str], rng: np.random.Generator) -> list[Try]:
    """Runs a training that suffers faults one after the other, then completes it; starts another if it ends early."""
    done, tries, victim = [], [], None

    def end() -> None:
        whole = attempt("its end", victim.completes)
        # It may have been any of the faults.
        tries.extend(each if whole.lost is not None else dataclasses.replace(each, lost=None) for each in done)
        done.clear()

    for i, name in enumerate(names):
        if victim and victim.newest() > STEPS - ROOM:
            end()
            victim = None
        if not victim:
            victim = bench.victim(f"{number}-{i}")
            victim.rng = rng
        done.append(attempt(name, lambda name=name, victim=victim: FAULTS[name][1](victim)))
        if done[-1].lost is None:
            # The training is in an unknown state.
            tries.extend(done)
            done.clear()
            victim = None
    if victim:
        end()
    return tries


def attempt(name: str, what) -> Try:
    """Does a fault, and prints if something does not hold."""
    start = time.monotonic()
    try:
        lost = what() or 0
    except Exception:
        print(f"{name}: did not hold", file=sys.stderr)
        traceback.print_exc()
        lost = None
    result = Try(name, time.monotonic() - start, lost)
    print(f"{name}: {result.seconds:.0f} s, steps lost: {result.lost}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
