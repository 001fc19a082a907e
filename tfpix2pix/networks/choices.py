"""Names the norms and losses to choose from and checks image sizes, without importing TensorFlow."""

import math

NORMS = ("batch", "instance", "none")
NORM_STATISTICS = ("image", "moving")
# The keys of losses.GAN_LOSSES.
GAN_LOSSES = ("vanilla", "lsgan", "hinge")

# Side in pixels of the patch that one logit sees, by number of layers; 0 is the PixelGAN.
RECEPTIVE_FIELDS = (1, 16, 34, 70, 142, 286, 574)

# The depth of the reference's U-Net 256, and the smallest depth with the full 8 × width channels.
MAX_DEFAULT_DEPTH = 8
MIN_DEFAULT_DEPTH = 5

# Height and width; None stands for any.
AnySize = tuple[int | None, int | None]


def default_depth(image_size: AnySize) -> int:
    """Counts how often both sides can be halved, at most 8 times: 256×256 gives 8, 64×64 gives 6, 320×256 gives 6.

    Raises:
      ValueError: fewer than 5 halvings are possible.
    """
    depth = 0
    while depth < MAX_DEFAULT_DEPTH and _are_multiples(image_size, 2 ** (depth + 1)):
        depth += 1
    if depth < MIN_DEFAULT_DEPTH:
        step = 2**MIN_DEFAULT_DEPTH
        raise ValueError(
            f"image_size={_text(image_size)}: both sides must be multiples of {step}, because the U-Net halves the "
            f"image {MIN_DEFAULT_DEPTH} times or more; {_nearest(image_size, step)}, or give a smaller depth, which "
            "costs quality"
        )
    return depth


def check_depth(image_size: AnySize, depth: int) -> None:
    """Raises ValueError if a U-Net of this depth cannot halve both sides `depth` times."""
    if depth < 1:
        raise ValueError(f"depth={depth}: a U-Net halves the image at least once; give 1 or more, or 0 for the default")
    if not _are_multiples(image_size, 2**depth):
        raise ValueError(
            f"image_size={_text(image_size)}: a U-Net of depth {depth} needs sides that are multiples of {2**depth}; "
            f"{_nearest(image_size, 2**depth)}, or give a smaller depth"
        )


def check_size(image_size: AnySize, n_layers: int) -> None:
    """Raises ValueError if no logit is left: n halvings, then two layers that take a row and a column each."""
    min_side = 3 * 2**n_layers if n_layers else 1
    if any(side is not None and side < min_side for side in image_size):
        raise ValueError(
            f"image_size={_text(image_size)}: a discriminator of {n_layers} layers needs sides of {min_side} or more; "
            "give fewer discriminator_layers, or larger images"
        )


def _are_multiples(image_size: AnySize, step: int) -> bool:
    return all(side is None or (side > 0 and side % step == 0) for side in image_size)


def _text(image_size: AnySize) -> str:
    return "x".join("any" if side is None else str(side) for side in image_size)


def _nearest(image_size: AnySize, step: int) -> str:
    """Names the sizes below and above: 'the nearest sizes are 96x96 and 128x128'."""
    sizes = []
    for rounded in (math.floor, math.ceil):
        sides = [side if side is None else max(1, rounded(side / step)) * step for side in image_size]
        sizes.append(_text((sides[0], sides[1])))
    if sizes[0] == sizes[1]:
        return f"the nearest size is {sizes[0]}"
    return f"the nearest sizes are {sizes[0]} and {sizes[1]}"
