"""The served model: image files in, image files out, by TensorFlow's own operations alone."""

from collections.abc import Callable

import keras
import tensorflow as tf

from pipelines.images import result_format, transforms
from pipelines.images.array_file import PNG_CHANNELS
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.images.result_format import ResultFormat

# The most images in one request, whatever the size of the batches that they are computed in.
MAX_REQUEST = 1024
# How long an image waits for others to share its batch, and how many batches may wait before requests are refused.
BATCH_TIMEOUT_MICROS = 2000
MAX_WAITING_BATCHES = 100

MAX_PNG = 2**16 - 1
# The signatures.
FILES, FLOATS = "serving_default", "translate"

Generate = Callable[[tf.Tensor], tf.Tensor]


class Servable(tf.Module):
    """A generator with the two signatures that it is served by.

    Args:
      generator: takes images of any size that its depth allows, with form's channels.
      form: size, channels and resize method of a source, and how many pixels an image may have.
      depth: how often the generator halves an image.
      max_batch_size: how many images of concurrent `serving_default` requests are computed together; 0: each request by
        itself. In both cases an image that cannot be read fails its own request and no other.
      dtype: the type of the numbers in results, one of choices.NUMBER_TYPES.

    Attributes:
      no_files: why there is no signature from files to files, in words that follow its name; None if there is one.
    """

    def __init__(
        self, generator: keras.Model, form: PairFormat, depth: int, max_batch_size: int = 0, dtype: str = "uint8"
    ) -> None:
        super().__init__(name="servable")
        self.generator = generator
        self.form = form
        self.depth = depth
        self.result = ResultFormat("png", form.target, dtype)
        self.no_files = why_no_files(form, dtype)
        self._batched = _in_batches(self._generate, max_batch_size) if max_batch_size else self._generate
        if not self.no_files:
            # Saving a module traces each of its functions.
            self.translate_bytes = tf.function(
                self._translate_bytes, input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")]
            )
        sources = tf.TensorSpec((None, None, None, form.source.channels), tf.float32, name="source")
        self.translate = tf.function(self._translate, input_signature=[sources])

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the signatures by the names that clients call."""
        files = {} if self.no_files else {FILES: self.translate_bytes}
        return {**files, FLOATS: self.translate}

    def _translate_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates JPEG or PNG files, `(N,)`, to PNG files, `(N,)`."""
        shape = (*self.form.size, self.form.source.channels)
        sources = tf.map_fn(
            self._source,
            (tf.range(tf.size(image_bytes)), image_bytes),
            fn_output_signature=tf.TensorSpec(shape, tf.float32),
        )
        generated = tf.ensure_shape(self._batched(sources), (None, *self.form.size, self.form.target.channels))
        return {
            "image_bytes": tf.map_fn(
                self.result.encode_png,
                generated,
                fn_output_signature=tf.TensorSpec((), tf.string),
            )
        }

    def _source(self, image: tuple[tf.Tensor, tf.Tensor]) -> tf.Tensor:
        place, contents = image
        name = tf.strings.format("image {}", place)
        return transforms.normalize(self.form.read_source(contents, pair=False, name=name, in_model=True))

    def _translate(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates images `(N, H, W, source_channels)` in [-1, 1] to `(N, H, W, target_channels)`."""
        size = tf.shape(source)[1:3]
        step = 2**self.depth
        fits = tf.reduce_all((size % step == 0) & (size > 0))
        message = tf.strings.format("source is {}; height and width must be multiples of {}", (size, step))
        with tf.control_dependencies([tf.debugging.Assert(fits, [message])]):
            return {"generated": self._generate(tf.identity(source))}

    def _generate(self, sources: tf.Tensor) -> tf.Tensor:
        return self.generator(sources, training=False)


def why_no_files(form: PairFormat, dtype: str) -> str | None:
    """Says why a model of TensorFlow's operations alone cannot read or write a run's files; None if it can."""
    source = _why_not_read(form.source)
    if source:
        return f"would read JPEG and PNG files, and the sources {source}"
    target = result_format.why_not("png", form.target, dtype)
    return target and f"would write PNG files; png {target}"


def _why_not_read(source: ImageFormat) -> str | None:
    if source.channels > PNG_CHANNELS:
        return f"have {source.channels} channels"
    if source.labels:
        return "are label maps, of which a model reads the colors and not the classes"
    if source.percentiles:
        return "are scaled by percentiles of their own"
    if source.axes:
        return f"are arrays with axes {source.axes}"
    if source.value_range and not 0 <= source.value_range[0] < source.value_range[1] <= MAX_PNG:
        low, high = source.value_range
        return f"are numbers from {low:g} to {high:g}, and a PNG holds 0 to {MAX_PNG}"
    return None


def _in_batches(generate: Generate, max_batch_size: int) -> Generate:
    """Returns `generate` for concurrent calls: their images share batches of 1, 2, 4, ... max_batch_size."""
    sizes = [2**i for i in range(max_batch_size.bit_length()) if 2**i < max_batch_size]
    return tf.nondifferentiable_batch_function(
        num_batch_threads=1,
        max_batch_size=MAX_REQUEST,
        batch_timeout_micros=BATCH_TIMEOUT_MICROS,
        allowed_batch_sizes=[*sizes, max_batch_size],
        max_enqueued_batches=MAX_WAITING_BATCHES,
    )(generate)
