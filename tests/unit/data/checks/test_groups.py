from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from cotrain.data import Schema
from cotrain.data.checks import check_groups, find_problems, read_labels
from cotrain.data.checks._groups import intraclass_correlation
from cotrain.tasks import Binary, Multiclass, Regression

N_GROUPS, SIZE = 40, 6


def table(seed: int, alike: float, name: str = "patient_id") -> pl.DataFrame:
    """Visits of patients; a share of a visit's number is the patient's own."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(N_GROUPS), SIZE)
    own = np.sqrt(alike) * rng.normal(size=N_GROUPS)[who] + np.sqrt(1 - alike) * rng.normal(size=len(who))
    return pl.DataFrame({name: who, "x": rng.normal(size=len(who)), "y": own, "sick": own > 0}).with_columns(
        stage=pl.Series(np.digitize(own, [-0.5, 0.5])).cast(pl.String)
    )


def at_random(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    order = np.random.default_rng(1).permutation(frame.height)
    return {
        "train": np.sort(order[:160]),
        "validation": np.sort(order[160:200]),
        "test": np.sort(order[200:]),
    }


def by_group(frame: pl.DataFrame) -> dict[str, np.ndarray]:
    who = np.repeat(np.arange(N_GROUPS), SIZE)
    return {"train": np.flatnonzero(who < 30), "test": np.flatnonzero(who >= 30)}


def found(frame, parts, tasks):
    return check_groups(frame, read_labels(frame, tasks)[0], parts)


@pytest.mark.parametrize("task", [Regression("y"), Binary("sick"), Multiclass("stage")])
@pytest.mark.parametrize("as_text", [False, True])
def test_visits_of_patients_that_are_torn_apart_are_told_of(task, as_text):
    frame = table(0, 0.5)
    if as_text:
        frame = frame.with_columns(patient_id="p" + pl.col("patient_id").cast(pl.String))
    (problem,) = found(frame, at_random(frame), [task])
    assert (problem.severity, problem.subject) == ("warning", "patient_id")
    assert "split: {group: patient_id}" in problem.sentence
    assert 30 < problem.values["shared"] <= problem.values["held_out"] <= N_GROUPS
    assert found(frame, by_group(frame), [task]) == []


def test_rows_that_only_share_a_number_are_not():
    told = sum(bool(found(frame, at_random(frame), [Regression("y")])) for seed in range(40)
               for frame in [table(seed, 0.0)])  # fmt: skip
    assert told <= 1


@pytest.mark.parametrize(
    "name",
    ["subject", "Patient ID", "user.id", "id", "movie_id", "speaker", "student_no", "passengerId", "OrderID"],
)
def test_names_of_persons_and_identifiers_are_looked_at(name):
    frame = table(0, 0.5, name)
    assert [problem.subject for problem in found(frame, at_random(frame), [Regression("y")])] == [name]


@pytest.mark.parametrize(
    "name", ["age", "grid", "width", "paid", "region", "subjective", "Grid", "isPaid", "IDLE"]
)
def test_other_names_are_not(name):
    frame = table(0, 0.5, name)
    assert found(frame, at_random(frame), [Regression("y")]) == []


def test_one_row_each_few_values_numbers_with_a_point_and_targets_are_no_groups():
    frame = table(0, 0.5)
    parts = at_random(frame)
    for column in (
        pl.Series(range(frame.height)),
        pl.col("patient_id") % 5,
        pl.col("patient_id") + 0.5,
        pl.lit(None, pl.Int64),
    ):
        assert found(frame.with_columns(patient_id=column), parts, [Regression("y")]) == []
    assert found(frame, parts, [Regression("patient_id")]) == []
    assert found(frame[:0], {"train": np.zeros(0, int)}, []) == []


def test_it_is_among_all_checks():
    frame = table(0, 0.5)
    schema = Schema.infer(frame, exclude=["y", "sick", "stage"])
    problems = find_problems(frame, [Regression("y")], schema, at_random(frame))
    assert "groups" in {problem.check for problem in problems}


def test_the_correlation_is_that_of_an_analysis_of_variance():
    rng = np.random.default_rng(3)
    groups = rng.integers(0, 12, 90)
    values = rng.normal(size=90) + 0.7 * rng.normal(size=12)[groups]
    icc, p_value = intraclass_correlation(values, groups)
    of_groups = [values[groups == group] for group in np.unique(groups)]
    assert p_value == pytest.approx(stats.f_oneway(*of_groups).pvalue)
    # Equal sizes: the mean product of pairs of one group, of standardised values, up to terms of 1 / G.
    pairs = np.repeat(np.arange(4000), 2)
    twins = np.sqrt(0.3) * rng.normal(size=4000)[pairs] + np.sqrt(0.7) * rng.normal(size=8000)
    first, second = twins.reshape(-1, 2).T
    assert intraclass_correlation(twins, pairs)[0] == pytest.approx(
        np.corrcoef(first, second)[0, 1], abs=2e-3
    )
    assert icc > 0
    for bare in (np.zeros(90), np.arange(90.0)):
        assert np.isnan(intraclass_correlation(bare, np.arange(90))[0])
