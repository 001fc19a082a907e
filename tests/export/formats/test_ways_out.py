"""Every kind of generator through every kind of file, by the exporters' own bounds, at other sizes too."""

import keras
import numpy as np
import onnxruntime
import pytest

from export.formats import onnx
from export.formats.choices import TFLITE_BOUNDS
from export.formats.litert import convert
from export.formats.parity import psnr
from export.formats.resizable import Resizable
from export.formats.saved_model import export_saved_model
from tests.helpers.runs import untrained
from tfpix2pix.exported.tflite_file import Runner
from tfpix2pix.networks.generators.generator import GENERATORS

NATIVE, OTHERS = (32, 32), ((40, 32), (24, 48))
NETWORKS = {
    "unet": {},
    "unet, instance": {"norm": "instance"},
    "unet, resize, reflect": {"upsample": "resize", "padding": "reflect"},
    "unet, pixel_shuffle": {"upsample": "pixel_shuffle", "norm_statistics": "moving"},
    "unet, attention": {"attention": (2,)},
    "unet, spectral": {"spectral_norm": True},
    "resnet, instance": {"blocks": 1, "norm": "instance"},
    "resnet, image": {"blocks": 1},
    "resnet, moving": {"blocks": 1, "norm_statistics": "moving"},
    "resnet, pixel_shuffle, spectral": {"blocks": 1, "upsample": "pixel_shuffle", "spectral_norm": True},
    "resnet, resize, zero, attention": {"blocks": 1, "upsample": "resize", "padding": "zero", "attention": (2,)},
    "enhancer, instance": {"blocks": 1, "enhancers": 1, "norm": "instance"},
}
# Together they have all operations.
FAST = [(name, "float32") for name in ("enhancer, instance", "resnet, resize, zero, attention")]
# The options of Config where they have other names.
OF_CONFIG = {"attention": ("attention_at", "8"), "spectral_norm": ("generator_spectral_norm", True)}


def network(name: str) -> keras.Model:
    """Builds a generator for any size, whose layers keep the variance of what they are given."""
    kind = "unet" if name.startswith("unet") else "resnet"
    depth = {"depth": 3 if kind == "unet" else 2}
    generator = GENERATORS[kind]((None, None), width=4, dropout=0, products=False, **depth, **NETWORKS[name])
    rng = np.random.default_rng(0)
    for variable in generator.variables:
        if len(variable.shape) == 4:
            variable.assign(rng.normal(0, 1.2 / np.sqrt(np.prod(variable.shape[:3])), variable.shape))
        elif "variance" in variable.path:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.path.endswith("bias"):
            variable.assign(rng.normal(0, 0.1, variable.shape))
        elif "attention" in variable.path:
            variable.assign(rng.normal(0.5, 0.2, variable.shape))
    return generator


def pictures(size, count=1):
    """Draws blocks of 8×8 pixels."""
    blocks = np.random.default_rng(sum(size)).uniform(-1, 1, (count, size[0] // 8, size[1] // 8, 3))
    return np.kron(blocks, np.ones((1, 8, 8, 1))).astype(np.float32)


def assert_near(generator, translate, bound):
    for size in (NATIVE, *OTHERS):
        (source,) = pictures(size)
        expected = generator(source[None], training=False)[0].numpy()
        assert np.std(expected) > 0.05
        assert psnr(expected, translate(source)) > bound, size


@pytest.mark.parametrize("name", NETWORKS)
def test_operations_for_any_size_compute_what_the_generator_does(name):
    generator = network(name)
    resizable = Resizable(generator)
    assert_near(generator, lambda source: resizable(source[None])[0].numpy(), 110)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param(name, kind, marks=() if (name, kind) in FAST else pytest.mark.slow)
        for name in NETWORKS
        for kind in TFLITE_BOUNDS
    ],
)
def test_tflite(name, kind):
    generator = network(name)
    ((_, file),) = convert(generator, NATIVE, [kind], [*pictures(NATIVE, 20)], {"any_size": True})
    # With own statistics int8 loses most in deep networks; these are small, and float32 is the proof of the operations.
    assert_near(generator, Runner(file, 1), TFLITE_BOUNDS[kind] - 6 * ("int8" in kind))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_onnx(name):
    generator = network(name)
    file = onnx.convert(generator, None, {"description": "", "any_size": True})
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    assert_near(generator, lambda source: session.run(None, {"source": source[None]})[0][0], onnx.BOUND)
    both = pictures(NATIVE, 2)
    expected = generator(both, training=False)
    np.testing.assert_allclose(session.run(None, {"source": both})[0], expected, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_saved_model_compares_its_signatures_itself(name, short_run, strategies, tmp_path):
    options = dict(OF_CONFIG.get(option, (option, value)) for option, value in NETWORKS[name].items())
    kind = "unet" if name.startswith("unet") else "resnet"
    more = {
        "image_size": NATIVE,
        "data": str(short_run.parent / "pairs"),
        "generator": kind,
        "depth": 3 if kind == "unet" else 2,
    }
    run_dir = untrained(tmp_path / "run", strategies[1], gain=5.0, **more, **options)
    version = export_saved_model(run_dir, tmp_path / "model", parity_images=1)
    assert (version / "saved_model.pb").exists()
