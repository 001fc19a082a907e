"""Changes pairs at random: where they are cropped, mirrored, turned and recolored, as functions of a seed.

Both images of a pair are changed alike, but for colors, of which only the source's are. Images are `(height, width,
channels)` in [0, 1]. All functions work eagerly and inside tf.data.
"""

import dataclasses

import tensorflow as tf

from pipelines.images import fit, transforms
from pipelines.images.size import Size, format_size
from pipelines.system.terminal import InputError

# Each kind of change has its own draws, so that none of them changes the others.
SCALE, TURN, COLOR = 1, 2, 3
# How source and target are resized.
Methods = tuple[str, str]
BICUBIC = ("bicubic", "bicubic")


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Says how pairs are changed at random. The defaults are the paper's: a random crop, and every other mirrored.

    Attributes:
      size: (height, width) of the result.
      flip: whether every other pair is mirrored left to right.
      flip_vertical: whether every other pair is turned upside down by a mirror.
      rotate90: whether pairs are turned by 0, 90, 180 or 270 degrees, each as likely; `size` is square then.
      color_jitter: by how much brightness, contrast and saturation of the source change at most: 0.2 multiplies each
        by 0.8 to 1.2.
      scale_jitter: by how much the scale of the pair changes at most: 0.2 makes it 0.8 to 1.2 times as large, but
        never so small that the crop would exceed it.
    """

    size: Size
    flip: bool = True
    flip_vertical: bool = False
    rotate90: bool = False
    color_jitter: float = 0.0
    scale_jitter: float = 0.0

    def __post_init__(self) -> None:
        if self.rotate90 and self.size[0] != self.size[1]:
            raise InputError(
                f"rotate90=True needs a square, and image_size={format_size(self.size)}; give a square one or leave "
                "rotate90 out"
            )
        for name in ("color_jitter", "scale_jitter"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)!r} is out of range; give a number from 0 to below 1")

    def __call__(self, pair: transforms.Pair, seed: tf.Tensor, methods: Methods = BICUBIC) -> transforms.Pair:
        """Crops, mirrors, turns and recolors a pair of one size that was read whole; the arguments are `apply`'s."""
        window = self.window(tf.shape(pair[0])[:2], seed)
        pair = self.cut(pair[0], window), self.cut(pair[1], window)
        if self.can_mirror_first:
            pair = transforms.mirrored_if(self.is_mirrored(seed), pair)
        return self.apply(pair, seed, methods)

    @property
    def window_size(self) -> Size | None:
        """(height, width) of all windows; None if the scale changes."""
        return None if self.scale_jitter else self.size

    def window(self, shape: tf.Tensor | Size, seed: tf.Tensor) -> tf.Tensor:
        """Chooses the part of a pair that is cropped: (top, left, height, width), int32.

        Args:
          shape: (height, width) of both images, at least `size`.
          seed: two integers; equal seeds give equal windows.
        """
        shape = tf.cast(shape, tf.int32)
        size = tf.constant(self.size)
        if self.scale_jitter:
            scale = 1 + self.scale_jitter * (2 * draw(seed, SCALE, 1)[0] - 1)
            scale = tf.maximum(scale, tf.reduce_max(tf.cast(size, tf.float32) / tf.cast(shape, tf.float32)))
            size = tf.cast(tf.round(tf.cast(size, tf.float32) / scale), tf.int32)
            size = tf.clip_by_value(size, 1, shape)
        # Draws are below 1, so the place is at most `shape - size`.
        place = tf.cast(_first_draws(seed)[:2] * tf.cast(shape - size + 1, tf.float32), tf.int32)
        return tf.concat([place, size], axis=0)

    @property
    def can_mirror_first(self) -> bool:
        """Whether pairs are mirrored before `apply`, such as while they are read: it would be the first change."""
        return self.flip and not self.scale_jitter

    def is_mirrored(self, seed: tf.Tensor) -> tf.Tensor:
        """Tells whether the pair of a seed is mirrored left to right."""
        return _first_draws(seed)[2] < 0.5

    def cut(self, image: transforms.Image, window: tf.Tensor) -> transforms.Image:
        """Crops an image to a window that `window` has chosen."""
        return fit.cut(image, window, self.window_size)

    def apply(self, pair: transforms.Pair, seed: tf.Tensor, methods: Methods = BICUBIC) -> transforms.Pair:
        """Scales, mirrors, turns and recolors a pair that was cropped to its window.

        Args:
          pair: two images of the window's size, mirrored already if can_mirror_first; in [0, 1], or as stored levels,
            which they stay if they are only moved.
          seed: that of the window.
          methods: how source and target are resized, of choices.RESIZE_METHODS, if the scale changes.
        """
        if self.scale_jitter:
            source, target = (
                transforms.resize(*each)
                for each in zip(map(transforms.unit, pair), 2 * [self.size], methods, strict=True)
            )
            pair = source, target
        if self.flip and not self.can_mirror_first:
            pair = transforms.mirrored_if(self.is_mirrored(seed), pair)
        if self.flip_vertical or self.rotate90:
            draws = draw(seed, TURN, 2)
        if self.flip_vertical:
            pair = transforms.either(draws[0] < 0.5, lambda image: tf.reverse(image, [0]), pair)
        if self.rotate90:
            quarters = tf.cast(draws[1] * 4, tf.int32)
            source, target = (tf.ensure_shape(tf.image.rot90(image, quarters), image.shape) for image in pair)
            pair = source, target
        source, target = pair
        if self.color_jitter:
            source = recolor(transforms.unit(source), 1 + self.color_jitter * (2 * draw(seed, COLOR, 3) - 1))
        return source, target


def recolor(image: transforms.Image, factors: tf.Tensor) -> transforms.Image:
    """Multiplies an image's brightness, then its contrast, then its saturation, as torchvision's ColorJitter does.

    Args:
      image: in [0, 1], as the result. The alpha of 2 or 4 channels stays. Only RGB has saturation; contrast is about
        the mean luminance, or the mean of all channels.
      factors: of brightness, contrast and saturation; 1 changes nothing.
    """
    channels = image.shape[-1]
    colors = channels - 1 if transforms.has_alpha(channels) else channels
    color, alpha = image[..., :colors], image[..., colors:]
    brightness, contrast, saturation = tf.unstack(factors)
    color = _unit(color * brightness)
    mean = tf.reduce_mean(_luminance(color))
    color = _unit(mean + (color - mean) * contrast)
    if colors == 3:
        gray = _luminance(color)
        color = _unit(gray + (color - gray) * saturation)
    return tf.concat([color, alpha], axis=-1)


def draw(seed: tf.Tensor, kind: int, count: int) -> tf.Tensor:
    """Draws `count` numbers from 0 to below 1 for one kind of change."""
    seed = tf.convert_to_tensor(seed)
    return tf.random.stateless_uniform((count,), tf.random.experimental.stateless_fold_in(seed, kind))


def _first_draws(seed: tf.Tensor) -> tf.Tensor:
    """Draws what crop and mirror need; of old, so that earlier trainings can resume."""
    return tf.random.stateless_uniform((3,), seed)


def _luminance(color: transforms.Image) -> tf.Tensor:
    """Returns the luminance of RGB, `(H, W, 1)`; of others the mean of the channels."""
    if color.shape[-1] == 3:
        return transforms.to_channels(color, 1)
    return tf.reduce_mean(color, axis=-1, keepdims=True)


def _unit(image: transforms.Image) -> transforms.Image:
    return tf.clip_by_value(image, 0.0, 1.0)
