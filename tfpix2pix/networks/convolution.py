"""The 4×4 convolutions that both networks are built of (Isola et al. 2017, section 6.1).

TensorFlow's CPU kernels leave the processor idle on some of the shapes in these networks. Where there is no GPU, those
are computed as one large matrix product: the same weights, the same sums in another order. Times are of two cores at
batch 1, forward and backward, with TensorFlow 2.21's oneDNN kernels.
"""

import keras
import tensorflow as tf
from keras import layers

KERNEL_SIZE = 4
KERNEL_STDDEV = 0.02

# Places of the smaller of the two grids of a strided convolution, up to which a matrix product is faster: 16×16.
MAX_PRODUCT_PLACES = 256

PADDING = [[0, 0], [1, 1], [1, 1], [0, 0]]

# Row 2i of a transposed convolution sums row 1 of the kernel at pixel i and row 3 at i - 1; row 2i + 1 sums row 2 at i
# and row 0 at i + 1. ROW_START is where those pixels start in an image padded by one row. Columns alike.
ROWS_OF_PARITY = ((1, 3), (0, 2))
ROW_START = (2, 1, 1, 0)


def normal_initializer(mean: float) -> keras.initializers.Initializer:
    """N(mean, 0.02): kernels around 0, the scales of norms around 1."""
    return keras.initializers.RandomNormal(mean, KERNEL_STDDEV)


def use_products() -> bool:
    """Whether matrix products take the place of convolutions where they are faster: on CPUs."""
    return not tf.config.list_physical_devices("GPU")


class DownConvolution(layers.Conv2D):
    """Stride 2: `(N, H, W, C)` to `(N, H/2, W/2, filters)`.

    Keras' `same` equals the reference's padding of 1 on even sizes. On a small grid the kernel is larger than the
    image, and reading it decides: for 512 to 512 channels, 4×4 to 2×2, 4 ms as a matrix product against 15.
    """

    def __init__(self, filters: int, use_bias: bool, products: bool | None = None, dtype: str | None = None):
        super().__init__(
            filters,
            KERNEL_SIZE,
            2,
            "same",
            use_bias=use_bias,
            kernel_initializer=normal_initializer(mean=0.0),
            dtype=dtype,
        )
        self.products = use_products() if products is None else products

    def call(self, x):
        """Convolves x, `(N, H, W, C)`."""
        height, width, channels = x.shape[1:]
        even = height is not None and width is not None and height % 2 == width % 2 == 0
        if not (self.products and even and height * width <= 4 * MAX_PRODUCT_PLACES):
            return super().call(x)
        height, width = height // 2, width // 2
        # Rows and columns in pairs, as the stride takes them; both columns of a pair lie side by side in memory.
        pairs = tf.reshape(tf.pad(x, PADDING), (-1, height + 1, 2, width + 1, 2 * channels))
        taps = [
            tf.slice(pairs, (0, row // 2, row % 2, column, 0), (-1, height, 1, width, 2 * channels))
            for row in range(KERNEL_SIZE)
            for column in range(KERNEL_SIZE // 2)
        ]
        patches = tf.reshape(tf.concat(taps, axis=-1), (-1, KERNEL_SIZE**2 * channels))
        y = tf.matmul(patches, tf.reshape(self.kernel, (-1, self.filters)))
        y = tf.reshape(y, (-1, height, width, self.filters))
        return y + self.bias if self.use_bias else y


class UpConvolution(layers.Conv2DTranspose):
    """Transposed, stride 2: `(N, H, W, C)` to `(N, 2H, 2W, filters)`.

    On a small grid, for 1024 to 512 channels, 4×4 to 8×8, 14 ms as a matrix product against 52.
    """

    def __init__(self, filters: int, use_bias: bool, products: bool | None = None, dtype: str | None = None):
        super().__init__(
            filters,
            KERNEL_SIZE,
            2,
            "same",
            use_bias=use_bias,
            kernel_initializer=normal_initializer(mean=0.0),
            dtype=dtype,
        )
        self.products = use_products() if products is None else products

    def call(self, x):
        """Convolves x, `(N, H, W, C)`."""
        height, width, channels = x.shape[1:]
        known = height is not None and width is not None
        if not (self.products and known and height * width <= MAX_PRODUCT_PLACES):
            return super().call(x)
        # What each pixel gives to the 4×4 outputs around it. The kernel, (4, 4, filters, C), is much the larger factor;
        # in the first place it is read once, in the order in which it lies in memory.
        products = tf.transpose(
            tf.matmul(tf.reshape(self.kernel, (-1, channels)), tf.reshape(x, (-1, channels)), transpose_b=True)
        )
        products = tf.pad(tf.reshape(products, (-1, height, width, KERNEL_SIZE**2 * self.filters)), PADDING)

        def tap(row: int, column: int) -> tf.Tensor:
            first = (0, ROW_START[row], ROW_START[column], (KERNEL_SIZE * row + column) * self.filters)
            return tf.slice(products, first, (-1, height, width, self.filters))

        y = tf.concat(
            [
                tf.add_n([tap(row, column) for row in ROWS_OF_PARITY[i] for column in ROWS_OF_PARITY[j]])
                for i in (0, 1)
                for j in (0, 1)
            ],
            axis=-1,
        )
        y = tf.nn.depth_to_space(y, 2)
        return y + self.bias if self.use_bias else y


class UnitStrideConvolution(layers.Conv2D):
    """Stride 1, padding 1: one row and one column less, `(N, H, W, C)` to `(N, H-1, W-1, filters)`.

    As a matrix product, either each output's patch of 16 pixels is laid out in a row, or, where the patches would be
    larger than the products (fewer filters than channels, as for logits), each pixel is multiplied by all 16 taps and
    the products are shifted to their places and summed. For 512 to 1 channel, 31×31, 2 ms against 7; for 256 to 512
    channels as fast as oneDNN's kernels and faster than TensorFlow's own, which it takes on older processors.
    """

    def __init__(self, filters: int, use_bias: bool, products: bool | None = None, dtype: str | None = None):
        super().__init__(
            filters, KERNEL_SIZE, use_bias=use_bias, kernel_initializer=normal_initializer(mean=0.0), dtype=dtype
        )
        self.products = use_products() if products is None else products

    def call(self, x):
        """Convolves x, `(N, H, W, C)`."""
        channels = x.shape[-1]
        if not self.products:
            return super().call(tf.pad(x, PADDING))
        if self.filters < channels:
            # (4, 4, C, F) to (C, 16 F): all taps of a channel in one row.
            taps = tf.reshape(tf.transpose(self.kernel, (2, 0, 1, 3)), (1, 1, channels, -1))
            products = _shifted(tf.pad(tf.nn.conv2d(x, taps, 1, "VALID"), PADDING))
            y = tf.add_n(
                [place[..., tap * self.filters : (tap + 1) * self.filters] for tap, place in enumerate(products)]
            )
        else:
            taps = tf.reshape(self.kernel, (1, 1, -1, self.filters))
            y = tf.nn.conv2d(tf.concat(_shifted(tf.pad(x, PADDING)), axis=-1), taps, 1, "VALID")
        return y + self.bias if self.use_bias else y

    def compute_output_shape(self, input_shape):
        """One row and one column less."""
        batch, height, width, _ = input_shape
        return (batch, height and height - 1, width and width - 1, self.filters)


def _shifted(x: tf.Tensor) -> list[tf.Tensor]:
    """What each of the 16 taps sees of a padded image, row by row."""
    # tf.slice, since the gradient of x[...] takes twenty times as long.
    size = tf.concat([[-1], tf.shape(x)[1:3] - (KERNEL_SIZE - 1), [-1]], axis=0)
    return [tf.slice(x, (0, row, column, 0), size) for row in range(KERNEL_SIZE) for column in range(KERNEL_SIZE)]
