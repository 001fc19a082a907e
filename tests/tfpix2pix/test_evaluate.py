"""evaluate and compare on real runs: their files agree with one another, with training's validation, and with NumPy."""

import csv
import dataclasses
import inspect
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from PIL import Image

from pipelines.images.label_colors import PALETTES
from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.helpers.commands import call, command_module
from tests.helpers.runs import ROOT, make_pairs
from tfpix2pix.config import Config
from tfpix2pix.evaluation import measure_options, subject
from tfpix2pix.evaluation.compare_runs import compare as compare_runs
from tfpix2pix.evaluation.contenders import Contender, check_comparable
from tfpix2pix.evaluation.evaluate_folders import evaluate_folders
from tfpix2pix.evaluation.evaluate_run import evaluate as evaluate_run
from tfpix2pix.report import pages
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.log_jsonl import read_log

compare = command_module("tfpix2pix.compare")
evaluate = command_module("tfpix2pix.evaluate")

OFFLINE = "--nofeatures"


def halves(file):
    """The (left, right) halves in [-1, 1]."""
    return np.split(np.asarray(Image.open(file), np.float32) / 127.5 - 1, 2, axis=1)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def evaluated(short_run):
    assert call(evaluate, f"--run_dir={short_run}", "--checkpoint=all", "--batch_size=3", OFFLINE) == 0
    folder = short_run / "evaluation" / "val-all"
    return folder, json.loads((folder / "metrics.json").read_text())


def test_numbers_equal_those_of_training(short_run, evaluated):
    _, found = evaluated
    checkpoints = Checkpoints(short_run)
    best = checkpoints.best()
    others = [step for step in checkpoints.steps() if step != best]
    assert found["checkpoints"] == [f"step {step}" for step in (best, *others)]
    for step in checkpoints.steps():
        validated = checkpoints.validation(step)
        assert validated
        for name, value in validated.items():
            assert found["metrics"][f"step {step}"][name]["mean"] == pytest.approx(value, rel=1e-5)


def test_baselines_by_hand(short_run, evaluated):
    _, found = evaluated
    # BtoA: the right half is the source.
    train, val = ([halves(f) for f in sorted((short_run.parent / "pairs" / s).iterdir())] for s in ("train", "val"))
    identity = np.mean([np.abs(a - b).mean() for a, b in val])
    mean = np.mean([a for a, _ in train], axis=0)
    mean_target = np.mean([np.abs(a - mean).mean() for a, _ in val])
    nearest = [min(train, key=lambda pair: ((pair[1] - b) ** 2).sum())[0] for _, b in val]
    neighbor = np.mean([np.abs(a - near).mean() for (a, _), near in zip(val, nearest, strict=True)])
    expected = {"identity": identity, "mean target": mean_target, "nearest neighbor": neighbor}
    for name, value in expected.items():
        assert found["metrics"][name]["l1"]["mean"] == pytest.approx(value, rel=1e-5)


def test_table_and_json_agree(evaluated):
    folder, found = evaluated
    table = rows(folder / "images.csv")
    assert [row["image"] for row in table[:4]] == ["0.png", "1.png", "2.png", "3.png"]
    for column, metrics in found["metrics"].items():
        values = [float(row["l1"]) for row in table if row["column"] == column]
        assert metrics["l1"]["mean"] == pytest.approx(np.mean(values), rel=1e-4)
        # Four images are too few for an interval.
        assert "low" not in metrics["l1"]


def test_the_page_has_every_image_and_all_numbers(evaluated):
    folder, found = evaluated
    page = (folder / "report.html").read_text()
    for text in ("0.png", "3.png", "identity", "nearest neighbor", "Best by L1", "--nofeatures", "161", "too few",
                 "sigma 1.5", "data range 1", "peak 1"):  # fmt: skip
        assert text in page
    assert f"{found['metrics']['identity']['l1']['mean']:.4f}" in page
    # What the run is.
    for text in ("generator 2, discriminator 2", "2 steps", "wall time", "64x64, from 72x72"):
        assert text in page
    # One plain sentence comes before all numbers.
    sentence = found["conclusion"]
    assert sentence.startswith(f"The generator of {found['checkpoints'][0]} and the mean training target: L1 ")
    assert sentence.endswith("4 images are too few to tell which is better.")
    assert page.index(sentence) < page.index("<table>")


def test_one_image_of_each_kind_lies_beside_the_page(short_run, evaluated):
    folder, found = evaluated
    leader = found["checkpoints"][0]
    values = {row["image"]: float(row["l1"]) for row in rows(folder / "images.csv") if row["column"] == leader}
    ordered = sorted(values, key=values.get)
    examples = found["examples"]
    assert (examples["best"]["image"], examples["worst"]["image"]) == (ordered[0], ordered[-1])
    assert examples["worst"]["L1"] == pytest.approx(values[ordered[-1]], rel=1e-5)
    pairs = short_run.parent / "pairs" / "val"
    for word, example in examples.items():
        target, source = halves(pairs / example["image"])
        with Image.open(folder / f"{word}.webp") as picture:
            shown = np.asarray(picture.convert("RGB"), np.float32) / 127.5 - 1
        # Three pictures of 64x64, three times as large; the run translates the right half into the left one.
        assert shown.shape == (192, 3 * 192, 3)
        # WebP blurs colors.
        assert np.abs(shown[1::3, 1:192:3] - source).mean() < 0.1
        assert np.abs(shown[1::3, 385::3] - target).mean() < 0.1


def test_the_signs_of_a_step_are_those_of_its_log(short_run, evaluated):
    _, found = evaluated
    step = int(found["checkpoints"][0].split()[1])
    logged = [record for record in read_log(short_run) if record["step"] == step and "signs/variety" in record]
    assert len(logged) == 1
    assert found["signs"] == {name[6:]: value for name, value in logged[0].items() if name.startswith("signs/")}


def test_other_norm_statistics_give_other_numbers_in_another_folder(short_run, evaluated, capsys):
    _, image = evaluated
    options = ("--checkpoint=latest", "--norm_statistics=moving", "--nobaselines", OFFLINE)
    assert call(evaluate, f"--run_dir={short_run}", *options) == 0
    found = json.loads((short_run / "evaluation" / "val-2-moving" / "metrics.json").read_text())
    assert list(found["metrics"]) == ["step 2"]
    # Without baselines there is no table of differences, which would be empty.
    page = (short_run / "evaluation" / "val-2-moving" / "report.html").read_text()
    assert "differences from" not in page + capsys.readouterr().out
    assert page.count("<table>") == 1
    assert found["metrics"]["step 2"]["l1"]["mean"] != pytest.approx(image["metrics"]["step 2"]["l1"]["mean"], rel=1e-4)


@pytest.mark.slow
def test_samples_differ_by_dropout(noisy_run, short_run, tmp_path):
    data = f"--data={short_run.parent / 'pairs'}"
    options = ("--dropout_at_inference", "--samples=3", "--nobaselines", f"--output={tmp_path / 'o'}", data, OFFLINE)
    assert call(evaluate, f"--run_dir={noisy_run}", *options) == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert next(iter(found["metrics"].values()))["diversity_l1"]["mean"] > 1e-4
    assert "step 2, 3" in (tmp_path / "o" / "report.html").read_text() or found["checkpoints"] != ["step 2"]


# Names of pairs that mean something in HTML, in a spreadsheet or in a terminal.
NASTY = (
    "<img src=x onerror=alert(1)>.png",
    "=1+1.png",
    "-2 &amp; 'x' \"y\".png",
    "a\n\x1b[31m\u202egnp.png",
    "\udcff.png",
)


@pytest.mark.slow
def test_hostile_names_are_only_names(short_run, tmp_path):
    data, run_dir = make_pairs(tmp_path / "<b>pairs", train=2, val=len(NASTY)), tmp_path / "<i>run"
    for file, name in zip(sorted((data / "val").iterdir()), NASTY, strict=True):
        file.rename(file.with_name(name))
    # A config may contain any text as an option's value.
    shutil.copytree(short_run, run_dir, ignore=shutil.ignore_patterns("evaluation", "comparison"))
    config = json.loads((run_dir / "config.json").read_text())
    (run_dir / "config.json").write_text(json.dumps(config | {"inception_weights": "<script>", "data": str(data)}))
    assert call(evaluate, f"--run_dir={run_dir}", f"--output={tmp_path / 'e'}", OFFLINE) == 0
    assert call(compare, run_dir, f"<u>={run_dir}", f"--output={tmp_path / 'c'}", OFFLINE) == 0
    for page, table in (("e/report.html", "e/images.csv"), ("c/comparison.html", "c/images.csv")):
        text = (tmp_path / page).read_text()
        assert not re.search("<(img src=x|b>|i>|u>)", text)
        assert "&lt;img src=x onerror=alert(1)&gt;.png" in text
        assert re.findall("<script.*?>", text) == ["<script>"]
        with (tmp_path / table).open(newline="", errors="surrogateescape") as file:
            names = {row["image"] for row in csv.DictReader(file)}
        # The paths lead to the same files, and a spreadsheet computes none of them.
        assert {(data / "val" / name).resolve() for name in names} == set((data / "val").iterdir())
        assert not [name for name in names if name.startswith(("=", "+", "-", "@"))]


@pytest.fixture
def segmenter(tmp_path):
    """A SavedModel that reads the facades' label colors back without error."""
    colors = tf.constant([*PALETTES["facades"].classes.values()], tf.float32) / 127.5 - 1
    module = tf.Module()
    module.call = tf.function(
        lambda images: {"logits": -tf.reduce_sum((images[..., None, :] - colors) ** 2, -1)},
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="images")],
    )
    tf.saved_model.save(module, str(tmp_path / "segmenter"), signatures={"serving_default": module.call})
    return tmp_path / "segmenter"


def label_pairs(folder, colors, left, count=3):
    """Side-by-side PNGs of label maps and of random colors; `left` says whether the left halves are the label maps."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        (folder / split).mkdir(parents=True)
        for i in range(count):
            blocks = np.asarray(colors)[rng.integers(0, len(colors), (4, 4))], rng.integers(0, 256, (4, 4, 3))
            halves = [np.kron(each, np.ones((16, 16, 1))) for each in (blocks if left else blocks[::-1])]
            Image.fromarray(np.hstack(halves).astype(np.uint8)).save(folder / split / f"{i}.png")
    return folder


def test_segmentation_score(short_run, segmenter, tmp_path):
    options = (f"--segmenter={segmenter}", "--label_colors=facades", f"--output={tmp_path / 'o'}", OFFLINE)
    # Colors of no classes give a score of nothing.
    with pytest.raises(InputError, match=r"segmenter=.*sources of .*pairs, direction BtoA.*leave the segmenter out"):
        call(evaluate, f"--run_dir={short_run}", *options)
    assert not (tmp_path / "o").exists()
    data = label_pairs(tmp_path / "p", [*PALETTES["facades"].classes.values()], left=False)
    assert call(evaluate, f"--run_dir={short_run}", f"--data={data}", *options) == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())["metrics"]
    # The identity shows the labels themselves.
    assert found["identity"]["class_iou"]["mean"] == 1
    assert found["mean target"]["class_iou"]["mean"] < 0.9
    assert found["target itself"]["l1"]["mean"] == 0
    assert 0 < found["target itself"]["class_iou"]["mean"] < 0.9


def test_photo_to_labels_by_the_nearest_color(short_run, tmp_path, capsys):
    """Classes of an RGB network's results, against NumPy: colors of a file of one's own, one of them of no class."""
    (tmp_path / "colors.txt").write_text("0,0,0 night\n#ffffff day\n255,0,0 dusk\n0,0,255 ignored\n")
    colors = np.array([[0, 0, 0], [255, 255, 255], [255, 0, 0], [0, 0, 255]])
    data = label_pairs(tmp_path / "p", colors, left=True)
    options = (f"--data={data}", f"--label_colors={tmp_path / 'colors.txt'}", f"--output={tmp_path / 'o'}", OFFLINE)
    assert call(evaluate, f"--run_dir={short_run}", *options) == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    counts = np.zeros((3, 3))
    for file in sorted((data / "val").iterdir()):
        target, source = np.split(np.asarray(Image.open(file), int), 2, axis=1)
        truth, guess = (
            ((image[..., None, :] - known) ** 2).sum(-1).argmin(-1)
            for image, known in ((target, colors), (source, colors[:3]))
        )
        np.add.at(counts, (truth[truth < 3], guess[truth < 3]), 1)
    right, there, seen = np.diag(counts), counts.sum(1), counts.sum(0)
    expected = {
        "pixel_accuracy": right.sum() / counts.sum(),
        "class_accuracy": (right / there).mean(),
        "class_iou": (right / (there + seen - right)).mean(),
    }
    # The identity shows the sources, whose colors are any.
    assert {name: found["metrics"]["identity"][name]["mean"] for name in expected} == pytest.approx(expected)
    assert found["metrics"]["target itself"]["class_iou"]["mean"] == 1
    assert found["classes"]["identity"]["dusk"]["iou"] == pytest.approx((right / (there + seen - right))[2])
    assert found["classes"]["identity"]["dusk"]["pixels"] == pytest.approx(there[2] / there.sum())
    page, shown = (tmp_path / "o" / "report.html").read_text(), capsys.readouterr().out
    for text in (page, shown):
        assert f"dusk, {there[2] / there.sum():.1%} of pixels" in text
        assert f"{(right / there)[2]:.3f} / " in text
    with pytest.raises(InputError, match=r"label_colors=cityscapes: the targets of .* are no label maps"):
        call(evaluate, f"--run_dir={short_run}", "--label_colors=cityscapes", f"--output={tmp_path / 'n'}", OFFLINE)
    assert not (tmp_path / "n").exists()


@pytest.mark.slow
def test_compare_finds_no_difference_from_itself_and_one_from_the_start(short_run, tmp_path, capsys):
    first = Checkpoints(short_run).steps()[0]
    data = make_pairs(tmp_path / "more", val=12, seed=1)
    options = (f"--output={tmp_path / 'c'}", "--checkpoint=latest", f"--data={data}", OFFLINE)
    # A run may have the name of a fact.
    arguments = ("data=" + str(short_run), f"same={short_run}@latest:image", f"old={short_run}@{first}")
    assert call(compare, *options, *arguments) == 0
    found = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert (found["data"], found["runs"]["data"]["step"]) == (str(data), 2)
    assert found["differences"]["same"]["l1"] == {"mean": 0, "low": 0, "high": 0, "verdict": "no clear difference"}
    l1 = {name: np.array([float(r["l1"]) for r in rows(tmp_path / "c" / "images.csv") if r["column"] == name])
          for name in ("data", "old")}  # fmt: skip
    difference = found["differences"]["old"]["l1"]
    assert difference["mean"] == pytest.approx(np.mean(l1["old"] - l1["data"]), abs=1e-5)
    assert difference["low"] < difference["mean"] < difference["high"]
    verdict = "worse" if difference["low"] > 0 else "better" if difference["high"] < 0 else "no clear difference"
    assert difference["verdict"] == verdict
    page = (tmp_path / "c" / "comparison.html").read_text()
    assert "no clear difference" in page
    assert "2.png" in page
    shown = capsys.readouterr().out
    assert "differences from data" in shown
    assert "same is no better and no worse than data: no metric differs clearly." in found["conclusion"]
    # A verdict says of whom it speaks.
    assert verdict == "no clear difference" or (f"old is {verdict}" in page and f" {verdict} than data by" in shown)


@pytest.mark.slow
def test_compare_counts_seeds_as_one(short_run, tmp_path):
    first = Checkpoints(short_run).steps()[0]
    group = f"both={short_run}@latest,{short_run}@{first}"
    assert call(compare, f"--output={tmp_path / 'c'}", OFFLINE, f"new={short_run}@latest", group) == 0
    found = json.loads((tmp_path / "c" / "comparison.json").read_text())
    values = {}
    for row in rows(tmp_path / "c" / "images.csv"):
        values.setdefault(row["column"], []).append(float(row["l1"]))
    assert list(values) == ["new", "both, run@latest", f"both, run@{first}"]
    expected = np.mean([np.mean(values[name]) for name in list(values)[1:]])
    assert found["metrics"]["both"]["l1"]["mean"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--split=test", ["no test", "train, val"]),
        ("--checkpoint=7", ["checkpoint=7"]),
        ("--samples=2", ["samples=2", "--dropout_at_inference"]),
        ("--run_dir=nowhere", ["run_dir=nowhere"]),
        ("--generated=results", ["generated=results", "give one of them"]),
        ("--targets=photos", ["targets=photos", "no meaning with --run_dir"]),
        ("--models=nowhere.tflite", ["nowhere.tflite"]),
        ("--inception_weights=nowhere.pth", ["inception_weights=nowhere.pth"]),
        ("--segmenter=nowhere", ["--label_colors=cityscapes or facades"]),
        ("--data=nowhere", ["data=nowhere"]),
    ],
)
def test_a_mistake_is_refused_before_anything_is_written(short_run, tmp_path, flag, words):
    offline = () if flag.startswith("--inception") else (OFFLINE,)
    with pytest.raises(InputError) as error:
        call(evaluate, f"--run_dir={short_run}", f"--output={tmp_path / 'o'}", *offline, flag)
    assert all(word in str(error.value) for word in words), error.value
    assert not (tmp_path / "o").exists()


def test_names_that_are_not_utf8_and_bad_files(short_run, tmp_path):
    data = make_pairs(tmp_path / "p", val=3)
    strange = os.fsencode(data / "val") + b"/\xff.png"
    os.rename(os.fsencode(data / "val" / "0.png"), strange)
    (data / "val" / "1.png").write_bytes(b"no image")
    shutil.rmtree(data / "train")
    options = (f"--run_dir={short_run}", f"--data={data}", f"--output={tmp_path / 'o'}", OFFLINE)
    with pytest.raises(InputError, match="--bad_images=skip"):
        call(evaluate, *options)
    assert call(evaluate, *options, "--bad_images=skip") == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert (found["images"], found["skipped"]) == (2, 1)
    assert "no train" in found["missing"]["the mean target and the nearest neighbor"]
    assert list(found["metrics"]) == [*found["checkpoints"], "identity"]


@pytest.mark.slow
def test_a_pair_is_not_its_own_neighbor(short_run, tmp_path):
    options = ("--split=train", f"--output={tmp_path / 'o'}", OFFLINE)
    assert call(evaluate, f"--run_dir={short_run}", *options) == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert found["metrics"]["nearest neighbor"]["l1"]["mean"] > 0.1


@pytest.mark.slow
def test_a_segmenter_of_another_size(short_run, tmp_path):
    module = tf.Module()
    module.call = tf.function(
        lambda images: {"logits": tf.repeat(images[..., :1], 12, -1)},
        input_signature=[tf.TensorSpec((None, 32, 48, 3), tf.float32, name="images")],
    )
    tf.saved_model.save(module, str(tmp_path / "s"), signatures={"serving_default": module.call})
    data = label_pairs(tmp_path / "p", [*PALETTES["facades"].classes.values()], left=False)
    options = (f"--segmenter={tmp_path / 's'}", "--label_colors=facades", f"--data={data}", "--nobaselines", OFFLINE)
    assert call(evaluate, f"--run_dir={short_run}", f"--output={tmp_path / 'o'}", *options) == 0
    assert "class_iou" in next(iter(json.loads((tmp_path / "o" / "metrics.json").read_text())["metrics"].values()))


def test_weights_of_another_network_are_refused(short_run, tmp_path):
    wrong = torch_writer.write(tmp_path / "wrong.pth", {"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 5, 5))})
    for file, words in ((wrong, "wrong.pth"), (short_run / "config.json", "config.json")):
        with pytest.raises(InputError) as error:
            call(evaluate, f"--run_dir={short_run}", f"--inception_weights={file}")
        assert words in str(error.value)
        assert "\n" not in str(error.value)


def test_compare_refuses_runs_that_cannot_be_compared(short_run, tmp_path):
    def refused(*arguments):
        with pytest.raises(InputError) as error:
            call(compare, f"--output={tmp_path / 'o'}", OFFLINE, *arguments)
        assert not (tmp_path / "o").exists()
        return str(error.value)

    assert "RUN_A RUN_B" in refused(short_run)
    assert "NAME=RUN_DIR" in refused(short_run, short_run)
    assert "run_dir=nowhere" in refused(short_run, "nowhere")
    assert "foo is none of image, moving" in refused(short_run, f"{short_run}:foo")
    assert "checkpoint=9" in refused(short_run, f"b={short_run}@9")
    other = tmp_path / "other"
    (other / "checkpoints" / "00000001").mkdir(parents=True)
    config = json.loads((short_run / "config.json").read_text())
    for options, words in (
        ({"target_channels": 1}, "target_channels=3"),
        ({"data": str(make_pairs(tmp_path / "others"))}, "--data=FOLDER"),
    ):
        (other / "config.json").write_text(json.dumps(config | options))
        message = refused(short_run, other)
        assert words in message
        assert str(other) in message


def test_crops_and_whole_pictures_of_one_scale_are_comparable():
    """Runs are comparable whatever the crops of their trainings, and not if their images are of another kind."""

    def contender(**options):
        return Contender("it", pathlib.Path("run"), Config(**options).resolved(), 1)

    whole = contender(image_size=(128, 128), crop=False)
    check_comparable([whole, contender(image_size=(64, 64), load_size=(128, 128))], same_data=True)
    with pytest.raises(InputError, match="target_labels=0"):
        check_comparable([whole, contender(image_size=(64, 64), target_labels=3)], same_data=True)


def test_runs_on_two_folders_have_the_same_data_if_both_are_the_same():
    def contender(**options):
        return Contender("it", pathlib.Path("run"), Config(**options).resolved(), 1)

    pair = contender(data_a="x/a", data_b="x/b")
    check_comparable([pair, contender(data_a="x/../x/a", data_b="./x/b")], same_data=True)
    for other in ({"data_a": "y/a", "data_b": "x/b"}, {"data_a": "x/a", "data_b": "y/b"}, {}):
        with pytest.raises(InputError, match="has data=x/a and x/b and run"):
            check_comparable([pair, contender(**other)], same_data=True)
        check_comparable([pair, contender(**other)], same_data=False)


def save_images(folder, images, name="{}.png"):
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / name.format(number))
    return folder


def test_images_of_another_program(tmp_path, capsys, monkeypatch):
    """Folders are matched by name; what is left out or resized is said; the numbers are NumPy's."""
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 256, (12, 24, 24, 3), np.uint8)
    generated = (targets // 2 + rng.integers(0, 128, targets.shape)).astype(np.uint8)
    shown = save_images(tmp_path / "theirs", [*generated, generated[0]], "{}_fake_B.png")
    truth = save_images(tmp_path / "truth", targets, "{}.png")
    sources = save_images(tmp_path / "labels", 255 - targets, "{}.png")
    folders = (f"--generated={shown}", f"--targets={truth}", OFFLINE)
    with pytest.raises(InputError, match=r"--match='\{\}_fake_B:\{\}'"):
        call(evaluate, *folders, f"--output={tmp_path / 'o'}")
    pairs = save_images(tmp_path / "pairs", np.concatenate([targets, targets], axis=2), "{}.png")
    with pytest.raises(InputError, match=r"pairs looks like side-by-side pairs.* targets alone"):
        call(evaluate, folders[0], f"--targets={pairs}", "--match={}_fake_B:{}", OFFLINE)
    options = (*folders, f"--sources={sources}", "--match={}_fake_B:{}", f"--output={tmp_path / 'o'}")
    assert call(evaluate, *options) == 0
    found = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert found["images"] == 12
    assert list(found["left_out"]) == [str(shown / "12_fake_B.png")]
    expected = np.abs(generated.astype(float) - targets).mean() / 127.5
    assert found["metrics"]["generated"]["l1"]["mean"] == pytest.approx(expected, rel=1e-5)
    identity = np.abs(255 - 2.0 * targets).mean() / 127.5
    assert found["metrics"]["identity"]["l1"]["mean"] == pytest.approx(identity, rel=1e-5)
    assert found["conclusion"].startswith("What was generated is better than the mean of all targets: L1 ")
    page, printed = (tmp_path / "o" / "report.html").read_text(), capsys.readouterr().out
    for text in (page, printed):
        assert "1 files are not measured, since they have no partner" in text
    assert page.count('alt="source of ') == page.count('alt="target of ') > 12
    # All images on one page so far; of pages with little room there are several, and they have all images together.
    assert not list((tmp_path / "o").glob("report-*"))
    monkeypatch.setattr(pages, "PAGE_BYTES", 100_000)
    assert call(evaluate, *options) == 0
    first, *others = (tmp_path / "o" / name for name in ["report.html", *(f"report-{n}.html" for n in range(2, 9))])
    others = [file for file in others if file.exists()]
    assert len(others) > 1
    names = [name for file in others for name in re.findall('href="#image-[^>]*><bdi>(.*?)<', file.read_text())]
    assert names == sorted(map(str, range(12)))
    text = first.read_text()
    assert "of 12 images are on this page, at even distances" in text
    assert all(f'href="{file.name}"' in text for file in others)
    assert "numbers and a sample" in others[0].read_text()
    assert f"report-2.html to {others[-1].name}" in capsys.readouterr().out
    with pytest.raises(InputError, match=r"samples=2.*no meaning with --generated"):
        call(evaluate, *options, "--samples=2")


def test_folders_of_other_sizes_are_measured_each_at_its_own(tmp_path, capsys):
    rng = np.random.default_rng(0)
    targets = np.kron(rng.integers(0, 256, (11, 6, 6, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)
    truth = save_images(tmp_path / "truth", targets)
    full = save_images(tmp_path / "full", 255 - targets)
    # One image is missing here, and so is measured in neither.
    halves = (tf.image.resize(image, (12, 12), "bicubic", antialias=True).numpy() for image in targets[:-1])
    small = save_images(tmp_path / "small", [image.clip(0, 255).round().astype(np.uint8) for image in halves])
    output = tmp_path / "c"
    with pytest.raises(InputError, match=r"a\.tflite does not exist"):
        call(compare, full, tmp_path / "a.tflite", OFFLINE)
    with pytest.raises(InputError, match="--targets=FOLDER"):
        call(compare, full, small, f"--output={output}", OFFLINE)
    assert not output.exists()
    assert call(compare, full, small, f"--targets={truth}", f"--output={output}", OFFLINE) == 0
    found = json.loads((output / "comparison.json").read_text())
    assert found["images"] == 10
    expected = np.abs(255 - 2.0 * targets[:-1]).mean() / 127.5
    assert found["metrics"]["full"]["l1"]["mean"] == pytest.approx(expected, rel=1e-5)
    # The target is resized to 12x12 as these images were; only their rounding differs.
    assert 0 < found["metrics"]["small"]["l1"]["mean"] < 0.01
    assert found["differences"]["small"]["l1"]["verdict"] == "better"
    for text in ((output / "comparison.html").read_text(), capsys.readouterr().out):
        assert "images of 24x24" in text
        assert (
            "10 of 10 targets are resized to the size of the generated images by bicubic, antialiased: 24x24 to 12x12"
            in text
        )
        assert "Each is measured at its own size" in text
        assert "1 images are left out, since others lack them" in text


def negative_models(folder):
    """Exported generators of every format, which return the negative of their source."""
    onnx = pytest.importorskip("onnx")
    folder.mkdir()
    module = tf.Module()
    spec = tf.TensorSpec((1, 64, 64, 3), tf.float32, name="source")
    module.call = tf.function(lambda source: {"generated": -source}, input_signature=[spec])
    ramp = np.linspace(-1, 1, 64 * 64 * 3, dtype=np.float32).reshape(1, 64, 64, 3)
    for kind in ("float", "int8"):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.call.get_concrete_function()], module)
        if kind == "int8":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: [[ramp]]
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        (folder / f"{kind}.tflite").write_bytes(converter.convert())
    images = [onnx.helper.make_tensor_value_info(n, 1, ["b", "h", "w", 3]) for n in ("source", "generated")]
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Neg", ["source"], ["generated"])], "g", images[:1], images[1:]
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    module.any = tf.function(
        lambda source: {"generated": -source}, input_signature=[tf.TensorSpec((None, None, None, 3), name="source")]
    )
    tf.saved_model.save(module, str(folder / "served" / "1"), signatures={"translate": module.any})
    return [folder / "float.tflite", folder / "int8.tflite", folder / "model.onnx", folder / "served"]


@pytest.mark.slow
def test_exported_files_folders_and_runs_of_another_scale(short_run, tmp_path, capsys):
    """In these pairs the target is the negative of the source, so what returns the negative is right everywhere."""
    models = negative_models(tmp_path / "m")
    output = tmp_path / "e"
    options = (f"--run_dir={short_run}", "--nobaselines", f"--output={output}", OFFLINE)
    assert call(evaluate, *options, f"--models={','.join(map(str, models))}") == 0
    found = json.loads((output / "metrics.json").read_text())["metrics"]
    step = f"step {Checkpoints(short_run).best()}"
    assert list(found) == [step, "float.tflite", "int8.tflite", "model.onnx", "served"]
    l1 = {name: metrics["l1"]["mean"] for name, metrics in found.items()}
    for name in ("float.tflite", "model.onnx", "served"):
        assert l1[name] < 1e-6
    # A step of int8 is 1/127.
    assert 1e-4 < l1["int8.tflite"] < 1 / 127 < l1[step]

    # The same weights, measured at 128x128.
    large = tmp_path / "large"
    shutil.copytree(short_run, large, ignore=shutil.ignore_patterns("evaluation", "comparison"))
    config = json.loads((large / "config.json").read_text())
    (large / "config.json").write_text(json.dumps(config | {"load_size": [128, 128]}))
    pairs = [np.asarray(Image.open(file)) for file in sorted((short_run.parent / "pairs" / "val").iterdir())]
    theirs = save_images(tmp_path / "theirs", [pair[:, :64] for pair in pairs[:3]])
    contenders = (short_run, large, f"onnx={models[2]}", theirs)
    capsys.readouterr()
    assert call(compare, *contenders, f"--output={tmp_path / 'c'}", OFFLINE) == 0
    found = json.loads((tmp_path / "c" / "comparison.json").read_text())
    assert found["images"] == 3
    assert found["metrics"]["onnx"]["l1"]["mean"] < 1e-6
    assert found["metrics"]["theirs"]["l1"]["mean"] < 1e-6
    assert found["measured"] == ["whole pictures at 64x64", "whole pictures at 128x128"]
    printed = capsys.readouterr().out
    assert "theirs lacks 1 of 4 images, such as 3.png." in printed
    assert "large: whole pictures at 128x128" in printed
    # What the runs are, and in what they differ, comes before the numbers.
    page = (tmp_path / "c" / "comparison.html").read_text()
    for text in (page, printed):
        assert text.index("options in which the runs differ") < text.index("what each run is") < text.index("L1 ↓")
        assert "generator 2, discriminator 2" in text
    assert re.search(r"load_size +72x72 +128x128", printed), printed
    assert "norm_statistics" not in page.partition("what each run is")[0]
    with pytest.raises(InputError, match=r"float.tflite takes images of 64x64 only, and 128x128 is measured"):
        call(compare, large, models[0], f"--output={tmp_path / 'n'}", OFFLINE)
    with pytest.raises(InputError, match="give the run that it comes from"):
        call(compare, models[0], models[2], f"--output={tmp_path / 'n'}", OFFLINE)


def test_infinite_values_become_valid_json(tmp_path):
    from tfpix2pix.report.results import write_json

    write_json(tmp_path / "x.json", {"a": [math.inf, math.nan], "b": 1.5})
    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail) == {"a": ["inf", "nan"], "b": 1.5}


@pytest.mark.parametrize(
    ("module", "after", "name", "reason"),
    [
        (evaluate, "open_split", "val/1.png", "it cannot be read"),
        (compare, "open_split", "val/2.png", "it has changed since"),
        (evaluate, "batches_of", "train/0.png", "it cannot be read"),
    ],
)
def test_a_pair_that_changes_during_measuring_is_named(short_run, tmp_path, monkeypatch, module, after, name, reason):
    data = make_pairs(tmp_path / "p", train=1, val=3)
    function = getattr(subject, after)

    def then_lost(*arguments, **needs):
        result = function(*arguments, **needs)
        if "changed" in reason:
            (data / name).write_bytes((data / "val" / "0.png").read_bytes())
        else:
            (data / name).unlink()
        return result

    monkeypatch.setattr(subject, after, then_lost)
    monkeypatch.setattr(subject, "CACHE_MIB", 0)
    runs = [f"--run_dir={short_run}"] if module is evaluate else [f"a={short_run}", f"b={short_run}"]
    with pytest.raises(InputError, match=re.escape(str(data / name))) as error:
        call(module, *runs, f"--data={data}", f"--output={tmp_path / 'o'}", OFFLINE)
    assert reason in str(error.value)
    assert not (tmp_path / "o").exists()


@pytest.mark.slow
def test_a_notebook_gets_the_numbers_of_the_command(short_run, evaluated, tmp_path):
    _, found = evaluated
    output = tmp_path / "e"
    means = evaluate_run(str(short_run), checkpoint="all", output=str(output), baselines=False, features=False)
    leader = found["checkpoints"][0]
    # The command measured in batches of three.
    assert means == pytest.approx({name: entry["mean"] for name, entry in found["metrics"][leader].items()}, rel=1e-5)
    pictures = {"best.webp", "median.webp", "worst.webp"}
    assert {path.name for path in output.iterdir()} == {"images.csv", "metrics.json", "report.html"} | pictures
    best = Checkpoints(short_run).best()
    compared = compare_runs(f"a={short_run}", f"b={short_run}", checkpoint=best, output=tmp_path / "c", features=False)
    assert compared["a"] == compared["b"] == pytest.approx(means, rel=1e-5)


@pytest.mark.parametrize("module", [evaluate, compare])
def test_functions_have_the_defaults_of_their_commands(module):
    function = evaluate_run if module is evaluate else compare_runs
    parameters = inspect.signature(function).parameters.values()
    own = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
    shared = dataclasses.asdict(measure_options.MeasureOptions())
    assert all(name in evaluate_run.__doc__ for name in shared)
    before = set(flags.FLAGS)
    module.define_flags()
    try:
        defined = {name: flags.FLAGS[name].default for name in set(flags.FLAGS) - before}
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
    if module is evaluate:
        folders = inspect.signature(evaluate_folders).parameters.values()
        own |= {p.name: p.default for p in folders if p.kind is p.KEYWORD_ONLY}
        own |= {"models": [*own["models"]], "run_dir": None, **dict.fromkeys(("generated", "targets", "sources"), "")}
    assert defined == own | shared


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"samples": 0}, "samples=0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"batch_size": "8"}, "batch_size='8'"),
        ({"max_pixels": 0}, "max_pixels=0"),
        ({"report_images": -1}, "report_images=-1"),
        ({"baseline_pairs": 0}, "baseline_pairs=0"),
        ({"norm_statistics": "batch"}, "norm_statistics=batch"),
        ({"bad_images": "drop"}, "bad_images=drop"),
        ({"label_colors": "maps"}, "label_colors=maps"),
        ({"data": pathlib.Path("nowhere")}, "data=nowhere"),
    ],
)
def test_functions_refuse_what_flags_refuse(short_run, tmp_path, wrong, words):
    with pytest.raises(InputError, match=words):
        evaluate_run(short_run, output=tmp_path / "o", **{"features": False, **wrong})
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("module", [evaluate, compare])
def test_help_needs_no_large_library(module):
    code = f"import sys; from {module.__name__} import main; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"tensorflow", "keras", "numpy", "matplotlib"} & {*result.stdout.split()}


def test_an_option_that_does_not_exist_is_refused(short_run):
    with pytest.raises(TypeError, match="splt"):
        evaluate_run(short_run, splt="test")
