"""The served model: image files in, image files out, by TensorFlow's own operations alone."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from export.serving.queues import Generate, in_batches, one_at_a_time
from pipelines.images import fit, result_format, transforms
from pipelines.images.array_file import PNG_CHANNELS
from pipelines.images.choices import OWN_SHAPE
from pipelines.images.header import check_header_in_graph
from pipelines.images.image_format import ImageFormat
from pipelines.images.kernels import upright_size
from pipelines.images.pair_format import PairFormat
from pipelines.images.result_format import ResultFormat
from pipelines.images.size import Size, next_multiple
from pipelines.images.whole_source import WholeSource, read_whole_source
from tfpix2pix.translation.shared_statistics import SharedStatistics

MAX_PNG = 2**16 - 1
# The signatures. The last two exist if the network normalizes images by statistics of their own; tiles of one picture
# share them.
FILES, FLOATS, MEASURE, TILES = "serving_default", "translate", "measure", "translate_with"

# Results of a loop of a graph.
ONE_STRING = {"fn_output_signature": tf.TensorSpec((), tf.string), "parallel_iterations": 1}


class Servable(tf.Module):
    """A generator with the signatures that it is served by.

    Each picture is computed by itself, so that its result does not depend on what else is asked for, and is what
    `translate` gives. Those that the network sees in its native shape may share batches instead. All others are
    computed one by one, whoever asks for them, so that the memory does not grow with the number of clients.

    Args:
      generator: takes images of any size that is a multiple of `multiple`, with form's channels.
      form: how a source is read and how it meets the network, as fit_choice.source_format has it; how many pixels it
        may have.
      multiple: of which the sides must be multiples that the generator takes.
      max_batch_size: how many images of concurrent `serving_default` requests are computed together; 0: each by
        itself. In both cases an image that cannot be read fails its own request and no other.
      dtype: the type of the numbers in results, one of choices.NUMBER_TYPES.
      output_size: one of translation.options.OUTPUT_SIZES: `source` gives results the size of their pictures, `network`
        leaves them as the network gives them.

    Attributes:
      no_files: why there is no signature from files to files, in words that follow its name; None if there is one.
      native: (height, width) that pictures need no scaling from.
    """

    def __init__(
        self,
        generator: keras.Model,
        form: PairFormat,
        multiple: int,
        max_batch_size: int = 0,
        dtype: str = "uint8",
        output_size: str = "source",
    ) -> None:
        super().__init__(name="servable")
        self.generator = generator
        self.form = form
        self.step = multiple
        self.output_size = output_size
        self.result = ResultFormat("png", form.target, dtype)
        self.no_files = why_no_files(form, dtype)
        self.native = form.size
        self._batched = in_batches(self._of_native, max_batch_size) if max_batch_size else self._one_by_one
        if not self.no_files:
            # Saving a module traces each of its functions.
            self.translate_bytes = _compiled(
                self._translate_bytes, tf.TensorSpec((None,), tf.string, name="image_bytes")
            )
        sources = tf.TensorSpec((None, None, None, form.source.channels), tf.float32, name="source")
        self.translate = _compiled(self._translate, sources)
        self._network = SharedStatistics(generator)
        self.has_statistics = self._network.has_statistics
        if self.has_statistics:
            statistics = tf.TensorSpec((2, self._network.channels), tf.float32, name="statistics")
            self.measure = _compiled(self._measure, sources)
            self.translate_with = _compiled(self._translate_with, sources, statistics)

    @property
    def network_shape(self) -> Size:
        """(height, width) in which the network sees a picture of the native size."""
        return next_multiple(self.native, self.step)

    @property
    def has_one_shape(self) -> bool:
        """Whether the network sees all pictures in network_shape."""
        return self.form.preprocess not in OWN_SHAPE

    def signatures(self) -> dict[str, tf.types.experimental.GenericFunction]:
        """Returns the signatures by the names that clients call."""
        files = {} if self.no_files else {FILES: self.translate_bytes}
        tiles = {MEASURE: self.measure, TILES: self.translate_with} if self.has_statistics else {}
        return {**files, FLOATS: self.translate, **tiles}

    def _translate_bytes(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates JPEG or PNG files, `(N,)`, to PNG files, `(N,)`."""
        names = tf.map_fn(lambda i: tf.strings.format("image {}", i), tf.range(tf.size(image_bytes)), **ONE_STRING)
        shapes = tf.map_fn(
            lambda image: upright_size(*image),
            (image_bytes, names),
            fn_output_signature=tf.TensorSpec((2,), tf.int32),
        )
        is_native = tf.reduce_all(shapes == self.native, axis=1)
        seen = tf.map_fn(self._network_size, shapes)
        is_shared = tf.ones_like(is_native) if self.has_one_shape else tf.reduce_all(seen == self.network_shape, axis=1)
        shared, others = (tf.cast(tf.where(mask)[:, 0], tf.int32) for mask in (is_shared, ~is_shared))

        def pick(places: tf.Tensor) -> list[tf.Tensor]:
            return [tf.gather(each, places) for each in (image_bytes, names, shapes, is_native)]

        # The network takes no empty batch.
        together = tf.cond(
            tf.size(shared) > 0, lambda: self._together(*pick(shared)), lambda: tf.zeros((0,), tf.string)
        )
        if self.has_one_shape:
            return {"image_bytes": tf.ensure_shape(together, (None,))}
        alone = tf.map_fn(lambda image: self._alone(*image), tuple(pick(others)[:2]), **ONE_STRING)
        results = tf.dynamic_stitch([shared, others], [together, alone])
        return {"image_bytes": tf.ensure_shape(results, (None,))}

    def _network_size(self, shape: tf.Tensor) -> tf.Tensor:
        """Returns the (height, width) in which the network sees a picture that keeps its shape, int32."""
        form = self.form
        size = fit.scaled_size(shape, form.size, form.preprocess, form.network_size)
        return size + -size % self.step

    def expected(self, contents: tf.Tensor, generate: Generate) -> tf.Tensor:
        """Returns the PNG file that a file should become, both scalars.

        Args:
          contents: the bytes of the file.
          generate: does what the generator does, also with a batch of one.
        """
        source, window, size = read_whole_source(self.form, contents, False, self.step)
        return self._encode(generate(transforms.normalize(source)[None])[0], window, size)

    def _together(self, files: tf.Tensor, names: tf.Tensor, shapes: tf.Tensor, is_native: tf.Tensor) -> tf.Tensor:
        """Translates files that the network sees in one shape, `(N,)`, to PNG files, `(N,)`."""
        height, width = self.network_shape
        specs = tf.TensorSpec((height, width, self.form.source.channels), tf.float32), tf.TensorSpec((4,), tf.int32)

        def read(contents: tf.Tensor, name: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            source, window, _ = self._read(contents, name)
            return tf.ensure_shape(source, specs[0].shape), window

        sources, windows = tf.map_fn(
            lambda image: tf.cond(image[2], lambda: read(*image[:2]), lambda: self._in_turn(read, *image[:2])),
            (files, names, is_native),
            fn_output_signature=specs,
        )
        generated = tf.ensure_shape(self._batched(sources), (None, height, width, self.form.target.channels))
        encode = self._encode
        return tf.map_fn(
            lambda image: tf.cond(image[3], lambda: encode(*image[:3]), lambda: one_at_a_time(encode, *image[:3])),
            (generated, windows, shapes, is_native),
            **ONE_STRING,
        )

    def _alone(self, contents: tf.Tensor, name: tf.Tensor) -> tf.Tensor:
        """Translates a file of any size, a scalar, to a PNG file; one at a time, from its bytes to the result's."""

        def translate(contents: tf.Tensor, name: tf.Tensor) -> tf.Tensor:
            source, window, size = self._read(contents, name)
            return self._encode(self._of_any(source[None])[0], window, size)

        return self._in_turn(translate, contents, name)

    def _in_turn(self, function: Callable[..., Any], contents: tf.Tensor, name: tf.Tensor) -> Any:
        """Calls a function of a file, one at a time; its header is checked before.

        An error in the queue stops the loop outside it, too, and then TensorFlow may report that in place of the error.
        """
        return one_at_a_time(function, check_header_in_graph(contents, self.form.source.max_pixels, name), name)

    def _read(self, contents: tf.Tensor, name: tf.Tensor) -> WholeSource:
        """Reads a file, whose source is in [-1, 1]."""
        found = read_whole_source(self.form, contents, False, self.step, name, in_model=True)
        return found._replace(image=transforms.normalize(found.image))

    def _encode(self, generated: tf.Tensor, window: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        """Encodes what the network made of a picture as a PNG file.

        Args:
          generated: `(H, W, target_channels)` in [-1, 1].
          window: (top, left, height, width) of the picture in it.
          size: (height, width) of the picture in its file.
        """
        result = fit.cut(generated, window)
        if self.output_size == "source":
            is_same = tf.reduce_all(tf.shape(result)[:2] == size)
            result = tf.cond(is_same, lambda: result, lambda: self.form.target.resize_generated(result, size))
        return self.result.encode_png(result)

    def _translate(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates images `(N, H, W, source_channels)` in [-1, 1] to `(N, H, W, target_channels)`."""
        return {"generated": self._generate(self._checked(source))}

    def _measure(self, source: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measures mean and variance of each normalized channel over all images, `(2, K)`, for translate_with."""
        return {"statistics": self._network.measure(self._checked(source))}

    def _translate_with(self, source: tf.Tensor, statistics: tf.Tensor) -> dict[str, tf.Tensor]:
        """Translates tiles of one picture with the statistics of the picture."""
        return {"generated": self._network.generate(self._checked(source), statistics)}

    def _checked(self, source: tf.Tensor) -> tf.Tensor:
        """Refuses a source whose sides do not fit, without assertions and texts: TensorFlow.js cannot read these.

        The error names the operation that fails, and so says why.
        """
        size = tf.shape(source)
        fits = tf.reduce_all((size[1:3] % self.step == 0) & (size[1:3] > 0))
        begin = tf.where(fits, 0, 2)
        zero = tf.slice(tf.constant([0]), [begin], [1], name=f"height_and_width_must_be_multiples_of_{self.step}")
        checked = tf.reshape(source, size + zero)
        checked.set_shape(source.shape)
        return checked

    def _generate(self, sources: tf.Tensor) -> tf.Tensor:
        """Translates a batch as AnySize does: sources of the native shape by a graph that knows it, which is faster.

        Sums have another order there, so that both have to choose alike.
        """
        is_native = tf.reduce_all(tf.shape(sources)[1:3] == self.network_shape)
        return tf.cond(is_native, lambda: self._of_native(sources), lambda: self._of_any(sources))

    def _of_native(self, sources: tf.Tensor) -> tf.Tensor:
        return self._of_any(tf.ensure_shape(sources, (None, *self.network_shape, self.form.source.channels)))

    def _of_any(self, sources: tf.Tensor) -> tf.Tensor:
        return self.generator(sources, training=False)

    def _one_by_one(self, sources: tf.Tensor) -> tf.Tensor:
        """Translates images of the native shape, each as a batch of one."""
        return tf.map_fn(
            lambda source: self._of_native(source[None])[0],
            sources,
            fn_output_signature=tf.TensorSpec((*self.network_shape, self.form.target.channels), tf.float32),
            parallel_iterations=1,
        )


def _compiled(function: Callable[..., Any], *signature: tf.TensorSpec) -> tf.types.experimental.GenericFunction:
    return tf.function(function, input_signature=signature, autograph=False)


def why_no_files(form: PairFormat, dtype: str) -> str | None:
    """Says why a model of TensorFlow's operations alone cannot read or write a run's files; None if it can."""
    source = _why_not_read(form.source)
    if source:
        return f"would read JPEG and PNG files, and the sources {source}"
    target = result_format.why_not("png", form.target, dtype)
    return target and f"would write PNG files; png {target}"


def _why_not_read(source: ImageFormat) -> str | None:
    if source.context:
        return f"are slices of stacks with {source.context} neighbors on either side, {source.channels} channels"
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
