"""Which rows belong together is known wherever co-training holds rows out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain.comparison._network_jobs import train_cell
from cotrain.comparison.runs._train_run import train_run
from cotrain.configuration import describe
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.learner._row_units import with_units
from cotrain.training import Examples
from cotrain.tuning._trials import _fit

N = 120


class Seen(Exception):
    """Ends a fit where its rounds would begin."""


@pytest.fixture
def configuration(tmp_path) -> dict:
    who = np.arange(N) // 4
    frame = pl.DataFrame(
        {
            "who": who,
            "day": [f"2024-{1 + w // 28:02d}-{1 + w % 28:02d}" for w in who],
            "x": np.arange(N) % 7 / 7,
            "y": [int(i % 7 > 3) if i % 3 else None for i in range(N)],
        }
    )
    frame.write_csv(tmp_path / "visits.csv")
    return {
        "data": str(tmp_path / "visits.csv"),
        "tasks": [{"kind": "Binary", "name": "y"}],
        "training": {"epochs": 1},
        "cotraining": {"max_rounds": 1},
        "references": "constant",
    }


def trained(configuration: Configuration, folder) -> None:
    train_run(configuration, folder, progress=False)


def compared(configuration: Configuration, folder) -> None:
    split = SplitTable.of(configuration)
    folder.mkdir()
    for part in ("train", "validation", "unlabelled"):
        split.typed(part).write_parquet(folder / f"{part}.parquet")
    recipe = configuration.learner.config()
    train_cell(str(folder), str(folder / "cell"), recipe, split.left_out, split=describe(configuration.split))


def tuned(configuration: Configuration, folder) -> None:
    _fit(configuration, SplitTable.of(configuration), [])


@pytest.mark.parametrize("fit", [trained, compared, tuned])
@pytest.mark.parametrize("by", ["group", "time"])
def test_the_rounds_know_what_rows_are_split_by(configuration, tmp_path, monkeypatch, fit, by):
    def improve(self, start, train, validation):
        found.extend([train, validation])
        raise Seen

    found: list[Examples] = []
    monkeypatch.setattr(CoTrainingStage, "improve", improve)
    column = {"group": "who", "time": "day"}[by]
    split = {by: column, "validation": 0.2, "test": 0.2}
    made = Configuration.from_config({**configuration, "split": split})
    with pytest.raises(Seen):
        fit(made, tmp_path / "run")
    train, validation = found
    labelled = train.labelled().any(dim=1)
    assert (train.units[labelled] >= 0).all()
    if by == "time":
        assert (train.units[~labelled] == -1).all()
    else:
        parts = SplitTable.of(made)
        who = [*parts["train"]["who"], *parts["unlabelled"]["who"]]
        pairs = set(zip(who, train.units.tolist(), strict=True))
        assert len(pairs) == len(set(who)) == len({unit for _, unit in pairs})
    n_units = [len(rows.units[rows.units >= 0].unique()) for rows in found]
    assert all(1 < n < int(rows.labelled().sum()) for n, rows in zip(n_units, found, strict=True))
    assert not set(train.units[labelled].tolist()) & set(validation.units.tolist())


def test_rows_that_stand_for_themselves_are_left_as_they_are():
    rows = Examples({"x": torch.zeros(3, 1)}, {}, {})
    assert with_units(rows, {}, 4) == (rows, 4)
    known, after = with_units(rows, {"times": np.array([2, 1, 3])}, 4)
    assert known.units.tolist() == [4, 4, 5]
    assert after == 6
    assert known.take(torch.tensor([2])).units.tolist() == [5]
    in_groups, after = with_units(rows, {"groups": np.array([1, -1, 1])}, 4)
    assert in_groups.units.tolist() == [4, -1, 4]
    assert after == 5
