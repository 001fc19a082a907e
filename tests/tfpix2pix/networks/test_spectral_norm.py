"""Checks spectral norm against a NumPy twin of torch.nn.utils.spectral_norm, and its gradient by finite differences."""

import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from tfpix2pix.networks.folded import folded
from tfpix2pix.networks.layers.convolution import DownConvolution, UnitStrideConvolution, UpConvolution
from tfpix2pix.networks.layers.padded_convolution import TransposedConvolution
from tfpix2pix.networks.layers.spectral_norm import NORMALIZED, SpectralNorm, spectral_norm

X = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
# Both ways to compute, and the transposed kernels, whose axes lie otherwise.
PLAIN = {
    "down": lambda: DownConvolution(5, True, products=False, name="a"),
    "down, products": lambda: DownConvolution(5, True, products=True, name="a"),
    "unit stride": lambda: UnitStrideConvolution(5, False, products=False, name="a"),
    "unit stride, products": lambda: UnitStrideConvolution(5, False, products=True, name="a"),
    "up": lambda: UpConvolution(5, True, products=False, name="a"),
    "up, products": lambda: UpConvolution(5, True, products=True, name="a"),
    "Conv2D": lambda: layers.Conv2D(5, 3, name="a"),
    "transposed": lambda: TransposedConvolution(5, True, name="a"),
}


def use_kernel(layer, kernel):
    """Sets the kernel of a built plain convolution."""
    next(v for v in layer.variables if v.name == "kernel").assign(kernel)


def torchs(kernel, u, transposed):
    """torch's compute_weight in training, with one iteration: (kernel / sigma, the new u, sigma)."""
    # torch has (out, in, h, w), and (in, out, h, w) with dim=1 of a transposed convolution.
    weight = np.moveaxis(kernel, -2 if transposed else -1, 0)
    matrix = weight.reshape(len(weight), -1)
    v = matrix.T @ u
    v = v / max(np.linalg.norm(v), 1e-12)
    u = matrix @ v
    u = u / max(np.linalg.norm(u), 1e-12)
    sigma = u @ (matrix @ v)
    return kernel / sigma, u, sigma


@pytest.mark.parametrize("make", PLAIN.values(), ids=PLAIN)
def test_calls_in_training_are_torchs(make):
    plain, normalized = make(), spectral_norm(make())
    for layer in (plain, normalized):
        layer.build(X.shape)
    kernel, u = normalized.kernel.numpy(), normalized.u.numpy()
    assert abs(np.linalg.norm(u) - 1) < 1e-6
    transposed = isinstance(plain, layers.Conv2DTranspose)
    for _ in range(3):
        expected, u, _ = torchs(kernel, u, transposed)
        use_kernel(plain, expected)
        np.testing.assert_allclose(normalized(X, training=True), plain(X), atol=1e-5)
        np.testing.assert_allclose(normalized.u, u, atol=1e-6)
    np.testing.assert_array_equal(normalized.kernel, kernel)


@pytest.mark.parametrize("name", ["down, products", "up"])
def test_sigma_becomes_the_largest_singular_value_and_stays_where_nothing_learns(name):
    # How fast the iteration converges depends on the two largest singular values of the kernel that is drawn.
    keras.utils.set_random_seed(0)
    layer = spectral_norm(PLAIN[name]())
    layer.build(X.shape)
    for _ in range(50):
        layer.divided_kernel(learns=True)
    kernel, u = layer.kernel.numpy(), layer.u.numpy()
    largest = np.linalg.svd(np.moveaxis(kernel, layer.output_axis, 0).reshape(5, -1), compute_uv=False)[0]
    np.testing.assert_allclose(layer.divided_kernel(), kernel / largest, rtol=1e-3)
    layer(X)
    layer.trainable = False
    layer(X, training=True)
    np.testing.assert_array_equal(layer.u, u)


@pytest.mark.parametrize("name", ["down, products", "transposed"])
def test_the_gradient_passes_sigma_with_u_and_v_constant(name, float64):
    # How exact the finite difference is depends on the kernel that is drawn.
    keras.utils.set_random_seed(0)
    layer = spectral_norm(PLAIN[name]())
    x = X.astype("float64")
    layer.build(x.shape)
    kernel, u = layer.kernel.numpy(), layer.u.numpy()
    transposed = isinstance(layer, layers.Conv2DTranspose)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(x, training=True) ** 2)
    gradient = tape.gradient(loss, layer.kernel.value)
    # The loss as a function of the kernel alone: quadratic in kernel / sigma, with u and v of the first kernel.
    matrix = np.moveaxis(kernel, layer.output_axis, 0).reshape(5, -1)
    v = matrix.T @ u / np.linalg.norm(matrix.T @ u)
    _, u, _ = torchs(kernel, u, transposed)
    plain = PLAIN[name]()
    plain.build(x.shape)

    def loss_of(changed):
        sigma = u @ np.moveaxis(changed, layer.output_axis, 0).reshape(5, -1) @ v
        use_kernel(plain, changed / sigma)
        return float(tf.reduce_sum(plain(x) ** 2))

    direction = np.random.default_rng(1).normal(size=kernel.shape)
    numeric = (loss_of(kernel + 1e-6 * direction) - loss_of(kernel - 1e-6 * direction)) / 2e-6
    np.testing.assert_allclose(np.sum(gradient * direction), numeric, rtol=1e-7)


def network():
    x = keras.Input((8, 8, 3))
    y = spectral_norm(DownConvolution(4, True, name="down"))(x)
    return keras.Model(x, spectral_norm(UpConvolution(3, True, name="up"))(y))


def test_u_is_saved_and_loaded(tmp_path):
    first = network()
    for _ in range(2):
        first(X, training=True)
    first.save(tmp_path / "n.keras")
    loaded = keras.models.load_model(tmp_path / "n.keras")
    other = network()
    path = tf.train.Checkpoint(n=first).write(str(tmp_path / "c"))
    tf.train.Checkpoint(n=other).read(path).assert_consumed()
    for training in (False, True, True):
        y = first(X, training=training).numpy()
        for again in (loaded, other):
            assert again(X, training=training).numpy().tobytes() == y.tobytes()


def test_plain_convolutions_compute_the_same_at_inference():
    first = network()
    plain = folded(first)
    assert not any(isinstance(layer, SpectralNorm) for layer in plain.layers)
    np.testing.assert_allclose(plain(X), first(X), atol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_half_precision_divides_a_float32_kernel(policy):
    exact, low = (spectral_norm(DownConvolution(5, True, dtype=dtype)) for dtype in ("float32", policy))
    for layer in (exact, low):
        layer.build(X.shape)
    low.set_weights(exact.get_weights())
    a, b = exact(X, training=True), low(X, training=True)
    assert b.dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(tf.cast(b, "float32"), a, atol=0.05)
    np.testing.assert_array_equal(low.u, exact.u)


def test_in_loops_compiled_and_on_replicas(strategies):
    with strategies[2].scope():
        layer = spectral_norm(UpConvolution(4, False))
        layer.build(X.shape)
    kernel, u = layer.kernel.numpy(), layer.u.numpy()
    for _ in range(3):
        expected, u, _ = torchs(kernel, u, transposed=True)
    x = tf.constant(X)

    def call(i, _):
        compiled = tf.function(lambda x: layer(x, training=True), jit_compile=True, autograph=False)
        return i + 1, compiled(x)

    @tf.function
    def three_calls():
        def replica():
            return tf.while_loop(lambda i, _: i < 3, call, (0, tf.zeros((2, 16, 16, 4))))[1]

        return strategies[2].experimental_local_results(strategies[2].run(replica))

    plain = UpConvolution(4, False)
    plain.build(X.shape)
    use_kernel(plain, expected)
    for y in three_calls():
        np.testing.assert_allclose(y, plain(X), atol=1e-5)
    for each in strategies[2].experimental_local_results(layer.u.value):
        np.testing.assert_allclose(each, u, atol=1e-6)


def test_every_class_is_made_again_from_its_config():
    for plain, normalized in NORMALIZED.items():
        sized = "kernel_size" in inspect.signature(plain).parameters
        layer = spectral_norm(plain(3, **({"kernel_size": 3} if sized else {}), use_bias=True))
        assert type(layer) is normalized
        assert keras.saving.get_registered_name(normalized) == f"tfpix2pix>{normalized.__name__}"
        assert normalized.from_config(layer.get_config()).get_config() == layer.get_config()


def test_a_network_that_was_first_built_in_a_graph_is_built_outside_of_it():
    """Commands estimate the memory of a network in a graph before anything else is built."""
    keras.utils.clear_session()
    with tf.Graph().as_default():
        spectral_norm(DownConvolution(3, True)).build((1, 4, 4, 2))
    layer = spectral_norm(DownConvolution(3, True))
    layer.build((1, 4, 4, 2))
    np.testing.assert_allclose(np.linalg.norm(layer.u), 1, rtol=1e-6)
