"""Translates pictures of any size: reflects them up to a size that the generator takes, and cuts the result."""

import keras
import tensorflow as tf

from pipelines.images import fit
from pipelines.images.size import Size


def translate_any_size(generator: keras.Model, sources: tf.Tensor, step: int) -> tf.Tensor:
    """Translates `(N, H, W, source_channels)` in [-1, 1] to `(N, H, W, target_channels)`, whatever H and W are.

    Where H and W are multiples of `step` already, it does what the generator does.

    Args:
      generator: takes all sizes that are multiples of `step`.
      sources: of one shape.
      step: the multiple of the config.
    """
    height, width = sources.shape[1:3]
    if height and width and height % step == width % step == 0:
        return generator(sources, training=False)
    generated = generator(fit.reflect(sources, step), training=False)
    shape = tf.shape(sources)[1:3]
    cut = fit.cut(generated, fit.reflect_window(shape, step))
    cut.set_shape((None, height, width, None))
    return cut


class AnySize:
    """Translates sources of any size, as `translate_any_size` does, in compiled functions.

    TensorFlow traces the generator once for the native size, of which all is known in advance and which is faster, and
    once for all other sizes together.

    Args:
      generator: takes all sizes that are multiples of `step`.
      step: the multiple of the config.
      native: (height, width) that most sources have, such as that of training.
    """

    def __init__(self, generator: keras.Model, step: int, native: Size | None = None) -> None:
        self.native = native
        channels = generator.input_shape[-1]

        def compiled(height: int | None, width: int | None) -> tf.types.experimental.PolymorphicFunction:
            signature = [tf.TensorSpec((None, height, width, channels), tf.float32)]
            return tf.function(
                lambda sources: translate_any_size(generator, sources, step), input_signature=signature, autograph=False
            )

        self._of_native = compiled(*native) if native else None
        self._of_any = compiled(None, None)

    def __call__(self, sources: tf.Tensor) -> tf.Tensor:
        """Translates `(N, H, W, source_channels)` in [-1, 1] to `(N, H, W, target_channels)`."""
        if self._of_native and tuple(sources.shape[1:3]) == self.native:
            return self._of_native(sources)
        return self._of_any(sources)
