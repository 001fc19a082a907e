"""Files of the PyTorch reference become runs that give its numbers; spoiled ones are refused in one line."""

import json
import re

import numpy as np
import pytest

import tfpix2pix as p2p
from pipelines.system.terminal import InputError
from tests.helpers import torch_writer
from tests.helpers.commands import call, command_module
from tests.helpers.golden import SHARED
from tests.helpers.runs import make_pairs
from tests.helpers.torch_twin import Twin
from tests.hostile.mutations import mutations
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.run_dir import config_json, kept_pairs
from tfpix2pix.run_dir.imported import is_random
from tfpix2pix.run_dir.run_facts import run_facts
from tfpix2pix.weights.network_weights import load_weights, weights_of
from tfpix2pix.weights.torch.file import read_tensors
from tfpix2pix.weights.torch.networks import to_torch
from tfpix2pix.weights.weight_file import read_weights, write_file

import_torch, evaluate, train, translate = map(
    command_module, ("tfpix2pix.import_torch", "tfpix2pix.evaluate", "tfpix2pix.train", "tfpix2pix.translate")
)
export_torch = command_module("export.torch")


@pytest.fixture(scope="module")
def state():
    """Returns a state dict, as the reference saves it, of a U-Net of depth 5 and width 2 from gray to RGB."""
    return to_torch(weights_of(unet((32, 32), 1, 3, width=2)), 0)


@pytest.fixture(scope="module")
def file(state, tmp_path_factory):
    path = tmp_path_factory.mktemp("torch") / "latest_net_G.pth"
    write_file(state, path)
    return path


def discriminator_file(folder, source_channels=1, norm="batch"):
    network = patchgan((32, 32), source_channels, 3, width=4, n_layers=1, norm=norm)
    write_file(to_torch(weights_of(network), 0), folder / "latest_net_D.pth")
    return folder / "latest_net_D.pth"


@pytest.mark.needs_shared
def test_a_run_of_a_file_gives_the_references_numbers(tmp_path):
    golden = np.load(SHARED / "golden" / "reference_unet256_ngf4.npz")
    final = {key.removeprefix("final/G/"): golden[key] for key in golden.files if key.startswith("final/G/")}
    parallel = {f"module.{name}": tensor for name, tensor in final.items()}
    source, expected = golden["input"][0].astype(np.float32), golden["generator_output_eval_final"]
    run_dir = tmp_path / "run"
    legacy = torch_writer.write_legacy(tmp_path / "legacy.pth", parallel)
    assert call(import_torch, legacy, f"--run_dir={run_dir}", "--norm_statistics=moving") == 0
    run = p2p.load_run(run_dir)
    assert run.step == 0
    np.testing.assert_allclose(run.generator(source), expected, rtol=0, atol=1e-5)
    # Statistics of each image, as the reference's test has them, are those of training at batch size 1.
    network = unet(width=4, dropout=0)
    load_weights(network, read_weights(legacy))
    of_image = p2p.load_run(run_dir, norm_statistics="image").generator(source[:1])
    np.testing.assert_allclose(of_image, network(source[:1], training=True), rtol=0, atol=1e-5)


@pytest.mark.needs_shared
def test_a_run_of_the_references_resnet_gives_its_numbers_and_its_bytes(tmp_path, capsys):
    file, run_dir = SHARED / "golden" / "resnet_9blocks_ngf4_net_G.pth", tmp_path / "run"
    assert call(import_torch, file, f"--run_dir={run_dir}", "--image_size=32x64") == 0
    shown = capsys.readouterr().out
    assert "ResNet with 9 blocks, 2 levels, width 4, 3 to 3 channels, instance norm" in shown
    assert "--dropout_at_inference" not in shown, "it has no dropout"
    suggested = next(line for line in shown.splitlines() if "tfpix2pix.train" in line).split()
    assert {"--direction=AtoB", "--dropout=0"} <= set(suggested)
    config = config_json.load(run_dir)
    assert (config.generator, config.blocks, config.depth, config.dropout) == ("resnet", 9, 2, 0.0)
    source = np.random.default_rng(0).uniform(-1, 1, (2, 32, 64, 3)).astype(np.float32)
    expected = Twin(read_tensors(file)).resnet(source)
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(p2p.load_run(run_dir).generator(source), expected, rtol=0, atol=1e-5)
    assert call(export_torch, f"--run_dir={run_dir}", f"--output={tmp_path / 'out'}") == 0
    assert "--netG=resnet_9blocks --ngf=4 --no_dropout" in capsys.readouterr().out
    written, given = read_tensors(tmp_path / "out" / "latest_net_G.pth"), read_tensors(file)
    assert list(written) == list(given)
    assert all(tensor.tobytes() == given[name].tobytes() for name, tensor in written.items())


@pytest.mark.slow
def test_a_run_says_what_it_took_and_translates_and_evaluates(file, tmp_path, capsys):
    run_dir = tmp_path / "run"
    given = discriminator_file(tmp_path)
    pairs = make_pairs(tmp_path / "pairs", size=32)
    options = ("--direction=BtoA", f"--data={pairs}")
    assert call(import_torch, file, f"--discriminator={given}", f"--run_dir={run_dir}", *options) == 0
    shown = capsys.readouterr().out
    for words in ("5 levels, width 2, 1 to 3", "1 layers, width 4", "32x32", "BtoA: the right", "image: each", "next"):
        assert words in shown
    line = next(line for line in shown.splitlines() if "tfpix2pix.train" in line)
    assert call(train, *line.split()[3:], "--dry_run") == 0
    taken = re.findall(r"(\d+) of (\d+) tensors are taken whole$", capsys.readouterr().out, re.M)
    assert len(taken) == 2
    assert all(whole == of for whole, of in taken)
    config = config_json.load(run_dir)
    assert (config.depth, config.image_size, config.direction, config.data) == (5, (32, 32), "BtoA", str(pairs))
    assert (config.discriminator_layers, config.discriminator_width, config.norm) == (1, 4, "batch")
    assert json.loads((run_dir / "imported.json").read_text()) == {"generator": str(file), "discriminator": str(given)}
    assert not is_random(run_dir, "discriminator", 0)
    facts = run_facts(run_dir, config)
    assert facts["generator"] == f"{file}, width 2; how it was trained is not known"
    assert not {"epochs", "learning rate", "loss", "seed"} & facts.keys()

    assert len(kept_pairs.load(run_dir, config, 20)) == 2
    options = (f"--run_dir={run_dir}", f"--output={tmp_path / 'out'}")
    assert call(translate, *options, f"--input={pairs / 'val'}", "--pairs") == 0
    assert call(evaluate, *options, "--nofeatures", "--nobaselines") == 0
    without = tmp_path / "without"
    assert call(import_torch, file, f"--run_dir={without}") == 0
    with pytest.raises(InputError, match="--data"):
        call(evaluate, f"--run_dir={without}", "--nofeatures")


def test_what_does_not_fit_is_refused_and_leaves_nothing(file, tmp_path):
    run_dir = tmp_path / "runs" / "run"
    other = discriminator_file(tmp_path, source_channels=3)
    for words, *arguments in (
        ("0 files",),
        ("2 files", file, file),
        ("no.pth is not a file", tmp_path / "no.pth"),
        ("holds a discriminator", other),
        ("holds a generator", file, f"--discriminator={file}"),
        ("6 channels", file, f"--discriminator={other}"),
        ("multiples of 32", file, "--image_size=48"),
        ("dropout=1.0", file, "--dropout=1"),
    ):
        with pytest.raises(InputError, match=words):
            call(import_torch, *arguments, f"--run_dir={run_dir}")
    with pytest.raises(InputError, match=r"batch norm and .* instance norm"):
        call(
            import_torch, file, f"--discriminator={discriminator_file(tmp_path, 1, 'instance')}", f"--run_dir={run_dir}"
        )
    assert not run_dir.parent.exists()
    assert call(import_torch, file, f"--run_dir={run_dir}", "--image_size=64") == 0
    assert is_random(run_dir, "discriminator", 0)
    (run_dir / "imported.json").write_bytes(b"\xff")
    with pytest.raises(InputError, match=r"imported\.json"):
        is_random(run_dir, "discriminator", 0)
    with pytest.raises(InputError, match="exists"):
        call(import_torch, file, f"--run_dir={run_dir}")


def spoiled_states(state, rng):
    """State dicts that are whole files and no network of the reference."""
    for index in range(55):
        name = list(state)[int(rng.integers(len(state)))]
        if name.endswith("num_batches_tracked"):
            continue
        tensor, changed = state[name], dict(state)
        how = index % 11
        if how == 0:
            del changed[name]
        elif how == 1:
            changed[name + "\x1b[2J\n"] = changed.pop(name)
        elif how == 2:
            changed[name] = np.full_like(tensor, rng.choice([np.nan, np.inf]))
        elif how == 3:
            changed[name] = tensor.astype(np.int64)
        elif how == 4:
            changed[name] = tensor[:-1]
        elif how == 5:
            changed[name] = np.concatenate([tensor, tensor])
        elif how == 6:
            changed[name] = tensor[..., None]
        elif how == 7:
            changed[name] = tensor[:0]
        elif how == 8:
            changed["extra"] = tensor
        elif how == 9:
            changed = {f"{'module.' * int(rng.integers(2))}{key}": value for key, value in state.items()}
        else:
            changed = {name: tensor}
        yield changed


@pytest.mark.slow
def test_spoiled_files_are_refused_in_one_line(state, file, tmp_path):
    rng = np.random.default_rng(0)
    names, refused = [], {}
    for content, suffix in (
        (file.read_bytes(), ".pth"),
        (torch_writer.write_legacy(tmp_path / "legacy.pth", state).read_bytes(), ".pth"),
    ):
        for spoiled in mutations(content, 18, rng, file.read_bytes()):
            names.append(tmp_path / f"{len(names)}{suffix}")
            names[-1].write_bytes(spoiled)
    write_file(state, tmp_path / "safe.safetensors")
    for spoiled in mutations((tmp_path / "safe.safetensors").read_bytes(), 18, rng, file.read_bytes()):
        names.append(tmp_path / f"{len(names)}.safetensors")
        names[-1].write_bytes(spoiled)
    for spoiled in spoiled_states(state, rng):
        names.append(tmp_path / f"{len(names)}{('.pth', '.safetensors')[len(names) % 2]}")
        write_file(spoiled, names[-1])
    assert len(names) >= 100
    read = []
    for name in names:
        run_dir = tmp_path / f"run of {name.name}"
        try:
            call(import_torch, name, f"--run_dir={run_dir}")
            read.append(name.name)
        except InputError as error:
            refused[name.name] = str(error)
            assert not run_dir.exists()
    assert all(line.isprintable() and "/" in line for line in refused.values()), refused
    # In these a number became another, or what was spoiled lies where nobody looks.
    assert len(read) < 10, read
