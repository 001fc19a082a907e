"""Checks that the same weights give the numbers that the PyTorch reference computed (in float64)."""

import numpy as np
import pytest
import tensorflow as tf

from tests.helpers.golden import SHARED, learned, load_weights, running, state_dict
from tfpix2pix.config import Config
from tfpix2pix.model.gradients import discriminator_gradients, generator_gradients
from tfpix2pix.model.state import Pix2Pix, generator_of
from tfpix2pix.model.step import make_train_step
from tfpix2pix.model.updates.optimizer import Adam
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.unet import unet

pytestmark = pytest.mark.needs_shared
LOSS_NAMES = ("discriminator/real", "discriminator/fake", "generator/adversarial", "generator/l1")
CONFIG = Config(
    generator_width=4, discriminator_width=4, dropout=0.0, batch_size=2, norm_statistics="moving"
).resolved()


class TorchAdam(Adam):
    """Adds Adam's epsilon as torch does, to the root of the *corrected* second moment."""

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        m, v = (slots[index].value for slots in (self._momentums, self._velocities))
        dtype = gradient.dtype
        step = tf.cast(tf.convert_to_tensor(self.iterations) + 1, dtype)
        beta1, beta2 = tf.cast(self.beta_1, dtype), tf.cast(self.beta_2, dtype)
        m.assign(beta1 * m + (1 - beta1) * gradient)
        v.assign(beta2 * v + (1 - beta2) * gradient**2)
        corrected = m / (1 - beta1**step)
        root = tf.sqrt(v / (1 - beta2**step)) + self.epsilon
        variable.assign_sub(tf.cast(2e-4, dtype) * corrected / root)


@pytest.fixture(scope="module")
def golden():
    return np.load(SHARED / "golden" / "reference_unet256_ngf4.npz")


def build(golden, optimizer_class=Adam):
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    model = Pix2Pix(CONFIG, strategy, total_steps=100)
    load_weights(model.generator, state_dict(golden, "initial/G"))
    load_weights(model.discriminator, state_dict(golden, "initial/D"))
    if optimizer_class is not Adam:
        with strategy.scope():
            for name in ("generator", "discriminator"):
                adam = optimizer_class(2e-4, beta_1=0.5, beta_2=0.999, epsilon=1e-8)
                adam.build(getattr(model, name).trainable_variables)
                setattr(model, f"{name}_optimizer", adam)
    return model, strategy


def batch(golden, step, dtype="float32"):
    return tf.constant(golden["input"][step].astype(dtype)), tf.constant(golden["target"][step].astype(dtype))


def relative(ours, theirs):
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def test_parameter_counts_are_the_papers():
    def trainable(network):
        return sum(int(np.prod(v.shape)) for v in network.trainable_variables)

    assert trainable(unet()) == 54_413_955
    assert trainable(patchgan()) == 2_768_705


def test_outputs_and_logits(golden):
    model, _ = build(golden)
    source, target = batch(golden, 0)
    generated = model.generator(source, training=True)
    np.testing.assert_allclose(generated, golden["generator_output"], atol=1e-5)
    for image, name in ((generated, "logits_fake"), (target, "logits_real")):
        logits = model.discriminator([source, image], training=True)
        np.testing.assert_allclose(logits, golden[name], atol=1e-5)


def gradients(model, strategy, source, target):
    """Returns both networks' gradients of the first step, the generator's through the updated discriminator."""

    @tf.function
    def run(source, target):
        def replica(source, target):
            with tf.GradientTape() as tape:
                generated = model.generator(source, training=True)
            of_d, _ = discriminator_gradients(model, source, target, generated)
            model.discriminator_optimizer.apply(of_d, model.discriminator.trainable_variables)
            of_g, _ = generator_gradients(model, source, target, [generated], tape)
            return of_d, of_g

        return strategy.run(replica, args=(source, target))

    return run(source, target)


# Three steps from the same start, below, end elsewhere if a gradient is wrong.
@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "bound_d", "bound_g"), [("float32", 1e-4, 1e-3), ("float64", 1e-7, 1e-3)])
def test_gradients(golden, request, dtype, bound_d, bound_g):
    if dtype == "float64":
        request.getfixturevalue("float64")
    of_d, of_g = gradients(*build(golden), *batch(golden, 0, dtype))
    for ours, prefix, bound in ((of_d, "gradient/D", bound_d), (of_g, "gradient/G", bound_g)):
        theirs = learned(state_dict(golden, prefix))
        flat = [np.concatenate([np.ravel(a) for a in arrays]) for arrays in (ours, theirs)]
        assert relative(*flat) < bound
        for mine, other in zip(ours, theirs, strict=True):
            assert relative(np.asarray(mine), other) < 10 * bound


def train_three_steps(golden, dtype="float32", optimizer_class=Adam):
    model, strategy = build(golden, optimizer_class)
    step = make_train_step(model, strategy)
    metrics = [step(*batch(golden, i, dtype)) for i in range(3)]
    return model, np.array([[float(m[name]) for name in LOSS_NAMES] for m in metrics])


def assert_final_weights(golden, model, bound):
    for network, prefix in ((model.generator, "final/G"), (model.discriminator, "final/D")):
        arrays = state_dict(golden, prefix)
        for variable, theirs in zip(network.trainable_variables, learned(arrays), strict=True):
            np.testing.assert_allclose(variable, theirs, atol=bound, err_msg=variable.path)
        means = [layer.moving_mean for layer in network.layers if hasattr(layer, "moving_mean")]
        for ours, theirs in zip(means, running(arrays, "mean"), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_three_steps_with_our_optimizer(golden):
    model, losses = train_three_steps(golden)
    np.testing.assert_allclose(losses, golden["losses"], atol=1e-4)
    assert_final_weights(golden, model, bound=1.2e-3)


def test_three_steps_in_float64_with_torchs_epsilon(golden, float64):
    model, losses = train_three_steps(golden, "float64", TorchAdam)
    np.testing.assert_allclose(losses, golden["losses"], atol=1e-8)
    assert_final_weights(golden, model, bound=1e-6)


def test_inference_with_moving_averages(golden):
    generator = generator_of(CONFIG)
    load_weights(generator, state_dict(golden, "final/G"))
    generated = generator(golden["input"][0].astype("float32"), training=False)
    np.testing.assert_allclose(generated, golden["generator_output_eval_final"], atol=1e-5)


def test_inference_with_image_statistics_is_training_mode_at_batch_1(golden):
    arrays = state_dict(golden, "final/G")
    by_image = generator_of(CONFIG, norm_statistics="image")
    load_weights(by_image, arrays)
    source = golden["input"][0].astype("float32")
    together = by_image(source, training=False)
    for i in range(2):
        alone = by_image(source[i : i + 1], training=True)
        np.testing.assert_allclose(together[i], alone[0], atol=1e-5)
