from __future__ import annotations

import math

import numpy as np
import pytest

from cotrain.evaluation import paired_bootstrap
from cotrain.evaluation._effective_units import effective_units
from cotrain.tasks.dense._segmentation_metrics import segmentation_metrics

MIOU = segmentation_metrics(3)[0]


def of_normal(rng: np.random.Generator, n: int, parts: int) -> float:
    values = rng.normal(size=n)
    part = rng.permutation(np.arange(n) % parts)
    left_out = np.array([values[part != g].mean() for g in range(parts)])
    return effective_units(left_out, n)


@pytest.mark.parametrize(("n", "parts"), [(10, 10), (50, 50), (400, 50)])
def test_where_all_count_alike_it_is_their_number(n: int, parts: int) -> None:
    rng = np.random.default_rng(n)
    found = [of_normal(rng, n, parts) for _ in range(200)]
    assert max(found) <= n
    assert np.median(found) >= 0.7 * n


@pytest.mark.parametrize("parts", [50, 200])
def test_where_a_few_make_the_difference_it_is_theirs(parts: int) -> None:
    rng, found = np.random.default_rng(1), []
    for _ in range(200):
        values = 0.02 * rng.normal(size=200)
        values[:5] = rng.normal(size=5)
        part = rng.permutation(np.arange(200) % parts)
        found.append(effective_units(np.array([values[part != g].mean() for g in range(parts)]), 200))
    assert 3 <= np.median(found) <= 8


def test_nothing_moves_or_the_figure_vanishes() -> None:
    assert effective_units(np.full(8, 0.1), 8) == 8
    assert effective_units(np.full(8, 0.1) + 1e-17 * np.arange(8), 8) == 8
    assert effective_units(np.zeros(8), 8) == 8
    assert effective_units(np.array([0.1, math.nan, 0.2]), 30) == 2
    # One unit makes it all: as few as there can be.
    assert effective_units(np.array([0.0] * 49 + [1.0]), 50) == 2


def pictures(rng: np.random.Generator, n: int, n_rare: int) -> tuple[np.ndarray, np.ndarray, list]:
    """Masks of 8 × 8: background, a common class, and in few pictures a rare one, found or not."""
    true = np.zeros((n, 8, 8))
    true[:, :3] = 1
    true[:n_rare, 5:] = 2

    def network(found: np.ndarray) -> np.ndarray:
        said = true.copy()
        wrong = rng.random(true.shape) < 0.1
        said[wrong & (true < 2)] = 1 - said[wrong & (true < 2)]
        for row in range(n_rare):
            said[row][(true[row] == 2) & (rng.random((8, 8)) > found[row])] = 0
        return said

    def side() -> list[np.ndarray]:
        # Which of the rare things it finds is a way of training's own, and no way is better.
        found = np.clip(0.5 + 0.3 * rng.normal(size=n_rare), 0.02, 0.98)
        return [network(found) for _ in range(3)]

    return true, np.ones(true.shape, bool), [side(), side()]


def test_a_rare_class_gives_few_false_words() -> None:
    rng, n_times, words = np.random.default_rng(3), 250, 0
    for number in range(n_times):
        true, mask, sides = pictures(rng, 60, 3)
        found = paired_bootstrap(
            MIOU, *sides, true, mask=mask, paired_seeds=False, n_resamples=60, seed=number
        )
        words += found.p_value < 0.05
    # Two and a half standard errors of a share of .05 in 250 are .034. With 59 degrees of freedom: .15.
    assert words / n_times <= 0.084
