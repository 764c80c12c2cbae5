from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Regression


def fitted(values: list, **options) -> Regression:
    task = Regression("y", **options)
    task.fit(pl.DataFrame({"y": values}, strict=False))
    return task


@pytest.mark.parametrize(
    "series",
    [
        pl.Series([1, 3, None]),
        pl.Series([1.0, 3.0, float("nan")]),
        pl.Series(["1", " 3.0 ", ""]),
        pl.Series(["1", "3", None], dtype=pl.Categorical),
        pl.Series([1, 3, None], dtype=pl.Decimal(10, 2)),
    ],
)
def test_numbers_of_any_dtype(series: pl.Series) -> None:
    task = Regression("y")
    frame = pl.DataFrame({"y": series})
    task.fit(frame)
    targets, mask = task.encode(frame)
    assert targets[:, 0].tolist() == [-1, 1, 0]
    assert mask[:, 0].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("criterion", "expected"), [("mse", 2.25), ("mae", 1.5), ("huber", 0.5 * (1.5 - 0.25))]
)
def test_losses_by_hand(criterion: str, expected: float) -> None:
    task = fitted([1.0, 3.0], criterion=criterion, delta=0.5)
    loss = task.loss(torch.tensor([[2.0]]), torch.tensor([[0.5]]), torch.tensor([[True]]))
    assert float(loss) == pytest.approx(expected)


@pytest.mark.parametrize(("criterion", "expected"), [("mse", 4.0), ("mae", 2.0)])
def test_reference_is_mean_or_median(criterion: str, expected: float) -> None:
    values = [1.0, 2.0, 9.0]
    task = fitted(values, criterion=criterion)
    targets, mask = task.encode(pl.DataFrame({"y": values}))
    assert float(task.scores(task.reference_output(targets, mask)[None])) == pytest.approx(expected, rel=1e-6)


def test_each_column_has_its_own_mask_and_scale() -> None:
    frame = pl.DataFrame({"a": [1.0, 3.0, None], "b": [None, 100.0, 300.0]})
    task = Regression("y", ["a", "b"])
    task.fit(frame)
    targets, mask = task.encode(frame)
    assert mask.tolist() == [[True, False], [True, True], [False, True]]
    assert targets.tolist() == [[-1, 0], [1, -1], [0, 1]]
    assert task.labels == ["a", "b"]
    np.testing.assert_allclose(task.original(targets)[1], [3, 100])


@pytest.mark.parametrize("transform", ["log", "log1p"])
def test_transform_and_back(transform: str) -> None:
    values = [1.0, 10.0, 1000.0]
    task = fitted(values, transform=transform)
    targets, _ = task.encode(pl.DataFrame({"y": values}))
    np.testing.assert_allclose(task.predict(targets)["y"], values, rtol=1e-5)
    unit = np.log10(values) if transform == "log" else np.log1p(values)
    np.testing.assert_allclose(task.original(targets)[:, 0], unit, rtol=1e-5, atol=1e-6)
    assert np.isfinite(task.predict(torch.tensor([[1e9]]))["y"]).all()


@pytest.mark.parametrize(
    ("values", "options", "sentence"),
    [
        ([1.0, float("inf"), -float("inf")], {}, "has 2 infinite values"),
        (["1", "two", "n/a", "two"], {}, "3 rows hold text: 'two', 'n/a'"),
        ([1.0, 0.0, -2.0], {"transform": "log"}, "values above 0, but 'y' has 2 rows .* least being -2"),
        ([1.0, 0.0], {"transform": "log"}, "transform='log1p'"),
        ([1.0, -1.0], {"transform": "log1p"}, "values above -1"),
        ([datetime.date(2020, 1, 1)], {}, "holds Date"),
        ([None], {}, "missing in all 1 rows"),
        ([1e200, -1e200], {}, r"reach 1e\+200, too large to be squared"),
    ],
)
def test_values_that_cannot_be_learned(values: list, options: dict, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        fitted(values, **options)


@pytest.mark.parametrize("options", [{}, {"quantiles": [0.1, 0.9]}, {"transform": "log"}])
def test_of_a_constant_column_the_constant_is_predicted_and_saved(options) -> None:
    task = Regression("y", columns=["a", "b"], **options)
    task.fit(pl.DataFrame({"a": [3.0] * 4, "b": [1.0, 2.0, 3.0, 4.0]}))
    again = Regression("y", columns=["a", "b"], **options)
    again.load_state_dict(json.loads(json.dumps(task.state_dict())))
    output = torch.randn(5, task.n_outputs, generator=torch.Generator().manual_seed(0))
    for one in (task, again):
        said = one.predict(output)
        constant = [values for name, values in said.items() if name.startswith("a")]
        assert constant
        np.testing.assert_allclose(np.stack(constant), 3.0, rtol=1e-12)
        assert len(set(said["b"].tolist())) == 5
    # Labels that differ later are read as they are.
    targets, _ = task.encode(pl.DataFrame({"a": [4.0], "b": [1.0]}))
    assert float(task.original(targets)[0, 0]) == pytest.approx(
        np.log10(4) if "transform" in options else 4.0
    )


def test_a_constant_column_stays_finite() -> None:
    task = fitted([5.0, 5.0, 5.0])
    targets, _ = task.encode(pl.DataFrame({"y": [5.0, 6.0]}))
    assert targets[:, 0].tolist() == [0, 1]


@pytest.mark.parametrize("options", [{"transform": "log10"}, {"criterion": "l2"}, {"delta": 0}])
def test_options_out_of_range(options: dict) -> None:
    with pytest.raises(InvalidArgumentError, match=r"Regression\('y'"):
        Regression("y", **options)
