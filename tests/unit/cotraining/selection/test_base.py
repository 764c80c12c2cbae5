from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain import cotraining
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import AdaptiveThreshold, Candidates, Curriculum, KBest, Selector, Threshold

from .candidates import candidates, chosen

SELECTORS = [
    value
    for name in cotraining.__all__
    if isinstance(value := getattr(cotraining, name), type)
    and issubclass(value, Selector)
    and value is not Selector
]


@pytest.mark.parametrize("kind", SELECTORS)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 1), st.floats(0, 1, width=32), st.booleans(), st.booleans()), max_size=12
    ),
    progress=st.floats(0.01, 1),
)
def test_only_free_cells_are_chosen(kind: type[Selector], rows: list[tuple], progress: float):
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]
    given_ = Candidates(
        classes=torch.tensor(columns[0], dtype=torch.int64)[:, None],
        confidence=torch.tensor(columns[1], dtype=torch.float32)[:, None],
        free=torch.tensor(columns[2], dtype=torch.bool)[:, None],
        agree=torch.tensor(columns[3], dtype=torch.bool)[:, None],
        prior=torch.tensor([[0.5, 0.5]]),
        progress=progress,
        typicality=lambda n_neighbours: torch.ones(len(rows), 1, 2),
    )
    selected = kind().select(given_)
    assert selected.shape == given_.free.shape
    assert not bool((selected & ~given_.free).any())


@pytest.mark.parametrize("kind", SELECTORS)
def test_the_same_candidates_give_the_same_choice(kind: type[Selector]):
    given_ = candidates([0, 1] * 5, [0.9, 0.9, 0.5, 0.6, 0.7] * 2)
    assert chosen(kind(), given_) == chosen(kind(), given_)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Threshold(1.5),
        lambda: Threshold(0.9, positive=0.0),
        lambda: KBest(0.0),
        lambda: KBest(0.5, min_confidence=2.0),
        lambda: KBest(0.5, class_balance=-0.5),
        lambda: Curriculum(-1.0),
        lambda: AdaptiveThreshold(0.0),
    ],
)
def test_arguments_out_of_range_are_refused(make):
    with pytest.raises(InvalidArgumentError, match="expected a number"):
        make()
