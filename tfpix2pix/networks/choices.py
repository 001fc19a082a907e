"""Names what networks and losses can be asked for, and which sizes fit; without TensorFlow, so --help is quick."""

NORMS = ("batch", "instance", "none")
NORM_STATISTICS = ("image", "moving")
# The keys of losses.GAN_LOSSES.
GAN_LOSSES = ("vanilla", "lsgan", "hinge")

# Side in pixels of the patch that one logit sees, by number of layers; 0 is the PixelGAN.
RECEPTIVE_FIELDS = (1, 16, 34, 70, 142, 286, 574)

# The depth of the reference's U-Net 256, and the least at which the channels reach their full 8 × width.
MAX_DEFAULT_DEPTH = 8
MIN_DEFAULT_DEPTH = 5


def default_depth(image_size: tuple[int, int]) -> int:
    """How often both sides can be halved, at most 8 times: 256×256 gives 8, 64×64 gives 6, 320×256 gives 6.

    Raises:
      ValueError: fewer than 5 halvings are possible.
    """
    depth = 0
    while depth < MAX_DEFAULT_DEPTH and all(side % 2 ** (depth + 1) == 0 for side in image_size):
        depth += 1
    if depth < MIN_DEFAULT_DEPTH:
        step = 2**MIN_DEFAULT_DEPTH
        nearest = "x".join(str(max(step, round(side / step) * step)) for side in image_size)
        raise ValueError(
            f"image_size={image_size[0]}x{image_size[1]}: the U-Net halves the image {MIN_DEFAULT_DEPTH} times or "
            f"more, so both sides must be multiples of {step}; the nearest is {nearest} (a smaller depth can be "
            "asked for, and costs quality)"
        )
    return depth


def check_depth(image_size: tuple[int | None, int | None], depth: int) -> None:
    """Raises ValueError where a side (None is any) cannot be halved `depth` times."""
    if any(side is not None and side % 2**depth for side in image_size):
        raise ValueError(
            f"image_size={image_size[0]}x{image_size[1]}: a U-Net of depth {depth} needs sides that are multiples "
            f"of {2**depth}"
        )


def check_size(image_size: tuple[int | None, int | None], n_layers: int) -> None:
    """Raises ValueError where no logit is left: n halvings, then two layers that take a row and a column each."""
    least = 3 * 2**n_layers if n_layers else 1
    if any(side is not None and side < least for side in image_size):
        raise ValueError(
            f"image_size={image_size[0]}x{image_size[1]}: a discriminator of {n_layers} layers needs sides of {least} "
            "or more; take fewer discriminator_layers, or larger images"
        )
