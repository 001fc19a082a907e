import itertools
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from pipelines.datasets import demo
from pipelines.datasets.demo import draw_pair, make_demo
from pipelines.datasets.demo_scene import CLASSES, PALETTE, SHADOW_TINT, SKY, Scene
from pipelines.system.terminal import InputError

ROOT = pathlib.Path(__file__).resolve().parents[3]
COLORS = np.array(list(PALETTE.values()))


def classes_of(labels):
    return (labels[:, :, None] == COLORS).all(axis=-1).argmax(axis=-1)


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.jpg")}


@pytest.fixture(scope="module")
def pairs():
    return [draw_pair(0, index, 128) for index in range(30)]


def test_labels_have_all_colors_of_the_palette_and_no_others(pairs):
    seen = {tuple(color) for _, labels in pairs for color in np.unique(labels.reshape(-1, 3), axis=0).tolist()}
    assert seen == set(PALETTE.values())


def test_a_pair_follows_from_seed_and_index_alone():
    first = draw_pair(3, 5, 64)
    np.random.default_rng().random(100)
    draw_pair(3, 6, 64)
    again, other_index, other_seed = draw_pair(3, 5, 64), draw_pair(3, 6, 64), draw_pair(4, 5, 64)
    for side in range(2):
        np.testing.assert_array_equal(first[side], again[side])
        assert (first[side] != other_index[side]).mean() > 0.05
        assert (first[side] != other_seed[side]).mean() > 0.05


def test_the_layout_does_not_depend_on_the_size():
    # Edges are rounded to another grid, which moves them by at most one pixel of the small picture.
    for index in range(4):
        small, large = draw_pair(0, index, 64)[1], draw_pair(0, index, 256)[1]
        assert (small == large[2::4, 2::4]).all(axis=-1).mean() > 0.8


def test_colors_of_the_photo_follow_the_classes(pairs):
    photos = np.stack([photo for photo, _ in pairs]).astype(float)
    classes = np.stack([classes_of(labels) for _, labels in pairs])
    mean = {name: photos[classes == i].mean(axis=0) for i, name in enumerate(CLASSES)}
    # Glass runs from (82, 114, 154) to (46, 68, 102) and fills most of a window: blue leads red by 56 to 72 there.
    # The pale frame, about 214 202 180, reverses that on the rest.
    assert mean["window"][2] - mean["window"][0] > 25
    assert mean["facade"][0] - mean["facade"][2] > 40  # every wall has red over blue by 60 to 100
    assert mean["facade"].mean() - mean["window"].mean() > 25
    # The sky runs from (122, 176, 228) to (216, 232, 244); the gray street takes little of it back.
    assert mean["background"][2] - mean["background"][0] > 50
    assert mean["door"][0] > mean["door"][1] > mean["door"][2] - 5  # brown wood under a little blue glass
    for stone in ("cornice", "sill", "pillar"):  # edges towards the sun are up to 14 % brighter: 30 of 214
        assert np.abs(mean[stone] - (214, 202, 180)).max() < 30


def test_the_classes_explain_most_of_the_photo(pairs):
    """A linear map from class shares to color, fitted on 10 pairs, must hold on 20 others, at 64×64."""

    def shrink(images):
        return images.reshape(len(images), 64, 2, 64, 2, -1).mean(axis=(2, 4))

    photos = shrink(np.stack([photo for photo, _ in pairs]).astype(float))
    shares = shrink(np.eye(len(CLASSES))[np.stack([classes_of(labels) for _, labels in pairs])])
    colors = np.linalg.lstsq(shares[:10].reshape(-1, len(CLASSES)), photos[:10].reshape(-1, 3))[0]
    error = ((photos[10:] - shares[10:] @ colors) ** 2).sum()
    variance = ((photos[10:] - photos[10:].mean(axis=(0, 1, 2))) ** 2).sum()
    assert 1 - error / variance > 0.5


def test_a_ledge_throws_its_shadow_down_and_to_the_right():
    scene = Scene(256, np.random.default_rng(0))
    scene.albedo[:] = 200
    scene.relief[:] = 0
    scene.paint((100, 100, 140, 104), (200, 200, 200), 8)
    photo = scene.photo().astype(float)
    # Relief 8 and a sun that sinks a unit per unit: lit again 8 units below; across it moves 0.6 as far.
    np.testing.assert_allclose(photo[105:107, 110:135].mean(axis=(0, 1)), 200 * (1 - SHADOW_TINT), atol=5)
    np.testing.assert_allclose(photo[114:120, 110:135].mean(), 200, atol=3)
    np.testing.assert_allclose(photo[92:98, 110:135].mean(), 200, atol=3)
    assert photo[104, 141].mean() < 140  # 4 units down and 2 right of the ledge's upper right corner
    np.testing.assert_allclose(photo[98:108, 92:98].mean(), 200, atol=3)


def test_the_sky_takes_no_shadow():
    scene = Scene(64, np.random.default_rng(0))
    scene.albedo[:] = 200
    scene.paint((100, 0, 140, 256), (200, 200, 200), 8)
    sky = scene.photo()[scene.relief == SKY].astype(float)
    assert abs(sky.mean() - 200) < 1
    assert sky.std() < 6  # the grain alone: 0.018 × 200 = 3.6


def test_files_hold_the_drawn_pairs(tmp_path, capsys):
    folder = make_demo(tmp_path / "new" / "demo", seed=1, train=3, val=2, test=1, size=128)
    names = [f"train/{i:04d}.jpg" for i in (1, 2, 3)] + ["val/0001.jpg", "val/0002.jpg", "test/0001.jpg"]
    assert sorted(contents(folder)) == sorted(names)
    assert [path.name for path in folder.parent.iterdir()] == ["demo"]
    assert capsys.readouterr().out == f"drawing the demo data set, 6 pairs, into {folder}\n"
    image = np.asarray(Image.open(folder / "train/0002.jpg")).astype(float)
    assert image.shape == (128, 256, 3)
    photo, labels = draw_pair(1, 1, 128)
    assert np.abs(image[:, :128] - photo).mean() < 4
    # No chroma subsampling: nearly every label pixel stays closest to its own color.
    nearest = ((image[:, 128:, None] - COLORS) ** 2).sum(axis=-1).argmin(axis=-1)
    assert (nearest == classes_of(labels)).mean() > 0.995
    # No picture is in two splits.
    assert all(a != b for a, b in itertools.combinations(contents(folder).values(), 2))


def test_the_seed_decides_the_bytes(tmp_path):
    small = {"train": 2, "val": 1, "test": 1, "size": 64}
    first, again, other = (
        contents(make_demo(tmp_path / name, seed, **small)) for name, seed in (("a", 7), ("b", 7), ("c", 8))
    )
    assert first == again
    assert all(first[name] != other[name] for name in first)


def test_the_size_of_a_split_leaves_the_others_alone(tmp_path):
    few = contents(make_demo(tmp_path / "few", train=1, val=2, test=0, size=32))
    more = contents(make_demo(tmp_path / "more", train=2, val=2, test=1, size=32))
    assert few.items() < more.items()


def test_an_existing_folder_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")
    monkeypatch.setattr(demo, "draw_pair", None)
    assert make_demo(tmp_path / "demo") == tmp_path / "demo"
    assert [path.name for path in tmp_path.rglob("*")] == ["demo", "mine.txt"]


def test_two_runs_at_once_leave_the_first_ones_folder(tmp_path, monkeypatch):
    def draw_while_another_finishes(*args):
        (tmp_path / "demo").mkdir(exist_ok=True)
        (tmp_path / "demo" / "first.txt").touch()
        return draw_pair(*args)

    monkeypatch.setattr(demo, "draw_pair", draw_while_another_finishes)
    assert make_demo(tmp_path / "demo", train=1, val=0, test=0, size=32) == tmp_path / "demo"
    assert [path.name for path in tmp_path.rglob("*")] == ["demo", "first.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_make_leaves_nothing(tmp_path, monkeypatch, error):
    drawn = []

    def fail_at_third(seed, index, size):
        drawn.append(index)
        if len(drawn) == 3:
            raise error
        return draw_pair(seed, index, size)

    monkeypatch.setattr(demo, "draw_pair", fail_at_third)
    with pytest.raises(error):
        make_demo(tmp_path / "demo", size=32)
    assert len(drawn) == 3
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_no_data_set_and_is_removed(tmp_path):
    small = {"train": 2, "val": 1, "test": 1, "size": 32}
    script = (
        "import os, signal, sys; from pipelines.datasets import demo\n"
        "draw = demo.draw_pair\n"
        "demo.draw_pair = lambda *args: os.kill(os.getpid(), signal.SIGKILL) if args[1] else draw(*args)\n"
        f"demo.make_demo(sys.argv[1], **{small})"
    )
    process = subprocess.run([sys.executable, "-c", script, tmp_path / "demo"], cwd=ROOT, capture_output=True)
    assert process.returncode == -signal.SIGKILL
    (leftover,) = tmp_path.iterdir()
    assert leftover.name != "demo"
    assert sorted(contents(leftover)) == ["train/0001.jpg"]
    folder = make_demo(tmp_path / "demo", **small)
    assert list(tmp_path.iterdir()) == [folder]
    assert len(contents(folder)) == 4


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"size": 31}, {"val": -1}])
def test_wrong_arguments_are_refused_before_any_work(tmp_path, wrong):
    with pytest.raises(InputError, match=str(next(iter(wrong.values())))):
        make_demo(tmp_path / "demo", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "demo").write_text("mine")
    with pytest.raises(InputError, match=str(tmp_path / "demo")):
        make_demo(tmp_path / "demo")
    assert (tmp_path / "demo").read_text() == "mine"
