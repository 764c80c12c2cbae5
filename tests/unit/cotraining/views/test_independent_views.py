"""Views of low dependence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.datasets import load_digits

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.cotraining import independent_views, random_views
from cotrain.cotraining.views._independent_views import dependence_of, divide


def between(dependence: np.ndarray, owner: np.ndarray) -> float:
    """Return the mean dependence over pairs of different views."""
    return float(dependence[owner[:, None] != owner[None]].mean())


def correlated(n_groups: int, size: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return columns of which those of a group share a hidden cause, in shuffled order, and their groups."""
    generator = np.random.default_rng(seed)
    group = generator.permutation(np.repeat(np.arange(n_groups), size))
    causes = generator.normal(size=(300, n_groups))
    return np.exp(causes[:, group] + generator.normal(size=(300, len(group)))), group


def test_rank_correlation_equals_scipys():
    x = np.random.default_rng(0).integers(0, 5, (50, 4)).astype(float)
    expected = np.abs(spearmanr(x).statistic)
    np.fill_diagonal(expected, 0.0)
    assert np.allclose(dependence_of(x), expected)


@pytest.mark.parametrize("n_groups", [2, 3, 4])
def test_columns_of_one_cause_stay_together(n_groups: int):
    x, group = correlated(n_groups, 6)
    owner = divide(dependence_of(x), n_groups)
    for g in range(n_groups):
        assert len(set(owner[group == g])) == 1


def test_no_division_of_equal_sizes_is_less_dependent():
    x = np.random.default_rng(3).normal(size=(80, 8)) @ np.random.default_rng(4).normal(size=(8, 8))
    dependence = dependence_of(x)
    best = min(
        between(dependence, np.isin(np.arange(8), chosen).astype(int))
        for chosen in itertools.combinations(range(8), 4)
    )
    assert between(dependence, divide(dependence, 2)) == pytest.approx(best)


def test_halves_of_pictures_are_less_dependent_than_random_ones():
    pixels = load_digits().data[:500]
    dependence = dependence_of(pixels)
    mine = divide(dependence, 2)
    random = [
        random_views({"inputs": (64,)}, 2, seed)[0].seen["inputs"].numpy().astype(int) for seed in range(5)
    ]
    assert between(dependence, mine) < 0.8 * min(between(dependence, owner) for owner in random)


@given(n=st.integers(2, 12), n_views=st.integers(2, 4), seed=st.integers(0, 99), constant=st.booleans())
def test_every_column_is_in_one_view_and_sizes_are_even(n: int, n_views: int, seed: int, constant: bool):
    x = torch.randn(30, n, generator=torch.Generator().manual_seed(seed))
    if constant:
        x[:, 0] = 1.0
    if n_views > n:
        with pytest.raises(InvalidArgumentError, match=f"{n} columns cannot be divided into {n_views} views"):
            independent_views({"inputs": x}, n_views)
        return
    views = independent_views({"inputs": x}, n_views)
    seen = torch.stack([view.seen["inputs"] for view in views])
    assert bool((seen.sum(dim=0) == 1).all())
    sizes = seen.sum(dim=1).tolist()
    assert max(sizes) - min(sizes) <= 1
    again = independent_views({"inputs": x.clone()}, n_views)
    assert all(torch.equal(a.seen["inputs"], b.seen["inputs"]) for a, b in zip(views, again, strict=True))


def test_codes_and_bags_are_divided_too():
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 3, (60, 2), generator=generator)
    inputs = {"numbers": codes.float() + 0.01, "categories": codes, "bag:t": torch.ones(60, 3).long()}
    first, second = independent_views(inputs)
    # Equal columns are in one view, whatever tensor they stand in.
    assert torch.equal(first.seen["numbers"], first.seen["categories"])
    assert bool(first.seen["bag:t"]) != bool(second.seen["bag:t"])


def test_inputs_of_a_single_number_a_row_are_columns_too():
    x = torch.randn(50, generator=torch.Generator().manual_seed(0))
    views = independent_views({"a": x, "b": x.clone(), "c": x.flip(0), "d": x.flip(0)})
    assert bool(views[0].seen["a"]) == bool(views[0].seen["b"]) != bool(views[0].seen["c"])
    shown = views[0]({"a": x, "b": x, "c": x, "d": x})
    assert sum(bool((one != 0).any()) for one in shown.values()) == 2


def test_rows_of_words_stay_whole_with_their_characters():
    generator = torch.Generator().manual_seed(0)
    words = Ragged.from_rows([torch.ones(1 + i % 5, dtype=torch.int64) for i in range(60)])
    inputs = {
        "x": torch.randn(60, 3, generator=generator),
        "words:t": words,
        "characters:t": words.map(lambda values: values[:, None].int()),
    }
    views = independent_views(inputs)
    assert sum(bool(view.seen["words:t"]) for view in views) == 1
    for view in views:
        found = view(inputs)
        assert bool(view.seen["words:t"]) == bool(view.seen["characters:t"])
        assert len(found["words:t"].values) == len(found["characters:t"].values) in (0, len(words.values))


def test_the_first_subwords_of_words_stay_with_the_others():
    ends = torch.tensor([0, 1, 3, 6])
    rows = {
        key: Ragged(torch.zeros(6, 2, dtype=torch.int32), ends)
        for key in ("firsts:a", "pieces:a", "firsts:b", "pieces:b")
    }
    for view in independent_views(rows):
        assert bool(view.seen["firsts:a"]) == bool(view.seen["pieces:a"])
        assert bool(view.seen["firsts:b"]) == bool(view.seen["pieces:b"])
        assert bool(view.seen["pieces:a"]) != bool(view.seen["pieces:b"])
