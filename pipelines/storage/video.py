"""Reads and writes videos, frame by frame, with PyAV; without their sound."""

import contextlib
import fractions
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.images.header import BadImageError
from pipelines.images.size import MAX_PIXELS, Size, format_size
from pipelines.system.disk import whole_file
from pipelines.system.terminal import InputError

# Suffix -> the only format that is read in such a file, in FFmpeg's names. A playlist, which can name other files and
# servers, is none of them.
FORMATS = {".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska", ".avi": "avi"}
# Frames a second of a video that does not say it.
DEFAULT_RATE = fractions.Fraction(25)
# H.264's quality, at which losses are hardly seen; lower is better (FFmpeg's default is 23).
QUALITY = "18"
# ITU-R BT.709 with the reduced range, as players take it; numbers of ISO/IEC 23091-2 and of FFmpeg.
BT709, REDUCED_RANGE = 1, 1


def is_video(path: pathlib.Path) -> bool:
    """Tells by its suffix whether a file is a video."""
    return path.suffix.lower() in FORMATS


class Video:
    """A video that is read from the beginning to the end; made by `open_video`.

    Attributes:
      rate: frames a second, on average.
      count: of frames, as the file says; 0 if it does not.
    """

    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.streams.video[0]
        self._stream.thread_type = "AUTO"
        self.rate = fractions.Fraction(self._stream.average_rate or DEFAULT_RATE)
        self.count = int(self._stream.frames)

    def frames(self) -> Iterator[np.ndarray]:
        """Yields the frames, upright, `(H, W, 3)` uint8.

        Raises:
          BadImageError: the file is damaged.
        """
        with _naming_damage():
            for frame in self._container.decode(self._stream):
                # Cameras that are held upright write frames that lie, and say by how many degrees.
                yield np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))


@contextlib.contextmanager
def open_video(path: pathlib.Path, max_pixels: int = MAX_PIXELS) -> Iterator[Video]:
    """Opens a video for reading.

    Args:
      path: its suffix is one of FORMATS.
      max_pixels: larger frames, by the file's header, are not decoded.

    Raises:
      InputError: PyAV is not installed.
      BadImageError: it cannot be read, has no picture, or is too large.
    """
    av = _av()
    with contextlib.ExitStack() as stack:
        with _naming_damage():
            options = {"protocol_whitelist": "file"}
            container = av.open(str(path), format=FORMATS[path.suffix.lower()], options=options)
            stack.enter_context(container)
        if not container.streams.video:
            raise BadImageError("it has no picture")
        shape = container.streams.video[0].height, container.streams.video[0].width
        if shape[0] * shape[1] > max_pixels:
            raise BadImageError(
                f"its frames are {format_size(shape)}; give --max_pixels={shape[0] * shape[1]} to take it"
            )
        yield Video(container)


class VideoWriter:
    """Takes the frames of a video; made by `write_video`."""

    def __init__(self, container: Any, rate: fractions.Fraction) -> None:
        self._container = container
        self._stream = container.add_stream("libx264", rate=rate, options={"crf": QUALITY})
        self._shape: Size | None = None

    def add(self, frame: np.ndarray) -> None:
        """Takes a frame, `(H, W, 3)` uint8, all of one size; an odd last row or column is repeated once."""
        shape = frame.shape[:2]
        if self._shape is None:
            self._begin(shape)
        if self._shape != shape:
            raise ValueError(f"a frame is {format_size(shape)} after frames of {self._shape}; give all one size")
        # Colors have half the resolution in both directions.
        even = np.pad(frame, ((0, shape[0] % 2), (0, shape[1] % 2), (0, 0)), mode="edge")
        picture = _av().VideoFrame.from_ndarray(even, format="rgb24")
        picture = picture.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
        self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Writes what the encoder still holds."""
        if self._shape:
            self._container.mux(self._stream.encode())

    def _begin(self, shape: Size) -> None:
        self._shape = shape
        self._stream.height, self._stream.width = shape[0] + shape[0] % 2, shape[1] + shape[1] % 2
        self._stream.pix_fmt = "yuv420p"
        coder = self._stream.codec_context
        coder.colorspace = coder.color_primaries = coder.color_trc = BT709
        coder.color_range = REDUCED_RANGE


@contextlib.contextmanager
def write_video(path: pathlib.Path, rate: fractions.Fraction) -> Iterator[VideoWriter]:
    """Writes a video, H.264 in MP4, whole or not at all.

    Args:
      path: of the file.
      rate: frames a second.

    Raises:
      InputError: PyAV is not installed.
    """
    av = _av()
    with whole_file(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        writer = VideoWriter(container, rate)
        yield writer
        writer.finish()


@contextlib.contextmanager
def _naming_damage() -> Iterator[None]:
    """Turns PyAV's errors into BadImageError."""
    try:
        yield
    except (_av().FFmpegError, EOFError) as error:
        raise BadImageError(f"it cannot be read as a video ({getattr(error, 'strerror', None) or error})") from None


def _av() -> Any:
    try:
        import av
    except ImportError:
        raise InputError("videos need PyAV, which is not installed; pip install av") from None
    return av
