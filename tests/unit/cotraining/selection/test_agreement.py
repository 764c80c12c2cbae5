from __future__ import annotations

from cotrain.cotraining import Agreement, Threshold

from .candidates import candidates, chosen


def test_agreement_takes_only_rows_of_one_mind():
    given_ = candidates([0, 1, 0], [0.9, 0.9, 0.9], agree=[True, False, True])
    assert chosen(Agreement(Threshold(0.8)), given_) == [0, 2]
