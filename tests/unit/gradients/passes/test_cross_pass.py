from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Every, Smoothed
from cotrain.gradients import Balance

from ..networks import CrossRow, Net, flat, jacobian, values


def test_cross_batch_rule_takes_three_batches():
    net, plain = Net(), Net()
    balance = Balance(CrossRow(), net.encoder.parameters())
    batches = [slice(0, 3), slice(3, 5), slice(5, 7)]
    balance.backward(*(net.losses(rows) for rows in batches))
    j, j1, j2 = (jacobian(plain.losses(rows), plain.encoder.parameters()) for rows in batches)
    w = torch.from_numpy(CrossRow().weights(values(plain.losses(batches[0])), (j1 @ j2.T).numpy()))
    torch.testing.assert_close(flat(net.encoder.parameters()), w @ j)
    sum(plain.losses(batches[0]).values()).backward()
    torch.testing.assert_close(net.heads[1].weight.grad, plain.heads[1].weight.grad)
    with pytest.raises(InvalidArgumentError, match="2 more independent batches, got 0"):
        balance.backward(net.losses())


@pytest.mark.parametrize("wrap", [lambda rule: Every(rule, 2), lambda rule: Smoothed(rule, 0.5)])
def test_a_method_around_a_cross_batch_rule_takes_its_batches(wrap):
    net, plain = Net(), Net()
    batches = [slice(0, 3), slice(3, 5), slice(5, 7)]
    Balance(CrossRow(), plain.encoder.parameters()).backward(*(plain.losses(rows) for rows in batches))
    balance = Balance(wrap(CrossRow()), net.encoder.parameters())
    balance.backward(*(net.losses(rows) for rows in batches))
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    with pytest.raises(InvalidArgumentError, match="2 more independent batches, got 0"):
        balance.backward(net.losses())
