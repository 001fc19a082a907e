"""Files of two folders become pairs, or are named with the reason why not."""

import pytest

from pipelines.datasets.matching import match_files, suggest_match
from pipelines.storage.listing import list_folder
from pipelines.system.terminal import InputError


def folder(root, names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    root.mkdir(exist_ok=True)
    return list_folder(root)


def match(tmp_path, a, b, how=""):
    """Returns the pairs by name, as the files' names, and why the others are alone."""
    found = match_files(folder(tmp_path / "A", a), folder(tmp_path / "B", b), how)

    def short(path):
        return path.relative_to(tmp_path).as_posix()

    pairs = {name: (short(pair.a), short(pair.b)) for name, pair in found.pairs.items()}
    return pairs, {short(path): reason for path, reason in found.alone.items()}, found.other_capitals


def test_names_are_compared_without_endings(tmp_path):
    pairs, alone, _ = match(tmp_path, ["2.png", "10.PNG", "day/1.jpg"], ["day/1.jpeg", "2.JPG", "10.png"])
    assert list(pairs) == ["10", "2", "day/1"]
    assert pairs == {
        "10": ("A/10.PNG", "B/10.png"),
        "2": ("A/2.png", "B/2.JPG"),
        "day/1": ("A/day/1.jpg", "B/day/1.jpeg"),
    }
    assert not alone


def test_a_dot_in_a_name_is_no_ending(tmp_path):
    pairs, alone, _ = match(tmp_path, ["a.1.png", "a.2.png"], ["a.1.jpg", "a.2.jpg"])
    assert list(pairs) == ["a.1", "a.2"]
    assert not alone


def test_capitals_may_differ_where_that_is_clear(tmp_path):
    pairs, alone, other = match(
        tmp_path, ["Img_1.png", "IMG_2.png", "img_2.png", "x.png"], ["IMG_1.png", "Img_2.png", "x.png", "X.png"]
    )
    assert pairs == {"Img_1": ("A/Img_1.png", "B/IMG_1.png"), "x": ("A/x.png", "B/x.png")}
    assert other == 1
    assert sorted(alone) == ["A/IMG_2.png", "A/img_2.png", "B/Img_2.png", "B/X.png"]
    assert all("capitals" in reason for reason in alone.values())


def test_accents_may_be_composed_or_not(tmp_path):
    pairs, alone, _ = match(tmp_path, ["B\u00e4ume.png"], ["Ba\u0308ume.png"])
    assert len(pairs) == 1
    assert not alone


@pytest.mark.parametrize(
    ("a", "b", "alone", "words"),
    [
        (["1.png", "2.png"], ["1.png", "2.gif"], "A/2.png", ["B/2.gif", ".gif"]),
        (["1.png", "2.png"], ["1.png", ".2.png"], "A/2.png", ["B/.2.png", "hidden"]),
        (["1.png", "2.png"], ["1.png", "._2.png"], "A/2.png", ["B/._2.png", "hidden"]),
        (["1.png", "2.png"], ["1.png", "more/2.png"], "A/2.png", ["B/more/2.png", "another folder"]),
        (["1.png"], ["1.png", "2.png"], "B/2.png", ["no file in", "/A"]),
        (["1.png", "2.png", "2.jpg"], ["1.png", "2.png"], "A/2.jpg", ["2.jpg and 2.png", "one name"]),
        (["1.png", "2.png"], ["1.png", "2.png", "2.jpg"], "A/2.png", ["B/2.jpg", "B/2.png"]),
    ],
)
def test_a_file_alone_has_a_reason(tmp_path, a, b, alone, words):
    pairs, found, _ = match(tmp_path, a, b)
    assert list(pairs) == ["1"]
    for word in words:
        assert word in found[alone]


@pytest.mark.parametrize(
    ("how", "a", "b", "expected", "alone"),
    [
        ("{}_A:{}_B", ["1_A.png", "x.png"], ["1_B.jpg"], {"1_A": ("A/1_A.png", "B/1_B.jpg")}, ["A/x.png"]),
        ("{}:{}_label", ["1.png", "d/2.png"], ["1_label.png", "d/2_label.png"], None, []),
        ("photo-{}:map-{}", ["photo-1.png"], ["map-1.png"], {"photo-1": ("A/photo-1.png", "B/map-1.png")}, []),
    ],
)
def test_patterns(tmp_path, how, a, b, expected, alone):
    pairs, found, _ = match(tmp_path, a, b, how)
    assert sorted(found) == alone
    expected = expected or {"1": ("A/1.png", "B/1_label.png"), "d/2": ("A/d/2.png", "B/d/2_label.png")}
    assert pairs == expected


def test_one_folder_holds_both_sides(tmp_path):
    listing = folder(tmp_path, ["1.png", "1_mask.png", "2.png", "2_mask.png", "3.png", "4_mask.png"])
    found = match_files(listing, listing, "{}:{}_mask")
    assert {name: (pair.a.name, pair.b.name) for name, pair in found.pairs.items()} == {
        "1": ("1.png", "1_mask.png"),
        "2": ("2.png", "2_mask.png"),
    }
    assert sorted(path.name for path in found.alone) == ["3.png", "4_mask.png"]


def test_order_takes_sorted_lists(tmp_path):
    pairs, alone, _ = match(tmp_path, ["c.png", "a.png", "b.png"], ["3.jpg", "1.jpg", "2.jpg"], "order")
    assert pairs == {"a": ("A/a.png", "B/1.jpg"), "b": ("A/b.png", "B/2.jpg"), "c": ("A/c.png", "B/3.jpg")}
    assert not alone


@pytest.mark.parametrize(
    ("how", "a", "b", "named"),
    [
        ("order", ["1.png"], ["1.png", "2.png"], ["1", "2"]),
        ("order", ["1.png", "1.jpg"], ["1.png", "2.png"], ["A/1.jpg", "A/1.png"]),
        ("{}_A", ["1.png"], ["1.png"], ["{}_A"]),
        ("a:b", ["1.png"], ["1.png"], ["a:b"]),
        ("{}{}:{}", ["1.png"], ["1.png"], ["{}{}:{}"]),
        ("sorted", ["1.png"], ["1.png"], ["sorted"]),
    ],
)
def test_what_cannot_be_matched_is_an_error(tmp_path, how, a, b, named):
    with pytest.raises(InputError) as error:
        match(tmp_path, a, b, how)
    for word in named:
        assert word in str(error.value)


def test_order_needs_two_folders(tmp_path):
    listing = folder(tmp_path, ["1.png"])
    with pytest.raises(InputError, match="order"):
        match_files(listing, listing, "order")


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (["1_A", "2_A"], ["1_B", "2_B"], "{}A:{}B"),
        (["1", "2", "3"], ["1_label", "2_label", "3_label"], "{}:{}_label"),
        (["img-1", "img-2"], ["seg-1", "seg-2"], "im{}:se{}"),
        (["cat", "dog"], ["17", "18"], ""),
        ([], ["1"], ""),
    ],
)
def test_suggests_patterns(a, b, expected):
    assert suggest_match(a, b) == expected
