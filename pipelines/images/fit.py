"""Brings pictures of any size to the size that a training reads: scaled, padded, cropped in the middle.

Images are `(height, width, channels)` in [0, 1]. All work eagerly and inside tf.data, where sizes are not known.
"""

import math

import tensorflow as tf

from pipelines.images import transforms
from pipelines.images.choices import PREPROCESS
from pipelines.images.header import BadImageError
from pipelines.images.size import Size, format_size


def scaled_size(shape: tf.Tensor | Size, size: Size, preprocess: str, crop: Size) -> tf.Tensor:
    """Returns the (height, width), int32, that a picture is resized to before it is padded or cropped.

    Args:
      shape: the picture's (height, width).
      size: what it is brought to.
      preprocess: one of choices.PREPROCESS. `resize_and_crop` squeezes the picture into `size`. `scale_width` gives it
        the width of `size`, and a height in proportion, but for low pictures that of `crop` (as the reference does).
        `scale_shortest` makes it as small as covers `size`, `pad` as large as fits into `size`. `crop` and `none`
        leave it.
      crop: the size of what is cropped from it.
    """
    if preprocess not in PREPROCESS:
        raise ValueError(f"preprocess={preprocess!r} is not one of {PREPROCESS}")
    if preprocess in ("crop", "none"):
        return tf.cast(shape, tf.int32)
    if preprocess == "resize_and_crop":
        return tf.constant(size)
    # Products of two sides need more than 32 bits.
    height, width = tf.unstack(tf.cast(shape, tf.int64))
    by_height = tf.stack([tf.constant(size[0], tf.int64), _in_proportion(width, size[0], height)])
    by_width = tf.stack([_in_proportion(height, size[1], width), tf.constant(size[1], tf.int64)])
    if preprocess == "scale_width":
        scaled = tf.maximum(by_width, [crop[0], 0])
    else:
        is_tall = height * size[1] >= width * size[0]
        scaled = tf.where(is_tall == (preprocess == "scale_shortest"), by_width, by_height)
    return tf.cast(scaled, tf.int32)


def fit(
    image: transforms.Image,
    size: Size,
    preprocess: str,
    method: str,
    crop: Size | None = None,
    border: tuple[float, ...] = (0.0,),
) -> transforms.Image:
    """Scales a picture by one of choices.PREPROCESS, and pads it to `size` if that is `pad`.

    Args:
      image: the picture.
      size: (height, width) that it is brought to, as `scaled_size` has it.
      preprocess: as `scaled_size` has it.
      method: one of choices.RESIZE_METHODS.
      crop: (height, width) that will be cropped from the result; by default `size`.
      border: the color of the padding: a value, or one for each channel.

    Raises:
      header.BadImageError: eagerly, if the result is smaller than `crop`, or with `none` of another size.
      tf.errors.InvalidArgumentError: in a graph, for the same reasons.
    """
    crop = crop or size
    image = scale(image, size, preprocess, method, crop)
    if preprocess == "pad":
        return pad(image, size, border)
    if preprocess in ("crop", "none"):
        with tf.control_dependencies(_checks(image, crop, preprocess)):
            image = tf.identity(image)
    return tf.ensure_shape(image, (*crop, None)) if preprocess == "none" else image


def scale(image: transforms.Image, size: Size, preprocess: str, method: str, crop: Size) -> transforms.Image:
    """Resizes a picture to its `scaled_size`, and leaves the rest of `fit`."""
    if preprocess == "resize_and_crop":
        return transforms.resize(image, size, method)
    if preprocess in ("crop", "none"):
        return image
    return transforms.resize(image, scaled_size(tf.shape(image)[:2], size, preprocess, crop), method)


def pad(image: transforms.Image, size: Size, border: tuple[float, ...] = (0.0,)) -> transforms.Image:
    """Puts a picture into the middle of a larger one of one color; an odd row or column more lies below or right."""
    room = tf.constant(size) - tf.shape(image)[:2]
    before = room // 2
    paddings = tf.concat([tf.stack([before, room - before], axis=1), [[0, 0]]], axis=0)
    inside = tf.pad(tf.ones_like(image[..., :1], tf.bool), paddings)
    padded = tf.where(inside, tf.pad(image, paddings), tf.constant(border, image.dtype))
    return tf.ensure_shape(padded, (*size, image.shape[-1]))


def reflect(image: transforms.Image, step: int) -> transforms.Image:
    """Reflects a picture, or a batch, at its edges until both sides are multiples of `step`; it lies in the middle."""
    for axis in (-3, -2):
        side, shape = image.shape[axis], [*image.shape]
        if side is None or side % step:
            image = tf.gather(image, _reflected(tf.shape(image)[axis], step), axis=axis)
        if side:
            # A graph does not find that out by itself.
            shape[axis] = side + -side % step
            image.set_shape(shape)
    return image


def reflect_window(shape: tf.Tensor | Size, step: int) -> tf.Tensor:
    """Returns (top, left, height, width), int32, of the picture in what `reflect` made of it."""
    shape = tf.cast(shape, tf.int32)
    return tf.concat([-shape % step // 2, shape], axis=0)


def pad_window(shape: tf.Tensor | Size, size: Size) -> tf.Tensor:
    """Returns (top, left, height, width), int32, of the picture in what `pad` made of it."""
    shape = tf.cast(shape, tf.int32)
    return tf.concat([(size - shape) // 2, shape], axis=0)


def center_window(shape: tf.Tensor | Size, size: tf.Tensor | Size) -> tf.Tensor:
    """Returns (top, left, height, width), int32, of the crop in the middle; an odd row more is cut off below."""
    return tf.concat([(tf.cast(shape, tf.int32) - size) // 2, size], axis=0)


def middle_window(shape: tf.Tensor | Size, pixels: int) -> tf.Tensor:
    """Returns (top, left, height, width), int32, of the middle of a picture, with at most so many pixels.

    It is all of a picture that has no more. Of a larger one it is a square, or all of a side that is shorter than that.
    """
    height, width = tf.unstack(tf.cast(shape, tf.int64))
    side = tf.constant(math.isqrt(pixels), tf.int64)
    rows = tf.minimum(height, tf.maximum(side, pixels // width))
    columns = tf.minimum(width, tf.maximum(side, pixels // height))
    return center_window(shape, tf.cast(tf.stack([rows, columns]), tf.int32))


def cut(image: transforms.Image, window: tf.Tensor, size: Size | None = None) -> transforms.Image:
    """Returns the part of an image, or of a batch, in a window (top, left, height, width); `size` is its, if known."""
    top, left, height, width = tf.unstack(window)
    height, width = size or (height, width)
    part = image[..., top : top + height, left : left + width, :]
    return tf.ensure_shape(part, (*image.shape[:-3], *(size or (None, None)), image.shape[-1]))


def _reflected(count: tf.Tensor, step: int) -> tf.Tensor:
    """Returns which row, or column, stands at each place of a reflected side; short sides are reflected often."""
    room = -count % step
    period = tf.maximum(2 * (count - 1), 1)
    places = tf.range(-(room // 2), count + room - room // 2) % period
    return tf.where(places < count, places, period - places)


def check_same_shape(a: transforms.Image, b: transforms.Image, is_scaled: bool) -> list:
    """Checks that two sides have one shape; returns the assertions of a graph.

    Args:
      a: side A.
      b: side B.
      is_scaled: whether both will be scaled to one size, so that only their proportions count, to a pixel.

    Raises:
      header.BadImageError: eagerly, if they differ.
    """
    shapes = [tf.cast(tf.shape(image)[:2], tf.int64) for image in (a, b)]
    is_same = tf.reduce_all(shapes[0] == shapes[1])
    if is_scaled:
        difference = shapes[0][0] * shapes[1][1] - shapes[1][0] * shapes[0][1]
        is_same = tf.abs(difference) <= tf.reduce_max(shapes)
    if not tf.executing_eagerly():
        return [tf.debugging.Assert(is_same, ["its sides differ in shape", *shapes])]
    if not is_same:
        height_a, width_a, height_b, width_b = tf.concat(shapes, axis=0).numpy().tolist()
        raise BadImageError(f"side A is {height_a}x{width_a} and side B {height_b}x{width_b}; give --resize_to=a or b")
    return []


def _in_proportion(side: tf.Tensor, other_after: int, other: tf.Tensor) -> tf.Tensor:
    """Returns a side after its other one was scaled, to the nearest pixel, at least 1."""
    return tf.maximum((2 * side * other_after + other) // (2 * other), 1)


def _checks(image: transforms.Image, crop: Size, preprocess: str) -> list:
    """Returns the assertions of a graph that no crop exceeds the picture; eagerly, raises BadImageError."""
    shape = tf.shape(image)[:2]
    fits = tf.reduce_all(shape == crop if preprocess == "none" else shape >= crop)
    if not tf.executing_eagerly():
        return [tf.debugging.Assert(fits, [f"its size does not suit preprocess={preprocess}", shape])]
    if not fits:
        height, width = shape.numpy().tolist()
        raise BadImageError(misfit((height, width), crop, preprocess))
    return []


def misfit(shape: Size, crop: Size, preprocess: str) -> str:
    """Says why a picture of this (height, width) is refused by `crop` or `none`, and the remedy."""
    if preprocess == "none":
        remedy = "give --preprocess=resize_and_crop, or --image_size if all have one size"
        return f"it is {format_size(shape)}, and preprocess=none takes {format_size(crop)} alone; {remedy}"
    remedy = "give a smaller --image_size, or --preprocess=resize_and_crop"
    return f"it is {format_size(shape)}, too small for a crop of {format_size(crop)}; {remedy}"
