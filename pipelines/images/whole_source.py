"""Reads a whole source for translation, in a size that the generator takes; the picture is found in it again."""

from typing import NamedTuple

import tensorflow as tf

from pipelines.images import fit
from pipelines.images.choices import OWN_SCALE, OWN_SHAPE
from pipelines.images.pair_format import PairFormat
from pipelines.images.transforms import Image


class WholeSource(NamedTuple):
    """A source as the generator takes it.

    Attributes:
      image: `(H, W, channels)` in [0, 1].
      window: where the picture lies in it, (top, left, height, width), int32; around it are a border or reflections.
      size: (height, width) of the picture in its file, int32.
    """

    image: Image
    window: tf.Tensor
    size: tf.Tensor


def read_whole_source(
    form: PairFormat,
    contents: tf.Tensor,
    pair: bool,
    step: int,
    name: tf.Tensor | str = "it",
    in_model: bool = False,
) -> WholeSource:
    """Reads a source, brings it to the scale of the form, and reflects it at its edges up to a multiple of `step`.

    A picture that keeps its shape (one of choices.OWN_SHAPE) is not cropped. One that `pad` brings to the size of the
    form has a border. `resize_and_crop` squeezes it to that size.

    Args:
      form: how sources are read.
      contents: the bytes of an image file, or of a pair.
      pair: whether it is a pair, and half of it is the source.
      step: sides of the result are multiples of it.
      name: names the image in the errors of a graph.
      in_model: as ImageFormat.read has it.

    Raises:
      BadImageError: eagerly, if it cannot be read.
      tf.errors.OpError: in a graph, likewise.
    """
    own = form.read_source(contents, pair, name, in_model)
    if tf.executing_eagerly() and form.preprocess in OWN_SCALE:
        height, width, _ = own.shape
        if height % step == width % step == 0:
            # It stays as it is. To find that out by TensorFlow's operations takes as long as to decode it.
            return WholeSource(own, tf.constant((0, 0, height, width)), tf.constant((height, width)))
    source = fit.scale(own, form.size, form.preprocess, form.source.resize_method, form.network_size)
    window = tf.concat([[0, 0], tf.shape(source)[:2]], axis=0)
    if form.preprocess not in OWN_SHAPE:
        window = fit.pad_window(window[2:], form.size)
        source = fit.pad(source, form.size, form.source.border)
    corner = fit.reflect_window(tf.shape(source)[:2], step)[:2]
    return WholeSource(fit.reflect(source, step), window + tf.concat([corner, [0, 0]], axis=0), tf.shape(own)[:2])
