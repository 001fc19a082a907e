"""What users get wrong: one clear line each, before any long work, and nothing written that should not be."""

import contextlib
import io
import json
import shutil
import sys

import pytest
from absl import flags
from PIL import Image

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module, entries, run_all
from tests.helpers.runs import ROOT, TINY, assert_one_clear_line, make_pairs
from tfpix2pix import translate
from tfpix2pix.config import Config
from tfpix2pix.run_dir.config_json import save

train = command_module("tfpix2pix.train")

PAIRS = 6


def cut_short(file):
    file.write_bytes(file.read_bytes()[:-30])


@pytest.fixture(scope="module")
def skipping(tmp_path_factory):
    """A run of one step that skipped a bad file: folder with the pairs `p` and the run `r`, and what it printed."""
    folder = tmp_path_factory.mktemp("skipping")
    pairs = make_pairs(folder / "p", train=PAIRS + 1)
    cut_short(pairs / "train" / "3.png")
    arguments = (*TINY, f"--data={pairs}", f"--run_dir={folder / 'r'}", "--bad_images=skip", "--max_steps=1")
    with contextlib.redirect_stdout(io.StringIO()) as stdout:
        assert call(train, *arguments) == 0
    return folder, stdout.getvalue()


@pytest.fixture(scope="module")
def processes(skipping, tmp_path_factory):
    """Commands that fail, as a shell sees them, and the folder that they write to."""
    run, folder = skipping[0], tmp_path_factory.mktemp("processes")
    shutil.copytree(run / "p" / "val", folder / "images" / "deep")
    (folder / "images" / "deep" / "bad.jpg").write_text("not an image")
    training = ("tfpix2pix.train", *TINY, f"--data={run / 'p'}", f"--run_dir={folder / 'r'}")
    translation = (
        "tfpix2pix.translate",
        "--nopairs",
        f"--input={folder / 'images'}",
        f"--output={folder / 'translated'}",
    )
    results = run_all(
        {
            "bad file": training,
            "bad flag": (*training, "--norm=foo"),
            "no run": (*translation, f"--run_dir={folder / 'nowhere'}"),
            "bad among good": (*translation, f"--run_dir={run / 'r'}"),
        }
    )
    return folder, results


def test_skip_trains_on_the_others_and_names_the_bad(skipping):
    folder, stdout = skipping
    lines = stdout.splitlines()
    where = lines.index(f"skipped 1 bad files in {folder}/p/train:")
    assert lines[where + 1].startswith(f"  {folder}/p/train/3.png: ")
    data = json.loads((folder / "r" / "data.json").read_text())
    assert (data["pairs"], data["skipped"]) == (PAIRS, [f"{folder}/p/train/3.png"])
    assert (folder / "r" / "checkpoints" / "00000001").is_dir()


@pytest.mark.slow
def test_process_fails_on_a_bad_file(skipping, processes):
    train_dir, (folder, results) = skipping[0] / "p" / "train", processes
    assert results["bad file"].returncode == 2
    assert_one_clear_line(results["bad file"], "error: ", "1 of 7", f"{train_dir} ", "--bad_images=skip")
    assert_one_clear_line(results["bad file"], f"{train_dir}/3.png: ")
    assert not (folder / "r").exists()


@pytest.mark.slow
def test_process_refuses_a_flags_value(processes):
    _, results = processes
    assert results["bad flag"].returncode == 2
    assert_one_clear_line(results["bad flag"], "error:", "--norm=foo", "<batch|instance|none>", "--help")


@pytest.mark.slow
def test_process_translates_without_a_run(processes):
    folder, results = processes
    assert results["no run"].returncode == 2
    assert_one_clear_line(results["no run"], f"run_dir={folder}/nowhere")


@pytest.mark.slow
def test_process_translates_the_good_and_names_the_bad(processes):
    folder, results = processes
    assert results["bad among good"].returncode == 1
    assert_one_clear_line(results["bad among good"], f"{folder}/images/deep/bad.jpg: ")
    assert f"2 images in {folder}/translated" in results["bad among good"].stdout
    translated = sorted((folder / "translated").rglob("*.*"))
    assert translated == [folder / "translated" / "deep" / name for name in ("0.png", "1.png")]
    sizes = [Image.open(folder / "images" / "deep" / path.name).size for path in translated]
    assert [Image.open(path).size for path in translated] == sizes


@pytest.fixture
def pairs(tmp_path):
    return make_pairs(tmp_path / "p", train=PAIRS)


def refused(*arguments, module=train):
    with pytest.raises(InputError) as error:
        call(module, *arguments)
    return str(error.value)


def no_folder(pairs):
    shutil.rmtree(pairs)
    return f"data={pairs} "


def no_train(pairs):
    shutil.rmtree(pairs / "train")
    return f"{pairs} has val, but no train"


def no_val(pairs):
    shutil.rmtree(pairs / "val")
    return f"{pairs} has train, but no val; give --val_fraction"


def no_images(pairs):
    for file in entries(pairs / "train"):
        file.rename(file.with_suffix(".gif"))
    return f"{pairs}/train "


def odd_width(pairs):
    Image.new("RGB", (127, 64)).save(pairs / "val" / "odd.png")
    return f"{pairs}/val/odd.png: "


@pytest.mark.parametrize("spoil", [no_folder, no_train, no_val, no_images, odd_width])
def test_data(pairs, tmp_path, spoil):
    message = spoil(pairs)
    assert message in refused(*TINY, f"--data={pairs}", f"--run_dir={tmp_path / 'r'}")
    assert not entries(tmp_path / "r")


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--image_size=100", ["image_size=100x100", "multiples of 8", "96x96", "104x104"]),
        ("--image_size=64x100", ["image_size=64x100", "multiples of 8", "64x96", "64x104"]),
        ("--depth=7", ["image_size=64x64", "depth 7", "multiples of 128"]),
        ("--discriminator_layers=5", ["image_size=64x64", "5 layers", "96", "discriminator_layers"]),
        ("--load_size=63x80", ["load_size=63x80", "image_size=64x64"]),
        ("--decay_epochs=201", ["decay_epochs=201", "epochs=200"]),
        ("--batch_size=7", ["batch_size=7", "6 pairs", "p/train"]),
        ("facades", ["'facades'", "--name=value"]),
    ],
)
def test_options(pairs, tmp_path, flag, words):
    message = refused(*TINY, f"--data={pairs}", f"--run_dir={tmp_path / 'r'}", "--max_steps=1", flag)
    assert all(word in message for word in words), message
    assert not entries(tmp_path / "r")


def test_an_option_of_a_recipe(tmp_path, monkeypatch):
    recipe = ROOT / "tfpix2pix" / "flagfiles" / "demo.flags"
    words = (f"--flagfile={recipe}", "--epochs=2", f"--run_dir={tmp_path / 'r'}")
    monkeypatch.setattr(sys, "argv", ["train", *words])
    message = refused(*words)
    assert "decay_epochs=12 is more than epochs=2" in message
    assert "decay_epochs=0" in message
    assert message.partition("From --flagfile comes ")[2].startswith("decay_epochs;")


def test_nothing_left_to_learn(pairs, tmp_path):
    message = refused(*TINY, f"--data={pairs}", f"--run_dir={tmp_path / 'r'}", "--gan_weight=0", "--l1_weight=0")
    assert "gan_weight=0" in message
    assert "l1_weight=0" in message


@pytest.mark.parametrize(
    ("flag", "error"),
    [
        ("--nrom=batch", flags.UnrecognizedFlagError),
        ("--image_size=big", flags.IllegalFlagValueError),
        ("--source_channels=257", flags.IllegalFlagValueError),
        ("--dropout=1", flags.IllegalFlagValueError),
        ("--batch_size=0", flags.IllegalFlagValueError),
        ("--seed=4294967296", flags.IllegalFlagValueError),  # Keras takes 32 bits
    ],
)
def test_flags(tmp_path, flag, error):
    with pytest.raises(error, match=flag.split("=")[0].strip("-")):
        call(train, "--dry_run", f"--run_dir={tmp_path / 'r'}", flag)
    assert entries(tmp_path / "r") is None


@pytest.mark.parametrize("run_dir", ["file", "file/r"])
def test_run_dir_that_cannot_be_written(pairs, tmp_path, run_dir):
    (tmp_path / "file").write_text("mine")
    message = refused(*TINY, f"--data={pairs}", f"--run_dir={tmp_path / run_dir}")
    assert f"run_dir={tmp_path / run_dir} " in message
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def resumable(skipping, tmp_path):
    """Copies the run, to resume it: the arguments, its folder, and that of its pairs."""
    for name in ("p", "r"):
        shutil.copytree(skipping[0] / name, tmp_path / name)
    arguments = (*TINY, f"--data={tmp_path / 'p'}", f"--run_dir={tmp_path / 'r'}", "--bad_images=skip", "--max_steps=1")
    return arguments, tmp_path / "r", tmp_path / "p" / "train"


def bytes_of(folder):
    return {path: path.read_bytes() for path in entries(folder) if path.is_file()}


def test_run_dir_of_another_config(resumable):
    arguments, run_dir, _ = resumable
    before = bytes_of(run_dir)
    message = refused(*arguments, "--norm=instance", "--learning_rate=1e-3", "--load_size=64", "--log_every=5")
    assert f"run_dir={run_dir} " in message
    assert "norm batch became instance;" in message
    message = refused(*arguments, "--learning_rate=1e-3", "--load_size=64", "--log_every=5")
    assert "load_size 72x72 became 64x64; learning_rate 0.0002 became 0.001; give --change" in message
    assert bytes_of(run_dir) == before


def add_a_pair(train_dir):
    shutil.copy(train_dir / "0.png", train_dir / "0 again.png")
    return "was trained with 6 training pairs, and now there are 7: 0 again.png is new; "


def change_a_pair(train_dir):
    Image.new("RGB", (128, 64)).save(train_dir / "0.png")
    return "there are 6: 0.png has changed; "


@pytest.mark.parametrize("change", [add_a_pair, change_a_pair])
def test_changed_data_set(resumable, change):
    arguments, run_dir, train_dir = resumable
    message = change(train_dir)
    before = bytes_of(run_dir)
    assert message in refused(*arguments)
    assert bytes_of(run_dir) == before


@pytest.mark.parametrize("file", ["config.json", "data.json"])
@pytest.mark.parametrize("contents", ["", '{"norm": '])
def test_broken_json(resumable, file, contents):
    arguments, run_dir, _ = resumable
    (run_dir / file).write_text(contents)
    before = bytes_of(run_dir)
    assert f"{run_dir / file} " in refused(*arguments)
    assert bytes_of(run_dir) == before


@pytest.fixture
def images(tmp_path):
    return make_pairs(tmp_path / "images") / "val"


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ('{"normm": "batch"}', "unknown option normm"),
        ('{"batch_size": "1"}', "batch_size='1'"),
        ("[]", "cannot be read"),
    ],
)
def test_config_of_something_else(images, tmp_path, contents, words):
    (tmp_path / "config.json").write_text(contents)
    message = refused(f"--run_dir={tmp_path}", f"--input={images}", f"--output={tmp_path / 'o'}", module=translate)
    assert words in message
    assert f"{tmp_path}/config.json " in message


def test_translate_before_a_checkpoint(images, tmp_path):
    (tmp_path / "r").mkdir()
    save(Config(image_size=(64, 64)).resolved(), tmp_path / "r")
    message = refused(
        f"--run_dir={tmp_path / 'r'}", f"--input={images}", f"--output={tmp_path / 'o'}", module=translate
    )
    assert not (tmp_path / "o").exists()
    assert f"run_dir={tmp_path / 'r'} " in message


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--checkpoint=7", ["checkpoint=7 ", "best, latest or one of the steps 0, 1"]),
        ("--checkpoint=newest", ["checkpoint=newest "]),
        ("--input=nowhere", ["input=nowhere is neither an image nor a folder"]),
        ("--input=no_images", ["no_images has no images"]),
        ("images", ["'images' is not a flag"]),
    ],
)
def test_translate_options(skipping, images, tmp_path, flag, words, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_images").mkdir()
    output = tmp_path / "o"
    arguments = (f"--run_dir={skipping[0] / 'r'}", f"--input={images}", "--pairs", f"--output={output}", flag)
    message = refused(*arguments, module=translate)
    assert all(word in message for word in words), message
    assert not output.exists()


def test_translate_never_overwrites_its_input(skipping, images):
    before = bytes_of(images)
    run_dir = f"--run_dir={skipping[0] / 'r'}"
    message = refused(run_dir, f"--input={images}", f"--output={images}/../val", module=translate)
    assert "is the input's own folder" in message
    message = refused(run_dir, f"--input={images / '0.png'}", f"--output={images}", module=translate)
    assert f"is the folder of {images / '0.png'}, which would be overwritten" in message
    assert bytes_of(images) == before


def test_translate_refuses_two_results_of_one_name(skipping, images, tmp_path):
    Image.open(images / "0.png").save(images / "0.jpg")
    arguments = (f"--run_dir={skipping[0] / 'r'}", f"--input={images}", f"--output={tmp_path / 'o'}")
    message = refused(*arguments, module=translate)
    assert f"would both become {tmp_path / 'o' / '0.png'}" in message
    assert entries(tmp_path / "o") is None


def test_translate_where_nothing_can_be_written(skipping, images, tmp_path):
    (tmp_path / "file").write_text("mine")
    output = tmp_path / "file" / "o"
    arguments = (f"--run_dir={skipping[0] / 'r'}", f"--input={images}", "--pairs", f"--output={output}")
    message = refused(*arguments, module=translate)
    assert f"output={output} cannot be written" in message
