from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain.learner._row_groups import MOST_GROUPS, rows_by_value
from cotrain.tasks import Binary, Regression

RNG = np.random.default_rng(0)
N = 120
X = RNG.normal(size=N)
FRAME = pl.DataFrame(
    {
        "x": X,
        "user": [None if i % 10 == 9 else f"u{i % 3}" for i in range(N)],
        "y": [None if i % 3 == 2 else float(x) for i, x in enumerate(X)],
        "s": X + RNG.normal(size=N) > 0,
        "w": RNG.integers(0, 3, N),
    }
)


@pytest.fixture(scope="module")
def fitted() -> ct.Learner:
    tasks = [Regression("y"), Binary("s")]
    learner = ct.Learner(
        tasks, sample_weight="w", columns={"user": "drop"}, training=ct.Training(epochs=2, batch_size=16)
    )
    return learner.fit(FRAME, validation=0.2, progress=False)


def test_figures_of_a_group_are_those_of_its_rows_alone(fitted: ct.Learner) -> None:
    table = fitted.evaluate(FRAME, by="user")
    assert list(table.by_group) == ["u0", "u1", "u2", "(missing)"]
    for group, found in table.by_group.items():
        rows = FRAME.filter(pl.col("user").fill_null("(missing)") == group)
        alone = fitted.evaluate(rows)
        assert found.tasks == [task for task in ("y", "s") if alone.row(task).n_labelled]
        for row in found:
            same = alone.row(row.task, row.metric, row.part)
            assert row.n_labelled == same.n_labelled
            assert row.value == pytest.approx(same.value, rel=1e-6, nan_ok=True)
            assert row.references == pytest.approx(same.references, rel=1e-6, nan_ok=True)
    assert table.value("y") == fitted.evaluate(FRAME).value("y")
    assert "u1:" in str(table)
    assert "y" not in table.by_group["u2"].tasks


def test_numbers_are_groups_and_a_target_may_be(fitted: ct.Learner) -> None:
    assert set(fitted.evaluate(FRAME, by="w").by_group) == {"1", "2"}
    assert set(fitted.evaluate(FRAME, by="s").by_group) == {"True", "False"}


def test_what_is_no_column_of_groups_is_refused(fitted: ct.Learner) -> None:
    with pytest.raises(DataError, match=r"^by='usr' is not a column of the table; did you mean 'user'\?$"):
        fitted.evaluate(FRAME, by="usr")
    many = pl.DataFrame({"n": range(MOST_GROUPS + 1)})
    with pytest.raises(InvalidArgumentError, match="has 1001 different values, at most 1000"):
        rows_by_value(many, "n")
    with pytest.raises(InvalidArgumentError, match="expected one value a row"):
        rows_by_value(pl.DataFrame({"n": [[1], [2]]}), "n")


def test_a_data_set_has_no_columns_to_go_by() -> None:
    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return 40

        def __getitem__(self, row: int) -> dict[str, object]:
            return {"inputs": torch.tensor([float(row)]), "y": float(row)}

    learner = ct.Learner(
        [Regression("y")], encoder=ct.networks.MLP(hidden=(4,)), training=ct.Training(epochs=1)
    ).fit(Rows(), validation=None, progress=False)
    with pytest.raises(InvalidArgumentError, match="by='user' needs a table"):
        learner.evaluate(Rows(), by="user")


def test_groups_go_with_sources(fitted: ct.Learner) -> None:
    learner = ct.Learner([Regression("y"), Binary("s")], training=ct.Training(epochs=1, batch_size=16))
    sources = {"a": FRAME.drop("s", "w"), "b": FRAME.drop("y", "w")}
    learner.fit(sources, validation=0.2, progress=False)
    found = learner.evaluate(sources, by="user")
    assert set(found.by_source) == {"a", "b"}
    assert found.by_group["u0"].tasks == ["y", "s"]
