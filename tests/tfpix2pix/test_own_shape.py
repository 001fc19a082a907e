"""Runs whose pictures keep their shape: trained on crops, they translate whole pictures."""

import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

import tfpix2pix as p2p
from export.formats.saved_model import export_saved_model
from pipelines.images import transforms
from pipelines.images.image_format import ImageFormat
from tfpix2pix.config import Config

SHAPES = [(70, 100), (64, 64), (130, 80)]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def picture(*shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for split in ("train", "val"):
        (folder / split).mkdir()
        for i, (height, width) in enumerate(SHAPES):
            pixels = picture(height, 2 * width)
            if i % 2:
                Image.fromarray(pixels).save(folder / split / f"{i}.png")
            else:
                tifffile.imwrite(folder / split / f"{i}.tif", pixels, tile=(32, 32), photometric="rgb")
    return folder


def config(data, preprocess, **options):
    return Config(
        data=str(data),
        image_size=(64, 64),
        preprocess=preprocess,
        depth=3,
        generator_width=2,
        discriminator_width=2,
        discriminator_layers=1,
        max_steps=2,
        samples=2,
        **options,
    )


@pytest.fixture(scope="module")
def crop_run(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "crop"
    p2p.train(config(data, "crop", cache_mib=0, rotate90=True, scale_jitter=0.1, color_jitter=0.1), folder)
    return p2p.load_run(folder)


def expected(run, pixels, step=8):
    """By NumPy: reflected to a multiple, translated, and cut again."""
    rooms = [-side % step for side in pixels.shape[:2]]
    paddings = [*((room // 2, room - room // 2) for room in rooms), (0, 0)]
    source = np.pad(pixels / np.float32(127.5) - 1, paddings, "reflect")
    generated = run.generator(source[None].astype(np.float32), training=False)[0].numpy()
    generated = generated[paddings[0][0] :, paddings[1][0] :][: pixels.shape[0], : pixels.shape[1]]
    return (generated + 1) * 127.5


def test_a_crop_run_translates_whole_pictures(crop_run):
    pictures = [picture(*shape) for shape in [(70, 100), (64, 64), (20, 130), (70, 100)]]
    results = crop_run.translate([png(pixels) for pixels in pictures])
    assert [result.shape for result in results] == [pixels.shape for pixels in pictures]
    for pixels, result in zip(pictures, results, strict=True):
        assert abs(result - expected(crop_run, pixels)).max() < 0.51
    assert crop_run.metrics["l1"] > 0


def test_an_image_size_resizes_them(crop_run):
    run = p2p.load_run(crop_run.run_dir, image_size=(64, 128))
    assert run.translate(png(picture(70, 100)), output_size="network").shape == (64, 128, 3)
    assert run.translate(png(picture(70, 100))).shape == (70, 100, 3)


def test_it_is_validated_and_evaluated_on_whole_pictures(crop_run, data):
    """The generator on each reflected picture by hand, validation, evaluate: one number."""
    distances = []
    for i, (height, width) in enumerate(SHAPES):
        pair = picture(height, 2 * width)
        source, target = np.split(pair, 2, axis=1)
        assert (data / "val" / f"{i}.{'png' if i % 2 else 'tif'}").exists()
        distances.append(abs(expected(crop_run, source) - target).mean() / 127.5)
    figures = p2p.evaluate(crop_run.run_dir, baseline_pairs=2)
    assert crop_run.metrics["l1"] == pytest.approx(np.mean(distances), abs=1e-5)
    assert figures["l1"] == pytest.approx(crop_run.metrics["l1"], abs=1e-5)
    found = json.loads((crop_run.run_dir / "evaluation/val-2/metrics.json").read_text())
    assert found["measured"] == "whole pictures at their own scale (of larger ones the middle 1024x1024)"
    assert "differ" in found["missing"]["the mean target and the nearest neighbor"]


def test_crops_of_resized_pictures_are_measured_at_their_scale(crop_run, data, tmp_path):
    """A run that learns 64x64 crops of pictures at 100x140 is measured at 100x140, not at 64x64; as by hand."""
    run_dir = shutil.copytree(crop_run.run_dir, tmp_path / "run")
    options = json.loads((run_dir / "config.json").read_text())
    resized = {"preprocess": "resize_and_crop", "load_size": [100, 140]}
    (run_dir / "config.json").write_text(json.dumps(options | resized))
    figures = p2p.evaluate(run_dir, baseline_pairs=2)
    distances = []
    for height, width in SHAPES:
        source, target = (
            transforms.resize(tf.constant(side / np.float32(255)), (100, 140), "bicubic").numpy() * 255
            for side in np.split(picture(height, 2 * width), 2, axis=1)
        )
        distances.append(abs(expected(crop_run, source) - target).mean() / 127.5)
    assert figures["l1"] == pytest.approx(np.mean(distances), abs=1e-5)
    found = json.loads((run_dir / "evaluation/val-2/metrics.json").read_text())
    assert found["measured"] == "whole pictures at 100x140"
    assert found["metrics"]["mean target"]["l1"]["mean"] > 0


@pytest.mark.slow
def test_an_export_takes_any_size(crop_run, tmp_path):
    folder = export_saved_model(crop_run.run_dir, tmp_path / "export")
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    pixels = picture(64, 64)
    served = signature(image_bytes=tf.constant([png(pixels)]))["image_bytes"][0]
    assert abs(tf.io.decode_png(served).numpy() - expected(crop_run, pixels)).max() < 0.51
    pixels = picture(64, 65)
    served = signature(image_bytes=tf.constant([png(pixels)]))["image_bytes"][0]
    assert abs(tf.io.decode_png(served).numpy() - expected(crop_run, pixels)).max() < 0.51


@pytest.mark.parametrize(
    ("preprocess", "shape", "result"),
    [
        ("scale_shortest", (70, 105), (64, 96)),
        ("scale_width", (105, 70), (96, 64)),
        ("pad", (50, 100), (32, 64)),
        ("none", (64, 64), (64, 64)),
        ("resize_and_crop", (70, 105), (70, 105)),
    ],
)
def test_the_scale_of_the_others(crop_run, preprocess, shape, result):
    """The networks are the same: only how pictures meet them differs."""
    run = dataclasses.replace(crop_run, config=dataclasses.replace(crop_run.config, preprocess=preprocess))
    assert run.translate(png(picture(*shape)), output_size="network").shape == (*result, 3)
    assert run.translate(png(picture(*shape))).shape == (*shape, 3)
    assert ImageFormat(background=(255, 0, 51)).border == (1.0, 0.0, 0.2)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"preprocess": "crop", "load_size": (80, 80)}, "load_size=80x80"),
        ({"preprocess": "none", "load_size": (80, 80)}, "load_size=80x80"),
        ({"preprocess": "scale_width", "crop": False}, "crop=False"),
        ({"preprocess": "squeeze"}, "squeeze"),
        ({"preprocess": "crop", "source_labels": 5, "color_jitter": 0.1}, "color_jitter"),
    ],
)
def test_options_that_contradict_each_other(options, named):
    with pytest.raises(p2p.InputError, match=named):
        Config(**{"image_size": (64, 64), **options})


@pytest.mark.parametrize("preprocess", ["crop", "none", "pad", "scale_width"])
def test_a_resolved_config_stays_valid(preprocess):
    resolved = Config(image_size=(64, 64), preprocess=preprocess).resolved()
    assert Config(**dataclasses.asdict(resolved)) == resolved
    assert resolved.train_format().network_size == (64, 64)
    assert resolved.pair_format().shape == (64, 64)
