"""Reads pairs by index inside tf.data, whole or a window of them, from files or from memory."""

from collections.abc import Callable

import tensorflow as tf

from pipelines.images.byte_pair import ChooseWindow
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size
from pipelines.images.transforms import Pair
from pipelines.storage.image_set import ImageSet
from pipelines.storage.pair_cache import Cache, FlatImages
from pipelines.storage.windows import Windows

# From a pair's index, and the window or None for all, to the pair.
ReadWindow = Callable[[tf.Tensor, ChooseWindow | None], Pair]


def file_reader(files: ImageSet, form: PairFormat, size: Size | None) -> ReadWindow:
    """Returns what Pairs.window_reader returns, for pairs in files."""
    # Before any graph: a shard looks at its first record.
    contents, is_packed = files.reader(), files.is_packed
    windows = Windows(files, form)

    def read_whole(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
        return form.read(contents(index), is_packed, choose, size)

    def read(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
        # What form.read cuts by itself.
        place = form.middle_window if choose is None and form.middle_pixels else choose
        if not form.has_windows or place is None:
            return read_whole(index, choose)
        shape = tf.ensure_shape(tf.numpy_function(windows.shape, [index], tf.int32), (2,))

        def read_window() -> Pair:
            images = tf.numpy_function(windows.read, [index, place(shape)], [tf.float32, tf.float32])
            sides = zip(images, (form.source, form.target), strict=True)
            source, target = (tf.ensure_shape(i, (*(size or (None, None)), side.channels)) for i, side in sides)
            return source, target

        return tf.cond(shape[0] > 0, read_window, lambda: read_whole(index, choose))

    return read


def cached_reader(cache: Cache, size: Size | None) -> ReadWindow:
    """Returns what Pairs.window_reader returns, for pairs in memory."""
    sources, targets = cache
    if isinstance(sources, FlatImages) and isinstance(targets, FlatImages):
        shapes, of_source, of_target = tf.convert_to_tensor(sources.shapes), sources.reader(), targets.reader()

        def read_flat(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
            window = choose(shapes[index]) if choose else None
            return of_source(index, window, size), of_target(index, window, size)

        return read_flat
    arrays = tf.convert_to_tensor(sources), tf.convert_to_tensor(targets)

    def read(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
        if choose is None:
            return arrays[0][index], arrays[1][index]
        top, left, height, width = tf.unstack(tf.cast(choose(tf.constant(sources.shape[1:3])), tf.int64))
        # In one copy: the window alone.
        source, target = (array[index, top : top + height, left : left + width] for array in arrays)
        sides = size or (None, None)
        return tf.ensure_shape(source, (*sides, None)), tf.ensure_shape(target, (*sides, None))

    return read
