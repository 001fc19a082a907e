"""Reads pairs by index inside tf.data, whole or a window of them, from files or from memory."""

from collections.abc import Callable

import tensorflow as tf

from pipelines.images.byte_pair import ChooseWindow
from pipelines.images.pair_format import PairFormat
from pipelines.images.size import Size
from pipelines.images.transforms import Pair, mirrored_if
from pipelines.storage.image_set import ImageSet
from pipelines.storage.pair_cache import Cache, FlatImages
from pipelines.storage.windows import Windows

# From a pair's index, the window or None for all, and whether it is mirrored left to right, to the pair.
ReadWindow = Callable[[tf.Tensor, ChooseWindow | None, tf.Tensor | None], Pair]


def file_reader(files: ImageSet, form: PairFormat, size: Size | None) -> ReadWindow:
    """Returns what Pairs.window_reader returns, for pairs in files."""
    # Before any graph: a shard looks at its first record.
    contents, is_packed = files.reader(), files.is_packed
    windows = Windows(files, form)

    def read_whole(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
        return form.read(contents(index), is_packed, choose, size)

    def read(index: tf.Tensor, choose: ChooseWindow | None, is_mirrored: tf.Tensor | None) -> Pair:
        return mirrored_if(is_mirrored, read_upright(index, choose))

    def read_upright(index: tf.Tensor, choose: ChooseWindow | None) -> Pair:
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


def cached_reader(cache: Cache, size: Size | None, with_mirrors: bool) -> ReadWindow:
    """Returns what Pairs.window_reader returns, for pairs in memory.

    Args:
      cache: the pairs.
      size: (height, width) of all windows, if they have one.
      with_mirrors: whether those of one size are kept mirrored too. To mirror a pair takes as long as all else.
    """
    sources, targets = cache
    if isinstance(sources, FlatImages) and isinstance(targets, FlatImages):
        shapes, of_source, of_target = tf.convert_to_tensor(sources.shapes), sources.reader(), targets.reader()

        def read_flat(index: tf.Tensor, choose: ChooseWindow | None, is_mirrored: tf.Tensor | None) -> Pair:
            window = choose(shapes[index]) if choose else None
            return mirrored_if(is_mirrored, (of_source(index, window, size), of_target(index, window, size)))

        return read_flat
    arrays = [tf.convert_to_tensor(array) for array in cache]
    count, *shape = arrays[0].shape.as_list()[:3]
    if with_mirrors:
        arrays = [tf.concat([array, tf.reverse(array, [2])], axis=0) for array in arrays]

    def read(index: tf.Tensor, choose: ChooseWindow | None, is_mirrored: tf.Tensor | None) -> Pair:
        window = tf.constant([0, 0, *shape]) if choose is None else choose(tf.constant(shape))
        top, left, height, width = tf.unstack(tf.cast(window, tf.int64))
        if with_mirrors and is_mirrored is not None:
            index = tf.where(is_mirrored, count + index, index)
            left = tf.where(is_mirrored, shape[1] - left - width, left)
            is_mirrored = None
        sides = tuple(shape) if choose is None else size or (None, None)
        # In one copy: the window alone.
        source, target = (
            tf.ensure_shape(array[index, top : top + height, left : left + width], (*sides, None)) for array in arrays
        )
        return mirrored_if(is_mirrored, (source, target))

    return read
