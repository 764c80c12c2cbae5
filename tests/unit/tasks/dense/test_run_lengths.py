"""Run lengths and their text."""

import numpy as np
import pytest

from cotrain._base import DataError
from cotrain.tasks.dense._run_lengths import region_of_runs, runs_as_text, runs_from_text

DRAW = np.random.default_rng(0)


def literal_region(lengths: list[int], height: int, width: int) -> np.ndarray:
    region, inside, pixel = np.zeros((height, width), bool), False, 0
    for length in lengths:
        for _ in range(length):
            region[pixel % height, pixel // height] = inside
            pixel += 1
        inside = not inside
    return region


def drawn_runs(n_pixels: int) -> list[int]:
    cuts = np.sort(DRAW.integers(0, n_pixels + 1, DRAW.integers(0, 12)))
    return np.diff(cuts, prepend=0, append=n_pixels).tolist()


def test_runs_go_down_the_columns_and_come_back_from_their_text():
    for _ in range(50):
        height, width = DRAW.integers(1, 400, 2).tolist()
        runs = drawn_runs(height * width)
        text = runs_as_text(runs)
        assert runs_from_text(text).tolist() == runs
        if height * width < 2000:
            assert np.array_equal(region_of_runs(text, height, width), literal_region(runs, height, width))
    assert np.array_equal(region_of_runs(runs_as_text([0, 1, 5]), 2, 3), literal_region([0, 1, 5], 2, 3))


def test_the_text_is_that_of_coco():
    coco = pytest.importorskip("faster_coco_eval.core.mask")
    for share in (0.0, 0.02, 0.5, 1.0):
        region = DRAW.random((43, 57)) < share
        text = coco.encode(np.asfortranarray(region.astype(np.uint8)))["counts"]
        text = text.decode() if isinstance(text, bytes) else text
        assert np.array_equal(region_of_runs(text, 43, 57), region)
        assert runs_as_text(runs_from_text(text).tolist()) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "are of 5 pixels, expected 6 for a picture of 3×2"),
        ("", "are of 0 pixels, expected 6"),
        (runs_as_text([3, 2, 1, 1]) + "o", "a letter is lacking"),
        ("3é", "none of RLE's"),
        ("3 3", "none of RLE's"),
        ("o" * 20 + "0", "none of RLE's"),
        ("7O", "are of 6 pixels|run lengths"),
    ],
)
def test_text_of_another_form_is_refused(text, message):
    with pytest.raises(DataError, match=message) as error:
        region_of_runs(text, 2, 3)
    assert "\n" not in str(error.value)
