from __future__ import annotations

import pytest
import torch

from cotrain.cotraining.guards._distribution_shift import (
    drift,
    sampling_drift,
    shares_of,
    starved,
)


def test_shares_count_entries_of_each_target():
    classes = torch.tensor([[0, 1], [1, 1], [1, 1], [0, 0]])
    where = torch.tensor([[True, True], [True, True], [True, False], [False, True]])
    shares = shares_of(classes, where, 2)
    assert shares[0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert shares[1].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_drift_is_the_largest_of_the_targets():
    prior = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    assert drift(torch.tensor([[0.5, 0.5], [0.7, 0.3]]), prior) == pytest.approx(0.2)
    assert drift(torch.full((1, 2), float("nan")), prior[:1]) == 0.0


def test_a_rare_class_that_dies_out_is_starved_though_it_drifts_little():
    prior, start = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.92, 0.08]])
    collapsed = torch.tensor([[0.97, 0.03]])
    assert drift(collapsed, prior) < 0.1
    assert starved(collapsed, start, prior, 1000)
    assert not starved(torch.tensor([[0.95, 0.05]]), start, prior, 1000)
    # The start had all but lost it: that is not the round's doing.
    assert not starved(collapsed, torch.tensor([[0.96, 0.04]]), prior, 1000)
    # Of 20 labels two can be of a class that makes up three in a hundred.
    assert not starved(collapsed, start, prior, 20)


def test_few_labels_explain_more_drift():
    prior = torch.full((1, 10), 0.1)
    assert sampling_drift(prior, 20) > sampling_drift(prior, 2000)
    draws = torch.multinomial(
        prior[0], 60 * 400, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    counts = torch.nn.functional.one_hot(draws.reshape(400, 60), 10).float().mean(dim=1)
    seen = ((counts - 0.1).abs().sum(dim=1) / 2).quantile(0.95)
    assert sampling_drift(prior, 60) == pytest.approx(float(seen), rel=0.1)
