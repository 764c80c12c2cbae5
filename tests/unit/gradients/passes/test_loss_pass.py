from __future__ import annotations

import pytest
import torch

from cotrain.balancing import Equal, Static
from cotrain.gradients import Balance, Monitor

from ..networks import Inverse, Net, SignSum, UnitLength, grads


def test_losses_only_is_the_weighted_sum():
    net, plain = Net(), Net()
    balance = Balance(Static([1, 2, 3]), net.encoder.parameters())
    balance.backward(net.losses())
    sum(w * loss for w, loss in zip([1, 2, 3], plain.losses().values(), strict=True)).backward()
    for a, b in zip(grads(net), grads(plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    assert balance.tasks == ("t0", "t1", "t2")
    assert balance.weights.tolist() == [1, 2, 3]


def test_no_host_synchronisation_in_a_losses_only_step(monkeypatch):
    net = Net()
    balance = Balance(Static([1, 2, 3]), net.encoder.parameters())
    balance.backward(net.losses())
    calls = []
    for name in ("item", "cpu", "tolist", "__bool__", "__float__", "__int__"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *a, _o=original, _n=name: (calls.append(_n), _o(self, *a))[1]
        )
    balance.backward(net.losses())
    balance.combine(net.losses()).backward()
    assert calls == []


def test_one_backward_for_losses_only():
    net = Net()
    passes = []
    net.encoder[0].weight.register_hook(lambda grad: passes.append(1))
    Balance(Static([1, 2, 3]), net.encoder.parameters()).backward(net.losses())
    assert passes == [1]


@pytest.mark.parametrize("rule", [Inverse, UnitLength, SignSum, Equal])
@pytest.mark.parametrize("how", ["backward", "combine"])
@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_shared_leaves_every_task_its_preference(rule, how, frozen):
    net, plain = Net(), Net()
    for module in (net, plain):
        module.encoder.requires_grad_(False)
    shared = list(net.encoder.parameters()) if frozen else []
    balance = Balance(rule(preference=[1, 2, 3]), shared, monitor=Monitor(every=1))
    losses = net.losses()
    losses["t2"] = losses["t2"] * float("nan")
    if how == "backward" or rule is SignSum:
        balance.backward(losses, regulariser=net.heads[0].bias.sum())
    else:
        balance.combine(losses, regulariser=net.heads[0].bias.sum()).backward()
    (sum(plain.losses().values()) + plain.heads[0].bias.sum() * 1.5).backward()
    torch.testing.assert_close(balance.weights, torch.tensor([2 / 3, 4 / 3, 0], dtype=torch.float64))
    assert balance.skipped == {"t0": 0, "t1": 0, "t2": 1}
    for k, weight in enumerate([2 / 3, 4 / 3]):
        torch.testing.assert_close(net.heads[k].weight.grad, weight * plain.heads[k].weight.grad)
    torch.testing.assert_close(net.heads[0].bias.grad, 2 / 3 * plain.heads[0].bias.grad)
    assert net.heads[2].weight.grad is None or not net.heads[2].weight.grad.any()
