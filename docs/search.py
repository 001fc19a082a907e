"""Searches for the recipe that tfpix2pix/flagfiles/recommended.flags holds, by the plan of docs/search.md.

    python docs/search.py DATA WEIGHTS FOLDER [STAGE]

DATA holds the data sets `facades` and `edges2shoes_100`, WEIGHTS the package of docs/efficientnet.py. FOLDER keeps the
runs, so that the same command resumes after an interruption. If it has a segmenter-SIZE of docs/segmenter.py, the
labels are read back from facades of that size. Two trainings run side by side, one thread each; always the last
checkpoint is measured. The tables of all stages, or of those whose titles begin with STAGE, are printed as Markdown.
"""

import dataclasses
import pathlib
import sys

import numpy as np
from choices import (
    DIFF_AUGMENT,
    METRICS,
    PAPER,
    RESNET,
    Options,
    compared,
    measure,
    options,
    read_back,
    run_of,
    subset,
    train_all,
)
from PIL import Image, ImageFilter

BEFORE = "SSIM too, upsample=resize"
BASE: Options = {"ssim_weight": 100.0, "upsample": "resize"}
# What is added to BASE in each row.
ADDED: dict[str, Options] = {
    "lsgan": {"gan_loss": "lsgan"},
    "hinge and spectral norm in D": {"gan_loss": "hinge", "discriminator_norm": "spectral"},
    "spectral norm in D": {"discriminator_norm": "spectral"},
    "R1": {"r1_weight": 1.0, "discriminator_norm": "instance"},
    "2 scales and features": {"discriminator_scales": 2, "feature_weight": 10.0},
    "diff_augment": DIFF_AUGMENT,
    "instance norm": {"norm": "instance"},
    "no dropout": {"dropout": 0.0},
    "ema=0.999": {"ema": 0.999},
    "twice the rate in D": {"discriminator_learning_rate": 4e-4},
    "batch 4, twice both rates": {"batch_size": 4, "learning_rate": 4e-4},
    "ResNet, 9 blocks": RESNET,
}
FIRST: dict[str, Options] = {BEFORE: BASE, PAPER: {}} | {row: BASE | more for row, more in ADDED.items()}
LOST = frozenset(
    {PAPER, "lsgan", "hinge and spectral norm in D", "R1", "ema=0.999", "twice the rate in D", "ResNet, 9 blocks"}
)
# The two that came nearest, and both.
SECOND: dict[str, Options] = {
    PAPER: {},
    BEFORE: BASE,
    "and instance norm": BASE | ADDED["instance norm"],
    "and diff_augment": BASE | DIFF_AUGMENT,
    "and both": BASE | ADDED["instance norm"] | DIFF_AUGMENT,
}


@dataclasses.dataclass(frozen=True)
class Stage:
    """One table: all its rows are trained for as many steps, on a data set at a size, once for each seed."""

    data: str
    direction: str
    size: int
    width: int
    epochs: int
    rows: dict[str, Options]
    seeds: tuple[int, ...] = (0, 1)
    shared: Options = dataclasses.field(default_factory=dict)
    # Rows that lost with the first seed, and were trained with no other.
    dropped: frozenset[str] = frozenset()

    def seeds_of(self, row: str) -> tuple[int, ...]:
        """Returns the seeds with which a row is trained."""
        return self.seeds[:1] if row in self.dropped else self.seeds


# Their steps take 1.15 and 1.29 times as long as the paper's at 128x128, width 16, and the first 1.10 times at 256x256,
# width 32, in bfloat16 (choices.step_times on one core). No row takes longer than the paper's passes.
EQUAL_TIME: dict[str, Options] = {
    PAPER: {},
    BEFORE: BASE | {"epochs": 8, "decay_epochs": 4},
    "and diff_augment": BASE | DIFF_AUGMENT | {"epochs": 7, "decay_epochs": 3},
}
EQUAL_TIME_SHOES: dict[str, Options] = {
    PAPER: {},
    BEFORE: BASE | {"epochs": 57, "decay_epochs": 28},
    "and diff_augment": BASE | DIFF_AUGMENT | {"epochs": 51, "decay_epochs": 25},
}
EQUAL_TIME_LARGE: dict[str, Options] = {PAPER: {}, BEFORE: BASE | {"epochs": 6, "decay_epochs": 3}}
FEW: dict[str, Options] = {
    PAPER: {},
    BEFORE: BASE,
    "and ema=0.999": BASE | ADDED["ema=0.999"],
    "and diff_augment": BASE | DIFF_AUGMENT,
}
HALF: Options = {"mixed_precision": "bfloat16"}
BOTH = frozenset({"and both"})
STAGES = {
    "1 facades, 64x64": Stage("facades", "BtoA", 64, 16, 10, FIRST, dropped=LOST),
    "1 shoes, 64x64": Stage("shoes", "AtoB", 64, 16, 66, FIRST, dropped=LOST),
    "2 facades, 128x128": Stage("facades", "BtoA", 128, 16, 10, SECOND, dropped=BOTH),
    "2 shoes, 128x128": Stage(
        "shoes", "AtoB", 128, 16, 66, SECOND, dropped=frozenset({"and instance norm", "and both"})
    ),
    "3 facades, equal time, 128x128": Stage("facades", "BtoA", 128, 16, 10, EQUAL_TIME),
    "3 shoes, equal time, 128x128": Stage("shoes", "AtoB", 128, 16, 66, EQUAL_TIME_SHOES),
    "3 facades from edges, equal time, 128x128": Stage("edges", "AtoB", 128, 16, 10, EQUAL_TIME),
    "3 facades, equal time, 256x256": Stage("facades", "BtoA", 256, 32, 7, EQUAL_TIME_LARGE, (0,), HALF),
    "4 facades, 100 pairs, 64x64": Stage("100 facades", "BtoA", 64, 16, 40, FEW, (0,)),
}


def split_shoes(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Makes a data set of 60 training and 60 validation pairs: the 20 that there are say little."""
    files = sorted((source / "train").iterdir())
    for split, chosen in (("train", files[:60]), ("val", files[60:] + sorted((source / "val").iterdir()))):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for file in chosen:
            link = folder / split / f"{file.parent.name}_{file.name}"
            if not link.exists():
                link.symlink_to(file.resolve())
    return folder


def draw_edges(facades: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Makes a data set on which nothing is tuned: the photos of the facades, and the edges drawn from them, A to B."""
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True, exist_ok=True)
        for file in sorted((facades / split).iterdir()):
            if (drawn := folder / split / f"{file.stem}.png").exists():
                continue
            pair = Image.open(file)
            photo = pair.crop((0, 0, pair.width // 2, pair.height))  # labels are on the right
            gray = np.asarray(photo.convert("L").filter(ImageFilter.GaussianBlur(1.5)), np.float32)
            steepness = np.hypot(*np.gradient(gray))
            # Black are the steepest eighth of the pixels.
            lines = Image.fromarray(np.where(steepness > np.quantile(steepness, 0.875), 0, 255).astype(np.uint8))
            both = Image.new("RGB", pair.size)
            both.paste(lines.convert("RGB"), (0, 0))
            both.paste(photo, (photo.width, 0))
            both.save(drawn)
    return folder


def features(run: pathlib.Path, weights: pathlib.Path) -> np.ndarray:
    """Returns EfficientNet's features of the generated validation images and of their targets, `(2, N, 1280)`."""
    import tensorflow as tf
    from efficientnet import efficientnet

    from pipelines.loader import eval_dataset
    from pipelines.pairs import open_pairs
    from tfpix2pix.run_dir.trained_generator import load_generator

    file = run.with_suffix(".features.npy")
    if not file.exists():
        network = efficientnet(weights)
        generator, config, _ = load_generator(run, "latest")
        found = []
        for source, target in eval_dataset(open_pairs(pathlib.Path(config.data) / "val", config.pair_format()), 10):
            both = [generator(source, training=False), target]
            found.append([network(tf.image.resize(images, (224, 224)))[-1].numpy() for images in both])
        np.save(file, np.concatenate(found, axis=1))
    return np.load(file)


def runs_of(stage: Stage, title: str, data: pathlib.Path, folder: pathlib.Path) -> dict[pathlib.Path, dict]:
    """Returns the options of each run of a stage, the first seed of all rows before the next."""
    shared = {"generator_width": stage.width, "discriminator_width": stage.width} | stage.shared
    return {
        run_of(folder, title, row, seed): options(
            data, stage.direction, stage.size, stage.epochs, shared | change | {"seed": seed}
        )
        for seed in stage.seeds
        for row, change in stage.rows.items()
        if seed in stage.seeds_of(row)
    }


def print_table(stage: Stage, title: str, folder: pathlib.Path, weights: pathlib.Path) -> None:
    """Prints means over seeds and images, and the paired differences from the first row with their 95 % intervals."""
    from tfpix2pix.quality.bootstrap import counts_of, interval, interval_of_set
    from tfpix2pix.quality.kid import kernel_distance, resampled_distances

    names = {"kid": ("KID ↓", 3)}
    if "facades" in stage.data and (folder / f"segmenter-{stage.size}").exists():
        names |= {"pixel_accuracy": ("pixel accuracy ↑", 3)}
    names |= METRICS
    print(f"\n## {title}\n\n| recipe | {' | '.join(words for words, _ in names.values())} | checkerboard |")
    print(f"|---|{'---|' * (len(names) + 1)}")
    first: dict[str, np.ndarray] = {}
    for row in stage.rows:
        runs = [run_of(folder, title, row, seed) for seed in stage.seeds_of(row)]
        found: dict[str, list] = {name: [measure(run)[name] for run in runs] for name in (*METRICS, "checkerboard")}
        if "pixel_accuracy" in names:
            found["pixel_accuracy"] = [read_back(run, folder / f"segmenter-{stage.size}") for run in runs]
        pairs = [features(run, weights) for run in runs]
        counts = counts_of(pairs[0].shape[1], 1000)
        found["kid"] = [kernel_distance(*each, subsets=1)[0] for each in pairs]
        found["resampled"] = [resampled_distances(*each, counts, counts) for each in pairs]
        ours = {name: np.array(each) for name, each in found.items()}
        first = first or ours
        base = {name: each[: len(runs)] for name, each in first.items()}  # of the same seeds
        cells = []
        for name, (heading, digits) in names.items():
            if first is ours:
                cells.append(f"{ours[name].mean():.{digits}f}")
                continue
            bounds, values = (interval_of_set, "resampled") if name == "kid" else (interval, name)
            cells.append(compared(ours[name], base[name], bounds(ours[values], base[values]), heading, digits))
        words = f"{row}{' (one seed)' * (row in stage.dropped)}"
        print(f"| {words} | {' | '.join(cells)} | {ours['checkerboard'].mean():.2f} |", flush=True)


def main(data: pathlib.Path, weights: pathlib.Path, folder: pathlib.Path, begins: str = "") -> None:
    """Trains what is not there yet, and prints the tables."""
    sets = {
        "facades": data / "facades",
        "shoes": split_shoes(data / "edges2shoes_100", folder / "shoes"),
        "100 facades": subset(data / "facades", 100, folder / "facades-100"),
        "edges": draw_edges(data / "facades", folder / "edges"),
    }
    for title, stage in STAGES.items():
        if title.startswith(begins):
            train_all(runs_of(stage, title, sets[stage.data], folder))
            print_table(stage, title, folder, weights)


if __name__ == "__main__":
    main(*(pathlib.Path(argument) for argument in sys.argv[1:4]), *sys.argv[4:])
