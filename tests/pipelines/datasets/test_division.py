"""Pairs go to splits by their names alone, or by lists; none is in two."""

import hashlib

import pytest

from pipelines.datasets.division import divide, is_val
from pipelines.system.terminal import InputError

NAMES = [f"day {i % 7}/{i:04d}.png" for i in range(2000)]
PLAIN = [name.removesuffix(".png") for name in NAMES]


def test_the_hash_by_hand():
    for plain in PLAIN[:50]:
        number = int(hashlib.sha256(plain.encode()).hexdigest()[:16], 16)
        assert is_val(plain, 0.3) == (number / 2**64 < 0.3)
    assert is_val("B\u00e4ume", 0.5) == is_val("Ba\u0308ume", 0.5)


def test_a_fraction_goes_to_val_and_stays_there_when_data_grow():
    few = divide(NAMES[:500], PLAIN[:500], "data", 0.1)
    many = divide(NAMES, PLAIN, "data", 0.1)
    assert sorted([*many["train"], *many["val"]]) == list(range(2000))
    assert 150 < len(many["val"]) < 250
    assert few["val"] == [index for index in many["val"] if index < 500]
    # A larger fraction takes more, and gives nothing back.
    assert set(many["val"]) < set(divide(NAMES, PLAIN, "data", 0.2)["val"])


def test_the_ending_does_not_matter_to_the_hash():
    as_jpeg = [f"{plain}.jpg" for plain in PLAIN]
    assert divide(NAMES, PLAIN, "data", 0.1) == divide(as_jpeg, PLAIN, "data", 0.1)


def write(path, *lines, encoding="utf-8"):
    path.write_bytes("\n".join(lines).encode(encoding))
    return str(path)


def test_lists(tmp_path):
    names = ["c.png", "a/1.png", "a/2.png", "b.png", "img.001.png"]
    plain = ["c", "a/1", "a/2", "b", "img.001"]
    lists = {
        "train": write(tmp_path / "t", "b.png\r", "", "./a/1", "img.001", encoding="utf-8-sig"),
        "val": write(tmp_path / "v", "c.jpg"),
        "test": "",
    }
    assert divide(names, plain, "data", lists=lists) == {"train": [1, 3, 4], "val": [0]}


def test_a_fraction_is_taken_from_the_list_for_training(tmp_path):
    lists = {"train": write(tmp_path / "t", *NAMES[:1000]), "test": write(tmp_path / "u", *NAMES[1900:])}
    found = divide(NAMES, PLAIN, "data", 0.1, lists)
    assert sorted([*found["train"], *found["val"]]) == list(range(1000))
    assert found["val"] == divide(NAMES[:1000], PLAIN[:1000], "data", 0.1)["val"]
    assert found["test"] == list(range(1900, 2000))


@pytest.mark.parametrize(
    ("train", "val", "fraction", "named"),
    [
        (["1.png", "9.png"], ["2.png"], 0.0, ["train_list", "line 2", "9.png"]),
        (["1.png", "2.png"], ["3.png", "2.png"], 0.0, ["val_list", "line 2", "train_list"]),
        (["1.png"], [""], 0.0, ["val_list"]),
        (["3"], ["2.png"], 0.0, ["3.png", "3.jpg"]),
        (None, ["2.png"], 0.0, ["train_list"]),
        (["1.png"], ["2.png"], 0.1, ["val_fraction", "val_list"]),
        (["1.png"], None, 1e-9, ["val_fraction", "val"]),
    ],
)
def test_lists_that_do_not_fit(tmp_path, train, val, fraction, named):
    names = ["1.png", "2.png", "3.png", "3.jpg"]
    lists = {
        split: write(tmp_path / split, *lines) for split, lines in (("train", train), ("val", val)) if lines is not None
    }
    with pytest.raises(InputError) as error:
        divide(names, ["1", "2", "3", "3"], "data", fraction, lists)
    for word in named:
        assert word in str(error.value)


@pytest.mark.parametrize("contents", [None, b"\xff\xfe\xff"])
def test_a_list_that_cannot_be_read(tmp_path, contents):
    if contents:
        (tmp_path / "t").write_bytes(contents)
    with pytest.raises(InputError, match="train_list"):
        divide(["1.png"], ["1"], "data", lists={"train": str(tmp_path / "t")})


def test_a_fraction_that_leaves_a_split_empty():
    with pytest.raises(InputError, match="val_fraction"):
        divide(["1.png"], ["1"], "data", 0.5)
