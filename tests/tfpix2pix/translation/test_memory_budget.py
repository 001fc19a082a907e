"""The memory of a translation, counted by hand for a small network."""

import keras
from keras import layers

from tfpix2pix.config import Config
from tfpix2pix.networks.memory_estimate import peak_floats
from tfpix2pix.translation.memory_budget import MIB, bytes_per_pixel, free_mib, pixels_that_fit


def test_peak_by_hand():
    source = keras.Input((4, 4, 1))
    down = layers.Conv2D(8, 2, 2)(source)  # 2×2×8 = 32
    wide = layers.Conv2D(20, 1)(down)  # 2×2×20 = 80
    up = layers.Conv2DTranspose(2, 2, 2)(wide)  # 4×4×2 = 32
    joined = layers.Concatenate()([source, up])  # 4×4×3 = 48
    # The source, 16, is held until the end; `down` until `wide` is computed.
    assert peak_floats(keras.Model(source, joined)) == max(16 + 32 + 80, 16 + 80 + 32, 16 + 32 + 48)


def test_twice_the_width_has_half_the_pixels():
    one, two = (Config(image_size=(64, 64), generator_width=width) for width in (8, 16))
    assert bytes_per_pixel(two) == 2 * bytes_per_pixel(one)
    assert pixels_that_fit(one, 100) == 100 * MIB // bytes_per_pixel(one)
    assert 0 < pixels_that_fit(one) <= free_mib() * MIB
