"""A video through translate: its frames are those of the single images, by moving statistics."""

import fractions

import numpy as np
import pytest

from pipelines.storage.video import open_video, write_video
from pipelines.system.terminal import InputError
from tests.helpers.commands import call
from tests.helpers.runs import untrained
from tfpix2pix import translate
from tfpix2pix.run import load_run

RATE = fractions.Fraction(12)


def frames_of(path):
    with open_video(path) as video:
        assert video.rate == RATE
        return list(video.frames())


def test_frames_are_translated_as_images(strategies, tmp_path, capsys):
    pytest.importorskip("av")
    # A label map with colors of its own: what people see has them.
    run_dir = untrained(tmp_path / "r", strategies[1], target_labels=3, norm_statistics="image")
    rng = np.random.default_rng(0)
    with write_video(tmp_path / "clip.mov", RATE) as writer:
        for _ in range(3):
            writer.add(np.kron(rng.integers(0, 256, (4, 6, 3), dtype=np.uint8), np.ones((16, 16, 1), np.uint8)))
    common = (f"--run_dir={run_dir}", f"--input={tmp_path / 'clip.mov'}", f"--output={tmp_path / 'o'}")
    assert call(translate, *common, "--batch_size=2") == 0
    assert "norm_statistics=moving" in capsys.readouterr().out
    found = frames_of(tmp_path / "o" / "clip.mp4")
    run = load_run(run_dir, norm_statistics="moving")
    colors = np.asarray(run.config.display("target").colors)
    expected = [colors[run.translate(frame)[..., 0]] for frame in frames_of(tmp_path / "clip.mov")]
    assert len(found) == 3
    for got, frame in zip(found, expected, strict=True):
        assert got.shape == frame.shape == (64, 96, 3)
        # Colors have half the resolution, brightness (BT.709) has all of it.
        shown, wanted = (image.reshape(-1, 3) @ [0.2126, 0.7152, 0.0722] for image in (got, frame))
        assert np.corrcoef(shown, wanted)[0, 1] > 0.9
    assert call(translate, *common) == 0
    assert "--overwrite" in capsys.readouterr().out


def test_what_goes_with_images_alone(tmp_path):
    common = (f"--run_dir={tmp_path}", f"--input={tmp_path / 'a.mp4'}", f"--output={tmp_path / 'o'}")
    for option in ("--uncertainty", "--format=png"):
        with pytest.raises(InputError, match=option.strip("-").split("=")[0]):
            call(translate, *common, option)
    with pytest.raises(InputError, match=r"a\.mp4 is no file"):
        call(translate, *common)
