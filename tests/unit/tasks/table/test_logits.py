from __future__ import annotations

import math

import pytest
import torch

from cotrain.tasks.table._logits import best_logits


def test_weighted_and_smoothed_share_by_hand() -> None:
    targets = torch.tensor([[1.0], [0.0], [0.0]])
    mask = torch.tensor([[1.0], [1.0], [0.5]])
    positive, negative = 1.0 * 3.0, 1.5 * 2.0
    share = (positive * 0.9 + negative * 0.1) / (positive + negative)
    found = best_logits(targets, mask, torch.tensor([[2.0, 3.0]]), 0.2)
    assert float(found) == pytest.approx(math.log(share / (1 - share)), abs=1e-6)


def test_one_value_only_and_none_stay_finite() -> None:
    targets = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    mask = torch.tensor([[True, True, False], [True, True, False]])
    found = best_logits(targets, mask, torch.ones(3, 2), 0.0)
    assert found[0] == pytest.approx(15, abs=0.1)
    assert found[1] == pytest.approx(-15, abs=0.1)
    assert found[2] == 0
