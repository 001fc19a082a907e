"""Augments what the discriminator sees (Zhao et al. 2020, section 3), so that few pairs are not learned by heart.

Source, target and generated image of a pair are changed by the same draw, in the discriminator's update and in the
generator's: the discriminator judges whether two images belong together, and must not see them moved apart. Gradients
pass through, so the generator learns images that are right unchanged. Order and strengths are those of
DiffAugment_pytorch.py; images are in [-1, 1].

- Geometry acts on both images of a pair. What no pixel is left for becomes gray, 0 as there; in label maps it becomes
  "no class", -1 in all channels.
- Colors change in both images too, by the same numbers. Were the source left as it is, a gray photo and its colored
  target would no longer belong together. Brightness and contrast need no number of channels; saturation is about the
  mean of three channels, and others have none. Alpha stays. Classes have no colors, so a source of labels stays.
"""

import tensorflow as tf

from pipelines.images.transforms import has_alpha
from tfpix2pix.config import Config
from tfpix2pix.model.adaptive_strength import AdaptiveStrength
from tfpix2pix.networks.choices import parse_augmentations

# By how much at most: is added; multiplies the distance to the mean; parts of a side.
BRIGHTNESS = (-0.5, 0.5)
SATURATION = (0.0, 2.0)
CONTRAST = (0.5, 1.5)
TRANSLATION = 1 / 8
CUTOUT = 1 / 2

# Random numbers for one image: brightness, saturation, contrast, the rows and columns of translation and of cutout.
DRAWS = 7
# As uniform_of_step has them: of what happens, and of whether it does.
STREAM, CHANCES_STREAM = 2**41, 2**42

# What happens to each image of a batch, by name; only what `draw_of` was asked for.
#   brightness, saturation, contrast   (N,) float32
#   shift                              (N, 2) int32: rows and columns; the pixel at i comes from i + shift
#   hole                               (N, 4) int32: top, left, bottom, right of what is cut out; the last two excluded
Draw = dict[str, tf.Tensor]
# What changes nothing, of each part of a draw.
NEUTRAL = {"brightness": 0.0, "saturation": 1.0, "contrast": 1.0, "shift": 0, "hole": 0}
# Whether source and image are label maps.
AreLabels = tuple[bool, bool]


class Augmentation:
    """Draws how the pairs of a step are augmented, and augments them, as the options say.

    Args:
      config: a resolved Config.
      adaptive: how likely each change of each image is; None for always.
    """

    def __init__(self, config: Config, adaptive: AdaptiveStrength | None = None):
        self.config = config
        self.adaptive = adaptive
        self.names = parse_augmentations(config.diff_augment)
        self.are_labels = bool(config.source_labels), bool(config.target_labels)

    def draw(self, step: tf.Tensor) -> Draw:
        """Draws what happens to each image of this replica's share of the batch; nothing if the options say so.

        Args:
          step: scalar int64, how many steps were done before this one.
        """
        if not self.names:
            return {}
        numbers = uniform_of_step(self.config, step, STREAM, DRAWS)
        draw = draw_of(numbers, self.names, self.config.image_size)
        if self.adaptive is None:
            return draw
        chances = uniform_of_step(self.config, step, CHANCES_STREAM, len(NEUTRAL))
        return weaken(draw, chances, tf.identity(self.adaptive.strength))

    def __call__(self, source: tf.Tensor, image: tf.Tensor, draw: Draw) -> tuple[tf.Tensor, tf.Tensor]:
        """Augments a batch of pairs by a draw; the arguments are those of `augment`."""
        return augment(source, image, draw, self.are_labels)


def uniform_of_step(config: Config, step: tf.Tensor, stream: int, *shape: int) -> tf.Tensor:
    """Draws numbers in [0, 1) for each image of this replica's share of the batch, `(N, *shape)`.

    They are a function of (seed, step, the image's place in the global batch). So they do not depend on how many
    replicas or parts the batch is spread over, and need no saving.

    Args:
      config: of the run.
      step: scalar int64, how many steps were done before this one.
      stream: separates these draws from others, also from those of pools. No training has so many steps.
      *shape: of the numbers of one image.
    """
    context = tf.distribute.get_replica_context()
    share = config.batch_size // context.num_replicas_in_sync
    # A Python number, because each replica is traced by itself.
    first = share * tf.get_static_value(context.replica_id_in_sync_group)
    seed = tf.stack([tf.cast(config.seed, tf.int64), step + stream])
    return tf.random.stateless_uniform((config.batch_size, *shape), seed)[first : first + share]


def draw_of(numbers: tf.Tensor, names: tuple[str, ...], image_size: tuple[int, int]) -> Draw:
    """Turns random numbers into what happens to each image.

    Args:
      numbers: `(N, DRAWS)`, uniform in [0, 1).
      names: some of choices.AUGMENTATIONS.
      image_size: (height, width).
    """
    sides, draw = tf.constant(image_size), {}
    if "color" in names:
        for i, (name, (low, high)) in enumerate(
            (("brightness", BRIGHTNESS), ("saturation", SATURATION), ("contrast", CONTRAST))
        ):
            draw[name] = low + (high - low) * numbers[:, i]
    if "translation" in names:
        most = _part(sides, TRANSLATION)
        draw["shift"] = _below(numbers[:, 3:5], 2 * most + 1) - most
    if "cutout" in names:
        size = _part(sides, CUTOUT)
        # The middle of an even hole may lie on any line between pixels, that of an odd one on any pixel.
        start = _below(numbers[:, 5:7], sides + 1 - size % 2) - size // 2
        draw["hole"] = tf.concat([start, start + size], axis=1)
    return draw


def weaken(draw: Draw, chances: tf.Tensor, strength: tf.Tensor) -> Draw:
    """Keeps each part of the draw of each image with a probability, independently (Karras et al. 2020, section 2.2).

    Args:
      draw: of N images.
      chances: `(N, 5)`, uniform in [0, 1), in the order of NEUTRAL.
      strength: the probability.
    """
    kept = dict(zip(NEUTRAL, tf.unstack(chances < strength, axis=1), strict=True))
    return {
        name: tf.where(tf.reshape(kept[name], (-1, *[1] * (x.shape.rank - 1))), x, tf.constant(NEUTRAL[name], x.dtype))
        for name, x in draw.items()
    }


def augment(
    source: tf.Tensor, image: tf.Tensor, draw: Draw, are_labels: AreLabels = (False, False)
) -> tuple[tf.Tensor, tf.Tensor]:
    """Augments a batch of pairs: colors, then translation, then cutout. An empty draw returns the pairs themselves.

    Args:
      source: `(N, H, W, C)` in [-1, 1].
      image: `(N, H, W, C)` in [-1, 1]: targets, or what was generated.
      draw: of N images of this size.
      are_labels: whether source and image are label maps, whose colors stay.
    """
    if not draw:
        return source, image
    if "brightness" in draw:
        source, image = (
            x if is_labels else recolor(x, draw) for x, is_labels in zip((source, image), are_labels, strict=True)
        )
    channels = [source.shape[-1], image.shape[-1]]
    pair = tf.concat([source, image], axis=-1)
    empty = [-1.0 if is_labels else 0.0 for is_labels, n in zip(are_labels, channels, strict=True) for _ in range(n)]
    background = tf.constant(empty, pair.dtype)
    if "shift" in draw:
        pair = translate(pair, draw["shift"], background)
    if "hole" in draw:
        pair = tf.where(_inside(pair, draw["hole"]), background, pair)
    source, image = tf.split(pair, channels, axis=-1)
    return source, image


def recolor(image: tf.Tensor, draw: Draw) -> tf.Tensor:
    """Adds brightness, then multiplies the distances to each pixel's gray (saturation) and to the mean (contrast).

    Args:
      image: `(N, H, W, C)`; the alpha of 2 or 4 channels stays.
      draw: has brightness, saturation and contrast.
    """
    brightness, saturation, contrast = (
        tf.cast(draw[name], image.dtype)[:, None, None, None] for name in ("brightness", "saturation", "contrast")
    )
    colors = image.shape[-1] - has_alpha(image.shape[-1])
    color, alpha = image[..., :colors], image[..., colors:]
    color += brightness
    if colors == 3:
        gray = tf.reduce_mean(color, axis=-1, keepdims=True)
        color = gray + (color - gray) * saturation
    mean = tf.reduce_mean(color, axis=(1, 2, 3), keepdims=True)
    color = mean + (color - mean) * contrast
    return tf.concat([color, alpha], axis=-1)


def translate(image: tf.Tensor, shift: tf.Tensor, background: tf.Tensor) -> tf.Tensor:
    """Moves each image by whole pixels; what comes from outside is background.

    Args:
      image: `(N, H, W, C)`.
      shift: `(N, 2)` int32: the pixel at (i, j) comes from (i, j) + shift.
      background: `(C,)`.
    """
    _, height, width, channels = image.shape
    rows = tf.range(height) + shift[:, :1]
    columns = tf.range(width) + shift[:, 1:]
    place = tf.clip_by_value(rows, 0, height - 1)[:, :, None] * width + tf.clip_by_value(columns, 0, width - 1)[:, None]
    pixels = tf.reshape(image, (-1, height * width, channels))
    moved = tf.gather(pixels, tf.reshape(place, (-1, height * width)), axis=1, batch_dims=1)
    is_image = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[:, None]
    return tf.where(is_image[..., None], tf.reshape(moved, (-1, height, width, channels)), background)


def _inside(image: tf.Tensor, hole: tf.Tensor) -> tf.Tensor:
    """Says which pixels of each image lie in its hole, `(N, H, W, 1)`."""
    rows, columns = tf.range(image.shape[1]), tf.range(image.shape[2])
    in_rows = (rows >= hole[:, 0:1]) & (rows < hole[:, 2:3])
    in_columns = (columns >= hole[:, 1:2]) & (columns < hole[:, 3:4])
    return (in_rows[:, :, None] & in_columns[:, None])[..., None]


def _part(sides: tf.Tensor, ratio: float) -> tf.Tensor:
    """Rounds a part of each side to whole pixels, halves up."""
    return tf.cast(tf.cast(sides, tf.float32) * ratio + 0.5, tf.int32)


def _below(numbers: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Turns numbers in [0, 1) into integers from 0 to below the limit, each as likely."""
    return tf.cast(numbers * tf.cast(limit, tf.float32), tf.int32)
