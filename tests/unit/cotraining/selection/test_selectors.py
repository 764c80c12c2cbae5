"""What every selector keeps to, and what each one does."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain import cotraining
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import (
    AdaptiveThreshold,
    Agreement,
    Candidates,
    Curriculum,
    KBest,
    Selector,
    Threshold,
)

SELECTORS = [
    value
    for name in cotraining.__all__
    if isinstance(value := getattr(cotraining, name), type)
    and issubclass(value, Selector)
    and value is not Selector
]


def candidates(
    classes: list[int],
    confidence: list[float],
    *,
    free: list[bool] | None = None,
    agree: list[bool] | None = None,
    prior: list[float] | None = None,
    progress: float = 1.0,
) -> Candidates:
    n = len(classes)
    return Candidates(
        classes=torch.tensor(classes)[:, None],
        confidence=torch.tensor(confidence)[:, None],
        free=torch.tensor(free or [True] * n)[:, None],
        agree=torch.tensor(agree or [True] * n)[:, None],
        prior=torch.tensor([prior or [0.5, 0.5]]),
        progress=progress,
    )


def chosen(selector: Selector, given_: Candidates) -> list[int]:
    return torch.nonzero(selector.select(given_)[:, 0]).flatten().tolist()


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
    )
    selected = kind().select(given_)
    assert selected.shape == given_.free.shape
    assert not bool((selected & ~given_.free).any())


@pytest.mark.parametrize("kind", SELECTORS)
def test_the_same_candidates_give_the_same_choice(kind: type[Selector]):
    given_ = candidates([0, 1] * 5, [0.9, 0.9, 0.5, 0.6, 0.7] * 2)
    assert chosen(kind(), given_) == chosen(kind(), given_)


def test_threshold_is_heeded():
    assert chosen(Threshold(0.99), candidates([0, 1, 0], [0.51, 0.98, 0.99])) == [2]


def test_threshold_for_the_positive_class_stands_apart():
    given_ = candidates([0, 1, 1], [0.7, 0.7, 0.4])
    assert chosen(Threshold(0.9, positive=0.6), given_) == [1]


def test_a_quota_of_nothing_takes_nothing():
    # A slice [-0:] would be the whole pool.
    given_ = candidates([0, 0, 1, 1], [0.9, 0.8, 0.7, 0.6], prior=[1.0, 0.0])
    assert chosen(KBest(1.0), given_) == [0, 1]
    assert chosen(KBest(0.01), given_) == []


def test_quotas_keep_a_rare_class():
    # Three rows of the rare class, far less sure than the common ones.
    given_ = candidates([0] * 9 + [1] * 3, [0.99] * 9 + [0.6] * 3, prior=[0.75, 0.25])
    taken = chosen(KBest(0.4), given_)
    assert sum(row >= 9 for row in taken) == 1
    assert sum(row < 9 for row in taken) == 4
    assert all(row < 9 for row in chosen(Threshold(0.95), given_))


def test_a_class_does_not_fill_anothers_quota():
    given_ = candidates([0] * 10, [0.9] * 10, prior=[0.5, 0.5])
    assert len(chosen(KBest(1.0), given_)) == 5


def test_each_row_is_chosen_once_and_equal_ones_in_order():
    assert chosen(KBest(0.5), candidates([0] * 4, [0.9] * 4, prior=[1.0, 0.0])) == [0, 1]


def test_quotas_grow_with_the_rounds():
    sizes = [
        len(chosen(KBest(0.8), candidates([0, 1] * 10, [0.9] * 20, progress=p))) for p in (0.25, 0.5, 1.0)
    ]
    assert sizes == [4, 8, 16]


def test_the_least_sure_rows_are_never_labelled():
    given_ = candidates([0, 1] * 50, [0.5 + 0.001 * i for i in range(100)])
    assert len(chosen(KBest(), given_)) == 80
    assert len(chosen(Curriculum(), given_)) == 90


def test_quotas_that_do_not_grow_are_full_from_the_first_round_on():
    early = candidates([0, 1] * 10, [0.9] * 20, progress=0.1)
    assert len(chosen(KBest(1.0), early)) == 2
    assert len(chosen(KBest(1.0, growing=False), early)) == 20
    assert chosen(KBest(1.0, min_confidence=0.95, growing=False), early) == []


def test_a_class_that_is_seldom_sure_gets_its_part_of_what_the_others_fill():
    # Eight common rows are sure, of which six are within the quota; none of the four rare ones is.
    given_ = candidates([0] * 8 + [1] * 4, [0.9] * 8 + [0.7, 0.6, 0.65, 0.6], prior=[0.5, 0.5])
    alone = chosen(KBest(1.0, min_confidence=0.8), given_)
    assert alone == [0, 1, 2, 3, 4, 5]
    # Half of all quotas is full, so that a quarter of the rare class's six is 1.5, rounded to 2: its surest.
    assert chosen(KBest(1.0, min_confidence=0.8, class_balance=0.5), given_) == [*alone, 8, 10]
    assert chosen(KBest(1.0, min_confidence=0.95, class_balance=0.5), given_) == []


def test_the_least_confidence_is_asked_of_classes_and_not_of_numbers():
    # One network alone is equally sure of all numbers; of what it takes to be equal ranks, half are above.
    ranks = [0.5] * 4
    assert chosen(KBest(0.5, min_confidence=0.8), candidates([0] * 4, ranks, prior=[1.0])) == [0, 1]
    assert chosen(KBest(0.5, min_confidence=0.8), candidates([0] * 4, ranks, prior=[1.0, 0.0])) == []


def test_curriculum_takes_the_surest_whatever_their_class():
    assert chosen(Curriculum(0.5), candidates([0, 0, 1, 1], [0.9, 0.8, 0.7, 0.6])) == [0, 1]


def test_agreement_takes_only_rows_of_one_mind():
    given_ = candidates([0, 1, 0], [0.9, 0.9, 0.9], agree=[True, False, True])
    assert chosen(Agreement(Threshold(0.8)), given_) == [0, 2]


def test_adaptive_threshold_asks_less_of_a_class_that_is_seldom_sure():
    given_ = candidates([0] * 4 + [1] * 3, [0.95] * 4 + [0.95, 0.55, 0.45])
    assert chosen(AdaptiveThreshold(0.9, min_confidence=0.5), given_) == [0, 1, 2, 3, 4, 5]


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


def test_a_curriculum_that_does_not_grow_takes_its_share_at_once():
    early = candidates([0] * 10, [0.5 + 0.01 * i for i in range(10)], progress=0.2)
    assert len(chosen(Curriculum(1.0), early)) == 2
    assert len(chosen(Curriculum(1.0, growing=False), early)) == 10
