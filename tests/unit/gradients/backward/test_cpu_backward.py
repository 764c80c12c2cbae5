"""The one pass in host memory: what arrives in `.grad`, also where something is broken."""

from __future__ import annotations

import pytest
import torch

from cotrain.balancing import Equal, Static
from cotrain.gradients import Balance

from ..networks import Inverse, Net, flat, grads


class Overflowing(torch.autograd.Function):
    """The identity, whose gradient reaches the left factor intact and the right one infinite."""

    @staticmethod
    def forward(ctx, left, right):
        ctx.shape = right.shape
        return left + 0 * right.sum()

    @staticmethod
    def backward(ctx, grad):
        return grad, torch.full(ctx.shape, float("inf"), dtype=grad.dtype)


@pytest.mark.parametrize("before", [False, True])
def test_a_broken_gradient_of_an_own_parameter_is_taken_back(before):
    net = Net()
    balance = Balance(Equal(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    if before:
        balance.backward(net.losses())
    held = grads(net.heads[1])
    losses = net.losses()
    losses["t1"] = Overflowing.apply(losses["t1"], net.heads[1].bias)
    balance.backward(losses)
    for now, then in zip(grads(net.heads[1]), held, strict=True):
        assert (now is None and then is None) or torch.equal(now, then)
    assert balance.skipped == {"t0": 0, "t1": 1, "t2": 0}
    assert torch.isfinite(net.heads[0].weight.grad).all()


def test_whoever_listens_to_a_gradient_hears_it():
    net, plain = Net(), Net()
    heard = []
    net.heads[0].weight.register_post_accumulate_grad_hook(lambda p: heard.append(p.grad.clone()))
    balance = Balance(Static([2, 1, 1]), net.encoder.parameters())
    balance.backward(net.losses())
    plain.losses()["t0"].backward()
    torch.testing.assert_close(heard, [2 * plain.heads[0].weight.grad])


def test_a_hook_on_the_representation_acts_once():
    net, plain = Net(), Net()
    z = net.encoder(net.x)
    z.register_hook(lambda grad: -3 * grad)
    Balance(Equal(), net.encoder.parameters()).backward(net.losses_of(z))
    sum(plain.losses().values()).backward()
    torch.testing.assert_close(flat(net.encoder.parameters()), -3 * flat(plain.encoder.parameters()))


def test_weights_used_again_accumulate_too():
    net, plain = Net(), Net()
    balance = Balance(Inverse(preference=[1, 2, 3]), net.encoder.parameters(), every=5)
    other = Balance(Inverse(preference=[1, 2, 3]), plain.encoder.parameters(), every=5)
    balance.backward(net.losses())
    other.backward(plain.losses())
    first = grads(net)
    balance.backward(net.losses(slice(3, 7)))
    plain.zero_grad()
    # A regulariser takes the way through hooks, which is the same for every device.
    other.backward(plain.losses(slice(3, 7)), regulariser=plain.encoder[0].bias.sum() * 0)
    for now, then, alone in zip(grads(net), first, grads(plain), strict=True):
        torch.testing.assert_close(now, then + alone)


def test_a_parameter_of_all_heads_that_is_not_among_the_shared_ones():
    net, plain = Net(), Net()
    scale, other = (torch.ones((), dtype=torch.float64, requires_grad=True) for _ in range(2))
    Balance(Static([1, 2, 3]), net.encoder.parameters()).backward(
        {name: loss * scale for name, loss in net.losses().items()}
    )
    sum(w * loss * other for w, loss in zip([1, 2, 3], plain.losses().values(), strict=True)).backward()
    torch.testing.assert_close(scale.grad, other.grad)
    for a, b in zip(grads(net), grads(plain), strict=True):
        torch.testing.assert_close(a, b)
