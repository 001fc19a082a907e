"""The frames of an animation are the pictures of samples/, some of them, and it stays small."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tfpix2pix.report.animation import CAPTION, animation


def save(folder, step, pixels):
    folder.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / f"step-{step:08d}.png")


def plain(gray, size=(48, 96)):
    return np.full((*size, 3), gray, np.uint8)


def frames(contents):
    """Each frame as numbers, and its milliseconds."""
    with Image.open(io.BytesIO(contents)) as file:
        found = []
        for frame in ImageSequence.Iterator(file):
            pixels = np.asarray(frame.convert("RGB")).astype(int)
            found.append((pixels, frame.info["duration"]))
        return found


def grays(contents):
    return [round(pixels[:-CAPTION].mean()) for pixels, _ in frames(contents)]


def test_frames_are_those_of_a_run(short_run):
    shown = frames((short_run / "progress.webp").read_bytes())
    files = sorted((short_run / "samples").glob("*.png"))
    assert len(shown) == len(files) > 1
    for (pixels, _), file in zip(shown, files, strict=True):
        picture = np.asarray(Image.open(file).convert("RGB")).astype(int)
        others = [np.asarray(Image.open(other).convert("RGB")) for other in files if other != file]
        error = abs(pixels[:-CAPTION] - picture).mean()
        # WebP's loss; another step's picture is farther away.
        assert error < 4
        assert all(error < 0.8 * abs(pixels[:-CAPTION] - other).mean() for other in others)
    assert shown[-1][1] > shown[0][1]


def test_some_at_even_distances_with_the_first_and_the_last(tmp_path):
    for i in range(9):
        save(tmp_path / "s", 100 * i, plain(28 * i))
    assert grays(animation(tmp_path / "s")) == pytest.approx([28 * i for i in range(9)], abs=1)
    assert grays(animation(tmp_path / "s", max_frames=5)) == pytest.approx([0, 56, 112, 168, 224], abs=1)
    # The line below says which step it is.
    captions = [pixels[-CAPTION:].min(axis=2) for pixels, _ in frames(animation(tmp_path / "s"))]
    assert all((caption < 100).any() and (caption > 200).mean() > 0.5 for caption in captions)
    assert not np.array_equal(captions[1] < 128, captions[2] < 128)


def test_a_large_one_has_fewer_frames(tmp_path):
    rng = np.random.default_rng(0)
    for i in range(8):
        save(tmp_path / "s", i, rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    whole = animation(tmp_path / "s")
    some = animation(tmp_path / "s", max_bytes=len(whole) // 2)
    assert len(frames(whole)) == 8
    assert 2 <= len(frames(some)) <= 4
    assert len(some) <= len(whole) // 2


def test_other_sizes_and_broken_files_are_left_out(tmp_path):
    """Another --samples changes the size."""
    save(tmp_path / "s", 0, plain(200, (48, 48)))
    for step, gray in ((10, 0), (20, 100), (30, 250)):
        save(tmp_path / "s", step, plain(gray))
    (tmp_path / "s" / "step-00000020.png").write_bytes(b"no picture")
    assert grays(animation(tmp_path / "s")) == pytest.approx([0, 250], abs=1)
    (tmp_path / "s" / "step-00000010.png").unlink()
    assert animation(tmp_path / "s") is None
    assert animation(tmp_path / "none") is None
