"""Turns pictures upright, as their EXIF data say that a camera was held."""

import tensorflow as tf

from pipelines.images.rare import rare

# How the stored rows and columns lie in the picture (EXIF 2.3, 4.6.4): 1 is upright, 6 has to be turned clockwise.
UPRIGHT = 1
ORIENTATION_TAG = 0x0112
SHORT = 3

LITTLE_ENDIAN = b"II*\0"
BIG_ENDIAN = b"MM\0*"
# Byte order and 42, the position of the directory.
EXIF_HEAD = 8
ENTRY_BYTES = 12

# Orientations that exchange rows and columns, and those that are mirrored top to bottom, and left to right, after that.
TRANSPOSED = (5, 6, 7, 8)
MIRRORED_ROWS = (3, 4, 7, 8)
MIRRORED_COLUMNS = (2, 3, 6, 7)


@rare
def orientation_of(exif: tf.Tensor) -> tf.Tensor:
    """Returns the orientation, 1 to 8, int32, that EXIF data say; 1 if they say none, or are damaged.

    Args:
      exif: a scalar string, from the byte order on; empty without such data.
    """
    byte_order = tf.strings.substr(exif, 0, 4)
    is_big = tf.equal(byte_order, BIG_ENDIAN)
    is_exif = (is_big | tf.equal(byte_order, LITTLE_ENDIAN)) & (tf.strings.length(exif) >= EXIF_HEAD)
    return tf.cond(is_exif, lambda: _in_directory(exif, is_big), lambda: UPRIGHT)


def turn_upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Turns and mirrors an image `(H, W, C)`, of any type, that has this orientation; the result may be `(W, H, C)`."""

    def is_in(orientations: tuple[int, ...]) -> tf.Tensor:
        return tf.reduce_any(tf.equal(orientation, orientations))

    def turned() -> tf.Tensor:
        result = tf.transpose(image, tf.where(is_in(TRANSPOSED), (1, 0, 2), (0, 1, 2)))
        return tf.raw_ops.Reverse(tensor=result, dims=tf.stack([is_in(MIRRORED_ROWS), is_in(MIRRORED_COLUMNS), False]))

    return tf.cond(tf.equal(orientation, UPRIGHT), lambda: image, turned)


def _in_directory(exif: tf.Tensor, is_big: tf.Tensor) -> tf.Tensor:
    """Looks the orientation up in the first directory: a count, then entries of tag, type, count and value."""
    length = tf.cast(tf.strings.length(exif), tf.int64)

    def numbers(place: tf.Tensor, size: tf.Tensor, each: int) -> tf.Tensor:
        """Returns `(n, each)`: the bytes at a place, as far as they are there, the most significant first."""
        size = tf.minimum(size, length - place) // each * each
        found = tf.reshape(tf.io.decode_raw(tf.strings.substr(exif, place, size), tf.uint8), (-1, each))
        return tf.cast(found, tf.int64)

    def value(found: tf.Tensor) -> tf.Tensor:
        """Joins the bytes in the last axis to numbers, in the byte order of the file."""
        weights = tf.constant([256**i for i in range(found.shape[-1])], tf.int64)
        return tf.reduce_sum(found * tf.where(is_big, weights[::-1], weights), axis=-1)

    place = tf.minimum(value(numbers(tf.constant(4, tf.int64), tf.constant(4, tf.int64), 4))[0], length)
    count = tf.reduce_sum(value(numbers(place, tf.constant(2, tf.int64), 2)))
    entries = numbers(tf.minimum(place + 2, length), count * ENTRY_BYTES, ENTRY_BYTES)
    is_orientation = (value(entries[:, 0:2]) == ORIENTATION_TAG) & (value(entries[:, 2:4]) == SHORT)
    said = value(entries[:, 8:10])
    usable = tf.boolean_mask(said, is_orientation & (said >= 1) & (said <= 8))
    return tf.cast(tf.concat([usable, [UPRIGHT]], axis=0)[0], tf.int32)
