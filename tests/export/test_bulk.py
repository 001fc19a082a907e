"""Bulk translation: every image once, whatever happens on the way, and a list of those that cannot be."""

import json
import os

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from export import bulk
from export.bulk_block import translate_batch
from pipelines import prepare
from pipelines.images.header import DAMAGED
from pipelines.images.result_format import ResultFormat
from pipelines.storage import manifest
from pipelines.storage.shards import open_files
from pipelines.system.paths import RemotePath
from pipelines.system.terminal import InputError
from tests.export.serving.test_servable import DEPTH, SIZE, expected, servable
from tests.helpers.commands import call
from tests.helpers.runs import start, wait_for
from tfpix2pix.translation.large import LargePictures
from tfpix2pix.translation.options import SizeOptions
from tfpix2pix.translation.shared_statistics import SharedStatistics

pytest.importorskip("apache_beam", reason="needs the extra beam")

# What the reasons name.
REASONS = {
    "bad/cut.png": "Invalid PNG data",
    "bad/empty.jpg": "empty",
    "bad/large.png": "200x200 pixels, and at most 10000",
    "bad/text.png": "no JPEG, PNG",
}


def make_images(folder, count, seed=0):
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for i in range(count):
        size = (int(rng.integers(9, 40)), int(rng.integers(9, 40)), 3)
        suffix = "jpg" if i % 3 else "png"
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(folder / f"{i:04d}.{suffix}")
    return folder


def add_bad(folder):
    (folder / "bad").mkdir()
    contents = (folder / "0000.png").read_bytes()
    (folder / "bad" / "cut.png").write_bytes(contents[: len(contents) // 2])
    (folder / "bad" / "empty.jpg").touch()
    (folder / "bad" / "text.png").write_text("no image")
    Image.new("RGB", (200, 200)).save(folder / "bad" / "large.png")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A model as its function, and exported; eleven images and four bad ones."""
    folder = tmp_path_factory.mktemp("bulk")
    module = servable()
    tf.saved_model.save(module, str(folder / "model"), signatures=module.signatures())
    add_bad(make_images(folder / "images", 11))
    return module, folder


def translate(folder, output, *options, source="images"):
    source = folder / source if isinstance(source, str) else source
    arguments = (f"--model={folder / 'model'}", f"--input={source}", f"--output={output}")
    return call(bulk, *arguments, "--block=4", *options)


def failed(output):
    lines = [json.loads(line) for line in (output / "failed.jsonl").read_text().splitlines()]
    return {line["name"]: line["reason"] for line in lines}


def results(output):
    """Everything that was written, by name, but the record of what is done."""
    files = [path for path in output.rglob("*") if path.is_file() and ".blocks" not in path.parts]
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in files if path.name != "failed.jsonl"}


def assert_near(found, wanted):
    """PNG files by name: of the same sizes, and within a level."""
    assert found.keys() == wanted.keys()
    for name, png in found.items():
        levels = [tf.io.decode_png(each).numpy().astype(int) for each in (png, wanted[name])]
        assert levels[0].shape == levels[1].shape
        assert np.abs(levels[0] - levels[1]).max() <= 1


@pytest.fixture(scope="module")
def translated(made):
    _, folder = made
    assert translate(folder, folder / "out", "--batch_size=1") == 1
    return folder / "out"


def test_each_image_is_what_the_model_makes_of_it(made, translated):
    module, folder = made
    good = {path.with_suffix(".png").name: path for path in (folder / "images").glob("*.*")}
    assert_near(results(translated), {name: expected(module, path.read_bytes()) for name, path in good.items()})


def test_bad_images_are_listed_with_the_reason(translated):
    found = failed(translated)
    assert found.keys() == REASONS.keys()
    for name, reason in REASONS.items():
        assert reason in found[name]


def test_again_nothing_is_done(made, translated):
    before = {path: path.stat().st_mtime_ns for path in translated.glob("*.png")}
    assert translate(made[1], translated, "--batch_size=1") == 1
    assert before == {path: path.stat().st_mtime_ns for path in translated.glob("*.png")}


def test_a_bad_image_spoils_no_batch(made, translated, tmp_path):
    """In batches sums are taken in another order, so that now and then a value is rounded to the next level."""
    assert translate(made[1], tmp_path / "out", "--batch_size=8") == 1
    assert failed(tmp_path / "out") == failed(translated)
    assert_near(results(translated), results(tmp_path / "out"))


def test_from_shards_into_shards(made, translated, tmp_path):
    _, folder = made
    arguments = ("--kind=images", "--bad_images=skip", "--shards=3", f"--output={tmp_path / 'in'}")
    assert call(prepare, "shard", f"--data={folder / 'images'}", *arguments) == 0
    source = tmp_path / "in"
    assert translate(folder, tmp_path / "out", "--batch_size=1", "--format=shards", source=source) == 1
    found = failed(tmp_path / "out")
    assert found.keys() == {"bad/large.png"}
    assert REASONS["bad/large.png"] in found["bad/large.png"]
    assert dict(record.read() for record in open_files(tmp_path / "out")) == results(translated)
    found = manifest.load(tmp_path / "out")
    assert (found.kind, found.records, found.channels, found.heights, found.widths) == (
        ("images", 11, {"3": 11}, [9, 39], [18, 39])
    )


def test_in_an_object_store(made, translated):
    """ram:// stands in for gs:// and its like."""
    _, folder = made
    store = RemotePath("ram://bulk")
    for path in (folder / "images").rglob("*.*"):
        target = store / "in" / path.relative_to(folder / "images").as_posix()
        tf.io.gfile.makedirs(str(target.parent))
        target.write_bytes(path.read_bytes())
    assert translate(folder, store / "out", "--batch_size=1", source=store / "in") == 1
    for name, png in results(translated).items():
        assert (store / "out" / name).read_bytes() == png
    assert failed(store / "out") == failed(translated)


def test_killed_it_resumes(made, tmp_path):
    _, folder = made
    add_bad(make_images(tmp_path / "images", 80))
    options = (f"--model={folder / 'model'}", f"--input={tmp_path / 'images'}", f"--output={tmp_path / 'out'}")
    process = start("export.bulk", *options, "--block=4")
    wait_for(lambda: len(list((tmp_path / "out" / ".blocks").glob("*.json"))) >= 5, process)
    process.kill()
    process.communicate()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.png")}
    assert 20 <= len(before) < 80
    done = len(list((tmp_path / "out" / ".blocks").glob("*.json")))
    assert call(bulk, *options, "--block=4") == 1
    assert results(tmp_path / "out").keys() == {f"{i:04d}.png" for i in range(80)}
    assert failed(tmp_path / "out").keys() == REASONS.keys()
    assert sum(path.stat().st_mtime_ns == before[path] for path in before) >= 4 * done
    assert not list((tmp_path / "out").rglob(".[0-9]*"))


def same_results(folder, made):
    (folder / "in").mkdir()
    for name in ("a.jpg", "a.png", "b.jpg", "b.png", "c.png"):
        Image.new("RGB", (9, 9)).save(folder / "in" / name)
    return (f"--input={folder / 'in'}",), "a.jpg and .*a.png .*a.png.* 1 more"


@pytest.mark.parametrize(
    "wrong",
    [
        same_results,
        lambda folder, made: ((f"--input={folder}/none",), "input=.*none"),
        lambda folder, made: ((f"--output={made / 'images' / 'out'}",), "output=.*images/out"),
        lambda folder, made: ((f"--model={folder}",), "model=.*saved_model"),
    ],
)
def test_refusals(made, tmp_path, wrong):
    arguments, message = wrong(tmp_path, made[1])
    with pytest.raises(InputError, match=message):
        translate(made[1], tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_a_model_without_the_signature(made, tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(InputError, match=r"model=.*other has no serving_default"):
        translate(made[1], tmp_path / "out", f"--model={tmp_path / 'other'}")


def test_difficult_names(made, tmp_path):
    """A folder of a result's name, bytes that are not UTF-8, and a name with no room for one more letter."""
    _, folder = made
    source = tmp_path / "in"
    (source / "a.png").mkdir(parents=True)
    contents = next((folder / "images").glob("*.jpg")).read_bytes()
    longest = "n" * 251 + ".png"
    for name in ("a.jpg", "a.png/b.jpg", "c.jpg", longest, os.fsdecode(b"\xff.png")):
        (source / name).write_bytes(contents)
    assert translate(folder, tmp_path / "out", source=source) == 1
    assert set(results(tmp_path / "out")) == {"a.png", "c.png", longest, os.fsdecode(b"\xff.png")}
    assert set(failed(tmp_path / "out")) == {"a.png/b.jpg"}


def test_other_formats_and_results_that_exist(made, tmp_path, capsys):
    """A TIFF is what its PNG is; one of floats is listed; what exists is left alone, until it is to be made again."""
    module, folder = made
    source = tmp_path / "in"
    source.mkdir()
    pixels = np.random.default_rng(7).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    tifffile.imwrite(source / "a.tif", pixels, photometric="rgb")
    tifffile.imwrite(source / "b.tif", pixels.astype(np.float32), photometric="rgb")
    Image.fromarray(pixels).save(source / "c.png")
    # Of the result's size, so that the place on a map is the result's.
    (source / "a.tfw").write_text("1\n0\n0\n-1\n5\n6\n")
    out = tmp_path / "out"
    out.mkdir()
    (out / "c.png").write_bytes(b"mine")
    assert translate(folder, out, "--batch_size=1", source=source) == 1
    assert "1 results exist" in capsys.readouterr().out
    wanted = expected(module, (source / "c.png").read_bytes())
    assert results(out) == {"a.png": wanted, "a.pgw": (source / "a.tfw").read_bytes(), "c.png": b"mine"}
    assert failed(out).keys() == {"b.tif"}
    assert "float32" in failed(out)["b.tif"]
    assert translate(folder, out, "--batch_size=1", "--overwrite", source=source) == 1
    assert (out / "c.png").read_bytes() == wanted


@pytest.mark.slow
def test_a_large_tiff_in_tiles(tmp_path):
    """As the generator makes it of the same tiles; a small picture is translated whole, what is too large named."""
    module = servable(preprocess="crop")
    model = tmp_path / "model"
    tf.saved_model.save(module, str(model), signatures=module.signatures())
    config = {"image_size": SIZE, "generator_width": 4, "depth": DEPTH, "discriminator_layers": 0}
    description = {"config": config, "fit": "pad", "max_pixels": 10_000}
    (model / "export.json").write_text(json.dumps(description))
    source = tmp_path / "in"
    source.mkdir()
    picture = np.kron(np.random.default_rng(2).integers(0, 256, (20, 30, 3)), np.ones((11, 9, 1))).astype(np.uint8)
    tifffile.imwrite(source / "large.tif", picture, photometric="rgb")
    Image.fromarray(picture).save(source / "large_too.png")
    Image.fromarray(picture[:90, :70]).save(source / "small.png")
    tiles = ("--tile=64", "--overlap=16")
    arguments = (f"--model={model}", f"--input={source}", f"--output={tmp_path / 'out'}", "--max_pixels=10000", *tiles)
    assert call(bulk, *arguments) == 1
    assert results(tmp_path / "out").keys() == {"large.tif", "small.png"}
    assert failed(tmp_path / "out").keys() == {"large_too.png"}
    large = LargePictures(
        SharedStatistics(module.generator),
        module.form.source,
        "",
        2**DEPTH,
        SizeOptions("tile", tile=64, overlap=16),
        1,
        "",
    )
    numbers = ResultFormat("tif", module.form.target, "uint8").numbers
    wanted = large.translate_array(tf.constant(picture / np.float32(255)), numbers)
    found = tifffile.imread(tmp_path / "out" / "large.tif")
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert np.ptp(found) > 100
    assert not list((tmp_path / "out").glob(".*.part*"))
    with pytest.raises(InputError, match=r"tile=100.* 96 and 104"):
        call(bulk, *arguments, "--fit=tile", "--tile=100")


def test_an_earlier_export_takes_no_tiles(made, tmp_path):
    """It has no export.json; pictures are translated as before."""
    _, folder = made
    with pytest.raises(InputError, match="export the run again"):
        translate(folder, tmp_path / "out", "--fit=tile")


@pytest.mark.parametrize("error", [tf.errors.InvalidArgumentError, tf.errors.CancelledError])
def test_a_loop_that_an_image_stopped_is_taken_image_by_image(error):
    def translate(contents):
        if b"bad" in contents:
            raise error(None, None, "Loop execution was cancelled.")
        return [b"result of " + each for each in contents]

    skipped = {}
    images = [("a", b"good"), ("b", b"bad"), ("c", b"fine")]
    assert dict(translate_batch(images, translate, skipped)) == {"a": b"result of good", "c": b"result of fine"}
    assert skipped.keys() == {"b"}


@pytest.mark.parametrize(("stops", "reason"), [(3, "it cannot be decoded (a bad picture)"), (99, DAMAGED)])
def test_an_image_is_asked_for_its_reason_again(stops, reason):
    """As long as all that is said is that its loop was stopped."""
    errors = iter([tf.errors.CancelledError] * stops + [tf.errors.InvalidArgumentError])

    def translate(contents):
        raise next(errors)(None, None, "a bad picture")

    skipped = {}
    assert not list(translate_batch([("a", b"bad")], translate, skipped))
    assert skipped == {"a": reason}
