"""Trees that were fitted beside the networks are those that would have been fitted after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cotrain.comparison import train_run
from cotrain.comparison.runs import _trees_beside
from cotrain.comparison.runs._trees_beside import TreesBeside, fit_all_trees
from cotrain.jobs import Beside
from cotrain.learner import Configuration, SplitTable


@pytest.fixture
def values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(_trees_beside, "FEWEST_ROWS", 1)
    rng = np.random.default_rng(0)
    x, words = rng.normal(size=160), np.array(["good", "bad", "dull"])
    said = [f"{words[i % 3]} film {words[i % 2]}" for i in range(160)]
    frame = pl.DataFrame({"x": x, "said": said, "big": x + rng.normal(size=160) > 0, "price": 3 * x})
    frame = frame.with_columns(price=pl.when(pl.int_range(pl.len()) % 3 > 0).then("price"))
    frame.write_parquet(tmp_path / "t.parquet")
    return {
        "data": str(tmp_path / "t.parquet"),
        "columns": {"said": "text"},
        "tasks": [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}],
        "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
        "training": {"epochs": 1, "batch_size": 32},
        "split": {"validation": 0.2, "test": 0.2},
    }


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the call in this process, when it is asked for."""
    calls: list[int] = []

    class Here:
        def __init__(self, function: Any, arguments: Any, *, threads: int) -> None:
            calls.append(threads)
            self.call = lambda: function(**arguments)

        def has_succeeded(self) -> bool:
            self.call()
            return True

        def stop(self) -> None: ...

    monkeypatch.setattr(_trees_beside, "Beside", Here)
    monkeypatch.setattr(_trees_beside, "spare_cores", lambda: 2)
    return calls


def figures(values: dict[str, Any], folder: Path, **options: Any) -> list[Any]:
    found = train_run(Configuration.from_config(values), folder, progress=False, **options)
    return [found.table.rows, [answer.to_json() for answer in found.answers]]


@pytest.mark.parametrize("answer", ["joint", "auto"])
def test_the_figures_are_the_same_to_the_bit(
    values: dict[str, Any], tmp_path: Path, here: list[int], answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values["answer"] = answer
    after = figures(values, tmp_path / "after")
    assert here == []
    fits: list[str] = []
    fit = _trees_beside.TreeReference.fit.__globals__["fit_trees"]
    monkeypatch.setitem(
        _trees_beside.TreeReference.fit.__globals__,
        "fit_trees",
        lambda task, *a, **k: fits.append(task.name) or fit(task, *a, **k),
    )
    assert figures(values, tmp_path / "beside", beside=True) == after
    assert here == [2]
    assert fits == ["big", "price"]  # beside alone, and once each


@pytest.mark.slow
def test_a_process_of_its_own_gives_the_same(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_trees_beside, "spare_cores", lambda: 1)
    configuration = Configuration.from_config(values)
    split = SplitTable.of(configuration)
    with TreesBeside.begin(configuration, split, wanted=True) as beside:
        found = beside.fitted()
        assert set(found) == {"big", "price"}
        assert Path(beside.output or "").exists()
    assert not Path(beside.output or "").parent.exists()
    assert figures(values, tmp_path / "a", beside=True) == figures(values, tmp_path / "b")


def test_where_the_process_dies_trees_are_fitted_here(
    values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_trees_beside, "spare_cores", lambda: 1)
    monkeypatch.setattr(_trees_beside, "Beside", lambda *_, **__: Beside(print, {}, threads=0))
    assert figures(values, tmp_path / "a", beside=True) == figures(values, tmp_path / "b")


@pytest.mark.parametrize(
    "changes",
    [
        {"references": "constant"},
        {"split": {"validation": 0.2, "test": 0.0}},
        {"answer": "auto", "cotraining": {"strategy": "SelfTraining"}},
        {"columns": {"said": "picture"}},
    ],
)
def test_where_no_trees_are_needed_or_rows_are_large_none_are_begun(
    values: dict[str, Any], here: list[int], changes: dict[str, Any]
) -> None:
    configuration = Configuration.from_config(values | changes)
    assert TreesBeside.begin(configuration, SplitTable.of(configuration), wanted=True).beside is None
    assert here == []


def test_few_rows_are_not_worth_a_process(
    values: dict[str, Any], here: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_trees_beside, "FEWEST_ROWS", 2000)
    configuration = Configuration.from_config(values)
    assert TreesBeside.begin(configuration, SplitTable.of(configuration), wanted=True).beside is None
    assert here == []


def test_of_one_core_none_is_spare(values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_trees_beside, "spare_cores", lambda: 0)
    configuration = Configuration.from_config(values)
    with TreesBeside.begin(configuration, SplitTable.of(configuration), wanted=True) as beside:
        assert beside.fitted() == {}


def test_a_task_without_labels_fails_where_it_is_made(values: dict[str, Any], tmp_path: Path) -> None:
    split = SplitTable.of(Configuration.from_config(values))
    for part in ("train", "validation", "unlabelled"):
        table = split.typed(part)
        table.frame = table.frame.with_columns(big=pl.lit(None, pl.Boolean))
        table.write_parquet(tmp_path / f"{part}.parquet")
    config = Configuration.from_config(values).learner.config()
    with pytest.raises(Exception, match="label"):
        fit_all_trees(str(tmp_path), str(tmp_path / "out.npz"), config, [])
