"""All commands, with their defaults, give a PNG with the same pixels of a picture, to the last of 16 bits."""

import dataclasses
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from export import bulk, client, saved_model
from pipelines.images import fit, transforms
from pipelines.images.result_format import ResultFormat
from tests.helpers.commands import call
from tests.helpers.image_files import pixels_of
from tests.helpers.runs import with_best
from tests.helpers.serving import Server
from tfpix2pix import translate
from tfpix2pix.run import load_run
from tfpix2pix.run_dir import config_json

pytest.importorskip("apache_beam", reason="needs the extra beam")


@pytest.fixture(scope="module")
def run_dir(short_run, tmp_path_factory):
    """The short run with its trained weights as the best, and results of 16 bits, which show bits that differ."""
    folder = shutil.copytree(short_run, tmp_path_factory.mktemp("bytes") / "run")
    with_best(2, folder)
    config_json.save(dataclasses.replace(config_json.load(folder), target_type="uint16"), folder)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Twenty pictures: of the native size, of sizes that become it, smaller, larger, gray, and JPEGs."""
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(4)
    sizes = [*[(64, 64)] * 8, (60, 57), (63, 64), (1, 1), (128, 64), *rng.integers(5, 140, (8, 2)).tolist()]
    for i, size in enumerate(sizes):
        blocks = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        image = Image.fromarray(blocks).resize(size, Image.BICUBIC)
        (image.convert("L") if i % 5 == 4 else image).save(folder / f"{i:02d}.{'jpg' if i % 4 == 3 else 'png'}")
    return folder


def pngs(folder):
    """The pixels by name."""
    return {path.stem: pixels_of(path.read_bytes()) for path in folder.iterdir() if path.suffix == ".png"}


def test_the_same_pixels(run_dir, photos, tmp_path, capsys):
    model = tmp_path / "models" / "m"
    assert call(translate, f"--run_dir={run_dir}", f"--input={photos}", f"--output={tmp_path / 't'}") == 0
    expected = pngs(tmp_path / "t")
    assert len(expected) == 20
    assert np.ptp(np.frombuffer(expected["00"][1], np.uint16)) > 60 * 257

    assert call(saved_model, f"--run_dir={run_dir}", f"--output={model}") == 0
    assert call(bulk, f"--model={model / '1'}", f"--input={photos}", f"--output={tmp_path / 'b'}") == 0
    assert pngs(tmp_path / "b") == expected
    with Server(model) as server:
        for protocol, port in (("rest", server.rest_port), ("grpc", server.grpc_port)):
            sent = (f"--input={photos}", f"--output={tmp_path / protocol}", f"--protocol={protocol}", "--model=m")
            assert call(client, f"--server=127.0.0.1:{port}", *sent) == 0
            assert pngs(tmp_path / protocol) == expected

    run = load_run(run_dir)
    files = sorted(photos.iterdir())
    for file, result in zip(files, run.translate(files), strict=True):
        assert (result.shape, result.tobytes()) == expected[file.stem], file.name

    signature = tf.saved_model.load(str(model / "1")).signatures["translate"]
    step = 2**run.config.depth
    form = ResultFormat("png", run.config.image_format("target"), "uint16")
    for file in files:
        source = transforms.normalize(run.config.image_format("source").read(tf.constant(file.read_bytes())))
        generated = signature(source=fit.reflect(source, step)[None])["generated"][0]
        window = fit.reflect_window(source.shape[:2], step)
        assert pixels_of(form.encode_png(fit.cut(generated, window))) == expected[file.stem], file.name


@pytest.mark.slow
def test_the_step_is_the_best_for_all_and_each_names_it(short_run, tmp_path, capsys):
    """The best step is the first here, and the newest is the last."""
    photo = short_run.parent / "pairs" / "val" / "0.png"
    short_run = with_best(0, short_run, tmp_path / "run")
    words = "step 0, the best by validation L1 (0.0000); the newest is step 2"
    model, result = tmp_path / "m" / "1", tmp_path / "t"
    commands = (
        (translate, f"--run_dir={short_run}", f"--input={photo}", "--pairs", f"--output={result}"),
        (saved_model, f"--run_dir={short_run}", f"--output={model.parent}", "--parity_images=1"),
        (bulk, f"--model={model}", f"--input={photo.parent}", f"--output={tmp_path / 'b'}"),
    )
    for command in commands:
        assert call(*command) == 0
        assert words in capsys.readouterr().out
    assert load_run(short_run).which_step == words
    assert load_run(short_run, "latest").which_step == (
        "step 2, the newest; the best by validation L1 (0.0000) is step 0"
    )
