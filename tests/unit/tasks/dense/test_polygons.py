"""Pixels in polygons."""

import itertools

import numpy as np
import pytest

from cotrain._base import DataError
from cotrain.tasks.dense._polygons import region_of_polygon

DRAW = np.random.default_rng(0)


def drawn(n: int) -> list[np.ndarray]:
    """Return polygons of fractions, whole numbers, tenths, and with corners that are there twice."""
    kinds = (
        lambda corners: DRAW.uniform(-5, 45, (corners, 2)),
        lambda corners: DRAW.integers(-2, 42, (corners, 2)).astype(float),
        lambda corners: np.round(DRAW.uniform(0, 40, (corners, 2)), 1),
        lambda corners: np.repeat(DRAW.uniform(0, 40, (corners, 2)), DRAW.integers(1, 3, corners), axis=0),
    )
    return [kinds[i % len(kinds)](int(DRAW.integers(3, 9))) for i in range(n)]


def whole(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    first, inside = region_of_polygon(corners.ravel().tolist(), height, width)
    region = np.zeros((height, width), bool)
    region[:, first : first + inside.shape[1]] = inside
    return region


def literal(corners: np.ndarray, height: int, width: int) -> np.ndarray:
    """Walk the outline in fifths of a pixel and count the passes above the middle of every pixel."""
    outline = []
    fifths = [[int(5 * value + 0.5) for value in corner] for corner in corners.tolist()]
    for (x0, y0), (x1, y1) in zip(fifths, [*fifths[1:], fifths[0]], strict=True):
        dx, dy = abs(x1 - x0), abs(y1 - y0)
        flat, n = dx >= dy, max(dx, dy)
        back = x0 > x1 if flat else y0 > y1
        (xa, ya), (xb, yb) = ((x1, y1), (x0, y0)) if back else ((x0, y0), (x1, y1))
        steps = [
            (xa + t, int(ya + (yb - ya) / max(n, 1) * t + 0.5))
            if flat
            else (int(xa + (xb - xa) / n * t + 0.5), ya + t)
            for t in range(n + 1)
        ]
        outline += steps[::-1] if back else steps
    region = np.zeros((height, width), bool)
    for (u0, v0), (u1, v1) in itertools.pairwise(outline):
        column, row = (min(u0, u1) + 0.5) / 5 - 0.5, (min(v0, v1) + 0.5) / 5 - 0.5
        if u0 != u1 and column == int(column) and 0 <= column < width:
            region[int(np.ceil(max(0.0, row))) :, int(column)] ^= True
    return region


def test_a_rectangle_between_pixels_is_its_pixels():
    region = whole(np.array([[1, 2], [4, 2], [4, 5], [1, 5]]), 6, 7)
    expected = np.zeros((6, 7), bool)
    expected[2:5, 1:4] = True
    assert np.array_equal(region, expected)


def test_every_pixel_is_that_of_the_rule_written_out():
    for corners in drawn(40):
        height, width = DRAW.integers(1, 45, 2).tolist()
        assert np.array_equal(whole(corners, height, width), literal(corners, height, width))


def test_every_pixel_is_that_of_coco():
    coco = pytest.importorskip("faster_coco_eval.core.mask")
    for corners in drawn(120):
        height, width = DRAW.integers(1, 45, 2).tolist()
        expected = coco.decode(coco.frPyObjects([corners.ravel().tolist()], height, width))[..., 0]
        assert np.array_equal(whole(corners, height, width), expected.astype(bool))


def test_what_lies_outside_has_no_pixel():
    assert region_of_polygon([-9, 0, -3, 0, -3, 9], 8, 8)[1].sum() == 0
    assert region_of_polygon([20, 0, 30, 0, 30, 9], 8, 8)[1].sum() == 0
    assert whole(np.array([[-9.0, -9], [99, -9], [99, 99], [-9, 99]]), 4, 5).all()


@pytest.mark.parametrize("corner", [1e9, float("nan"), float("inf")])
def test_corners_that_are_none_of_the_picture_are_refused(corner):
    with pytest.raises(DataError, match="far outside its picture of 8×6"):
        region_of_polygon([1, 1, corner, 2, 3, 3], 6, 8)
