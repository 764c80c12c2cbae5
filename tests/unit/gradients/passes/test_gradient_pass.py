from __future__ import annotations

import pytest
import torch

from cotrain.gradients import Balance

from ..networks import Inverse, Net, SignSum, UnitLength, flat, grads, jacobian, values


def test_gramian_rule_weighs_the_shared_part_and_leaves_heads_at_one():
    net, plain = Net(), Net()
    balance = Balance(Inverse(), net.encoder.parameters())
    balance.backward(net.losses())
    losses = plain.losses()
    j = jacobian(losses, plain.encoder.parameters())
    w = Inverse().weights(values(losses), (j @ j.T).numpy())
    torch.testing.assert_close(balance.weights, torch.from_numpy(w))
    torch.testing.assert_close(
        flat(net.encoder.parameters()), torch.from_numpy(w) @ j, rtol=1e-10, atol=1e-12
    )
    sum(losses.values()).backward()
    for a, b in zip(grads(net.heads), grads(plain.heads), strict=True):
        torch.testing.assert_close(a, b)


def test_norm_rule_gives_every_task_the_same_length():
    net, plain = Net(), Net()
    balance = Balance(UnitLength(), net.encoder.parameters())
    balance.backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    lengths = balance.weights * j.norm(dim=1)
    torch.testing.assert_close(lengths, lengths[:1].expand(3))


def test_jacobian_rule_gives_the_update_itself():
    net, plain = Net(), Net()
    Balance(SignSum(), net.encoder.parameters()).backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), j.sign().sum(0))


def test_jacobian_rule_with_an_absent_task():
    net, plain = Net(), Net()
    balance = Balance(SignSum(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    losses = net.losses()
    del losses["t1"]
    balance.backward(losses)
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), j[[0, 2]].sign().sum(0))


@pytest.mark.parametrize(("rescale", "factor"), [("sum", 1.0), ("mean", 1 / 3)])
def test_rescale_sets_the_length(rescale, factor):
    net, plain = Net(), Net()
    Balance(Inverse(), net.encoder.parameters(), rescale=rescale).backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()).norm(), j.sum(0).norm() * factor)


@pytest.mark.parametrize("source", ["exact", "ghost"])
def test_no_two_parameters_get_one_gradient(source):
    net = Net()
    a, b = (torch.zeros(7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    losses = net.losses()
    losses["t0"] = losses["t0"] + (a + b).sum()
    Balance(Inverse(), net.encoder.parameters(), source=source).backward(losses)
    a.grad.mul_(2)  # also: it is no single number that was repeated
    assert a.grad.tolist() == [2] * 7
    assert b.grad.tolist() == [1] * 7
