"""Measures what --init_from saves, for docs/weights.md: python docs/finetuning.py FACADES FOLDER.

FACADES is the data set `facades`. Networks of width 16 learn 100 of its training pairs, from scratch and from weights
that other networks have, with two seeds each. After some epochs all 100 validation pairs are measured. FOLDER
keeps weights and numbers, so that the same command continues after an interruption. Tables are printed at the end.
"""

import dataclasses
import json
import pathlib
import sys
import time

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from choices import subset

from pipelines.datasets.demo import make_demo
from pipelines.loader import eval_dataset, train_dataset
from pipelines.pairs import open_pairs
from tfpix2pix.config import Config
from tfpix2pix.devices.strategy import make_strategy
from tfpix2pix.model.state import Pix2Pix
from tfpix2pix.model.step import make_train_step
from tfpix2pix.quality.bootstrap import interval
from tfpix2pix.quality.image_metrics import image_metrics
from tfpix2pix.training.initial_weights import fitted

PAIRS, SEEDS = 100, (0, 1)
DONOR_STEPS = 4000
# What a network learns: labels to photo, but for the one that learns the other direction.
BASE = Config(
    image_size=(64, 64), generator_width=16, discriminator_width=16, direction="BtoA", batch_size=1, max_steps=1
)
LARGE = dataclasses.replace(BASE, image_size=(128, 128))
GRAY = dataclasses.replace(BASE, source_channels=1, target_channels=1)

# Networks that others begin with: options, and the folder that they learn.
DONORS = {
    "demo": (BASE, "demo"),
    "photo to labels": (dataclasses.replace(BASE, direction="AtoB"), "facades"),
    "64x64": (BASE, "facades"),
}
# Tables: the options that all have in common, the epochs after which is measured, and the rows.
TABLES = {
    "labels to photo, 64x64": (
        BASE,
        (1, 5, 20),
        {
            "from scratch": {},
            "from the demo": {"init_from": "demo"},
            "from the demo, freeze=encoder": {"init_from": "demo", "freeze": "encoder"},
            "from photo to labels": {"init_from": "photo to labels"},
        },
    ),
    "gray labels to gray photo, 64x64": (
        GRAY,
        (1, 5),
        {"from scratch": {}, "from the demo in RGB": {"init_from": "demo"}},
    ),
    "labels to photo, 128x128": (
        LARGE,
        (1, 5),
        {"from scratch": {}, "from the same pairs at 64x64": {"init_from": "64x64"}},
    ),
}


def learn(config: Config, folder: pathlib.Path, marks: tuple[int, ...]) -> tuple[Pix2Pix, dict[int, dict]]:
    """Trains up to the last of some steps, and measures each validation pair after each of these."""
    config = config.resolved()
    strategy = make_strategy(config)
    train = open_pairs(folder / "train", config.train_format(), cache_mib=2000)
    val = eval_dataset(open_pairs(folder / "val", config.pair_format(), cache_mib=2000))
    model = Pix2Pix(config, strategy, total_steps=marks[-1])
    if config.init_from:
        initial = fitted(config)
        print("\n".join(initial.summary()), flush=True)
        initial.set_in(model)
    step = make_train_step(model, strategy)
    found = {}
    batches = train_dataset(
        train, image_size=config.image_size, flip=config.flip, batch_size=1, seed=config.seed, last_step=marks[-1]
    )
    for done, batch in enumerate(batches, 1):
        step(*batch)
        if done in marks:
            found[done] = measured(model, val)
    return model, found


def measured(model: Pix2Pix, val: tf.data.Dataset) -> dict[str, list[float]]:
    """Returns the metrics of each validation pair."""
    values: dict[str, list[float]] = {}
    for source, target in val:
        for name, each in image_metrics(target, model.generator(source, training=False)).items():
            values.setdefault(name, []).extend(each.numpy().tolist())
    return values


def main(facades: pathlib.Path, folder: pathlib.Path) -> None:
    """Trains what is not there yet, and prints the tables."""
    folder.mkdir(parents=True, exist_ok=True)
    data = {"facades": subset(facades, PAIRS, folder / "facades"), "demo": make_demo(folder / "demo")}
    for name, (config, which) in DONORS.items():
        weights = init_from(folder, name)
        if not weights[-1].exists():
            model, _ = learn(config, data[which], (DONOR_STEPS,))
            for network, file in zip((model.generator, model.discriminator), weights, strict=True):
                network.save_weights(file)
    for title, (base, epochs, rows) in TABLES.items():
        results: dict[str, dict[int, dict[str, list]]] = {}
        for row, options in rows.items():
            for seed in SEEDS:
                file = folder / f"{title}, {row}, seed {seed}.json"
                if not file.exists():
                    start = time.monotonic()
                    own = dict(options)
                    if "init_from" in own:
                        own["init_from"] = ",".join(map(str, init_from(folder, own["init_from"])))
                    config = dataclasses.replace(base, seed=seed, **own)
                    _, found = learn(config, data["facades"], tuple(PAIRS * count for count in epochs))
                    file.write_text(json.dumps(found))
                    print(f"{file.stem}: {time.monotonic() - start:.0f} s", flush=True)
                for step, metrics in json.loads(file.read_text()).items():
                    for name, values in metrics.items():
                        results.setdefault(row, {}).setdefault(int(step), {}).setdefault(name, []).append(values)
        print_table(title, epochs, results)


def init_from(folder: pathlib.Path, name: str) -> list[pathlib.Path]:
    """Returns the files of the weights of both networks of a donor."""
    return [folder / f"{name.replace(' ', '_')}_{network}.weights.h5" for network in ("G", "D")]


def print_table(title: str, epochs: tuple[int, ...], results: dict) -> None:
    """Prints means over seeds and pairs, and paired differences from scratch with their intervals."""
    names = " | ".join(f"epoch {count}" for count in epochs)
    print(f"\n{title}\n\n| | metric | {names} |\n|---|---{'|---' * len(epochs)}|")
    scratch = results["from scratch"]
    for row, steps in results.items():
        for name, digits in (("l1", 3), ("ssim", 3)):
            cells = []
            for step, metrics in steps.items():
                ours, theirs = (np.array(values[name]) for values in (metrics, scratch[step]))
                cell = f"{ours.mean():.{digits}f}"
                if row != "from scratch":
                    low, high = interval(ours, theirs)
                    cell += f" ({ours.mean() - theirs.mean():+.{digits}f}, {low:+.{digits}f} to {high:+.{digits}f})"
                cells.append(cell)
            print(f"| {row} | {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
