from __future__ import annotations

from cotrain.cotraining import Threshold

from .candidates import candidates, chosen


def test_threshold_is_heeded():
    assert chosen(Threshold(0.99), candidates([0, 1, 0], [0.51, 0.98, 0.99])) == [2]


def test_threshold_for_the_positive_class_stands_apart():
    given_ = candidates([0, 1, 1], [0.7, 0.7, 0.4])
    assert chosen(Threshold(0.9, positive=0.6), given_) == [1]
