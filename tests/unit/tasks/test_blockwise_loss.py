"""The loss of a constant, some rows at a time."""

import pytest
import torch

from cotrain.tasks._blockwise_loss import blockwise_loss


def squares(output, target, mask):
    return ((output - target) ** 2 * mask).sum(), mask.sum()


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_it_is_the_mean_over_all_labelled_entries_however_many_rows_come_at_a_time(size):
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(7, 2, generator=generator, dtype=torch.float64)
    mask = torch.rand(7, 2, generator=generator, dtype=torch.float64) * (target > -1)
    expected = sum(
        float(m) * (0.5 - float(t)) ** 2 for t, m in zip(target.flatten(), mask.flatten(), strict=True)
    )
    asked = []

    def half(rows):
        asked.append(len(rows))
        return torch.full_like(rows, 0.5)

    found = blockwise_loss(squares, half, (target, mask), size)
    assert found == pytest.approx(expected / float(mask.sum()), rel=1e-12)
    assert max(asked) <= size
    assert sum(asked) == 7


def test_without_a_label_it_is_nothing():
    assert blockwise_loss(squares, torch.zeros_like, (torch.ones(3, 1), torch.zeros(3, 1)), 2) == 0.0
