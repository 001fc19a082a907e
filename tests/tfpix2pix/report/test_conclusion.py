"""The sentence before the numbers: what it says follows from their intervals."""

import dataclasses

import numpy as np
import pytest

from tfpix2pix.quality.tally import Result
from tfpix2pix.report.conclusion import of_comparison, of_evaluation
from tfpix2pix.report.results import difference, differences_table


def result(l1, **others):
    images = {"l1": np.asarray(l1), **others}
    return [Result(images, {name: float(values.mean()) for name, values in images.items()})]


RNG = np.random.default_rng(0)
HARD = RNG.uniform(0.1, 0.5, 40)


@pytest.mark.parametrize(
    ("floor", "words"),
    [
        (HARD + 0.1, "The generator is better than the mean training target: L1 {0:.4f} against {1:.4f}."),
        (HARD - 0.05, "no better than the mean training target: L1 {0:.4f} against {1:.4f}, which is clearly better."),
        (RNG.permutation(HARD), "is no better than the mean training target: L1 {0:.4f} against {1:.4f}, no clear"),
    ],
)
def test_a_generator_against_what_needs_no_source(floor, words):
    sentence = of_evaluation({"step 8": result(HARD), "mean target": result(floor)}, "image", "the generator")
    assert words.format(HARD.mean(), floor.mean()) in sentence


def test_what_cannot_be_told_is_not_told():
    few = {"step 8": result(HARD[:9]), "mean target": result(HARD[:9] + 1)}
    assert of_evaluation(few, "image", "the generator").endswith("9 images are too few to tell which is better.")
    assert "nothing was measured beside it" in of_evaluation({"step 8": result(HARD)}, "image", "the generator")


def test_few_images_have_no_interval_of_the_whole_set_either():
    def few(iou):
        (found,) = result(HARD[:9])
        return [dataclasses.replace(found, means={"class_iou": iou}, resampled={"class_iou": np.full(1000, iou)})]

    assert difference("class_iou", few(0.2), few(0.1)) == {"mean": pytest.approx(0.1), "verdict": "no interval"}


def test_groups_are_told_apart_by_metric():
    groups = {
        "a": result(HARD, psnr=20 + HARD, ssim=HARD),
        "b": result(HARD - 0.05, psnr=19 + HARD, ssim=HARD),
        "c": result(HARD, psnr=20 + HARD, ssim=HARD),
    }
    table, differences = differences_table("a", groups)
    assert of_comparison(differences, "a") == (
        "b is better than a by L1 and worse than a by PSNR; SSIM does not differ clearly. "
        "c is no better and no worse than a: no metric differs clearly."
    )
    assert [row[1][0].split("\n")[-1] for row in table.rows] == ["b is better", "b is worse", "no clear difference"]
