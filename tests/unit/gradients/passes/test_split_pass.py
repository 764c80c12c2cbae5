from __future__ import annotations

import pytest
import torch

from cotrain.balancing import Every
from cotrain.gradients import Balance

from ..networks import Inverse, Net, flat, jacobian


def test_weights_are_used_again_between_solves():
    net, plain = Net(), Net()
    balance = Balance(Inverse(), net.encoder.parameters(), every=2)
    balance.backward(net.losses(slice(0, 3)))
    weights = balance.weights.clone()
    net.zero_grad()
    balance.backward(net.losses(slice(3, 7)))
    assert torch.equal(balance.weights, weights)
    losses = plain.losses(slice(3, 7))
    j = jacobian(losses, plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), weights @ j)
    sum(losses.values()).backward()
    torch.testing.assert_close(net.heads[2].weight.grad, plain.heads[2].weight.grad)


@pytest.mark.parametrize("regulariser", [False, True])
@pytest.mark.parametrize("own", [False, True])
def test_heads_keep_the_preference_between_solves(own, regulariser):
    net, plain = Net(), Net()
    balance = Balance(Every(Inverse(preference=[1, 2, 3]), 2), net.encoder.parameters())
    balance.backward(net.losses())
    weights = balance.weights
    net.zero_grad()
    losses, wanted = net.losses(), plain.losses()
    if own:  # a parameter that two tasks reach and that is not shared: no factor at the border fits both
        for module, some in ((net, losses), (plain, wanted)):
            some["t0"] = some["t0"] + module.heads[1].weight.square().sum()
    j = jacobian(wanted, plain.encoder.parameters())
    sum(p * loss for p, loss in zip([0.5, 1.0, 1.5], wanted.values(), strict=True)).backward()
    balance.backward(losses, regulariser=net.heads[2].bias.sum() if regulariser else None)
    torch.testing.assert_close(flat(net.encoder.parameters()), weights @ j)
    for k in range(3):
        torch.testing.assert_close(net.heads[k].weight.grad, plain.heads[k].weight.grad)
    torch.testing.assert_close(net.heads[2].bias.grad, plain.heads[2].bias.grad + int(regulariser))
