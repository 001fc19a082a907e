"""What a folder has: taken or named, never dropped."""

import os

import pytest
import tensorflow as tf

from pipelines.storage.input_output import left_out_line
from pipelines.storage.listing import count_words, faults, left_out_words, list_files, list_folder
from pipelines.system.paths import RemotePath
from pipelines.system.terminal import InputError

NAMES = [
    "1.jpg",
    "2.JPEG",
    "deep/er/3.png",
    "4.gif",
    "5.GIF",
    "6.psd",
    "noending",
    "notes.txt",
    ".hidden.png",
    "._1.jpg",
    "deep/.ipynb_checkpoints/3-checkpoint.png",
    "__MACOSX/1.jpg",
    "Thumbs.db",
]
TAKEN = ["1.jpg", "2.JPEG", "deep/er/3.png"]
LEFT_OUT = {
    "4.gif": ".gif",
    "5.GIF": ".gif",
    "6.psd": ".psd",
    "noending": "without extension",
    "notes.txt": ".txt",
    ".hidden.png": "hidden",
    "._1.jpg": "hidden",
    "deep/.ipynb_checkpoints": "hidden",
    "__MACOSX": "hidden",
    "Thumbs.db": "hidden",
}


def write(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def names_of(folder):
    listing = list_folder(folder)
    left_out = {path.relative_to(folder).as_posix(): reason for path, reason in listing.left_out.items()}
    return [path.relative_to(folder).as_posix() for path in listing.files], left_out


def test_everything_is_taken_or_named(tmp_path):
    write(tmp_path, *NAMES)
    assert names_of(tmp_path) == (TAKEN, LEFT_OUT)
    assert [path.name for path in list_files(tmp_path)] == [name.split("/")[-1] for name in TAKEN]
    left_out = list_folder(tmp_path).left_out
    assert count_words(left_out.values()) == "5 hidden, 2 .gif, 1 .psd, 1 .txt, 1 without extension"
    assert left_out_words(left_out).endswith("1 without extension")
    assert sorted(path.name for path in faults(left_out)) == ["4.gif", "5.GIF", "6.psd", "noending"]
    assert left_out_words({}) == ""


def test_an_object_store_is_listed_alike():
    folder = RemotePath("ram://listing")
    for name in NAMES:
        tf.io.gfile.makedirs(str((folder / name).parent))
        (folder / name).write_bytes(b"x")
    taken, left_out = names_of(folder)
    assert taken == TAKEN
    assert left_out == LEFT_OUT


def test_links_are_followed_and_do_not_run_in_circles(tmp_path):
    write(tmp_path / "elsewhere", "a/1.png", "2.png")
    data = tmp_path / "data"
    write(data, "3.png")
    (data / "linked").symlink_to(tmp_path / "elsewhere")
    (data / "again").symlink_to(tmp_path / "elsewhere" / "a")
    (data / "4.png").symlink_to(tmp_path / "elsewhere" / "2.png")
    (data / "5.png").symlink_to(tmp_path / "nothing")
    (data / "linked" / "a" / "back").symlink_to(tmp_path / "elsewhere")
    (data / "self.png").symlink_to(data / "self.png")
    taken, left_out = names_of(data)
    assert taken == ["3.png", "4.png", "again/1.png", "again/back/2.png", "linked/2.png", "linked/a/1.png"]
    circle = "link to a folder around it"
    assert left_out == {
        "5.png": "broken link",
        "self.png": "broken link",
        "again/back/a": circle,
        "linked/a/back": circle,
    }
    (tmp_path / "whole").symlink_to(data)
    assert names_of(tmp_path / "whole") == (taken, left_out)


def test_what_is_no_file_is_named(tmp_path):
    write(tmp_path, "1.png")
    os.mkfifo(tmp_path / "2.png")
    (tmp_path / "3.png").mkdir()
    assert names_of(tmp_path) == (["1.png"], {"2.png": "no regular file"})


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["1.gif", "2.gif", "3.heic"], ["2 .gif", "1 .heic"]),
        ([".1.png"], ["1 hidden"]),
        ([], ["nothing"]),
        (["train-00000-of-00001.tfrecord"], ["manifest.json"]),
    ],
)
def test_no_images_says_what_is_there_instead(tmp_path, names, words):
    write(tmp_path, *names)
    with pytest.raises(InputError) as error:
        list_files(tmp_path)
    for word in [str(tmp_path), *words]:
        assert word in str(error.value)


def test_no_folder(tmp_path):
    write(tmp_path, "1.png")
    for wrong in (tmp_path / "1.png", tmp_path / "nothing"):
        with pytest.raises(InputError, match=str(wrong)):
            list_folder(wrong)


def test_commands_say_what_an_input_has_besides_images(tmp_path):
    write(tmp_path / "in", *NAMES)
    line = left_out_line(tmp_path / "in")
    for words in (str(tmp_path / "in"), "3 images", "5 hidden", "2 .gif"):
        assert words in line
    assert left_out_line(tmp_path / "in" / "1.jpg") == ""
    assert left_out_line(tmp_path / "in" / "deep" / "er") == ""
