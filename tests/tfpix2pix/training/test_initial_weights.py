"""Runs that begin with given weights: from runs and files, resumed without them, and what is refused."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from pipelines.system.terminal import InputError
from tests.helpers.runs import assert_same_state
from tfpix2pix.model.state import Pix2Pix, discriminator_of, generator_of
from tfpix2pix.run_dir import config_json, init_json
from tfpix2pix.run_dir.log_jsonl import read_log
from tfpix2pix.run_dir.trained_weights import trained_weights
from tfpix2pix.training.initial_weights import fitted
from tfpix2pix.training.session import train
from tfpix2pix.weights import weight_file
from tfpix2pix.weights.network_weights import load_weights, weights_of
from tfpix2pix.weights.torch.networks import to_torch


@pytest.fixture(scope="module")
def config(short_run):
    return dataclasses.replace(config_json.load(short_run), max_steps=0)


def test_a_new_run_begins_with_the_outputs_of_the_old(noisy_run, tmp_path, strategies):
    """From a run, files of Keras and files of torch, which knows no U-Net of three levels."""
    config = config_json.load(noisy_run)
    networks = generator, discriminator = generator_of(config), discriminator_of(config)
    for network, weights in zip(networks, trained_weights(noisy_run)[0], strict=True):
        load_weights(network, weights)
    generator.save(tmp_path / "g.keras")
    discriminator.save_weights(tmp_path / "d.weights.h5")
    for network, name in ((generator, "latest_net_G.pth"), (discriminator, "d.safetensors")):
        weight_file.write_file(to_torch(weights_of(network), 0), tmp_path / name)
    files = [("g.keras", "d.weights.h5"), ("latest_net_G.pth", "d.safetensors")]
    source = tf.constant(np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32))
    config = dataclasses.replace(config, seed=1)
    for init_from in (f"{noisy_run}:latest", *(f"{tmp_path / g},{tmp_path / d}" for g, d in files)):
        model = Pix2Pix(config, strategies[2], total_steps=10)
        assert not np.allclose(model.generator(source), generator(source))
        initial = fitted(dataclasses.replace(config, init_from=init_from))
        initial.set_in(model)
        assert {row.taken for row in initial.rows} == {"whole"}
        np.testing.assert_array_equal(model.generator(source), generator(source))
        np.testing.assert_array_equal(model.discriminator([source, source]), discriminator([source, source]))


def test_a_generator_alone_leaves_the_discriminator_new(config, tmp_path):
    generator_of(config).save_weights(tmp_path / "g.weights.h5")
    lines = fitted(dataclasses.replace(config, init_from=tmp_path / "g.weights.h5")).summary()
    assert lines[2] == "  discriminator: not given, so it starts at random"


def test_one_table_says_what_was_taken_and_why(short_run, config):
    """From 64×64 to 128×128, and to gray: depth 3 becomes 4."""
    other = dataclasses.replace(
        config, image_size=(128, 128), load_size=(0, 0), depth=4, target_channels=1, init_from=f"{short_run}:latest"
    ).resolved()
    initial = fitted(other)
    origin = f"{short_run}, step 2"
    assert initial.summary() == [
        f"init_from={short_run}:latest",
        f"  generator from {origin}: 16 of 29 tensors are taken whole, 3 in part, 10 not, and start at random",
        "    part    up3/kernel: what comes from up4 starts at 0",
        "    part    up1: target_channels 3 to 1: R, G and B by luminance",
        f"    new     down3_norm, down4/kernel, up4/kernel, up4_norm: not in {origin}",
        f"  discriminator from {origin}: 8 of 9 tensors are taken whole, 1 in part",
        "    part    down1/kernel: target_channels 3 to 1: R, G and B summed",
        "  these weights were trained with --image_size=64x64 --depth=3 --target_channels=3, which a new run takes if "
        "they are given",
    ]
    rows = {row.tensor: row for row in initial.rows}
    kernel = rows["generator/up3/kernel"]
    assert (kernel.taken, kernel.there, kernel.shape) == ("part", (4, 4, 4, 8), (4, 4, 4, 16))


@pytest.mark.slow
def test_a_run_resumes_without_the_weights_it_began_with(short_run, config, tmp_path):
    """Frozen, warmed up, of another depth: resumed when the given run is gone, it equals an undisturbed run."""
    given = shutil.copytree(short_run, tmp_path / "given")
    config = dataclasses.replace(
        config,
        depth=2,
        init_from=given,
        freeze="encoder",
        warmup_steps=3,
        learning_rate=0.03,
        max_steps=4,
        checkpoint_every=2,
        keep_checkpoints=9,
    )
    assert train(config, tmp_path / "whole") == 0
    # As if the process had been killed after step 2.
    shutil.copytree(tmp_path / "whole", tmp_path / "resumed")
    shutil.rmtree(tmp_path / "resumed" / "checkpoints" / "00000004")
    shutil.rmtree(given)
    with pytest.raises(InputError, match="no such run directory or file"):
        train(config, tmp_path / "other")
    with pytest.raises(InputError, match=f"init_from={short_run} counts only where a run begins.*began with {given};"):
        train(dataclasses.replace(config, init_from=short_run), tmp_path / "resumed")
    assert train(dataclasses.replace(config, init_from=""), tmp_path / "resumed") == 0
    assert_same_state(*(tmp_path / name / "checkpoints" / "00000004" for name in ("whole", "resumed")))
    # What the run began with is still on record.
    assert config_json.load(tmp_path / "resumed").init_from == str(given)
    table = json.loads((tmp_path / "resumed" / init_json.INIT_FILE).read_text())
    assert table["init_from"] == str(given)
    # Depth 3 became 2.
    assert {row["tensor"] for row in table["tensors"] if row["taken"] == "part"} == {"generator/up2/kernel"}

    steps = [trained_weights(tmp_path / "resumed", step)[0] for step in ("0", "4")]
    (start, _), (end, _) = steps
    for weights, old in zip(steps[0], trained_weights(short_run)[0], strict=True):
        for path, tensor in weights.tensors.items():
            assert path == "up2/kernel" or tensor.tobytes() == old.tensors[path].tobytes()
    same = {path for path, tensor in end.tensors.items() if tensor.tobytes() == start.tensors[path].tobytes()}
    assert same == {path for path in start.tensors if path.startswith("down")}
    # The rate after a step is that of the next: of 3 steps the second has two thirds.
    rates = {row["step"]: row["learning_rate"] for row in read_log(tmp_path / "whole") if "learning_rate" in row}
    np.testing.assert_allclose([rates[step] for step in (1, 2, 3, 4)], [0.02, 0.03, 0.03, 0.03], rtol=1e-6)


@pytest.mark.parametrize(
    ("init_from", "words"),
    [
        ("nowhere", "init_from=nowhere: there is no such run directory or file"),
        ("{folder}", "has no config.json"),
        ("{run}:7", "checkpoint=7 does not exist"),
        ("{run},", "a name is missing"),
        ("{run},{run}", "two networks of one kind"),
        ("{folder}/a.txt", "neither a run directory nor a file of a known kind"),
        ("{folder}/bad.keras", "cannot be read as a file of Keras"),
        ("{folder}/bad.weights.h5", "cannot be read as a file of Keras"),
        ("{folder}/nan.weights.h5", "NaN or infinity in down1/kernel"),
        ("{folder}/pixel.weights.h5", "nothing of it fits into these networks, such as generator/down1/kernel"),
    ],
)
def test_it_refuses_what_cannot_begin_a_run(init_from, words, spoiled, short_run, config, tmp_path):
    config = dataclasses.replace(config, init_from=init_from.format(run=short_run, folder=spoiled))
    with pytest.raises(InputError, match=words):
        train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory, config):
    folder = tmp_path_factory.mktemp("spoiled")
    for name in ("a.txt", "bad.keras", "bad.weights.h5"):
        (folder / name).write_bytes(b"no weights")
    generator = generator_of(config)
    generator.get_layer("down1").kernel.assign(generator.get_layer("down1").kernel * np.nan)
    generator.save_weights(folder / "nan.weights.h5")
    discriminator_of(dataclasses.replace(config, discriminator_layers=0)).save_weights(folder / "pixel.weights.h5")
    return folder
