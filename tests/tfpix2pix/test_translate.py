"""What translate writes, against the generator itself on what Pillow reads."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module, entries
from tests.helpers.runs import TINY, make_pairs, tensors, untrained
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir.checkpoints import Checkpoints
from tfpix2pix.run_dir.trained_generator import load_generator

train = command_module("tfpix2pix.train")

BEST, LATEST = 1, 2


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """Two steps, BtoA, with checkpoints 0, 1 and 2, of which 1 is the best."""
    folder = tmp_path_factory.mktemp("run")
    pairs = make_pairs(folder / "p")
    arguments = ("--direction=BtoA", "--max_steps=2", "--checkpoint_every=1", "--keep_checkpoints=3")
    # A rate at which two steps show in 255 levels.
    assert call(train, *TINY, f"--data={pairs}", f"--run_dir={folder / 'r'}", *arguments, "--learning_rate=0.05") == 0
    meta = folder / "r" / "checkpoints" / f"{BEST:08d}" / "meta.json"
    meta.write_text(json.dumps({"step": BEST, "validation": {"l1": 0.0}}))
    return folder / "r"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six images of training's size, some in a subfolder, and two of other sizes."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "sub" / "folder").mkdir(parents=True)
    rng = np.random.default_rng(1)
    sizes = {
        "a.png": (64, 64),
        "b.PNG": (64, 64),
        "c.jpeg": (64, 64),
        "sub/a.jpg": (64, 64),
        "sub/folder/a.png": (64, 64),
    }
    for i, (name, (height, width)) in enumerate((sizes | {"large.png": (150, 90), "small.png": (20, 40)}).items()):
        # Coarse and fine, dark and light: images of different statistics.
        pixels = rng.normal(40 + 25 * i, 10 + 8 * i, (-(-height // 8), -(-width // 8), 3)).clip(0, 255)
        pixels = np.kron(pixels, np.ones((8, 8, 1)))[:height, :width] + rng.integers(0, 20, (height, width, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / name)
    return folder


def results(source, output, run_dir, *arguments):
    """Translates, and returns the pixels by the names below output."""
    assert call(translate, f"--run_dir={run_dir}", f"--input={source}", f"--output={output}", *arguments) == 0
    return {str(path.relative_to(output)): np.asarray(Image.open(path)) for path in entries(output) if path.is_file()}


def normal(image):
    """Pillow's pixels in [-1, 1], as a batch of one."""
    pixels = np.asarray(image, np.float32)
    return (pixels.reshape(*pixels.shape[:2], -1) / 255 * 2 - 1)[None]


def resized(path, size):
    """By Pillow, in floats, without rounding, clipped."""
    planes = [Image.fromarray(np.float32(p)).resize(size[::-1], Image.Resampling.BICUBIC) for p in planes_of(path)]
    return (np.stack(planes, axis=-1).clip(0, 255) / 255 * 2 - 1)[None]


def planes_of(path):
    return np.moveaxis(np.asarray(Image.open(path).convert("RGB")), -1, 0)


def reflected(source, step):
    """By NumPy: a batch of one whose sides are multiples, and where the picture lies in it."""
    room = [-side % step for side in source.shape[1:3]]
    before = [each // 2 for each in room]
    widths = [(b, r - b) for b, r in zip(before, room, strict=True)]
    places = tuple(slice(b, b + side) for b, side in zip(before, source.shape[1:3], strict=True))
    return np.pad(source, [(0, 0), *widths, (0, 0)], "reflect"), places


def assert_translates(pixels, generator, source):
    """The pixels are the generator's output to the nearest level; in a batch floats differ by some 1e-6."""
    source, places = reflected(source, 8)
    levels = (generator(source, training=False)[0].numpy()[places].astype(np.float64) + 1) * 127.5
    assert np.ptp(levels) > 10  # the test can fail
    assert pixels.dtype == np.uint8
    assert abs(pixels.reshape(levels.shape) - levels).max() < 0.51


def test_images_under_their_own_names(run_dir, photos, tmp_path):
    got = results(photos, tmp_path / "o", run_dir)
    sources = {str(path.relative_to(photos).with_suffix(".png")): path for path in entries(photos) if path.is_file()}
    assert set(got) == set(sources)
    generator, _, step = load_generator(run_dir, image_size=(None, None))
    assert step == BEST
    for name, path in sources.items():
        assert got[name].shape == np.asarray(Image.open(path)).shape
        assert_translates(got[name], generator, normal(Image.open(path)))
    assert len({pixels.tobytes() for pixels in got.values()}) == len(sources)


def test_equals_the_same_batch_to_the_last_level(run_dir, photos, tmp_path):
    got = results(photos / "sub", tmp_path / "o", run_dir)
    assert list(got) == ["a.png", "folder/a.png"]
    batch = np.concatenate([normal(Image.open(photos / "sub" / name)) for name in ("a.jpg", "folder/a.png")])
    generator, *_ = load_generator(run_dir)
    levels = (tf.function(generator)(batch, training=False).numpy() + 1) * 127.5
    np.testing.assert_array_equal(list(got.values()), np.round(levels))


def test_pairs_have_the_source_where_training_had_it(run_dir, tmp_path):
    pairs = run_dir.parent / "p" / "val"
    got = results(pairs, tmp_path / "o", run_dir, "--pairs")
    generator, *_ = load_generator(run_dir)
    for name in ("0.png", "1.png"):
        right = normal(Image.open(pairs / name).crop((64, 0, 128, 64)))
        assert_translates(got[name], generator, right)


def test_output_inside_input_is_refused(run_dir, photos):
    output = photos / "translated"
    with pytest.raises(InputError, match=f"output={output}"):
        results(photos, output, run_dir)
    assert not output.exists()


def test_one_file(run_dir, photos, tmp_path):
    got = results(photos / "sub" / "a.jpg", tmp_path / "o", run_dir)
    assert list(got) == ["a.png"]
    assert_translates(got["a.png"], load_generator(run_dir)[0], normal(Image.open(photos / "sub" / "a.jpg")))


def test_resized_and_as_the_network_gives_it(run_dir, photos, tmp_path, capsys):
    arguments = ("--fit=resize", "--output_size=network")
    got = results(photos / "large.png", tmp_path / "a", run_dir, *arguments)["large.png"]
    assert got.shape == (64, 64, 3)
    assert_translates(got, load_generator(run_dir)[0], resized(photos / "large.png", (64, 64)))
    got = results(photos / "large.png", tmp_path / "b", run_dir, "--image_size=128x70", "--output_size=network")
    assert "fit=resize: to the image_size that was given, 128x70" in capsys.readouterr().out
    generator, *_ = load_generator(run_dir, image_size=(None, None))
    assert_translates(got["large.png"], generator, resized(photos / "large.png", (128, 70)))


def test_a_result_that_was_resized_gets_the_size_that_is_asked_for(run_dir, photos, tmp_path):
    source = photos / "large.png"
    generator, *_ = load_generator(run_dir)
    made = generator(resized(source, (64, 64)), training=False)[0].numpy()
    for i, (arguments, size) in enumerate([((), (150, 90)), (("--output_size=30x40",), (30, 40))]):
        got = results(source, tmp_path / str(i), run_dir, "--fit=resize", *arguments)["large.png"]
        planes = [Image.fromarray(made[..., c]).resize(size[::-1], Image.Resampling.BICUBIC) for c in range(3)]
        levels = (np.stack(planes, axis=-1).clip(-1, 1) + 1) * 127.5
        assert abs(got - levels).max() < 0.51


def test_sizes_that_contradict_the_run_or_each_other(run_dir, photos, tmp_path):
    for arguments, named in (
        (("--image_size=64", "--fit=pad"), "image_size=64x64 resizes, and fit=pad does not"),
        (("--output_size=0x4",), "output_size=0x4"),
        (("--output_size=large",), "output_size=large"),
    ):
        with pytest.raises(InputError, match=named):
            results(photos, tmp_path / "o", run_dir, *arguments)


def test_the_checkpoint_that_is_asked_for(run_dir, photos, tmp_path, capsys):
    photo = photos / "a.png"
    weights = {step: {v.tobytes() for v in tensors(Checkpoints(run_dir).path(step)).values()} for step in (0, 1, 2)}
    pixels = {}
    for checkpoint, step in (("0", 0), ("best", BEST), ("latest", LATEST), ("1", BEST)):
        got = results(photo, tmp_path / checkpoint, run_dir, f"--checkpoint={checkpoint}")["a.png"]
        assert re.search(rf"{run_dir}, step {step}[;,] ", capsys.readouterr().out)
        generator, _, loaded = load_generator(run_dir, checkpoint)
        assert loaded == step
        assert {v.numpy().tobytes() for v in generator.trainable_variables} <= weights[step]
        assert_translates(got, generator, normal(Image.open(photo)))
        np.testing.assert_array_equal(pixels.setdefault(step, got), got)
    # Nor could one be taken for another.
    assert len({image.tobytes() for image in pixels.values()}) == 3


def test_each_image_for_itself(run_dir, photos, tmp_path):
    together = results(photos, tmp_path / "8", run_dir, "--batch_size=8", "--norm_statistics=image")
    for batch_size in (1, 3):
        got = results(photos, tmp_path / str(batch_size), run_dir, f"--batch_size={batch_size}")
        assert set(got) == set(together)
        assert all(abs(got[name].astype(int) - together[name]).max() <= 1 for name in got)


def test_moving_statistics(run_dir, photos, tmp_path):
    own = results(photos / "a.png", tmp_path / "own", run_dir)["a.png"]
    got = results(photos / "a.png", tmp_path / "moving", run_dir, "--norm_statistics=moving")["a.png"]
    generator, *_ = load_generator(run_dir, norm_statistics="moving")
    assert_translates(got, generator, normal(Image.open(photos / "a.png")))
    assert abs(got.astype(int) - own).max() > 1


def test_dropout_is_asked_for_and_repeats(noisy_run, photos, tmp_path):
    plain, *noisy = (
        results(photos / "a.png", tmp_path / str(i), noisy_run, *arguments)["a.png"]
        for i, arguments in enumerate([(), ("--dropout_at_inference",), ("--dropout_at_inference",)])
    )
    np.testing.assert_array_equal(*noisy)
    assert (noisy[0] != plain).any()
    run = load_run(noisy_run, dropout_at_inference=True)
    np.testing.assert_array_equal(run.translate(photos / "a.png"), noisy[0])


def test_a_bad_file_does_not_spoil_its_batch(run_dir, photos, tmp_path, capsys):
    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "photos" / "b.PNG").write_bytes((photos / "b.PNG").read_bytes()[:100])
    good = results(photos, tmp_path / "good", run_dir)
    output = tmp_path / "o"
    assert call(translate, f"--run_dir={run_dir}", f"--input={tmp_path / 'photos'}", f"--output={output}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {tmp_path}/photos/b.PNG: ")
    assert {str(path.relative_to(output)) for path in output.rglob("*.png")} == set(good) - {"b.png"}
    for name in set(good) - {"b.png"}:
        assert abs(np.asarray(Image.open(output / name)).astype(int) - good[name]).max() <= 1


def test_gray_sources(strategies, photos, tmp_path):
    run_dir = untrained(tmp_path / "r", strategies[1], source_channels=1, target_channels=3)
    got = results(photos / "b.PNG", tmp_path / "o", run_dir)["b.png"]
    gray = np.asarray(Image.open(photos / "b.PNG")) @ np.float32([0.299, 0.587, 0.114])
    assert_translates(got, load_generator(run_dir)[0], normal(gray))


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), pytest.param(4, "RGBA", marks=pytest.mark.slow)])
def test_results_of_other_channels(strategies, photos, tmp_path, channels, mode):
    run_dir = untrained(tmp_path / "r", strategies[1], source_channels=4, target_channels=channels)
    got = results(photos / "b.PNG", tmp_path / "o", run_dir)["b.png"]
    assert Image.open(tmp_path / "o" / "b.png").mode == mode
    # A photo has no alpha: it is read as opaque.
    opaque = Image.open(photos / "b.PNG").convert("RGBA")
    assert_translates(got, load_generator(run_dir)[0], normal(opaque))


@pytest.mark.parametrize("channels", [2, 4])
def test_jpeg_has_no_alpha(strategies, photos, tmp_path, channels):
    run_dir = untrained(tmp_path / "r", strategies[1], target_channels=channels)
    with pytest.raises(InputError, match="format=jpg"):
        results(photos / "b.PNG", tmp_path / "o", run_dir, "--format=jpg")
    assert not entries(tmp_path / "o")


def test_jpeg_results(run_dir, photos, tmp_path):
    exact = results(photos / "sub", tmp_path / "png", run_dir)
    got = results(photos / "sub", tmp_path / "jpg", run_dir, "--format=jpg")
    assert list(got) == ["a.jpg", "folder/a.jpg"]
    assert Image.open(tmp_path / "jpg" / "a.jpg").format == "JPEG"
    for name, pixels in got.items():
        assert abs(pixels.astype(int) - exact[name.replace(".jpg", ".png")]).mean() < 5


def smooth(height, width, phase):
    """A picture that goes on in its middle, as photos do."""
    rows, columns = np.mgrid[:height, :width]
    values = np.sin(columns / 9 + phase) + np.cos(rows / 7 + columns / 15 + phase)
    return np.repeat((values * 63 + 128)[..., None], 3, axis=-1).astype(np.uint8)


def test_pairs_given_as_single_images_are_refused_until_it_is_said_what_they_are(run_dir, tmp_path, capsys):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for i in range(4):
        pair = np.concatenate([smooth(64, 64, i), 255 - smooth(64, 64, i)], axis=1)
        Image.fromarray(pair).save(folder / f"{i}.png")
    arguments = (f"--run_dir={run_dir}", f"--input={folder}", f"--output={tmp_path / 'out'}")
    with pytest.raises(InputError, match="--nopairs"):
        call(translate, *arguments)
    assert entries(tmp_path / "out") is None
    assert call(translate, *arguments, "--nopairs") == 0
    assert call(translate, *arguments, "--pairs") == 0
    assert "warning" not in capsys.readouterr().out


def test_single_images_given_as_pairs_are_said_to_be_none(run_dir, tmp_path, capsys):
    for i in range(4):
        Image.fromarray(smooth(64, 64, i)).save(tmp_path / f"{i}.png")
    arguments = (f"--run_dir={run_dir}", f"--input={tmp_path}", f"--output={tmp_path}-out")
    assert call(translate, *arguments) == 0
    assert "warning" not in capsys.readouterr().out
    assert call(translate, *arguments, "--pairs") == 0
    assert "warning" in capsys.readouterr().out


def scaled(generator, source, low, high):
    """What the generator makes of a source in [-1, 1], `(1, H, W, C)`, in the units of the targets."""
    return low + (generator(source, training=False)[0].numpy().astype(np.float64).clip(-1, 1) + 1) / 2 * (high - low)


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Two TIFFs of 12 bits in 16, as tifffile writes them."""
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(8)
    for name in ("a", "b"):
        pixels = np.kron(rng.integers(0, 4096, (8, 8)), np.ones((8, 8))).astype(np.uint16)
        tifffile.imwrite(folder / f"{name}.tif", pixels)
    return folder


SCANS = {"source_channels": 1, "target_channels": 1, "source_range": "0,4095"}


@pytest.mark.parametrize("arguments", [(), ("--format=tif",), pytest.param(("--format=npy",), marks=pytest.mark.slow)])
def test_16_bit_results(strategies, scans, tmp_path, arguments):
    options = SCANS | {"target_range": "0,4095", "target_type": "uint16"}
    run_dir = untrained(tmp_path / "r", strategies[1], **options)
    output = tmp_path / "o"
    assert call(translate, f"--run_dir={run_dir}", f"--input={scans}", f"--output={output}", *arguments) == 0
    generator = load_generator(run_dir)[0]
    suffix = arguments[0].partition("=")[2] if arguments else "png"
    assert sorted(path.name for path in entries(output)) == [f"a.{suffix}", f"b.{suffix}"]
    for name in ("a", "b"):
        file = output / f"{name}.{suffix}"
        reader = {"png": Image.open, "tif": tifffile.imread, "npy": np.load}[suffix]
        found = np.asarray(reader(file)).squeeze()
        source = tifffile.imread(scans / f"{name}.tif")[None, ..., None] / np.float32(2047.5) - 1
        expected = scaled(generator, source, 0, 4095)[..., 0]
        assert np.ptp(expected) > 300  # more than 8 bits have
        assert len(np.unique(found)) > 256
        assert abs(found - expected).max() < 0.6


def test_floats_in_units_of_their_own(strategies, scans, tmp_path):
    options = SCANS | {"target_range": "-40,125.5", "target_type": "float32"}
    run_dir = untrained(tmp_path / "r", strategies[1], **options)
    assert call(translate, f"--run_dir={run_dir}", f"--input={scans / 'a.tif'}", f"--output={tmp_path / 'o'}") == 0
    found = tifffile.imread(tmp_path / "o" / "a.tif")
    assert found.dtype == np.float32
    source = tifffile.imread(scans / "a.tif")[None, ..., None] / np.float32(2047.5) - 1
    np.testing.assert_allclose(found, scaled(load_generator(run_dir)[0], source, -40, 125.5)[..., 0], atol=1e-3)
    np.testing.assert_allclose(load_run(run_dir).translate(scans / "a.tif")[..., 0], found, atol=1e-4)
    with pytest.raises(InputError, match=r"format=png.*float32.*--format=tif"):
        results(scans, tmp_path / "p", run_dir, "--format=png")


def test_sources_of_a_smaller_type_are_said_to_be_dark(strategies, scans, tmp_path, capsys):
    run_dir = untrained(tmp_path / "r", strategies[1], **SCANS)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    shutil.copy(scans / "a.tif", pictures)
    assert call(translate, f"--run_dir={run_dir}", f"--input={pictures}", f"--output={tmp_path / 'o'}") == 0
    assert "warning" not in capsys.readouterr().out
    tifffile.imwrite(pictures / "b.tif", (tifffile.imread(scans / "b.tif") // 16).astype(np.uint8))
    assert call(translate, f"--run_dir={run_dir}", f"--input={pictures}", f"--output={tmp_path / 'o'}") == 0
    message = capsys.readouterr().out
    assert all(word in message for word in ("b.tif", "uint8", "255", "source_range=0,4095"))


def test_twelve_channels(strategies, tmp_path):
    """Arrays are read and written as they are."""
    options = {"source_channels": 12, "target_channels": 5, "source_range": "0,1", "target_range": "0,10"}
    run_dir = untrained(tmp_path / "r", strategies[1], **options, target_type="float32")
    source = np.random.default_rng(3).uniform(0, 1, (64, 64, 12)).astype(np.float32)
    (tmp_path / "in").mkdir()
    np.save(tmp_path / "in" / "a.npy", source)
    common = (f"--run_dir={run_dir}", f"--input={tmp_path / 'in'}", f"--output={tmp_path / 'o'}", "--format=npy")
    assert call(translate, *common) == 0
    found = np.load(tmp_path / "o" / "a.npy")
    np.testing.assert_allclose(found, scaled(load_generator(run_dir)[0], source[None] * 2 - 1, 0, 10), atol=1e-4)
    # In Python an array needs no file.
    np.testing.assert_allclose(load_run(run_dir).translate(source), found, atol=1e-4)


def test_classes(strategies, photos, tmp_path):
    run_dir = untrained(tmp_path / "r", strategies[1], target_labels=4, target_type="uint8")
    assert call(translate, f"--run_dir={run_dir}", f"--input={photos / 'a.png'}", f"--output={tmp_path / 'o'}") == 0
    written = Image.open(tmp_path / "o" / "a.png")
    assert written.mode == "P"
    scores = load_generator(run_dir)[0](normal(Image.open(photos / "a.png")), training=False)[0].numpy()
    first, second = np.sort(scores, axis=-1)[..., -1], np.sort(scores, axis=-1)[..., -2]
    is_clear = first - second > 1e-4
    np.testing.assert_array_equal(np.asarray(written)[is_clear], scores.argmax(-1)[is_clear])
    assert load_run(run_dir).translate(photos / "a.png").shape == (64, 64, 1)


def test_results_that_exist_are_left_alone(run_dir, photos, tmp_path, capsys):
    first = results(photos / "sub", tmp_path / "o", run_dir)
    (tmp_path / "o" / "a.png").write_bytes(b"mine")
    (tmp_path / "o" / "folder" / "a.png").unlink()
    common = (f"--run_dir={run_dir}", f"--input={photos / 'sub'}", f"--output={tmp_path / 'o'}")
    capsys.readouterr()
    assert call(translate, *common) == 0
    said = capsys.readouterr().out
    assert "1 images in" in said
    assert "1 results exist" in said
    assert "--overwrite" in said
    assert (tmp_path / "o" / "a.png").read_bytes() == b"mine"
    assert (tmp_path / "o" / "folder" / "a.png").exists()
    assert call(translate, *common, "--overwrite") == 0
    assert "--overwrite" not in capsys.readouterr().out
    for name, pixels in first.items():
        assert abs(np.asarray(Image.open(tmp_path / "o" / name)).astype(int) - pixels).max() <= 1


def test_the_place_on_a_map(strategies, tmp_path, capsys):
    """Of the source's size the result lies where the source does; of another size it lies nowhere, and that is said."""
    tags = [(33550, 12, 3, (2.0, 2.0, 0.0), True), (33922, 12, 6, (0.0, 0.0, 0.0, 100.0, 200.0, 0.0), True)]
    (tmp_path / "in").mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    for name, part in (("whole", pixels), ("small", pixels[:32])):
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", part, photometric="rgb", extratags=tags)
    Image.fromarray(pixels).save(tmp_path / "in" / "side.png")
    (tmp_path / "in" / "side.pgw").write_text("2\n0\n0\n-2\n101\n199\n")
    run_dir = untrained(tmp_path / "r", strategies[1])
    common = (f"--run_dir={run_dir}", f"--input={tmp_path / 'in'}")
    arguments = ("--format=tif", "--fit=resize", "--output_size=network")
    assert call(translate, *common, f"--output={tmp_path / 'tif'}", *arguments) == 0
    assert "places of 1 images" in capsys.readouterr().out
    found = {path.name for path in entries(tmp_path / "tif")}
    assert found == {"whole.tif", "small.tif", "side.tif", "side.tfw"}
    placed = Image.open(tmp_path / "tif" / "whole.tif").tag_v2
    assert (placed[33550], placed[33922]) == (tags[0][3], tags[1][3])
    assert 33550 not in Image.open(tmp_path / "tif" / "small.tif").tag_v2
    assert call(translate, *common, f"--output={tmp_path / 'png'}") == 0
    assert {path.name for path in entries(tmp_path / "png")} == {
        *("whole.png", "whole.pgw", "small.png", "small.pgw", "side.png", "side.pgw")
    }
    assert [float(line) for line in (tmp_path / "png" / "whole.pgw").read_text().split()] == [2, 0, 0, -2, 101, 199]


def test_tiles_where_memory_is_short(run_dir, photos, tmp_path, capsys):
    source = tmp_path / "large.png"
    Image.open(photos / "large.png").resize((270, 450)).save(source)
    whole = results(source, tmp_path / "whole", run_dir, "--norm_statistics=moving")["large.png"]
    arguments = ("--norm_statistics=moving", "--memory_mib=1", "--tile=64", "--overlap=16")
    got = results(source, tmp_path / "tiles", run_dir, *arguments)["large.png"]
    assert "large.png, in tiles of 64" in capsys.readouterr().out
    assert got.shape == whole.shape
    assert 0 < abs(got.astype(int) - whole).mean() < 0.1 * np.std(whole)
    large = results(source, tmp_path / "one", run_dir, "--norm_statistics=moving", "--fit=tile", "--tile=512")
    np.testing.assert_array_equal(large["large.png"], whole)
    tiles = load_run(run_dir, norm_statistics="moving").translate(source, memory_mib=1, tile=64, overlap=16)
    np.testing.assert_array_equal(tiles, got)
    for changed, named in (
        (("--fit=pad",), "--fit=tile"),
        (("--tile=100",), "tile=100"),
        (("--tile=64", "--overlap=16", "--output_size=40"), "output_size=40x40"),
    ):
        with pytest.raises(InputError, match=named):
            results(source, tmp_path / "none", run_dir, "--memory_mib=1", *changed)


def test_a_tiff_in_tiles_keeps_its_place_on_a_map(run_dir, tmp_path):
    tags = [(33550, "d", 3, (0.5, 0.5, 0.0)), (33922, "d", 6, (0.0, 0.0, 0.0, 7.0, 9.0, 0.0))]
    pixels = np.random.default_rng(0).integers(0, 256, (200, 130, 3), np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, tile=(64, 64), photometric="rgb", extratags=[(*tag, True) for tag in tags]
    )
    arguments = ("--max_pixels=20000", "--memory_mib=1", "--tile=64", "--overlap=16", "--output_size=network")
    common = (f"--run_dir={run_dir}", f"--input={tmp_path / 'a.tif'}", f"--output={tmp_path / 'o'}")
    assert call(translate, *common, *arguments) == 0
    assert [path.name for path in entries(tmp_path / "o")] == ["a.tif"]
    with tifffile.TiffFile(tmp_path / "o" / "a.tif") as written:
        assert written.asarray().shape == pixels.shape
        assert written.pages[0].tags[33922].value == tags[1][3]
