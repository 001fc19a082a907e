"""Every layout opens as the same pairs; what nearly fits is recognized or refused, and nothing vanishes."""

import pytest

from pipelines.datasets.layout import open_dataset
from pipelines.storage.image_files import Files
from pipelines.storage.paired_files import PairedFiles
from pipelines.system.terminal import InputError


def write(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode())
    return root


def found(root, **options):
    """Returns the names of a data set's pairs by split, and what was left out with the reason."""
    data = open_dataset(root, **options)
    left_out = {path.relative_to(root).as_posix(): reason for path, reason in data.left_out.items()}
    return {split: data.split(split).names() for split in data.splits}, left_out


SIDE_BY_SIDE = {"train": ["1.png", "more/2.png"], "val": ["3.png"], "test": ["4.png"]}
TWO_FILES = {"train": ["1", "more/2"], "val": ["3"], "test": ["4"]}
LAYOUTS = {
    "side by side": ["train/1.png", "train/more/2.png", "val/3.png", "test/4.png"],
    "other words": ["Training/1.png", "Training/more/2.png", "VALID/3.png", "testing/4.png"],
    "validation": ["TRAIN/1.png", "TRAIN/more/2.png", "validation/3.png", "Test/4.png"],
    "sides around splits": [f"{side}/{name}" for side in "AB" for name in ("train/1.png", "train/more/2.png")]
    + [f"{side}/{name}" for side in "AB" for name in ("val/3.png", "test/4.png")],
    "splits around sides": [f"train/{side}/{name}" for side in "AB" for name in ("1.png", "more/2.png")]
    + [f"{split}/{side}/{name}" for side in "AB" for split, name in (("val", "3.png"), ("test", "4.png"))],
    "joined": [f"train{side}/{name}" for side in "AB" for name in ("1.png", "more/2.png")]
    + [f"{split}{side}/{name}" for side in "AB" for split, name in (("val", "3.png"), ("test", "4.png"))],
    "joined otherwise": [f"train_{side}/{name}" for side in "ab" for name in ("1.png", "more/2.png")]
    + [f"{split}_{side}/{name}" for side in "ab" for split, name in (("Valid", "3.png"), ("TEST", "4.png"))],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    names = LAYOUTS[layout]
    is_one = len(names) == 4
    assert found(write(tmp_path, *names)) == (SIDE_BY_SIDE if is_one else TWO_FILES, {})
    data = open_dataset(tmp_path)
    for split in ("train", "val", "test"):
        files = data.split(split)
        assert isinstance(files, Files if is_one else PairedFiles)
        if not is_one:
            # A is on the left, whatever the names' order.
            assert all({"a", "A"} & set(pair.a.as_posix().removeprefix(str(tmp_path))) for pair in files)
            assert all({"b", "B"} & set(pair.b.as_posix().removeprefix(str(tmp_path))) for pair in files)


def test_folders_that_are_named_by_options(tmp_path):
    write(tmp_path, "photos/train/1.jpg", "photos/val/2.jpg", "labels/Train/1.png", "labels/val/2.png")
    data = open_dataset(data_a=str(tmp_path / "photos"), data_b=str(tmp_path / "labels"))
    assert {split: data.split(split).names() for split in data.splits} == {"train": ["1"], "val": ["2"]}
    pair = data.split("train")[0]
    assert (pair.a.name, pair.b.name) == ("1.jpg", "1.png")
    data = open_dataset(data_a=str(tmp_path / "labels" / "Train"), data_b=str(tmp_path / "photos" / "train"))
    assert data.splits == [""]
    assert data.split("")[0].a.name == "1.png"


@pytest.mark.parametrize("sides", [("",), ("A/", "B/")], ids=["side by side", "two folders"])
def test_a_fraction_divides_what_has_no_splits(tmp_path, sides):
    write(tmp_path, *(f"{side}{number}.png" for side in sides for number in range(200)))
    splits, left_out = found(tmp_path, val_fraction=0.2)
    assert list(splits) == ["train", "val"]
    assert not left_out
    assert sorted(splits["train"] + splits["val"]) == found(tmp_path)[0][""]
    assert 20 < len(splits["val"]) < 60


def test_a_fraction_is_taken_from_train_only_without_val(tmp_path):
    write(tmp_path, *(f"train/{number}.png" for number in range(100)), "test/x.png")
    splits, _ = found(tmp_path, val_fraction=0.2)
    assert splits["test"] == ["x.png"]
    assert sorted(splits["train"] + splits["val"]) == sorted(f"{number}.png" for number in range(100))
    write(tmp_path, "val/y.png")
    data = open_dataset(tmp_path, val_fraction=0.2)
    assert len(data.split("train")) == 100
    assert data.split("val").names() == ["y.png"]
    assert any("val_fraction=0.2 takes nothing" in line for line in data.summary())


@pytest.mark.parametrize("sides", [("",), ("A/", "B/")], ids=["side by side", "two folders"])
def test_lists_name_the_pairs_of_each_split(tmp_path, sides):
    data = tmp_path / "data"
    write(data, *(f"{side}train/{number}.png" for side in sides for number in range(4)), *(f"{s}9.png" for s in sides))
    (tmp_path / "t").write_text("train/3.png\ntrain/0\n")
    (tmp_path / "v").write_text("9\n")
    splits, left_out = found(data, lists={"train": str(tmp_path / "t"), "val": str(tmp_path / "v"), "test": ""})
    end = ".png" if sides == ("",) else ""
    assert splits == {"train": [f"train/0{end}", f"train/3{end}"], "val": [f"9{end}"]}
    assert left_out == {f"{side}train/{number}.png": "in no list" for side in sides for number in (1, 2)}


def test_nothing_is_left_out_without_a_word(tmp_path):
    write(
        tmp_path,
        *("train/1.png", "train/2.gif", "train/.3.png", "val/4.png", "val/notes.txt"),
        *("5.png", "6.gif", "README.md", "holdout/7.png", ".git/8.png"),
    )
    splits, left_out = found(tmp_path)
    assert splits == {"train": ["1.png"], "val": ["4.png"]}
    assert left_out == {
        "train/2.gif": ".gif",
        "train/.3.png": "hidden",
        "val/notes.txt": ".txt",
        **dict.fromkeys(("5.png", "6.gif", "holdout"), "beside the splits"),
    }
    lines = "\n".join(open_dataset(tmp_path).summary())
    for words in ("train: 1 pairs", "1 .gif", "1 hidden", "val: 1", "1 .txt", "5.png", "6.gif", "holdout/"):
        assert words.replace("1 pairs", "1 pair") in lines
    assert open_dataset(tmp_path).split("holdout").names() == ["7.png"]


def test_files_alone_are_skipped_with_a_reason(tmp_path):
    write(tmp_path, "A/train/1.png", "B/train/1.png", "A/train/2.png", "B/train/2.gif", "B/train/3.png")
    train = open_dataset(tmp_path).split("train")
    assert train.names() == ["1"]
    a, b = tmp_path / "A" / "train", tmp_path / "B" / "train"
    assert list(train.skipped) == [str(a / "2.png"), str(b / "3.png")]
    assert ".gif" in train.skipped[str(a / "2.png")]
    assert train.left_out == {a / "2.png": "without partner", b / "3.png": "without partner", b / "2.gif": ".gif"}
    assert train.select([0]).skipped == train.skipped


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["train/1.png", "Train/2.png", "val/3.png"], ["train/", "Train/"]),
        (["train/1.png", "val/3.png", "valid/3.png"], ["val/", "valid/"]),
        (["A/train/1.png", "B/train/1.png", "train/1.png"], ["A/", "B/", "train/"]),
        (["trainA/1.png", "trainB/1.png", "val/1.png"], ["trainA/", "val/"]),
        (["A/train/1.png"], ["A/", "side B"]),
        (["trainA/1.png", "trainB/1.png", "valA/1.png"], ["valA/", "side B"]),
        (["train/B/1.png", "val/A/2.png", "val/B/2.png"], ["B/", "side A"]),
        (["A/train/1.png", "B/train/1.png", "A/val/1.png"], ["A/val", "B"]),
        (["A/train/1.png", "B/1.png"], ["A/train", "B"]),
        (["A/1.png", "B/1.png", "2.png"], ["A/", "B/", "images beside"]),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path, names, named):
    write(tmp_path, *names)
    with pytest.raises(InputError) as error:
        open_dataset(tmp_path)
    for word in named:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("names", "split", "named"),
    [
        (["train/1.png", "test/2.png"], "val", ["train", "test", "val_fraction", "rename"]),
        (["train/1.png"], "val", ["train", "val_fraction"]),
        (["1.png", "2.png"], "train", ["val_fraction", "lists"]),
        (["train/1.png", "val/2.gif"], "val", ["val", "1 .gif"]),
        (["train/1.png", "val/2.png"], "holdout", ["holdout", "train", "val"]),
        (["train/A/1.png", "train/B/2.png"], "train", ["A/1.png", "no file in"]),
        (["train/A/1_A.png", "train/B/1_B.png"], "train", ["A/1_A.png", "{}A:{}B"]),
    ],
)
def test_a_split_that_is_not_there_says_what_is(tmp_path, names, split, named):
    write(tmp_path, *names)
    with pytest.raises(InputError) as error:
        open_dataset(tmp_path).split(split)
    for word in named:
        assert word in str(error.value)


def test_an_empty_split_is_no_missing_one(tmp_path):
    write(tmp_path, *(f"train/{number}.png" for number in range(50)))
    (tmp_path / "val").mkdir()
    with pytest.raises(InputError, match="val"):
        open_dataset(tmp_path, val_fraction=0.5).split("val")
    assert len(open_dataset(tmp_path, val_fraction=0.5).split("train")) == 50


def test_what_lies_in_a_side_beside_its_splits_is_named(tmp_path):
    write(tmp_path, *(f"{side}/{split}/1.png" for side in "AB" for split in ("train", "val")), "A/2.png", "B/old/3.png")
    splits, left_out = found(tmp_path)
    assert splits == {"train": ["1"], "val": ["1"]}
    assert left_out == {"A/2.png": "beside the splits", "B/old": "beside the splits"}


def test_a_folder_a_among_others_is_no_side(tmp_path):
    write(tmp_path, "a/1.png", "2.png", "train/a/3.png", "train/c/4.png")
    assert found(tmp_path / "a")[0] == {"": ["1.png"]}
    assert found(tmp_path / "train")[0] == {"": ["a/3.png", "c/4.png"]}
    assert open_dataset(tmp_path).split("train").names() == ["a/3.png", "c/4.png"]


def test_letters_are_not_sides_where_there_are_others(tmp_path):
    write(tmp_path, "train/a/1.png", "train/b/2.png", "train/c/3.png", "val/4.png")
    assert found(tmp_path)[0] == {"train": ["a/1.png", "b/2.png", "c/3.png"], "val": ["4.png"]}


def test_links_open_as_what_they_lead_to(tmp_path):
    write(tmp_path / "real", "photos/1.jpg", "labels/1.png")
    data = tmp_path / "data"
    (data / "train").mkdir(parents=True)
    (data / "train" / "A").symlink_to(tmp_path / "real" / "photos")
    (data / "train" / "B").symlink_to(tmp_path / "real" / "labels")
    (data / "val").symlink_to(data / "train")
    assert found(data)[0] == {"train": ["1"], "val": ["1"]}


@pytest.mark.parametrize(
    "options", [{"match": "x"}, {"data_b": ""}, {"data_b": "nothing"}, {"data_a": ""}], ids=["match", "b", "no b", "a"]
)
def test_options_that_do_not_fit(tmp_path, options):
    write(tmp_path, "1.png")
    if "match" not in options:
        options = {"data_a": str(tmp_path), "data_b": str(tmp_path), **options}
    name = next(iter(options)) if len(options) == 1 else next(o for o in options if options[o] != str(tmp_path))
    with pytest.raises(InputError, match=name):
        open_dataset(tmp_path, **options)
