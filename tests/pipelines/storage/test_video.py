"""Videos: what is written is read again, by our reader and as the file's own header says."""

import fractions
import struct
import sys

import numpy as np
import pytest

from pipelines.images.header import BadImageError
from pipelines.storage.video import open_video, write_video
from pipelines.system.terminal import InputError

RATE = fractions.Fraction(30000, 1001)


def frames_of(shape, count=6):
    """Blocks of colors, larger than those that share a color in the file."""
    rng = np.random.default_rng(0)
    size = (-(-shape[0] // 16), -(-shape[1] // 16), 3)
    blocks = [rng.integers(0, 256, size, dtype=np.uint8) for _ in range(count)]
    return [np.kron(block, np.ones((16, 16, 1), np.uint8))[: shape[0], : shape[1]] for block in blocks]


def write(path, frames):
    with write_video(path, RATE) as writer:
        for frame in frames:
            writer.add(frame)


def read(path, **options):
    with open_video(path, **options) as video:
        return video.rate, video.count, list(video.frames())


@pytest.mark.parametrize("shape", [(64, 96), (33, 47)], ids=str)
def test_frames_come_back(tmp_path, shape):
    pytest.importorskip("av")
    frames = frames_of(shape)
    write(tmp_path / "a.mp4", frames)
    rate, count, found = read(tmp_path / "a.mp4")
    assert (rate, count, len(found)) == (RATE, 6, 6)
    for got, frame in zip(found, frames, strict=True):
        assert got.dtype == np.uint8
        # Colors have half the resolution: that of an odd last column is mixed with its repetition alone.
        assert got.shape == (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2, 3)
        assert np.abs(got[: shape[0], : shape[1]].astype(int) - frame).mean() < 4


def test_a_video_that_was_taken_upright(tmp_path):
    pytest.importorskip("av")
    write(tmp_path / "a.mp4", frames_of((32, 64), 2))
    *_, lying = read(tmp_path / "a.mp4")
    contents = bytearray((tmp_path / "a.mp4").read_bytes())
    # The matrix of the track's header turns clockwise (ISO/IEC 14496-12, 8.3.2).
    place = contents.index(b"tkhd") + 44
    contents[place : place + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    (tmp_path / "b.mp4").write_bytes(contents)
    *_, upright = read(tmp_path / "b.mp4")
    np.testing.assert_array_equal(upright, [np.rot90(frame, -1) for frame in lying])


def test_what_is_no_video(tmp_path):
    pytest.importorskip("av")
    write(tmp_path / "a.mp4", frames_of((32, 64), 4))
    contents = (tmp_path / "a.mp4").read_bytes()
    # FFmpeg knows playlists by their contents, and would read what they name.
    texts = (b"", b"text", contents[: len(contents) // 3], b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    for i, text in enumerate(texts):
        (tmp_path / f"{i}.mp4").write_bytes(text)
        with pytest.raises(BadImageError):
            read(tmp_path / f"{i}.mp4")
    with pytest.raises(BadImageError, match=r"32x64.*max_pixels=2048"):
        read(tmp_path / "a.mp4", max_pixels=2047)


def test_a_video_that_fails_midway_leaves_no_file(tmp_path):
    pytest.importorskip("av")
    with pytest.raises(ValueError, match="16x32"):
        write(tmp_path / "a.mp4", [*frames_of((32, 64), 2), np.zeros((16, 32, 3), np.uint8)])
    assert list(tmp_path.iterdir()) == []


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="pip install av"):
        read(tmp_path / "a.mp4")
