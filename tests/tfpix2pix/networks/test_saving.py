"""Checks that Keras saves, loads and clones both networks with the same numbers to the last bit."""

import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.runs import ROOT
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.generator import GENERATORS as BUILDERS
from tfpix2pix.networks.layers.attention import SelfAttention
from tfpix2pix.networks.layers.convolution import DownConvolution, UnitStrideConvolution, UpConvolution
from tfpix2pix.networks.layers.doubling import ResizeConvolution, ShuffleConvolution
from tfpix2pix.networks.layers.dropout import Dropout
from tfpix2pix.networks.layers.normalization import BatchNormalization
from tfpix2pix.networks.layers.padded_convolution import PaddedConvolution, TransposedConvolution
from tfpix2pix.networks.layers.pooling import HalvingPool

SIZE = (64, 64)
GENERATORS = {
    "batch, image": {},
    "batch, moving": {"norm_statistics": "moving"},
    "batch, synchronized": {"sync_batch_norm": True},
    "instance": {"norm": "instance"},
    "none": {"norm": "none"},
    "dropout at inference": {"depth": 6, "dropout_at_inference": True},
    "any size": {"image_size": (None, None)},
    "without products": {"products": False},
    "bfloat16": {"dtype": "mixed_bfloat16"},
    "resnet": {"kind": "resnet", "blocks": 2},
    "enhancer": {"kind": "resnet", "blocks": 1, "enhancers": 1, "attention": (1,), "upsample": "pixel_shuffle"},
    "reflect, resize, spectral": {"upsample": "resize", "padding": "reflect", "spectral_norm": True},
}
DISCRIMINATORS = {
    "batch": {},
    "instance": {"norm": "instance"},
    "none": {"norm": "none"},
    "pixel": {"n_layers": 0},
    "float16": {"dtype": "mixed_float16"},
}


def images(seed, batch=2):
    return np.random.default_rng(seed).uniform(-1, 1, (batch, *SIZE, 3)).astype("float32")


def stir(network):
    """Gives all float weights values that no initializer draws."""
    rng = np.random.default_rng(3)
    for variable in network.variables:
        if variable.dtype == "float32":
            variable.assign(rng.uniform(0.5, 1.5, variable.shape) * (variable.numpy() + 0.01))
    return network


def generator(kind="unet", **options):
    return stir(BUILDERS[kind](**({"image_size": SIZE, "depth": 3, "width": 2, "seed": 4} | options)))


def discriminator(**options):
    return stir(patchgan(**({"image_size": SIZE, "width": 2} | options)))


def saved_and_loaded(network, folder):
    network.save(folder / "network.keras")
    return keras.models.load_model(folder / "network.keras")


def assert_same_numbers(network, other, inputs):
    """Compares inference, training, and both again: statistics and dropout counts must change alike."""
    for training in (False, True, False, True):
        mine, theirs = (np.asarray(each(inputs, training=training)) for each in (network, other))
        assert mine.tobytes() == theirs.tobytes(), f"training={training}"
        assert np.isfinite(mine).all()
    for mine, theirs in zip(network.variables, other.variables, strict=True):
        assert mine.numpy().tobytes() == theirs.numpy().tobytes(), mine.path


@pytest.mark.parametrize("options", GENERATORS.values(), ids=GENERATORS)
def test_a_saved_generator_gives_the_same_numbers(options, tmp_path):
    network = generator(**options)
    # The next dropout mask depends on the count of calls.
    network(images(0), training=True)
    loaded = saved_and_loaded(network, tmp_path)
    assert_same_numbers(network, loaded, images(1))
    if options.get("norm", "batch") == "batch":
        layers = [layer for layer in loaded.layers if isinstance(layer, BatchNormalization)]
        assert {layer.statistics for layer in layers} == {options.get("norm_statistics", "image")}
        assert {layer.synchronized for layer in layers} == {options.get("sync_batch_norm", False)}


@pytest.mark.parametrize("options", DISCRIMINATORS.values(), ids=DISCRIMINATORS)
def test_a_saved_discriminator_gives_the_same_numbers(options, tmp_path):
    network = discriminator(**options)
    assert_same_numbers(network, saved_and_loaded(network, tmp_path), [images(0), images(1)])


@pytest.mark.parametrize("module", ["tfpix2pix", pytest.param("tfpix2pix.networks.layers", marks=pytest.mark.slow)])
def test_a_file_loads_in_another_process_by_one_import(tmp_path, module):
    network = generator()
    network.save(tmp_path / "g.keras")
    np.save(tmp_path / "x.npy", images(1))
    code = (
        f"import sys, keras, numpy, {module}; folder = sys.argv[1];"
        "generator = keras.models.load_model(folder + '/g.keras');"
        "numpy.save(folder + '/y.npy', generator(numpy.load(folder + '/x.npy'), training=False))"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=ROOT)
    assert np.load(tmp_path / "y.npy").tobytes() == network(images(1), training=False).numpy().tobytes()


def test_no_layer_holds_code_and_every_class_is_registered(tmp_path):
    for network in (generator(), discriminator()):
        network.save(tmp_path / "network.keras")
        with zipfile.ZipFile(tmp_path / "network.keras") as file:
            layers = json.loads(file.read("config.json"))["config"]["layers"]
        assert not {layer["class_name"] for layer in layers} & {"Lambda", "TFOpLambda", "Function"}
        ours = [layer for layer in layers if layer["module"].startswith("tfpix2pix")]
        assert ours
        assert all(layer["registered_name"] == f"tfpix2pix>{layer['class_name']}" for layer in ours)


@pytest.mark.parametrize(
    "layer",
    [
        DownConvolution(3, True, products=False, kernel_initializer="zeros", name="a"),
        UpConvolution(3, False, products=True, kernel_regularizer="l2", trainable=False),
        ResizeConvolution(3, True, reflect=True),
        ShuffleConvolution(3, False, kernel_initializer="zeros"),
        ShuffleConvolution(3, False, name="icnr"),
        SelfAttention(kernel_initializer="zeros"),
        HalvingPool(),
        PaddedConvolution(3, 5, True, stride=2, reflect=True, kernel_initializer="zeros"),
        TransposedConvolution(3, False, trainable=False),
        UnitStrideConvolution(3, True, dtype="mixed_bfloat16"),
        BatchNormalization("moving", synchronized=True, momentum=0.8, epsilon=1e-3, gamma_initializer="ones"),
        Dropout(0.25, seed=7, at_inference=True),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_is_made_again_from_its_config(layer):
    config = layer.get_config()
    assert json.loads(json.dumps(config)) == config
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == config
    assert again.dtype_policy == layer.dtype_policy


def test_the_machine_that_loads_decides_about_products(monkeypatch):
    layer = DownConvolution(3, True)
    for there in (True, False):
        monkeypatch.setattr("tfpix2pix.networks.layers.convolution.use_products", lambda there=there: there)
        again = DownConvolution.from_config(layer.get_config())
        again.build((1, 8, 8, 2))
        types = {
            operation.type
            for operation in tf.function(lambda x, again=again: again(x))
            .get_concrete_function(tf.TensorSpec((1, 8, 8, 2)))
            .graph.get_operations()
        }
        assert ("Conv2D" in types) is not there


@pytest.mark.parametrize("build", [generator, discriminator])
def test_a_clone_has_the_same_layers_and_no_shared_weights(build):
    network = build()
    inputs = images(1) if build is generator else [images(0), images(1)]
    clone = keras.models.clone_model(network)
    assert [layer.name for layer in clone.layers] == [layer.name for layer in network.layers]
    assert not {id(v) for v in clone.variables} & {id(v) for v in network.variables}
    clone.set_weights(network.get_weights())
    assert_same_numbers(network, clone, inputs)


def test_a_clone_with_layers_changed():
    """Changes an initializer, batch norm's statistics and the class of dropout; all else must stay."""

    def changed(layer):
        config = layer.get_config()
        if isinstance(layer, BatchNormalization):
            config["statistics"] = "moving"
        if layer.name == "up1":
            return UpConvolution.from_config(config | {"kernel_initializer": "zeros"})
        if isinstance(layer, Dropout):
            return keras.layers.Dropout(layer.rate, name=layer.name)
        return layer.__class__.from_config(config)

    network = generator()
    clone = keras.models.clone_model(network, clone_function=changed)
    assert not np.any(clone(images(1), training=False))
    clone.set_weights([v.numpy() for v in network.variables if v.name != "calls"])
    moving = generator(norm_statistics="moving")
    moving.set_weights(network.get_weights())
    assert clone(images(1)).numpy().tobytes() == moving(images(1)).numpy().tobytes()
    assert not any(isinstance(layer, Dropout) for layer in clone.layers)


def test_a_summary_names_each_layer_by_its_level():
    lines = []
    deep = generator(depth=6)
    deep.summary(print_fn=lambda line, **_: lines.append(line), line_length=120)
    text = "\n".join(lines)
    names = [layer.name for layer in deep.layers]
    assert names[:5] == ["source", "down1", "down2_relu", "down2", "down2_norm"]
    assert names[-4:] == ["up2_skip", "up1_relu", "up1", "generated"]
    assert "up5_dropout" in names
    assert all(name in text for name in names)
    assert [layer.name for layer in discriminator(n_layers=1).layers] == [
        *("source", "image", "pair", "down1", "down1_relu", "conv", "conv_norm", "conv_relu", "logits")
    ]


def test_names_are_the_same_in_every_network_of_a_process():
    assert [v.path for v in generator().variables] == [v.path for v in generator().variables]


def test_a_checkpoint_does_not_depend_on_the_names_of_layers(tmp_path):
    """Checkpoints of earlier versions have other names, such as `down_convolution_3`."""

    def renamed(layer):
        return layer.__class__.from_config(layer.get_config() | {"name": f"other_{layer.name}"})

    network = generator()
    network(images(0), training=True)
    other = keras.models.clone_model(network, clone_function=renamed)
    other.set_weights(network.get_weights())
    path = tf.train.Checkpoint(model=other).write(str(tmp_path / "c"))
    restored = generator(seed=5)
    tf.train.Checkpoint(model=restored).read(path).assert_consumed()
    for mine, theirs in zip(network.variables, restored.variables, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
