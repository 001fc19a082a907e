"""Reads a whole source for translation, in a size that the generator takes; the picture is found in it again."""

import tensorflow as tf

from pipelines.images import fit
from pipelines.images.choices import OWN_SHAPE
from pipelines.images.pair_format import PairFormat
from pipelines.images.transforms import Image


def read_whole_source(form: PairFormat, contents: tf.Tensor, pair: bool, step: int) -> tuple[Image, tf.Tensor]:
    """Returns a source in [0, 1], and where the picture lies in it: (top, left, height, width), int32.

    A picture that keeps its shape (one of choices.OWN_SHAPE) is not cropped, but reflected at its edges. One that `pad`
    brings to the network's size has a border. `resize_and_crop` squeezes it, and it fills all.

    Args:
      form: how sources are read.
      contents: the bytes of an image file, or of a pair.
      pair: whether it is a pair, and half of it is the source.
      step: sides of the result are multiples of it, where the picture keeps its shape.
    """
    source = form.read_source(contents, pair, whole=True)
    shape = tf.shape(source)[:2]
    if form.preprocess in OWN_SHAPE:
        return fit.reflect(source, step), fit.reflect_window(shape, step)
    return fit.pad(source, form.size, form.source.border), fit.pad_window(shape, form.size)
