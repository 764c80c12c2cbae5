from __future__ import annotations

from dataclasses import replace

import torch

from cotrain.cotraining import Agreement, SoftWeight, Threshold

from .candidates import candidates, chosen


def test_agreement_takes_only_rows_of_one_mind():
    given_ = candidates([0, 1, 0], [0.9, 0.9, 0.9], agree=[True, False, True])
    assert chosen(Agreement(Threshold(0.8)), given_) == [0, 2]


def test_what_agrees_weighs_as_the_inner_selector_says():
    given_ = candidates([0, 1, 0], [0.9, 0.6, 0.7], agree=[True, False, True])
    inner = SoftWeight().weights(replace(given_, free=given_.agree))
    assert torch.equal(Agreement(SoftWeight()).weights(given_), inner)
    assert float(inner.min()) < 0.5
