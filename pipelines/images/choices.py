"""Names the ways to read a pair, and checks names of axes. It does not import TensorFlow, so --help is quick."""

from pipelines.system.terminal import InputError

# Which half of a side-by-side image is the source: A is the left one.
DIRECTIONS = ("AtoB", "BtoA")
# Keys of tf.image.ResizeMethod.
RESIZE_METHODS = ("bicubic", "bilinear", "area", "lanczos3", "nearest")
# How exactly training resizes pictures of 8 bits: as floats, by the antialiased kernel; where they are enlarged, by the
# plain kernel; likewise, and rounded to whole levels.
RESIZE_PRECISIONS = ("exact", "fast", "levels")
# How images meet load_size (the reference's --preprocess, and pad).
PREPROCESS = ("resize_and_crop", "crop", "scale_width", "scale_shortest", "pad", "none")
# Of these, those that do not bring every image to one shape before it is cropped.
OWN_SHAPE = ("crop", "scale_width", "scale_shortest", "none")
# Those that leave pictures at their own scale.
OWN_SCALE = ("crop", "none")
# Whose size both sides of a pair get.
RESIZE_TO = ("none", "a", "b")
# Types of the numbers in results.
NUMBER_TYPES = ("uint8", "uint16", "int16", "uint32", "int32", "float32")
MAX_CHANNELS = 256
# Axes of stacks along which slices lie: depth and time.
SLICED = "ZT"
# More are no gray, RGB and alpha.
MAX_PLAIN_CHANNELS = 4
# Label maps are stored in a byte, and 255 is no class.
MAX_LABELS = 255
# Kinds of result files; auto: PNG, or TIFF for numbers that PNG cannot hold.
RESULT_FORMATS = ("auto", "png", "jpg", "tif", "npy", "webp", "ome.tif", "zarr")


def check_axes(axes: str, with_slices: bool = False) -> None:
    """Raises InputError if a text does not name axes: one Y, one X, and C for each that becomes channels.

    Args:
      axes: may be empty.
      with_slices: whether it may name the axis of a stack's slices, too: one Z or T.
    """
    rest = [letter for letter in axes if not with_slices or letter not in SLICED]
    if axes and (axes.count("Y") != 1 or axes.count("X") != 1 or set(rest) - set("YXC") or len(axes) > len(rest) + 1):
        slices = ", and one Z or T for the slices of stacks" if with_slices else ""
        raise InputError(
            f"--axes={axes} does not name axes; give one Y, one X and a C for each of channels, such as CYX{slices}"
        )


def names_slices(axes: str) -> bool:
    """Tells whether axes are those of stacks."""
    return any(letter in SLICED for letter in axes)
