from __future__ import annotations

import math
from fractions import Fraction

import pytest

from cotrain.cotraining import Curriculum, KBest, Threshold

from .candidates import candidates, chosen


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


@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(4, 5), Fraction(1)])
@pytest.mark.parametrize("yes", [Fraction(1, 8), Fraction(1, 2), Fraction(7, 10)])
def test_quotas_are_rounded_as_the_formula_says(share: Fraction, yes: Fraction):
    for n in range(1, 14):
        for round_ in (1, 2, 3):
            progress = Fraction(round_, 3)
            classes, prior = [0] * n + [1] * n, [float(1 - yes), float(yes)]
            given_ = candidates(classes, [0.9] * 2 * n, prior=prior, progress=round_ / 3)
            literal = [math.floor(progress * share * 2 * n * p + Fraction(1, 2)) for p in (1 - yes, yes)]
            taken = chosen(KBest(float(share)), given_)
            assert [sum(row < n for row in taken), sum(row >= n for row in taken)] == [
                min(n, q) for q in literal
            ]
            total = math.floor(progress * share * 2 * n + Fraction(1, 2))
            assert len(chosen(Curriculum(float(share)), given_)) == total
