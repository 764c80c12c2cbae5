import math

import numpy as np
import pytest

from cotrain.evaluation import Chance, smallest_seen, what_it_would_take


@pytest.mark.parametrize(
    "chance", [Chance(0.01, 300), Chance(1e-9, 300, 0.01, 4.0), Chance(0.01, 300, 0.01, 6.0)]
)
def test_what_is_said_to_be_seen_is_found_in_eight_of_ten_simulations(chance):
    rng, n, alpha = np.random.default_rng(0), 4000, 0.05
    true = smallest_seen(chance, alpha)
    # Variances are estimated too: each from as many values as it has degrees of freedom.
    found = 0
    for _ in range(n):
        df = (chance.n_units - 1, chance.df_of_seeds)
        estimated = [
            v * rng.chisquare(d) / d for v, d in zip((chance.of_units, chance.of_seeds), df, strict=True)
        ]
        value = true + math.sqrt(chance.of_units + chance.of_seeds) * rng.normal()
        seen = Chance(estimated[0], chance.n_units, estimated[1], chance.df_of_seeds)
        found += abs(value) > seen.half_width(alpha, 0.0)
    assert 0.75 <= found / n <= 0.95


def test_advice_is_what_the_formula_gives():
    chance = Chance(1e-4, 400, 4e-3, 3.0)
    said = what_it_would_take(chance, 0.05, 3, 2.0, least=0.01)
    assert said == "differences below 13 % could not be seen; about 13 seeds would see 5 %"
    assert (
        smallest_seen(chance.with_seeds(13 / 3), 0.05)
        <= 0.05 * 2.0
        < smallest_seen(chance.with_seeds(4), 0.05)
    )


def test_where_rows_are_what_is_missing_rows_are_asked_for():
    assert what_it_would_take(Chance(1e-3, 400), 0.05, 3, 1.0, least=0.01) == (
        "differences below 8.9 % could not be seen; more seeds would hardly help, "
        "4 times the test rows would see 5 %"
    )


def test_whole_groups_are_asked_for_where_these_are_what_counts():
    for unit, what in (("groups", "groups of test rows"), ("blocks of time", "blocks of time of test rows")):
        said = what_it_would_take(Chance(1e-3, 400), 0.05, 3, 1.0, least=0.01, unit=unit)
        assert said.endswith(f"more seeds would hardly help, 4 times the {what} would see 5 %")


def test_a_comparison_that_saw_enough_asks_for_nothing():
    assert (
        what_it_would_take(Chance(1e-6, 400), 0.05, 3, 1.0, least=0.01)
        == "differences below 0.28 % could not be seen"
    )
    assert what_it_would_take(Chance(1e-6, 400), 0.05, 3, 0.0, least=0.01) == ""
    assert what_it_would_take(Chance(1e-6, 400), 0.05, 3, math.nan, least=0.01) == ""
