from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from cotrain.evaluation import Chance, Claim, Difference, judge, mean_ranks, paired_bootstrap
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
        sides = (side(1.0 - gain), side(1.0))
        found.append(
            paired_bootstrap(
                LOSS, *sides, nothing, mask=mask, n_resamples=100, seed=int(rng.integers(1 << 31))
            )
        )
    return found


def claims_of(
    differences: dict[str, Difference], values: tuple[float, float] = (0.5, 0.4), **more: Any
) -> list[Claim]:
    return [Claim(name, found, "r2", values, **more) for name, found in differences.items()]


@pytest.mark.slow
def test_without_a_difference_a_task_is_rarely_judged_and_with_one_the_interval_covers_it() -> None:
    rng = np.random.default_rng(1)
    names = [f"t{i}" for i in range(N_TASKS)]
    n, alarms, covered = 400, 0, 0
    for _ in range(n):
        none = judge(claims_of(dict(zip(names, compare(rng, 0.0), strict=True))))
        alarms += any(one.word in ("helped", "hurt") for one in none)
        covered += sum(one.low <= 0.1 <= one.high for one in compare(rng, 0.1))
    # 5 % and two standard errors of a share in 400.
    assert alarms / n <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / n)
    assert 0.93 <= covered / (n * N_TASKS) <= 0.97


def test_a_large_difference_is_found_in_either_direction() -> None:
    rng = np.random.default_rng(0)
    differences = dict(zip("ab", [*compare(rng, 0.8)[:1], *compare(rng, -0.8)[:1]], strict=True))
    judged = judge([Claim(name, found, "loss", (0.2, 1.0)) for name, found in differences.items()])
    assert [one.word for one in judged] == ["helped", "hurt"]
    assert judged[0].sentence.startswith("a: helped (loss 0.200, alone 1.000; difference +0.")


FOUND = Difference(0.05, 0.01, 0.09, 0.03, 0.95, 3, 100)


def test_what_only_several_tests_make_look_clear_is_said_to_be_unclear() -> None:
    judged = judge(claims_of({"a": FOUND, "b": FOUND}))
    assert [one.word for one in judged] == ["no clear difference"] * 2
    assert "not clear after correction for several tests" in judged[0].sentence
    assert judge(claims_of({"a": FOUND}))[0].word == "helped"


def test_a_heavier_claim_may_spend_more() -> None:
    heavy, light = Claim("a", FOUND, "r2", (0.5, 0.4), weight=9), Claim("b", FOUND, "r2", (0.5, 0.4))
    # a: p 10/9 of .03 = .033; then b alone: .03.
    assert [one.word for one in judge([heavy, light])] == ["helped", "helped"]
    assert [one.p_value for one in judge([heavy, light])] == pytest.approx([0.03 * 10 / 9] * 2)


def test_nothing_to_compare_is_unknown() -> None:
    found = Difference(math.nan, math.nan, math.nan, math.nan, 0.95, 3, 0)
    assert judge(claims_of({"a": found}, (math.nan, math.nan)))[0].word == "unknown"


@pytest.mark.parametrize(
    ("more", "word", "said"),
    [
        ({"too_few": "3 positives; 5 are needed"}, "unknown", "too few to tell (3 positives; 5 are needed)."),
        ({"instead": "learns nothing"}, "learns nothing", "learns nothing (alone or together: neither is"),
        (
            {"instead": "unfinished training"},
            "unfinished training",
            "unfinished training (the last epoch is the best",
        ),
    ],
)
def test_what_cannot_be_judged_gets_no_word_and_is_no_test(more: dict, word: str, said: str) -> None:
    judged = judge([*claims_of({"a": FOUND}), *claims_of({"b": FOUND}, **more)])
    assert [one.word for one in judged] == ["helped", word]
    assert math.isnan(judged[1].p_value)
    assert judged[1].sentence.startswith(f"b: {said}")


def test_groups_are_named_in_the_sentence() -> None:
    found = Difference(0.05, 0.01, 0.09, 0.03, 0.95, 3, 100, "groups", Chance(1e-4, 12))
    (one,) = judge(claims_of({"a": found}))
    assert "over 3 seeds and 12 groups" in one.sentence


def of_chance(value: float, chance: Chance) -> Difference:
    half = chance.half_width(0.05, value)
    return Difference(value, value - half, value + half, chance.p_value(value), 0.95, 3, 400, "rows", chance)


def test_an_interval_within_the_smallest_effect_is_no_difference_that_matters() -> None:
    narrow = of_chance(0.0002, Chance(1e-6, 400, 1e-7, 3.0))
    (one,) = judge(claims_of({"a": narrow}), smallest_effect=0.01)
    assert one.word == "no difference that matters"
    assert "less than 1 % of the reference" in one.sentence
    # The effect is a share of the reference, .4; with more tests the interval must be narrower.
    assert judge(claims_of({"a": narrow}), smallest_effect=0.005)[0].word == "no clear difference"
    many = judge(claims_of(dict.fromkeys("abcdefgh", narrow)), smallest_effect=0.0065)
    assert {one.word for one in many} == {"no clear difference"}
    assert judge(claims_of({"a": narrow}), smallest_effect=0.0065)[0].word == "no difference that matters"


def test_no_clear_difference_says_what_could_not_be_seen() -> None:
    wide = of_chance(0.01, Chance(1e-4, 400, 1e-3, 3.0))
    (one,) = judge(claims_of({"a": wide}))
    assert one.word == "no clear difference"
    said = r"differences below \d+ % could not be seen; about \d+ seeds would see \d+ %"
    assert re.search(said, one.sentence)


def test_the_claim_over_all_tasks_is_a_share() -> None:
    (one,) = judge([Claim("all tasks", of_chance(0.03, Chance(1e-5, 400, 1e-5, 6.0)), "delta_m")])
    assert one.word == "helped"
    assert one.sentence.startswith("all tasks: helped (delta_m +3.00% [+")


def test_the_words_of_a_claim_are_its_own() -> None:
    worse = Difference(-0.05, -0.09, -0.01, 0.03, 0.95, 3, 100)
    found = judge(claims_of({"a": worse}, reference="boosted trees", words=("better", "worse")))
    assert found[0].word == "worse"
    assert "boosted trees 0.400" in found[0].sentence


def test_ranks_share_ties_and_put_the_missing_last() -> None:
    values = {"a": {"t": 1.0}, "b": {"t": 1.0}, "c": {"t": math.nan}, "d": {}}
    assert mean_ranks(values, {"t": "min"}) == {"a": 1.5, "b": 1.5, "c": 3.5, "d": 3.5}


def test_a_sentence_keeps_the_digits_of_a_small_unit() -> None:
    one = Difference(6e-13, 5e-13, 7e-13, 0.0001, 0.95, 3, 100)
    sentence = judge([Claim("capacity", one, "rmse", (3.25e-13, 9.5e-13))])[0].sentence
    assert "(rmse 3.25e-13, alone 9.5e-13; difference +6e-13 [+5e-13, +7e-13] over 3 seeds)" in sentence
