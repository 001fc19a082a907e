"""Measures what networks, losses and augmentations buy, for docs/recipes.md.

    .venv/bin/python docs/choices.py DATA FOLDER [TABLE]

DATA holds the data sets `facades` and `edges2shoes_100`. There is one run for each row and seed: width 16 in both
networks, batch 1, equal passes over the pairs, and always the last checkpoint, so that none was chosen on validation
pairs. Two trainings run side by side, one thread each. FOLDER keeps the runs, so that the same command resumes after
an interruption. If FOLDER has a segmenter-SIZE of docs/segmenter.py, it reads the labels back from generated facades.
All tables, or those whose titles begin with TABLE, are printed at the end as Markdown.
"""

import concurrent.futures
import dataclasses
import json
import multiprocessing
import os
import pathlib
import re
import statistics
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

SEEDS = (0, 1)
PAPER = "the paper's"
Options = dict[str, str | int | float]
RESNET: Options = {"generator": "resnet", "norm": "instance"}
DIFF_AUGMENT: Options = {"diff_augment": "color,translation,cutout"}

# What differs from the paper's recipe in each row.
NETWORKS: dict[str, Options] = {
    "instance norm": {"norm": "instance"},
    "ResNet, 6 blocks": RESNET | {"blocks": 6},
    "ResNet, 9 blocks": RESNET | {"blocks": 9},
    "upsample=resize": {"upsample": "resize"},
    "upsample=pixel_shuffle": {"upsample": "pixel_shuffle"},
    "2 scales and features": {"discriminator_scales": 2, "feature_weight": 10},
    "spectral norm in D": {"discriminator_norm": "spectral"},
}
OBJECTIVES: dict[str, Options] = {
    "lsgan": {"gan_loss": "lsgan"},
    "hinge": {"gan_loss": "hinge"},
    "wgan-gp": {"gan_loss": "wgan-gp", "discriminator_norm": "instance"},
    "R1": {"r1_weight": 1.0, "discriminator_norm": "instance"},
    "SSIM in place of L1": {"l1_weight": 0.0, "ssim_weight": 100.0},
}
# What gained most, together; L1 stays, since it holds the colors.
BOTH: dict[str, Options] = {"SSIM too, upsample=resize": {"ssim_weight": 100.0, "upsample": "resize"}}
EMA: dict[str, Options] = {"ema=0.999": {"ema": 0.999}}
SMALL: dict[str, Options] = {
    "diff_augment": DIFF_AUGMENT,
    "diff_augment, adaptive": DIFF_AUGMENT | {"augment_target": 0.6, "augment_images": 20000},
}
# Of what takes long, fewer.
SOME: dict[str, Options] = {row: (NETWORKS | OBJECTIVES)[row] for row in ("lsgan", "upsample=resize")} | BOTH | EMA
# Title: data set, direction, training pairs (0: all), image size, epochs, and the rows besides the paper's.
TABLES = {
    "facades, 64x64, 5 epochs": ("facades", "BtoA", 0, 64, 5, NETWORKS | OBJECTIVES | BOTH | EMA | SMALL),
    "100 facades, 64x64, 20 epochs": ("facades", "BtoA", 100, 64, 20, EMA | SMALL),
    "50 facades, 64x64, 40 epochs": ("facades", "BtoA", 50, 64, 40, EMA | SMALL),
    "edges2shoes_100, 64x64, 20 epochs": ("edges2shoes_100", "AtoB", 0, 64, 20, SOME | {"diff_augment": DIFF_AUGMENT}),
    "facades, 128x128, 3 epochs": ("facades", "BtoA", 0, 128, 3, SOME),
}
METRICS = {"l1": ("L1 ↓", 4), "psnr": ("PSNR ↑", 2), "ssim": ("SSIM ↑", 3)}
READ_BACK = {"pixel_accuracy": ("pixel accuracy ↑", 3)}
JOBS = 2


def subset(folder: pathlib.Path, pairs: int, into: pathlib.Path) -> pathlib.Path:
    """Makes a data set of the first training pairs, all if `pairs` is 0, and all validation pairs."""
    for split, count in (("train", pairs or None), ("val", None)):
        (into / split).mkdir(parents=True, exist_ok=True)
        for file in sorted((folder / split).iterdir())[:count]:
            link = into / split / file.name
            if not link.exists():
                link.symlink_to(file.resolve())
    return into


def options(data: pathlib.Path, direction: str, size: int, epochs: int, change: Options) -> dict:
    """Returns the options of a row, as Config has them."""
    return {
        "data": str(data),
        "direction": direction,
        "image_size": (size, size),
        "epochs": epochs,
        "decay_epochs": epochs // 2,
        "generator_width": 16,
        "discriminator_width": 16,
        "log_every": 50,
        "validate_every": epochs,
        **change,
    }


def folder_of(folder: pathlib.Path, title: str) -> pathlib.Path:
    """Returns the folder of a table."""
    return folder / title.replace(",", "").replace(" ", "-")


def run_of(folder: pathlib.Path, title: str, row: str, seed: int) -> pathlib.Path:
    """Returns the run directory of a row and seed."""
    return folder_of(folder, title) / f"{re.sub(r'[^a-z0-9]+', '_', row.lower())}-{seed}"


def learn(run_dir: pathlib.Path, chosen: dict) -> None:
    """Trains a run, or resumes it, and measures it, in this process."""
    os.environ |= {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    run_dir.parent.mkdir(parents=True, exist_ok=True)
    with run_dir.with_suffix(".log").open("a") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    from tfpix2pix.config import Config
    from tfpix2pix.training.session import train

    train(Config(**chosen), run_dir)
    measure(run_dir)


def train_all(wanted: dict[pathlib.Path, dict]) -> None:
    """Trains and measures, JOBS at a time, the runs that are not there yet, by their options; names those that fail."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(JOBS, spawn, max_tasks_per_child=1) as pool:
        runs = {
            run: pool.submit(learn, run, chosen)
            for run, chosen in wanted.items()
            if not run.with_suffix(".json").exists()
        }
        for run, future in runs.items():
            if error := future.exception():
                print(f"{run}: {error}", file=sys.stderr, flush=True)


def compared(ours: np.ndarray, first: np.ndarray, bounds: tuple[float, float], words: str, digits: int) -> str:
    """Returns a cell of a table: a mark, the mean, its difference from the first row's, and the interval of that."""
    low, high = bounds
    mark = "≈" if low <= 0 <= high else "▲" if (low > 0) == ("↑" in words) else "▼"
    change = ours.mean() - first.mean()
    return f"{mark} {ours.mean():.{digits}f}, {change:+.{digits}f} ({low:+.{digits}f} to {high:+.{digits}f})"


def measure(run: pathlib.Path) -> dict:
    """Measures the last checkpoint on the validation pairs: metrics of each image, and `checkerboard`."""
    from pipelines.loader import eval_dataset
    from pipelines.pairs import open_pairs
    from tfpix2pix.quality.image_metrics import image_metrics
    from tfpix2pix.quality.signs import highest_frequencies
    from tfpix2pix.run_dir.trained_generator import load_generator

    file = run.with_suffix(".json")
    if not file.exists():
        generator, config, _ = load_generator(run, "latest")
        pairs = eval_dataset(open_pairs(pathlib.Path(config.data) / "val", config.pair_format()), 10)
        values: dict[str, list[float]] = {name: [] for name in METRICS}
        seen, wanted = [], []
        for source, target in pairs:
            generated = generator(source, training=False)
            found = image_metrics(target, generated)
            for name, each in values.items():
                each += found[name].numpy().tolist()
            seen.append(generated.numpy())
            wanted.append(target.numpy())
        shares = [highest_frequencies(np.concatenate(images)) for images in (seen, wanted)]
        file.write_text(json.dumps(values | {"checkerboard": shares[0] / shares[1]}))
    return json.loads(file.read_text())


def read_back(run: pathlib.Path, segmenter: pathlib.Path) -> list[float]:
    """Returns the share of pixels of each generated facade in which the segmenter sees the class of its source."""
    from pipelines.images.label_colors import PALETTES
    from pipelines.loader import eval_dataset
    from pipelines.pairs import open_pairs
    from tfpix2pix.quality.segmentation import confusions, labels_of, load_segmenter
    from tfpix2pix.run_dir.trained_generator import load_generator

    file = run.with_suffix(".labels.json")
    if not file.exists():
        palette = PALETTES["facades"]
        segment = load_segmenter(segmenter, len(palette.classes))
        generator, config, _ = load_generator(run, "latest")
        # Labels that are resized by another method than these have colors between the classes.
        of_labels = dataclasses.replace(config, source_resize_method="nearest")
        both = [
            eval_dataset(open_pairs(pathlib.Path(config.data) / "val", each.pair_format()), 10)
            for each in (config, of_labels)
        ]
        values = []
        for (source, _), (colors, _) in zip(*both, strict=True):
            generated = generator(source, training=False)
            counts = confusions(labels_of(colors, palette), segment(generated)).numpy()
            values += [float(np.trace(each) / each.sum()) for each in counts]
        file.write_text(json.dumps(values))
    return json.loads(file.read_text())


def step_times(rows: dict[str, dict], rounds: int = 5, steps: int = 8) -> dict[str, float]:
    """Times the training steps of all rows in turns, on random pairs; returns the median of each in seconds."""
    import tensorflow as tf

    from tfpix2pix.config import Config
    from tfpix2pix.devices.strategy import make_strategy
    from tfpix2pix.model.state import Pix2Pix
    from tfpix2pix.model.step import make_train_step

    steppers = {}
    for row, chosen in rows.items():
        config = Config(**chosen).resolved()
        strategy = make_strategy(config)
        batch = [tf.random.uniform((1, *config.image_size, 3), -1, 1) for _ in range(2)]
        step = make_train_step(Pix2Pix(config, strategy, total_steps=10**6), strategy)
        steppers[row] = lambda step=step, batch=batch: float(step(*batch)["generator/loss"])
        for _ in range(20):  # so that all kinds of steps are compiled
            steppers[row]()
    times: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, stepper in steppers.items():
            start = time.perf_counter()
            for _ in range(steps):
                stepper()
            times[row].append((time.perf_counter() - start) / steps)
    return {row: statistics.median(found) for row, found in times.items()}


def print_table(folder: pathlib.Path, title: str, rows: dict[str, dict]) -> None:
    """Prints means over seeds and pairs, and paired differences from the first row with their 95 % intervals."""
    from tfpix2pix.quality.bootstrap import interval

    file = folder_of(folder, title) / "step_times.json"
    if not file.exists():
        file.write_text(json.dumps(step_times(rows)))
    times = json.loads(file.read_text())
    segmenter = folder / f"segmenter-{rows[PAPER]['image_size'][0]}"
    has_labels = "facades" in title and segmenter.exists()
    metrics = METRICS | (READ_BACK if has_labels else {})
    print(f"\n## {title}\n")
    print(f"| recipe | {' | '.join(words for words, _ in metrics.values())} | checkerboard | step |")
    print(f"|---|{'---|' * (len(metrics) + 2)}")
    first = {name: np.zeros(0) for name in metrics}
    for row in rows:
        runs = [run_of(folder, title, row, seed) for seed in SEEDS]
        found = [measure(run) | ({"pixel_accuracy": read_back(run, segmenter)} if has_labels else {}) for run in runs]
        cells = []
        for name, (words, digits) in metrics.items():
            ours = np.array([each[name] for each in found])
            if row == PAPER:
                first[name] = ours
                cells.append(f"{ours.mean():.{digits}f}")
            else:
                cells.append(compared(ours, first[name], interval(ours, first[name]), words, digits))
        cells.append(f"{statistics.mean(each['checkerboard'] for each in found):.2f}")
        cells.append(f"{times[row] * 1000:.0f} ms" if row == PAPER else f"× {times[row] / times[PAPER]:.2f}")
        print(f"| {row} | {' | '.join(cells)} |", flush=True)


def main(data: pathlib.Path, folder: pathlib.Path, begins: str = "") -> None:
    """Trains what is not there yet, and prints the tables."""
    chosen = {title: table for title, table in TABLES.items() if title.startswith(begins)}
    for title, (name, direction, pairs, size, epochs, changes) in chosen.items():
        files = subset(data / name, pairs, folder / f"{name}-{pairs or 'all'}")
        rows = {row: options(files, direction, size, epochs, change) for row, change in ({PAPER: {}} | changes).items()}
        train_all({run_of(folder, title, row, seed): rows[row] | {"seed": seed} for seed in SEEDS for row in rows})
        print_table(folder, title, rows)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), *sys.argv[3:])
