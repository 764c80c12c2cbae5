"""Helpers over any array namespace, against NumPy on the entries that the mask keeps."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain.balancing._arrays import (
    count,
    detached,
    masked_max,
    masked_mean,
    masked_simplex_projection,
    masked_softmax,
    masked_sum,
    namespace_of,
    widened,
)

MASKED = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-50, 50), min_size=n, max_size=n), st.lists(st.booleans(), min_size=n, max_size=n)
    )
)


@given(MASKED)
def test_masked_figures_are_those_of_the_entries_that_are_kept(drawn):
    values, mask = np.array(drawn[0]), np.array(drawn[1])
    kept, xp = values[mask], namespace_of(values)
    assert float(count(xp, mask, np.float64)) == max(1, len(kept))
    assert float(masked_sum(xp, values, mask)) == pytest.approx(kept.sum())
    assert float(masked_mean(xp, values, mask)) == pytest.approx(kept.mean() if len(kept) else 0.0)
    assert float(masked_max(xp, values, mask)) == (kept.max() if len(kept) else values.min())


@given(MASKED)
def test_masked_softmax_and_projection_lie_on_the_simplex_of_what_is_kept(drawn):
    values, mask = np.array(drawn[0]), np.array(drawn[1])
    xp = namespace_of(values)
    for found in (masked_softmax(xp, values, mask), masked_simplex_projection(xp, values, mask)):
        assert (found >= 0).all()
        assert not found[~mask].any()
        assert float(found.sum()) == pytest.approx(1.0 if mask.any() else 0.0)


@given(MASKED)
def test_the_projection_is_nearer_than_any_corner_and_any_mixture(drawn):
    values, mask = np.array(drawn[0]), np.array(drawn[1])
    if mask.any():
        found = masked_simplex_projection(namespace_of(values), values, mask)
        corners = np.eye(len(values))[mask]
        others = [*corners, *np.random.default_rng(0).dirichlet(np.ones(len(corners)), 20) @ corners]
        nearest = np.linalg.norm((found - values)[mask])
        assert all(nearest <= np.linalg.norm((other - values)[mask]) + 1e-9 for other in others)


def test_half_precision_and_integers_are_widened_and_wide_floats_left_alone():
    for dtype in (torch.float16, torch.bfloat16, torch.int64):
        assert widened(namespace_of(torch.ones(1)), torch.ones(2, dtype=dtype)).dtype == torch.float32
    wide = torch.ones(2, dtype=torch.float64)
    assert widened(namespace_of(wide), wide) is wide


def test_an_array_is_cut_off_its_graph_where_it_has_one():
    assert not detached(torch.ones(2, requires_grad=True)).requires_grad
    array = np.ones(2)
    assert detached(array) is array
