"""Draws the course of a training as an animation: the pictures of samples/, one after another."""

import io
import pathlib
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, UnidentifiedImageError

from pipelines.storage.sample import spread_indices

MAX_FRAMES = 60
MAX_BYTES = 4 * 2**20
# Pixels; larger pictures are scaled down.
MAX_SIDE = 1280
# Milliseconds of a picture, and of the last.
FRAME_MS = 250
LAST_MS = 2000
# The line with the step, below each picture.
CAPTION = 16
# WebP's, 0 to 100.
QUALITY = 80


def animation(samples: pathlib.Path, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> bytes | None:
    """Returns a WebP file with the pictures of samples/ in the order of their steps, each above its step.

    There are at most max_frames, at even distances, the first and the last among them; fewer, if the file would be
    larger than max_bytes. Pictures of another size than the last are left out, as those that cannot be read.

    Args:
      samples: the folder; step-00000100.png is the picture of step 100.
      max_frames: at least 2.
      max_bytes: of the file.

    Returns:
      None if there are fewer than two pictures.
    """
    files = _of_one_size(sorted(samples.glob(f"step-{'[0-9]' * 8}.png")))
    while len(files) > 1:
        files = [files[i] for i in spread_indices(len(files), max_frames)]
        contents = _encode(files)
        if len(contents) <= max_bytes or len(files) == 2:
            return contents
        max_frames = max(2, min(len(files) // 2, len(files) * max_bytes // len(contents)))
    return None


def _of_one_size(files: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    sizes = {}
    for file in files:
        try:
            with Image.open(file) as picture:
                sizes[file] = picture.size
        except (OSError, UnidentifiedImageError):
            continue
    last = next(reversed(sizes.values()), None)
    return [file for file, size in sizes.items() if size == last]


def _encode(files: Sequence[pathlib.Path]) -> bytes:
    frames = _frames(files)
    file = io.BytesIO()
    durations = [FRAME_MS] * (len(files) - 1) + [LAST_MS]
    next(frames).save(
        file, "WEBP", save_all=True, append_images=frames, duration=durations, loop=0, quality=QUALITY, method=3
    )
    return file.getvalue()


def _frames(files: Sequence[pathlib.Path]) -> Iterator[Image.Image]:
    for file in files:
        with Image.open(file) as opened:
            picture = opened.convert("RGB")
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        frame = Image.new("RGB", (picture.width, picture.height + CAPTION), "white")
        frame.paste(picture)
        step = int(file.stem.removeprefix("step-"))
        ImageDraw.Draw(frame).text((4, picture.height + 2), f"step {step}", fill="black")
        yield frame
