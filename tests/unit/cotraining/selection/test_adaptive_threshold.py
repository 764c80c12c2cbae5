from __future__ import annotations

from cotrain.cotraining import AdaptiveThreshold

from .candidates import candidates, chosen


def test_adaptive_threshold_asks_less_of_a_class_that_is_seldom_sure():
    given_ = candidates([0] * 4 + [1] * 3, [0.95] * 4 + [0.95, 0.55, 0.45])
    assert chosen(AdaptiveThreshold(0.9, min_confidence=0.5), given_) == [0, 1, 2, 3, 4, 5]
