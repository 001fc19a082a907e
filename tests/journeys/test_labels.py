"""A training whose targets are label maps, and one whose targets are masks: what is written, measured and shown."""

import json

import numpy as np
import pytest
from PIL import Image

from tests.helpers.commands import call, command_module
from tests.helpers.runs import SHALLOW
from tfpix2pix.run_dir.checkpoints import Checkpoints

train, evaluate = (command_module(f"tfpix2pix.{name}") for name in ("train", "evaluate"))

COLORS = np.array([(200, 0, 0), (0, 200, 0), (0, 0, 200), (9, 9, 9)], np.uint8)
SIDE = 32


def drawings(seed):
    """Returns a photo whose blocks are of three colors, and their classes, with pixels of no class (3) in a corner."""
    rng = np.random.default_rng(seed)
    classes = np.kron(rng.choice(3, (4, 4), p=[0.2, 0.7, 0.1]), np.ones((SIDE // 4, SIDE // 4), int))
    photo = np.clip(COLORS[classes].astype(int) + rng.integers(-20, 20, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
    classes[:4, :4] = 3
    return photo, classes


def write(folder, count, target_of, seed):
    folder.mkdir(parents=True)
    for number in range(count):
        photo, classes = drawings(seed + number)
        Image.fromarray(np.hstack([photo, target_of(classes)])).save(folder / f"{number}.png")


OPTIONS = (*SHALLOW, f"--image_size={SIDE}", "--epochs=2", "--direction=AtoB", "--batch_size=2", "--learning_rate=0.01")


@pytest.fixture(scope="module")
def labels_run(tmp_path_factory):
    """Trains on photos and label maps in colors, of which a file says what they mean."""
    folder = tmp_path_factory.mktemp("labels")
    for split, count, seed in (("train", 6, 0), ("val", 3, 100)):
        write(folder / "data" / split, count, lambda classes: COLORS[classes], seed)
    colors = folder / "colors.txt"
    colors.write_text("200,0,0 wall\n0,200,0 lawn\n0,0,200 water\n9,9,9 ignored\n")
    labels = (f"--label_colors={colors}", "--target_labels=3", "--best_by=class_iou")
    assert call(train, f"--data={folder / 'data'}", f"--run_dir={folder / 'run'}", *OPTIONS, *labels) == 0
    colors.unlink()
    return folder / "run"


def test_a_training_of_labels_measures_and_shows_classes(labels_run):
    config = json.loads((labels_run / "config.json").read_text())
    assert (config["target_channels"], config["label_colors"]) == (3, "#c80000,#00c800,#0000c8;#090909")
    checkpoints = Checkpoints(labels_run, best_by="class_iou")
    validated = checkpoints.validation(checkpoints.best())
    assert {*validated} == {"l1", "pixel_accuracy", "class_accuracy", "class_iou", "f1"}
    # The last row is the targets, in their own colors.
    picture = np.asarray(Image.open(labels_run / "results.png").convert("RGB"))
    shown = {tuple(color) for color in picture[-100:].reshape(-1, 3).tolist()}
    assert {tuple(color) for color in COLORS[:3].tolist()} <= shown


def test_evaluate_measures_labels_beside_the_most_frequent_class(labels_run, tmp_path):
    assert call(evaluate, f"--run_dir={labels_run}", f"--output={tmp_path}", "--batch_size=2") == 0
    found = json.loads((tmp_path / "metrics.json").read_text())
    step, *baselines = found["metrics"]
    assert baselines == ["mean target", "most frequent class", "nearest neighbor"]
    validated = Checkpoints(labels_run).validation(int(step.split()[1]))
    for name, value in validated.items():
        assert found["metrics"][step][name]["mean"] == pytest.approx(value, rel=1e-5)
    # The lawn (1) is everywhere the most frequent class.
    classes = np.stack([drawings(100 + number)[1] for number in range(3)])
    counts = np.bincount(classes[classes < 3], minlength=3)
    frequent = found["metrics"]["most frequent class"]
    assert frequent["pixel_accuracy"]["mean"] == pytest.approx(counts[1] / counts.sum())
    assert frequent["class_iou"]["mean"] == pytest.approx(counts[1] / counts.sum() / 3)
    # Each class by itself: it is 1 everywhere.
    classes = [found["classes"]["most frequent class"][str(number)] for number in range(3)]
    assert [each["accuracy"] for each in classes] == [0, 1, 0]
    assert [each["iou"] for each in classes] == pytest.approx([0, counts[1] / counts.sum(), 0])
    assert [each["pixels"] for each in classes] == pytest.approx([*(counts[:3] / counts[:3].sum())])
    assert "each class by itself" in (tmp_path / "report.html").read_text()
    page = (tmp_path / "report.html").read_text()
    assert all(text in page for text in ("Best by pixel accuracy", "class IoU", "wrong", "read photographs"))
    assert "PSNR, dB" not in page


def test_a_training_of_masks_is_measured_where_they_are_white(tmp_path):
    for split, count, seed in (("train", 4, 0), ("val", 2, 100)):
        write(tmp_path / "data" / split, count, lambda c: np.repeat((c == 2)[..., None] * np.uint8(255), 3, -1), seed)
    options = ("--target_mask", "--target_channels=1", "--best_by=f1", "--max_steps=2")
    assert call(train, f"--data={tmp_path / 'data'}", f"--run_dir={tmp_path / 'run'}", *OPTIONS, *options) == 0
    checkpoints = Checkpoints(tmp_path / "run", best_by="f1")
    assert {"l1", "psnr", "iou", "f1"} <= checkpoints.validation(checkpoints.best()).keys()
