from __future__ import annotations

import math

import numpy as np
import pytest

from cotrain.evaluation import Chance, Difference, judge, mean_ranks, paired_bootstrap
from cotrain.tasks import Metric

#: A metric that is the mean of per-row losses, so that the truth of a simulation is known.
LOSS = Metric("loss", "min", lambda scores, targets, mask: scores, lambda records: float(records.mean()))
N_ROWS, N_SEEDS, N_TASKS = 120, 4, 3


def compare(rng: np.random.Generator, gain: float) -> list[Difference]:
    """Simulate a comparison: rows, seeds and their interplay all vary, for both sides."""
    found = []
    for _ in range(N_TASKS):
        rows = rng.normal(size=(1, N_ROWS))

        def side(mean: float, rows: np.ndarray = rows) -> list[np.ndarray]:
            seeds, both = rng.normal(size=(N_SEEDS, 1)), rng.normal(size=(N_SEEDS, N_ROWS))
            own = rng.normal(size=(1, N_ROWS))
            return list((mean + rows + 0.05 * seeds + 0.4 * own + 0.4 * both)[:, :, None])

        nothing = np.zeros((N_ROWS, 1))
        mask = np.ones((N_ROWS, 1), bool)
        args = (side(1.0 - gain), side(1.0), nothing, mask)
        found.append(paired_bootstrap(LOSS, *args, n_resamples=100, seed=int(rng.integers(1 << 31))))
    return found


@pytest.mark.slow
def test_without_a_difference_a_task_is_rarely_judged_and_with_one_the_interval_covers_it() -> None:
    rng = np.random.default_rng(1)
    names = [f"t{i}" for i in range(N_TASKS)]
    metrics, values = dict.fromkeys(names, "loss"), dict.fromkeys(names, (1.0, 1.0))
    n, alarms, covered = 400, 0, 0
    for _ in range(n):
        none = judge(dict(zip(names, compare(rng, 0.0), strict=True)), metrics, values)
        alarms += any(one.word in ("helped", "hurt") for one in none)
        covered += sum(one.low <= 0.1 <= one.high for one in compare(rng, 0.1))
    # 5 % and two standard errors of a share in 400.
    assert alarms / n <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / n)
    assert 0.93 <= covered / (n * N_TASKS) <= 0.97


def test_a_large_difference_is_found_in_either_direction() -> None:
    rng = np.random.default_rng(0)
    differences = dict(zip("ab", [*compare(rng, 0.8)[:1], *compare(rng, -0.8)[:1]], strict=True))
    judged = judge(differences, dict.fromkeys("ab", "loss"), dict.fromkeys("ab", (0.2, 1.0)))
    assert [one.word for one in judged] == ["helped", "hurt"]
    assert judged[0].sentence.startswith("a: helped (loss 0.200, alone 1.000; difference +0.")


def test_what_only_several_tests_make_look_clear_is_said_to_be_unclear() -> None:
    found = Difference(0.05, 0.01, 0.09, 0.03, 0.95, 3, 100)
    judged = judge({"a": found, "b": found}, dict.fromkeys("ab", "r2"), dict.fromkeys("ab", (0.5, 0.4)))
    assert [one.word for one in judged] == ["no clear difference"] * 2
    assert "not clear after correction for several tasks" in judged[0].sentence
    assert judge({"a": found}, {"a": "r2"}, {"a": (0.5, 0.4)})[0].word == "helped"


def test_nothing_to_compare_is_unknown() -> None:
    found = Difference(math.nan, math.nan, math.nan, math.nan, 0.95, 3, 0)
    assert judge({"a": found}, {"a": "r2"}, {"a": (math.nan, math.nan)})[0].word == "unknown"


def test_what_stands_on_too_few_labels_gets_no_word_and_does_not_count_among_the_tests() -> None:
    found = Difference(0.05, 0.01, 0.09, 0.03, 0.95, 3, 100)
    few = {"b": "3 positives in the test rows; 5 are needed"}
    judged = judge(
        {"a": found, "b": found}, dict.fromkeys("ab", "r2"), dict.fromkeys("ab", (0.5, 0.4)), too_few=few
    )
    assert [one.word for one in judged] == ["helped", "unknown"]
    assert judged[1].sentence == "b: too few to tell (3 positives in the test rows; 5 are needed)."


def test_groups_are_named_in_the_sentence() -> None:
    found = Difference(0.05, 0.01, 0.09, 0.03, 0.95, 3, 100, "groups", Chance(1e-4, 12))
    (one,) = judge({"a": found}, {"a": "r2"}, {"a": (0.5, 0.4)})
    assert "over 3 seeds and 12 groups" in one.sentence


def test_ranks_share_ties_and_put_the_missing_last() -> None:
    values = {"a": {"t": 1.0}, "b": {"t": 1.0}, "c": {"t": math.nan}, "d": {}}
    assert mean_ranks(values, {"t": "min"}) == {"a": 1.5, "b": 1.5, "c": 3.5, "d": 3.5}
