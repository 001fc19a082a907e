"""Names the networks, norms and losses to choose from and checks image sizes, without importing TensorFlow."""

import math
from collections.abc import Collection

# What a leaky ReLU keeps of negative numbers.
LEAKY_SLOPE = 0.2

# The keys of generators.GENERATORS, how people call them, and the options of Config that only one of them has.
GENERATORS = {"unet": "U-Net", "resnet": "ResNet"}
OWN_OPTIONS = {"unet": (), "resnet": ("blocks", "enhancers")}

UPSAMPLES = ("transpose", "resize", "pixel_shuffle")
PADDINGS = ("auto", "zero", "reflect")

NORMS = ("batch", "instance", "none")
NORM_STATISTICS = ("image", "moving")
# What an exported generator computes in.
PRECISIONS = ("float32", "bfloat16", "float16")
# Of the discriminator; same: as in the generator.
DISCRIMINATOR_NORMS = ("same", *NORMS, "spectral")
# The keys of losses.GAN_LOSSES.
GAN_LOSSES = ("vanilla", "lsgan", "hinge", "wgan-gp")
# Those whose logits say real or fake; a critic's only compare.
DECIDING_LOSSES = ("vanilla", "lsgan", "hinge")
# Those that have labels, which can be smoothed.
LABELED_LOSSES = ("vanilla", "lsgan")
# What augments the pairs that the discriminator sees, in this order.
AUGMENTATIONS = ("color", "translation", "cutout")

# Side in pixels of the patch that one logit sees, by number of layers; 0 is the PixelGAN.
RECEPTIVE_FIELDS = (1, 16, 34, 70, 142, 286, 574)

# The depth of the reference's U-Net 256, and the smallest depth with the full 8 × width channels.
MAX_DEFAULT_DEPTH = 8
MIN_DEFAULT_DEPTH = 5
# The reference's resnet_9blocks.
RESNET_DEPTH = 2
DEFAULT_BLOCKS = 9
# pix2pixHD's local enhancer has so many of its own.
LOCAL_BLOCKS = 3

# Height and width; None stands for any.
AnySize = tuple[int | None, int | None]


def default_depth(image_size: AnySize, generator: str = "unet") -> int:
    """Tells how often a generator halves the image by default: a ResNet twice, a U-Net as often as possible.

    That is at most 8 times: 256×256 gives 8, 64×64 gives 6, 320×256 gives 6.

    Raises:
      ValueError: fewer than 5 halvings are possible, in a U-Net.
    """
    if generator == "resnet":
        return RESNET_DEPTH
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


def check_depth(image_size: AnySize, depth: int, generator: str = "unet", enhancers: int = 0) -> None:
    """Raises ValueError if a generator of this depth cannot halve both sides `depth` times, and for each enhancer."""
    name = GENERATORS[generator]
    if depth < 1:
        raise ValueError(
            f"depth={depth}: a {name} halves the image at least once; give 1 or more, or 0 for the default"
        )
    step = 2 ** (depth + enhancers)
    if not _are_multiples(image_size, step):
        around = " with an enhancer" if enhancers else ""
        raise ValueError(
            f"image_size={_text(image_size)}: a {name} of depth {depth}{around} needs sides that are multiples of "
            f"{step}; {_nearest(image_size, step)}, or give a smaller depth"
        )


def parse_sides(text: str) -> tuple[int, ...]:
    """Reads sides in pixels, such as `16,32`.

    Raises:
      ValueError: one is not a number above 0.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdecimal() and int(part[:9]) > 0 for part in parts):
        raise ValueError("is not a list of sides in pixels; give numbers with commas between them, such as 16,32")
    return tuple(int(part[:9]) for part in parts)


def attention_levels(sides: Collection[int], image_size: tuple[int, int], halvings: int) -> tuple[int, ...]:
    """Tells how often features are halved whose shorter sides are these.

    Args:
      sides: in pixels.
      image_size: of which all features are halves, of halves.
      halvings: how often the generator halves it.

    Raises:
      ValueError: there are no features of such a side.
    """
    levels = {min(image_size) >> level: level for level in range(1, halvings + 1)}
    for side in sides:
        if side not in levels:
            there = ", ".join(map(str, levels))
            raise ValueError(
                f"names {side}, and the generator's features of image_size={_text(image_size)} have sides of {there}"
            )
    return tuple(sorted({levels[side] for side in sides}))


def check_size(image_size: AnySize, n_layers: int) -> None:
    """Raises ValueError if no logit is left: n halvings, then two layers that take a row and a column each."""
    min_side = 3 * 2**n_layers if n_layers else 1
    if any(side is not None and side < min_side for side in image_size):
        raise ValueError(
            f"image_size={_text(image_size)}: a discriminator of {n_layers} layers needs sides of {min_side} or more; "
            "give fewer discriminator_layers, or larger images"
        )


def parse_augmentations(text: str) -> tuple[str, ...]:
    """Reads names out of AUGMENTATIONS, separated by commas: "cutout,color" gives ("color", "cutout").

    Raises:
      ValueError: a name is unknown or stands there twice; the message follows the option and its value.
    """
    names = [name.strip() for name in text.split(",")] if text else []
    if set(names) - set(AUGMENTATIONS) or len(set(names)) < len(names):
        raise ValueError(f"is no list of augmentations; give some of {','.join(AUGMENTATIONS)}, each once")
    return tuple(name for name in AUGMENTATIONS if name in names)


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
