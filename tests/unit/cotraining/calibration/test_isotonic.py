from __future__ import annotations

import torch

from cotrain.cotraining import Isotonic

from .overconfident import overconfident


def test_who_was_surer_is_never_less_sure_afterwards():
    p, truth = overconfident()
    calibrated = Isotonic().fit(p, truth, truth >= 0).apply(p)
    predicted = p.argmax(dim=-1, keepdim=True)
    before, after = (of.gather(-1, predicted).flatten() for of in (p, calibrated))
    ordered = after[before.argsort()]
    assert bool((ordered.diff() >= -1e-5).all())


def test_a_confidence_that_is_always_right_stays_high_and_one_that_is_not_becomes_low():
    sure = torch.cat([torch.full((100,), 0.95), torch.full((100,), 0.9)])
    p = torch.stack([sure, 1 - sure], dim=-1)[:, None]
    truth = torch.cat([torch.zeros(100), torch.arange(100) % 2])[:, None].long()
    calibrated = Isotonic().fit(p, truth, truth >= 0).apply(p)
    assert calibrated[:100, 0, 0].min() > 0.9
    assert calibrated[100:, 0].amax(dim=-1).max() < 0.6


def test_fewer_than_fifty_labels_bend_nothing():
    p, truth = overconfident()
    for n, bends in ((49, False), (50, True)):
        few, some = p[:n, :1], truth[:n, :1]
        fitted = Isotonic().fit(few, some, some >= 0)
        assert (fitted.state_dict()["knots"] is not None) == bends
