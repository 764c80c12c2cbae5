from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.learner import complete


@pytest.fixture(scope="module")
def fitted() -> tuple[ct.Learner, pl.DataFrame]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=200)
    known = np.arange(200) % 2 == 0
    frame = pl.DataFrame(
        {
            "x": x,
            "side": [("right" if v > 0 else "left") if k else None for v, k in zip(x, known, strict=True)],
            "size": [2 * v if k else None for v, k in zip(x, known, strict=True)],
            "rank": [int(v > 0) + int(v > 1) if k else None for v, k in zip(x, known, strict=True)],
        }
    )
    tasks = [ct.tasks.Binary("side"), ct.tasks.Regression("size"), ct.tasks.Ordinal("rank")]
    learner = ct.Learner(
        tasks, encoder=ct.networks.TableEncoder(16, 1), training=ct.Training(40, 32, learning_rate=1e-2)
    )
    return learner.fit(frame, 0.2, progress=False), frame


def test_given_cells_stay_and_empty_ones_are_filled(fitted):
    learner, frame = fitted
    table = complete(learner, frame)
    for column in ("side", "size", "rank"):
        given = frame[column].is_not_null()
        assert table[column].filter(given).equals(frame[column].filter(given))
        assert table[column].null_count() == 0
        assert table[f"{column}_source"].to_list() == ["given" if g else "predicted" for g in given]
    assert table["side_confidence"].filter(frame["side"].is_not_null()).null_count() == 100
    assert table["side_confidence"].filter(frame["side"].is_null()).min() >= 0.5
    assert table["size_confidence"].null_count() == 200
    truth = (frame["x"] > 0).to_numpy()
    assert ((table["side"] == "right").to_numpy() == truth).mean() > 0.9


def test_what_is_not_sure_enough_stays_open(fitted):
    learner, frame = fitted
    table = complete(learner, frame, least=0.9)
    is_open = table["side_source"] == "open"
    assert is_open.any()
    assert table["side"].filter(is_open).null_count() == is_open.sum()
    assert table["side_confidence"].filter(is_open).max() < 0.9


def test_a_target_column_may_be_absent(fitted):
    learner, frame = fitted
    table = complete(learner, frame.select("x"))
    assert table.columns[:2] == ["x", "side"]
    assert set(table["side_source"]) == {"predicted"}


def test_a_share_out_of_range_is_refused(fitted):
    with pytest.raises(InvalidArgumentError, match="expected a number"):
        complete(*fitted, least=1.5)
