"""Weights fitted into another network: where all features are kept, both networks compute the same function."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from pipelines.images.transforms import LUMINANCE
from tfpix2pix.networks.discriminators.multiscale import multiscale
from tfpix2pix.networks.discriminators.patchgan import patchgan
from tfpix2pix.networks.generators.enhancer import local_enhancer
from tfpix2pix.networks.generators.resnet import resnet
from tfpix2pix.networks.generators.unet import unet
from tfpix2pix.networks.layers.pooling import HalvingPool
from tfpix2pix.weights.channels import Channels, Side
from tfpix2pix.weights.fit import NEW, PART, UNUSED, WHOLE, fit
from tfpix2pix.weights.network_weights import variables_of, weights_of

RGB = Channels(Side(3), Side(3))


def generator(source=3, target=3, width=2, size=16, depth=3, **options):
    return unet((size, size), source, target, width=width, depth=depth, **options)


def spread(network, seed=0):
    """Gives a network weights of the size of trained ones, so that all levels count."""
    rng = np.random.default_rng(seed)
    for variable in variables_of(network).values():
        scale = 0.3 if variable.path.endswith("kernel") else 0.5
        variable.assign(np.abs(rng.normal(0.7, scale, variable.shape)) if "_norm" in variable.path
                        else rng.normal(0, scale, variable.shape))  # fmt: skip
    return network


def fitted(old, new, old_sides=RGB, sides=RGB):
    """Fits old into new, and returns how each tensor was taken, and why."""
    shapes = {path: tuple(variable.shape) for path, variable in variables_of(new).items()}
    found = fit(weights_of(old, "the file"), old_sides, shapes, sides)
    for path, variable in variables_of(new).items():
        value = found.value(path, variable.numpy())
        if value is not None:
            variable.assign(value)
    assert {row.tensor for row in found.rows if row.shape} == {f"{new.name}/{path}" for path in shapes}
    return {row.tensor.split("/", 1)[1]: (row.taken, row.why) for row in found.rows}


def images(channels, size=16, seed=3):
    return tf.constant(np.random.default_rng(seed).uniform(-1, 1, (2, size, size, channels)).astype(np.float32))


def gray(image):
    return tf.reduce_sum(image * LUMINANCE, -1, keepdims=True)


def test_equal_networks_are_taken_whole():
    old, new = spread(generator()), generator()
    assert {*fitted(old, new).values()} == {(WHOLE, "")}
    np.testing.assert_array_equal(new(images(3)), old(images(3)))


@pytest.mark.parametrize(("before", "after"), [("transpose", "resize"), ("pixel_shuffle", "resize")])
def test_kernels_of_other_ways_up_are_not_taken(before, after):
    """A ResNet's transposed kernels are 3×3 as well, with their axes in another order."""
    old, new = (resnet((16, 16), width=2, depth=1, blocks=1, upsample=upsample) for upsample in (before, after))
    rows = fitted(spread(old), new)
    assert rows["up1/resize_kernel"] == (NEW, "not in the file")
    assert rows["up1_norm/gamma"] == (NEW, "up1/resize_kernel is not taken")
    assert {taken for path, (taken, _) in rows.items() if not path.startswith("up1")} == {WHOLE}


def test_a_wider_network_computes_the_same():
    old, new = spread(generator(width=2)), generator(width=3)
    taken = fitted(old, new)
    np.testing.assert_allclose(new(images(3)), old(images(3)), atol=1e-5)
    assert taken["down1/kernel"] == (PART, "more filters: the others are new")
    assert taken["up1/bias"] == (WHOLE, "")
    # Both inputs of up2 are wider: the skip and what comes from below.
    words = "more filters: the others are new; more inputs: the others start at 0"
    assert taken["up2/kernel"] == (PART, words)
    kernel = new.get_layer("down2").kernel.numpy()
    np.testing.assert_array_equal(kernel[..., :2, :4], old.get_layer("down2").kernel.numpy())
    assert not kernel[..., 2:, :4].any()
    assert kernel[..., :2, 4:].all()


def test_a_narrower_network_has_the_first_filters():
    old, new = spread(generator(width=3)), generator(width=2)
    taken = fitted(old, new)
    assert taken["down2_norm/gamma"] == (PART, "the first filters")
    kernels = (network.get_layer("up2").kernel.numpy() for network in (old, new))
    wide, narrow = kernels
    # (4, 4, filters, inputs): the skip has 6 channels of 3 to 4, and so has what comes from below.
    np.testing.assert_array_equal(narrow, wide[:, :, :2, [0, 1, 2, 3, 6, 7, 8, 9]])


def test_a_deeper_network_computes_the_same_where_no_norm_is_new():
    old = spread(generator(size=32, depth=3, norm="none"))
    new = generator(size=32, depth=4, norm="none")
    taken = fitted(old, new)
    np.testing.assert_allclose(new(images(3, 32)), old(images(3, 32)), atol=1e-5)
    assert taken["up3/kernel"] == (PART, "what comes from up4 starts at 0")
    assert taken["down4/kernel"] == taken["up4/kernel"] == (NEW, "not in the file")
    back = fitted(spread(generator(size=32, depth=4)), generator(depth=3))
    assert back["up3/kernel"] == (PART, "without what came from up4")
    assert back["down3_norm/gamma"] == back["down4/kernel"] == (UNUSED, "not in this network")


def test_gray_and_rgb():
    rgb, mono = spread(generator()), generator(1, 1)
    taken = fitted(rgb, mono, RGB, Channels(Side(1), Side(1)))
    assert taken["down1/kernel"] == (PART, "source_channels 3 to 1: R, G and B summed")
    assert taken["up1/bias"] == (PART, "target_channels 3 to 1: R, G and B by luminance")
    one = images(1)
    logits = [keras.Model(network.input, network.get_layer("up1").output) for network in (rgb, mono)]
    np.testing.assert_allclose(logits[1](one), gray(logits[0](tf.repeat(one, 3, -1))), atol=1e-4)

    mono, rgb = spread(generator(1, 1)), generator()
    taken = fitted(mono, rgb, Channels(Side(1), Side(1)), RGB)
    assert taken["down1/kernel"] == (PART, "source_channels 1 to 3: gray split by luminance")
    color = images(3)
    np.testing.assert_allclose(rgb(color), tf.repeat(mono(gray(color)), 3, -1), atol=1e-5)


def test_alpha_is_alpha():
    old, new = spread(generator(3, 3)), generator(4, 4)
    taken = fitted(old, new, RGB, Channels(Side(4), Side(4)))
    assert taken["down1/kernel"] == (PART, "source_channels 3 to 4: colors as they were, alpha starts at 0")
    assert taken["up1/bias"] == (PART, "target_channels 3 to 4: colors as they were, alpha is new")
    np.testing.assert_allclose(new(images(4))[..., :3], old(images(4)[..., :3]), atol=1e-5)
    two = generator(2, 2)
    fitted(new, two, Channels(Side(4), Side(4)), Channels(Side(2), Side(2)))
    np.testing.assert_array_equal(two.get_layer("down1").kernel[:, :, 1], new.get_layer("down1").kernel[:, :, 3])


@pytest.mark.parametrize("sides", [Channels(Side(5), Side(3)), Channels(Side(4, has_labels=True), Side(3))])
def test_channels_that_mean_something_else_start_anew(sides):
    old, new = spread(generator()), generator(sides.source.channels)
    before = new.get_layer("down1").kernel.numpy()
    taken = fitted(old, new, RGB, sides)
    assert taken["down1/kernel"] == (NEW, f"source_channels 3 to {sides.source.channels}: they do not mean the same")
    np.testing.assert_array_equal(new.get_layer("down1").kernel.numpy(), before)
    assert taken["down2/kernel"] == (WHOLE, "")


def test_other_norms_share_what_both_have():
    taken = fitted(spread(generator(norm="batch")), generator(norm="instance"))
    assert taken["down2/kernel"] == taken["down2_norm/gamma"] == (WHOLE, "")
    assert taken["down2/bias"] == (NEW, "not in the file")
    assert taken["down2_norm/moving_mean"] == (UNUSED, "not in this network")


def residual(source=3, target=3, width=2, depth=2, blocks=2, norm="instance", **options):
    return resnet((16, 16), source, target, width=width, depth=depth, blocks=blocks, norm=norm, dropout=0, **options)


def test_a_wider_resnet_computes_the_same():
    old, new = spread(residual()), residual(width=3)
    taken = fitted(old, new)
    np.testing.assert_allclose(new(images(3)), old(images(3)), atol=1e-4)
    words = "more filters: the others are new; more inputs: the others start at 0"
    assert {taken[f"{layer}/kernel"] for layer in ("block2_conv1", "block2_conv2", "up2", "down2")} == {(PART, words)}
    assert taken["last/kernel"] == (PART, "more inputs: the others start at 0")
    assert taken["last/bias"] == (WHOLE, "")
    # Transposed: (3, 3, filters, inputs).
    kernel = new.get_layer("up2").kernel.numpy()
    np.testing.assert_array_equal(kernel[:, :, :4, :8], old.get_layer("up2").kernel.numpy())
    assert not kernel[:, :, :4, 8:].any()


@pytest.mark.parametrize("norm", ["instance", "none"])
def test_more_blocks_add_nothing_at_first(norm):
    old, new = spread(residual(norm=norm)), residual(blocks=4, norm=norm)
    taken = fitted(old, new)
    np.testing.assert_allclose(new(images(3)), old(images(3)), atol=1e-5)
    path = "block3_conv2/kernel" if norm == "none" else "block3_conv2_norm/gamma"
    assert taken[path] == (NEW, "starts at 0, so that its block adds nothing yet")
    assert taken["block4_conv1/kernel"] == (NEW, "not in the file")
    assert new.get_layer("block4_conv1").kernel.numpy().any()
    fewer = fitted(old, residual(blocks=1, norm=norm))
    assert fewer["block1_conv2/kernel"] == (WHOLE, "")
    assert fewer["block2_conv1/kernel"] == (UNUSED, "not in this network")


def test_resnets_of_gray_and_rgb():
    rgb, mono = spread(residual()), residual(1, 1)
    taken = fitted(rgb, mono, RGB, Channels(Side(1), Side(1)))
    assert taken["first/kernel"] == (PART, "source_channels 3 to 1: R, G and B summed")
    assert taken["last/bias"] == (PART, "target_channels 3 to 1: R, G and B by luminance")
    one = images(1)
    logits = [keras.Model(network.input, network.get_layer("last").output) for network in (rgb, mono)]
    np.testing.assert_allclose(logits[1](one), gray(logits[0](tf.repeat(one, 3, -1))), atol=1e-4)


def test_a_resnet_of_another_depth_shares_the_outer_levels():
    taken = fitted(spread(residual(depth=2)), residual(depth=3))
    for layer in ("first", "down1", "down2", "up1", "last"):
        assert taken[f"{layer}/kernel"] == (WHOLE, ""), layer
    assert taken["down3/kernel"] == taken["up3/kernel"] == (NEW, "not in the file")
    # Blocks have other features before them, of another size; so has up2.
    for layer in ("block1_conv1", "up2"):
        assert taken[f"{layer}/kernel"][0] == NEW
        assert "was not trained on: " in taken[f"{layer}/kernel"][1]
    # A block is new as the others are: its scales need not be 0.
    assert not any("starts at 0, so" in why for _, why in taken.values())


def test_the_enhancers_global_part_is_the_resnet_of_half_the_size():
    old, new = spread(residual(width=4)), local_enhancer((32, 32), width=2, depth=2, blocks=2, norm="instance")
    taken = fitted(old, new)
    local = {path for path in taken if path.startswith("local_")}
    assert {taken[path] for path in local} == {(NEW, "not in the file")}
    assert taken["last/kernel"] == taken["last/bias"] == (UNUSED, "not in this network")
    rest = taken.keys() - local - {"last/kernel", "last/bias"}
    assert {taken[path] for path in rest} == {(WHOLE, "")}
    # Its features are those that the ResNet gives to its last convolution, of half the picture.
    source = images(3, 32)
    features = keras.Model(old.input, old.get_layer("last").input)
    found = keras.Model(new.input, new.get_layer("local_sum").input[1])(source)
    np.testing.assert_allclose(found, features(HalvingPool()(source)), atol=1e-5)
    wider = local_enhancer((32, 32), width=3, depth=2, blocks=2, norm="instance")
    taken = fitted(new, wider)
    words = "more filters: the others are new; more inputs: the others start at 0"
    assert taken["local_block1_conv1/kernel"] == taken["local_up1/kernel"] == (PART, words)
    np.testing.assert_allclose(wider(source), new(source), atol=1e-4)


@pytest.mark.parametrize("build", [generator, residual])
def test_a_wider_network_of_another_way_up_computes_the_same(build):
    old, new = spread(build(upsample="resize")), build(width=3, upsample="resize")
    assert fitted(old, new)["up2/resize_kernel"][0] == PART
    np.testing.assert_allclose(new(images(3)), old(images(3)), atol=2e-4)
    old, new = spread(build(upsample="pixel_shuffle")), build(width=3, upsample="pixel_shuffle")
    assert fitted(old, new)["up2/shuffle_kernel"] == (NEW, "other filters, which lie pixel by pixel")


def test_a_unet_and_a_resnet_have_nothing_in_common():
    for old, new in ((generator(), residual()), (residual(), generator())):
        rows = fitted(spread(old), new).values()
        assert {taken for taken, _ in rows} == {NEW, UNUSED}
        assert any("a ResNet and a U-Net have nothing in common" in why for _, why in rows)


def discriminator(source=3, image=3, width=2, n_layers=2):
    return patchgan((32, 32), source, image, width=width, n_layers=n_layers)


def test_scales_meet_by_their_number():
    def of_scales(scales, width=2):
        return multiscale((32, 32), width=width, scales=scales, n_layers=2, norm="instance")

    old, new = spread(of_scales(2)), of_scales(3, width=3)
    taken = fitted(old, new)
    words = "more filters: the others are new; more inputs: the others start at 0"
    assert taken["scale2_down2/kernel"] == taken["scale1_conv/kernel"] == (PART, words)
    assert taken["scale1_logits/kernel"] == (PART, "more inputs: the others start at 0")
    assert taken["scale3_down1/kernel"] == (NEW, "not in the file")
    source, image = images(3, 32), images(3, 32, seed=4)
    for there, here in zip(old([source, image]), new([source, image]), strict=False):
        np.testing.assert_allclose(here, there, atol=1e-4)


def judge(network, *pair):
    return network(pair).numpy()


def test_a_discriminator_maps_both_of_its_inputs():
    old, new = spread(discriminator()), discriminator(1, 3, width=3)
    taken = fitted(old, new, RGB, Channels(Side(1), Side(3)))
    words = "more filters: the others are new; source_channels 3 to 1: R, G and B summed"
    assert taken["down1/kernel"] == (PART, words)
    source, image = images(1, 32), images(3, 32, seed=4)
    np.testing.assert_allclose(judge(new, source, image), judge(old, tf.repeat(source, 3, -1), image), atol=1e-4)


def test_a_discriminator_alone_does_not_say_what_it_sees():
    old = spread(discriminator())
    # Six channels are two images of three; four can be several things.
    assert fitted(old, discriminator(1, 1), None, Channels(Side(1), Side(1)))["down1/kernel"][0] == PART
    assert fitted(spread(discriminator(1, 3)), discriminator(), None, RGB)["down1/kernel"] == (
        NEW,
        "takes in what it was not trained on: source and image instead of pair",
    )
    assert fitted(old, discriminator(), None, RGB)["down1/kernel"] == (WHOLE, "")


def test_discriminators_of_other_layers_share_their_first_ones():
    taken = fitted(spread(discriminator(n_layers=2)), discriminator(n_layers=1))
    assert taken["down1/kernel"] == (WHOLE, "")
    assert taken["conv/kernel"] == (NEW, "takes in what it was not trained on: down1 instead of down2")
    assert taken["conv_norm/gamma"] == (NEW, "conv/kernel is not taken")
    assert taken["down2/kernel"] == (UNUSED, "not in this network")
    assert {row[0] for row in fitted(discriminator(n_layers=0), discriminator()).values()} == {NEW, UNUSED}
