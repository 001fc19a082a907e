"""Splits of stacks become sets of slices: matched, divided by stack, and refused where a word is missing."""

import numpy as np
import pytest
import tifffile

from pipelines.datasets.layout import open_dataset
from pipelines.images import codecs, packed_pair
from pipelines.images.image_format import ImageFormat
from pipelines.images.pair_format import PairFormat
from pipelines.loader import train_dataset
from pipelines.pairs import open_pairs
from pipelines.stacks.pairs import SlicePairs
from pipelines.stacks.stack import StackForm
from pipelines.system.terminal import InputError
from tests.helpers.stacks import make_stacks, numbers, write_ome

GRAY = StackForm(channels=1)
FORMS = (StackForm(channels=1, context=1), GRAY)


def write(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_stacks(tmp_path_factory.mktemp("stacks"), count=8, depth=5)


@pytest.fixture(scope="module")
def dataset(folder):
    return open_dataset(folder, val_fraction=0.3, stacks=FORMS)


def test_pairs_of_slices(folder, dataset):
    files = dataset.split("train")
    assert isinstance(files, SlicePairs)
    for index in (0, 4, 6):
        name, place = files.name(index).split("/")
        a, b = (codecs.decode(each).values for each in packed_pair.unpack(files[index].read_bytes()))
        whole = tifffile.imread(folder / "A" / f"{name}.tif")
        around = np.pad(whole, ((1, 1), (0, 0), (0, 0)), "reflect")
        np.testing.assert_array_equal(a, np.moveaxis(around[int(place) : int(place) + 3], 0, -1))
        np.testing.assert_array_equal(b[..., 0], 65535 - whole[int(place)])
        assert files[index].size() == len(files[index].read_bytes())
        read = files.reader()
        assert read(np.int64(index)).numpy() == files[index].read_bytes()


def test_a_stack_is_in_one_split_as_a_whole(dataset):
    names = {split: {name.split("/")[0] for name in dataset.split(split).names()} for split in ("train", "val")}
    assert names["train"]
    assert names["val"]
    assert not names["train"] & names["val"]
    assert len(names["train"] | names["val"]) == 8
    assert len(dataset.split("val")) == 5 * len(names["val"])
    (line, *_) = dataset.summary("val")
    count = len(names["val"])
    assert f"{5 * count} pairs of slices in {count} pair{'s' if count > 1 else ''} of stacks" in line


def test_names_have_the_order_of_slices(tmp_path):
    for side in "AB":
        write(tmp_path / side / "x.y.npy", numbers((12, 8, 8)))
    files = open_dataset(tmp_path, stacks=(GRAY, GRAY)).split("")
    assert files.names() == sorted(files.names())
    assert files.names()[11] == "x.y/000011"
    assert "(Z, H, W), 12 slices of 8x8; --axes" in open_dataset(tmp_path, stacks=(GRAY, GRAY)).summary("")[0]


def test_steps_follow_from_seed_and_step_alone(dataset):
    """Read anew for each crop, or from memory, from the start or from the third step: the same to the last bit."""
    form = PairFormat("AtoB", (16, 16), ImageFormat(3, context=1), ImageFormat(1), "crop", random_crop=True)

    def batches(cache_mib, first):
        pairs = open_pairs(dataset.split("train"), form, cache_mib=cache_mib)
        steps = {"image_size": (16, 16), "batch_size": 2, "seed": 5, "first_step": first, "last_step": 6}
        return [[side.numpy() for side in pair] for pair in train_dataset(pairs, **steps)]

    kept = batches(100, 0)
    for other, start in ((batches(0, 0), 0), (batches(0, 3), 3)):
        for (source, target), (source2, target2) in zip(kept[start:], other, strict=True):
            np.testing.assert_array_equal(source, source2)
            np.testing.assert_array_equal(target, target2)
    source, target = kept[0]
    assert source.shape == (2, 16, 16, 3)
    # The target is the negative of the slice itself.
    np.testing.assert_allclose(target[..., 0], -source[..., 1], atol=1e-5)


def test_a_stack_that_goes_or_changes_is_lost_by_its_slices(tmp_path):
    folder = make_stacks(tmp_path, count=3, depth=4)
    form = PairFormat("AtoB", (32, 32), ImageFormat(3, context=1), ImageFormat(1))
    pairs = open_pairs(open_dataset(folder, stacks=FORMS).split(""), form)
    write_ome(folder / "A" / "cell1.ome.tif", numbers((4, 32, 32), seed=9))
    (folder / "B" / "cell2.ome.tif").unlink()
    lost = pairs.unreadable(range(12))
    assert sorted(lost) == [*range(4, 12)]
    assert {pair.name for pair in lost.values()} == {f"cell{n}.ome/00000{z}" for n in (1, 2) for z in range(4)}
    # A training that resumes finds its pairs at their old places.
    (folder / "A" / "cell2.ome.tif").unlink()
    files = open_dataset(folder, stacks=FORMS).split("")
    assert files.with_missing(pair.name for pair in lost.values()).names() == pairs.files.names()


def of_npy(tmp_path, a, b, **options):
    for side, arrays in (("A", a), ("B", b)):
        for number, values in enumerate(arrays):
            write(tmp_path / side / f"{number}.npy", values)
    return open_dataset(tmp_path, **{"stacks": (GRAY, GRAY), **options}).split("")


STACK, OTHER, PICTURE = numbers((9, 8, 8)), numbers((8, 8, 8)), numbers((8, 8))


@pytest.mark.parametrize(
    ("a", "b", "forms", "words"),
    [
        ([STACK], [OTHER], (GRAY, GRAY), ["0.npy has 9 slices", "has 8"]),
        ([STACK], [PICTURE], (GRAY, GRAY), ["0.npy is a stack", "single picture"]),
        ([PICTURE], [STACK], (GRAY, GRAY), ["0.npy is a stack", "single picture"]),
        ([STACK, PICTURE], [STACK, PICTURE], (GRAY, GRAY), ["0.npy is a stack", "1.npy a single picture"]),
        ([PICTURE], [PICTURE], FORMS, ["source_context=1 needs stacks", "single pictures"]),
        ([numbers((3, 8, 8))], [STACK], (GRAY, GRAY), ["0.npy", "--axes=CYX", "--axes=ZYX"]),
    ],
)
def test_refused(tmp_path, a, b, forms, words):
    with pytest.raises(InputError) as error:
        of_npy(tmp_path, a, b, stacks=forms)
    assert all(word in str(error.value) for word in words), error.value
    assert "\n" not in str(error.value)


def test_a_stack_among_pictures_is_refused_when_it_is_read(tmp_path):
    files = of_npy(tmp_path, [PICTURE, STACK], [PICTURE, STACK])
    form = PairFormat("AtoB", (8, 8), ImageFormat(1), ImageFormat(1))
    with pytest.raises(InputError, match=r"1\.npy.*it has 8 channels"):
        open_pairs(files, form)


def test_stacks_that_are_not_two_folders(tmp_path):
    write(tmp_path / "train" / "x.npy", STACK)
    with pytest.raises(InputError, match=r"x\.npy is a stack of 9 slices.*two folders"):
        open_dataset(tmp_path, stacks=(GRAY, GRAY)).split("train")


def test_slices_of_other_channels(tmp_path):
    rgb = numbers((5, 8, 8, 3), np.uint8)
    files = of_npy(tmp_path, [rgb], [STACK[:5]], stacks=FORMS)
    form = PairFormat("AtoB", (8, 8), ImageFormat(3, context=1), ImageFormat(1))
    with pytest.raises(InputError, match=r"its slices have 3 channels, and 1 are asked for; .*--source_channels=3"):
        open_pairs(files, form)
