from __future__ import annotations

import math
from typing import Literal

import pytest

from cotrain.evaluation import relative_gain
from cotrain.tasks import Metric


def metric(direction: Literal["max", "min"]) -> Metric:
    return Metric("m", direction, lambda scores, targets, mask: scores, lambda records: 0.0)


@pytest.mark.parametrize(
    ("value", "reference", "direction", "expected"),
    [
        (0.8, 0.5, "max", 0.6),  # AUROC
        (0.3, 0.0, "max", 0.3),  # R²
        (0.92, 0.9, "max", 0.2),  # accuracy over the majority class
        (0.4, 0.5, "max", -0.2),
        (8.0, 10.0, "min", 0.2),  # RMSE
        (12.0, 10.0, "min", -0.2),
        (1.0, 1.0, "max", 0.0),
        (0.9, 1.0, "max", math.nan),
        (math.nan, 0.5, "max", math.nan),
        (0.5, math.nan, "min", math.nan),
    ],
)
def test_gain_is_the_share_of_the_distance_made_good(
    value: float, reference: float, direction: Literal["max", "min"], expected: float
) -> None:
    assert relative_gain(value, reference, metric(direction)) == pytest.approx(expected, nan_ok=True)
