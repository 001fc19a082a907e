"""Names the ways to read a pair. It does not import TensorFlow, so --help is quick."""

# Which half of a side-by-side image is the source: A is the left one.
DIRECTIONS = ("AtoB", "BtoA")
# Keys of tf.image.ResizeMethod.
RESIZE_METHODS = ("bicubic", "bilinear", "area", "lanczos3", "nearest")
