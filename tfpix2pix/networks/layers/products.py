"""Cuts and joins the factors of 4×4 convolutions that are computed as matrix products, and their gradients.

Each operation has the other one of its pair as its gradient. Left to TensorFlow, every slice would be padded to the
size of what it was cut from, and sixteen such arrays summed: ten times the operations, and several times the memory.
"""

from collections.abc import Callable

import tensorflow as tf

KERNEL_SIZE = 4
PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]
WIDE_PADDING = [[0, 0], [2, 2], [2, 2], [0, 0]]

# Row 2i of a transposed convolution sums row 1 of the kernel at pixel i and row 3 at i - 1; row 2i + 1 sums row 2 at i
# and row 0 at i + 1. ROW_START is where those pixels start in an image padded by one row. Columns alike.
ROWS_OF_PARITY = ((1, 3), (0, 2))
ROW_START = (2, 1, 1, 0)

Operation = Callable[[tf.Tensor], tf.Tensor]


def patches_of(x: tf.Tensor) -> tf.Tensor:
    """Cuts what each place of a convolution of stride 2, padding 1, sees: `(N, 2h, 2w, C)` to `(N, h, w, 16 C)`.

    The 16 pixels come row by row, each with all of its channels.
    """
    height, width, channels = x.shape[1] // 2, x.shape[2] // 2, x.shape[3]
    # Rows and columns in pairs, as the stride takes them; both columns of a pair lie side by side in memory.
    pairs = tf.reshape(tf.pad(x, PADDING), (-1, height + 1, 2, width + 1, 2 * channels))
    size = tf.constant((-1, height, 1, width, 2 * channels))
    taps = [
        tf.slice(pairs, (0, row // 2, row % 2, column, 0), size)
        for row in range(KERNEL_SIZE)
        for column in range(KERNEL_SIZE // 2)
    ]
    return tf.reshape(tf.concat(taps, axis=-1), (-1, height, width, KERNEL_SIZE**2 * channels))


def sums_of(products: tf.Tensor) -> tf.Tensor:
    """Adds up what each place gives to the 4×4 pixels around it: `(N, h, w, 16 F)` to `(N, 2h, 2w, F)`."""
    height, width, filters = products.shape[1], products.shape[2], products.shape[3] // KERNEL_SIZE**2
    products, size = tf.pad(products, PADDING), tf.constant((-1, height, width, filters))

    def tap(row: int, column: int) -> tf.Tensor:
        first = (0, ROW_START[row], ROW_START[column], (KERNEL_SIZE * row + column) * filters)
        return tf.slice(products, first, size)

    y = tf.concat(
        [
            tf.add_n([tap(row, column) for row in ROWS_OF_PARITY[i] for column in ROWS_OF_PARITY[j]])
            for i in (0, 1)
            for j in (0, 1)
        ],
        axis=-1,
    )
    return tf.nn.depth_to_space(y, 2)


def shifts_of(products: tf.Tensor) -> tf.Tensor:
    """Adds up products of stride 1 at the places that they count for: `(N, H, W, 16 F)` to `(N, H-1, W-1, F)`."""
    return tf.add_n(_slices(tf.pad(products, PADDING), KERNEL_SIZE - 1, products.shape[3] // KERNEL_SIZE**2))


def shares_of(y: tf.Tensor) -> tf.Tensor:
    """Gives each pixel back to the products that were added up for it: `(N, H-1, W-1, F)` to `(N, H, W, 16 F)`."""
    return tf.concat(_slices(tf.pad(y, WIDE_PADDING), KERNEL_SIZE - 1, 0)[::-1], axis=-1)


def _slices(x: tf.Tensor, less: int, filters: int) -> list[tf.Tensor]:
    """Cuts x at 16 shifts, row by row, to sides that are shorter by `less`; of its channels the next filters each time.

    With 0 filters all of them have all channels.
    """
    height, width = x.shape[1:3]
    known = height is not None and width is not None
    sides = [height - less, width - less] if known else tf.shape(x)[1:3] - less
    size = tf.concat([[-1], sides, [filters or x.shape[3]]], axis=0)
    return [
        tf.slice(x, (0, row, column, (KERNEL_SIZE * row + column) * filters), size)
        for row in range(KERNEL_SIZE)
        for column in range(KERNEL_SIZE)
    ]


def with_gradient(forward: Operation, backward: Operation) -> tuple[Operation, Operation]:
    """Returns two linear operations, each of which is the other's gradient; so gradients of gradients are right too."""

    @tf.custom_gradient
    def there(x: tf.Tensor) -> tuple[tf.Tensor, Operation]:
        return forward(x), back

    @tf.custom_gradient
    def back(x: tf.Tensor) -> tuple[tf.Tensor, Operation]:
        return backward(x), there

    return there, back


learning_patches, learning_sums = with_gradient(patches_of, sums_of)
learning_shifts, learning_shares = with_gradient(shifts_of, shares_of)
