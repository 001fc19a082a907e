"""Exported files have the reference's tensors and the run's numbers; torch itself loads them, and gives our outputs."""

import json
import shutil
import subprocess

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from pipelines.system.terminal import InputError
from tests.helpers.commands import call, command_module
from tests.helpers.golden import SHARED
from tests.helpers.runs import ROOT, make_pairs, untrained
from tfpix2pix.networks.discriminators.multiscale import multiscale
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.run_dir.trained_weights import trained_weights
from tfpix2pix.weights.network_weights import load_weights, weights_of
from tfpix2pix.weights.torch.file import read_tensors
from tfpix2pix.weights.torch.networks import is_affine, to_torch
from tfpix2pix.weights.weight_file import read_weights, write_file

export_torch, import_torch = map(command_module, ("export.torch", "tfpix2pix.import_torch"))
PYTHON = ROOT / ".venv-torch" / "bin" / "python"


def test_both_networks_of_a_run_come_back_to_the_last_bit(noisy_run, tmp_path, capsys):
    out = tmp_path / "checkpoints" / "x"
    assert call(export_torch, f"--run_dir={noisy_run}", f"--output={out}") == 0
    shown = capsys.readouterr().out
    for words in ("num_downs=6) --ngf=2", "--netD=n_layers --n_layers_D=1 --ndf=2", "--norm=batch"):
        assert words in shown
    written = {path.name: path.read_bytes() for path in out.iterdir()}
    assert {f"latest_net_{letter}{suffix}" for letter in "GD" for suffix in (".pth", ".safetensors")} < set(written)
    networks, _, step = trained_weights(noisy_run)
    assert json.loads(written["export.json"])["step"] == step
    for weights in networks:
        for suffix in (".pth", ".safetensors"):
            tensors = read_weights(out / f"latest_net_{weights.kind[0].upper()}{suffix}").tensors
            assert tensors.keys() == weights.tensors.keys()
            assert all(tensor.tobytes() == weights.tensors[path].tobytes() for path, tensor in tensors.items())

    # Imported and exported again, each file has the same bytes.
    files = [out / "latest_net_G.pth", f"--discriminator={out / 'latest_net_D.pth'}"]
    assert call(import_torch, *files, f"--run_dir={tmp_path / 'run'}") == 0
    assert call(export_torch, f"--run_dir={tmp_path / 'run'}", f"--output={tmp_path / 'again'}") == 0
    for name, content in written.items():
        assert name in ("export.json", "model_card.md") or (tmp_path / "again" / name).read_bytes() == content, name


def test_a_random_discriminator_is_not_exported(noisy_run, tmp_path, capsys):
    write_file(to_torch(trained_weights(noisy_run)[0][0], 0), tmp_path / "G.pth")
    assert call(import_torch, tmp_path / "G.pth", f"--run_dir={tmp_path / 'run'}") == 0
    assert call(export_torch, f"--run_dir={tmp_path / 'run'}", f"--output={tmp_path / 'out'}") == 0
    assert "no discriminator" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "export.json",
        "latest_net_G.pth",
        "latest_net_G.safetensors",
        "model_card.md",
    ]
    with pytest.raises(InputError, match="checkpoint=7"):
        call(export_torch, f"--run_dir={tmp_path / 'run'}", f"--output={tmp_path / 'out'}", "--checkpoint=7")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "depth=3"),
        ({"generator": "resnet", "depth": 1, "blocks": 1, "upsample": "resize"}, "upsample=resize"),
        ({"generator": "resnet", "depth": 1, "blocks": 1, "padding": "zero"}, "padding=zero"),
    ],
)
def test_what_the_reference_does_not_have_is_refused(change, words, strategies, tmp_path):
    options = (f"--run_dir={untrained(tmp_path / 'run', strategies[1], **change)}", f"--output={tmp_path / 'out'}")
    with pytest.raises(InputError, match=words):
        call(export_torch, *options)
    assert not (tmp_path / "out").exists()


def moved(network, norm):
    """Gives all weights values far from their start, but what the reference does not have."""
    rng = np.random.default_rng(0)
    weights = weights_of(network)
    last = "last/bias" if "last/bias" in weights.tensors else "up1/bias"
    biased = (last,) if weights.kind == "generator" else ("down1/bias", "logits/bias")
    for path, tensor in weights.tensors.items():
        if path.endswith("moving_variance"):
            tensor[...] = rng.uniform(0.5, 2, tensor.shape)
        elif norm != "none" or not path.endswith("bias") or path in biased:
            tensor[...] += rng.normal(0, 0.1, tensor.shape)
    load_weights(network, weights)
    return weights


def more_networks(norm):
    """Networks that pix2pixHD has, or the reference's ResNet, each with what the checking script has to know."""
    size = {"source_channels": 1, "target_channels": 3, "width": 4, "norm": norm}
    residual = {**size, "blocks": 2, "dropout": 0, "norm_statistics": "moving"}
    networks = [
        ({"network": "resnet", "depth": 2, "blocks": 2, "hd": False, "dropout": dropout}, resnet((64, 64), **residual))
        for dropout in (False, True)
    ]
    if norm == "none":
        return networks
    case = {"network": "resnet", "depth": 3, "blocks": 2, "hd": True, "dropout": False}
    networks.append((case, resnet((64, 64), depth=3, **residual)))
    networks.append(({**case, "network": "enhancer"}, local_enhancer((64, 64), depth=3, **residual)))
    case = {"network": "scales", "scales": 2, "layers": 3}
    return [*networks, (case, multiscale((64, 64), scales=2, n_layers=3, **size))]


@pytest.mark.slow
@pytest.mark.skipif(not PYTHON.exists(), reason="make torch makes the environment")
def test_torch_loads_our_files_and_we_load_torchs(tmp_path):
    rng = np.random.default_rng(1)
    source, target = (rng.uniform(-1, 1, (2, 64, 64, channels)).astype(np.float32) for channels in (1, 3))
    expected = {}
    for norm in ("batch", "instance", "none"):
        options = {"norm": norm, "source_channels": 1, "target_channels": 3, "width": 4}
        networks = [({"depth": 6}, unet((64, 64), 1, 3, width=4, norm=norm, dropout=0, norm_statistics="moving"))]
        for layers in (0, 1, 3) if norm != "none" else (1, 3):
            networks.append(({"layers": layers}, patchgan((64, 64), 1, 3, width=4, norm=norm, n_layers=layers)))
        networks += more_networks(norm)
        for more, network in networks:
            weights = moved(network, norm)
            is_generator = weights.kind == "generator"
            more = {"network": "unet" if is_generator else "patchgan", **more}
            folder = tmp_path / "_".join(map(str, (norm, *more.values())))
            folder.mkdir()
            case = {**options, **more, "affine": is_affine(weights)}
            case["inputs"] = ["source"] if is_generator else ["source", "target"]
            (folder / "case.json").write_text(json.dumps(case))
            inputs = source if is_generator else [source, target]
            for layer in network.layers:
                if hasattr(layer, "statistics"):
                    layer.statistics = "moving"
            outputs = {mode: network(inputs, training=mode == "train") for mode in ("eval", "train")}
            # Of several scales, the full size.
            outputs = {mode: output[0] if isinstance(output, list) else output for mode, output in outputs.items()}
            np.savez(folder / "arrays.npz", source=source, target=target, **outputs)
            for suffix in (".pth", ".safetensors"):
                write_file(to_torch(weights, 9, more.get("dropout", False)), folder / f"exported{suffix}")
            expected[folder] = weights
    command = [PYTHON, ROOT / "tests" / "torch" / "check.py", tmp_path]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    differences = {name: float(value) for name, value in map(str.split, result.stdout.splitlines())}
    assert differences.keys() == {folder.name for folder in expected}
    for name, difference in differences.items():
        # Both sides are float32, and the others have more layers than these.
        assert difference < (1e-5 if "unet" in name or "patchgan" in name else 3e-5), differences
    for folder, weights in expected.items():
        for name in ("new.pth", "legacy.pth", "parallel.pth", "protocol4.pth", "safe.safetensors"):
            tensors = read_weights(folder / name).tensors
            assert tensors.keys() == weights.tensors.keys(), (folder, name)
            assert all(tensor.tobytes() == weights.tensors[path].tobytes() for path, tensor in tensors.items()), name


@pytest.mark.slow
@pytest.mark.needs_shared
def test_every_export_of_an_imported_run_gives_the_references_numbers(tmp_path):
    golden = np.load(SHARED / "golden" / "reference_unet256_ngf4.npz")
    final = {key.removeprefix("final/G/"): golden[key] for key in golden.files if key.startswith("final/G/")}
    write_file(final, tmp_path / "latest_net_G.pth")
    pairs, run_dir = make_pairs(tmp_path / "pairs", train=1, val=2, size=256), tmp_path / "run"
    options = (f"--run_dir={run_dir}", f"--data={pairs}", "--norm_statistics=moving")
    assert call(import_torch, tmp_path / "latest_net_G.pth", *options) == 0
    # The pairs for the comparison with Keras are those that the run has kept.
    shutil.rmtree(pairs)
    out = {name: tmp_path / name for name in ("saved_model", "tflite", "onnx", "torch")}
    for name, folder in out.items():
        options = (f"--run_dir={run_dir}", f"--output={folder}", *(["--kinds=float32"] if name == "tflite" else []))
        assert call(command_module(f"export.{name}"), *options) == 0

    source, expected = golden["input"][0].astype(np.float32), golden["generator_output_eval_final"]
    served = tf.saved_model.load(out["saved_model"] / "1").signatures["translate"]
    session = onnxruntime.InferenceSession(out["onnx"] / "model.onnx")
    light = Interpreter(str(out["tflite"] / "float32.tflite")).get_signature_runner()
    outputs = {
        "saved_model": served(source=tf.constant(source))["generated"],
        "onnx": session.run(["generated"], {"source": source})[0],
        "tflite": np.concatenate([light(source=image[None])["generated"] for image in source]),
    }
    for name, output in outputs.items():
        np.testing.assert_allclose(output, expected, rtol=0, atol=1e-5, err_msg=name)
    state = read_tensors(out["torch"] / "latest_net_G.pth")
    assert all(
        state[name].tobytes() == tensor.tobytes() for name, tensor in final.items() if tensor.dtype == np.float32
    )
