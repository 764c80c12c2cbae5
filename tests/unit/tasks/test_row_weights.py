from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.tasks import Binary, Multiclass, Regression
from cotrain.tasks._row_weights import row_weights, rows_that_count, times_rows, weighted_labels

FRAME = pl.DataFrame({"y": [1.0, 2.0, None, 4.0], "w": [3.0, 0.0, None, 1.5]})


def test_weights_are_divided_by_a_power_of_two_so_that_their_mean_is_near_one() -> None:
    for factor in (1.0, 1e-6, 3e7, 1e300):
        frame = pl.DataFrame({"w": [factor * weight for weight in (1.0, 2.0, 4.0, 0.0)]})
        known = torch.ones(4, 1, dtype=torch.bool)
        _, weights = weighted_labels(torch.ones(4, 1), known, frame, "w", task="y")
        assert weights.dtype == torch.float32
        assert weights[:, 0].tolist() == pytest.approx((weights[0, 0] * torch.tensor([1, 2, 4, 0])).tolist())
        assert 0.7 < float(weights[:3].mean()) < 1.5
        exponent = np.log2(factor / float(weights[0, 0]))
        assert exponent == pytest.approx(round(exponent), abs=1e-5)


def test_a_row_of_weight_zero_is_one_without_a_label() -> None:
    task = Regression("y", sample_weight="w")
    task.fit(FRAME)
    plain = Regression("y")
    plain.fit(pl.DataFrame({"y": [1.0, 1.0, 4.0]}))  # 3 and 1.5 are as 2 and 1
    for key, values in plain.state_dict().items():
        assert task.state_dict()[key] == pytest.approx(values)
    targets, weights = task.encode(FRAME)
    assert (targets[weights == 0] == 0).all()
    assert weights[:, 0].tolist() == [1.5, 0.0, 0.0, 0.75]


def test_a_label_may_be_without_weight_where_the_task_does_not_exist() -> None:
    frame = FRAME.with_columns(w=pl.Series([None, 1.0, None, 1.0]), kind=pl.Series([0, 1, 1, 1]))
    task = Regression("y", when="kind == 1", sample_weight="w")
    task.fit(frame)
    assert task.encode(frame)[1][:, 0].tolist() == [0.0, 1.0, 0.0, 1.0]


def test_ragged_rows_are_weighted_entry_by_entry() -> None:
    mask = Ragged.from_rows([torch.tensor([True, False]), torch.tensor([True])])
    assert times_rows(mask, torch.tensor([2.0, 3.0])).values.tolist() == [2.0, 0.0, 3.0]
    values = Ragged.from_rows([torch.tensor([[5.0], [6.0]]), torch.tensor([[7.0]])])
    kept, known = rows_that_count(values, mask, torch.tensor([False, True]))
    assert kept.values.tolist() == [[0.0], [0.0], [7.0]]
    assert known.values.tolist() == [False, False, True]


def test_numbers_may_be_spelt_and_true_is_one() -> None:
    assert row_weights(pl.DataFrame({"w": ["1.5", " 2 "]}), "w", "y").tolist() == [1.5, 2.0]
    assert row_weights(pl.DataFrame({"w": [True, False]}), "w", "y").tolist() == [1.0, 0.0]
    with pytest.raises(DataError, match="holds Date, where a number ≥ 0 a row was expected"):
        row_weights(pl.DataFrame({"w": pl.Series(["2020-01-01"]).str.to_date()}), "w", "y")
    with pytest.raises(DataError, match=r"'weigth' is not a column of the table; did you mean 'weight'\?"):
        row_weights(pl.DataFrame({"weight": [1]}), "weigth", "y")


@pytest.mark.parametrize("column", ["", 3, "y"])
def test_a_weight_is_the_name_of_a_column_that_is_no_target(column: object) -> None:
    with pytest.raises(InvalidArgumentError, match="sample_weight"):
        Binary("y", sample_weight=column)  # ty: ignore[invalid-argument-type]
    with pytest.raises(InvalidArgumentError, match="sample_weight"):
        Multiclass("y").usually_weighted_by(column)  # ty: ignore[invalid-argument-type]


def test_without_weights_the_mask_is_bool() -> None:
    task = Regression("y")
    task.fit(FRAME)
    assert task.encode(FRAME)[1].dtype == torch.bool
