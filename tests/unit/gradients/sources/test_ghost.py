from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.sources._ghost import GhostSource

from ..networks import Net, jacobian
from .steps import ask, assert_answers


@pytest.mark.parametrize("names", [["t0", "t1", "t2"], ["t2", "t0"], ["t1"]])
def test_gramian_and_gradients_without_a_weight_gradient_of_any_task(names):
    net = Net()
    losses = {name: loss for name, loss in net.losses().items() if name in names}
    j = jacobian(losses, net.encoder.parameters())
    heads = {
        net.heads[int(name[1:])].weight: (
            place,
            torch.autograd.grad(losses[name], net.heads[int(name[1:])].weight, retain_graph=True)[0],
        )
        for place, name in enumerate(losses)
    }
    gradients = GhostSource().open(ask(losses, net.encoder.parameters()))
    assert gradients.way == "ghost"
    assert_answers(gradients, net.encoder, j, heads)


@pytest.mark.parametrize("n_rows", [1, 3, 200])
def test_rows_without_a_label_of_a_task_change_nothing(n_rows):
    net = Net()
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(n_rows, 4, generator=generator, dtype=torch.float64)
    wide = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)).double()

    def losses():
        z = wide(x)
        kept = torch.arange(n_rows) % 3
        return {
            f"t{k}": torch.where(kept == k % 3, head(z)[:, 0].square(), 0.0).sum()
            for k, head in enumerate(net.heads)
        }

    j = jacobian(losses(), wide.parameters())
    assert_answers(GhostSource().open(ask(losses(), wide.parameters())), wide, j)


def test_a_task_that_sends_nothing_into_an_entrance_has_zeros_there():
    net, source = Net(), GhostSource()

    def losses(everywhere):
        hidden = net.encoder[1](net.encoder[0](net.x))
        z = net.encoder[3](net.encoder[2](hidden))
        high, low = net.heads[0](z).square().mean(), (hidden - 1).square().mean()
        more = (net.heads[1](z).square().mean(), hidden.sin().sum()) if everywhere else (0.0, 0.0)
        return {"a": high + more[1], "b": low + more[0]}

    for everywhere in (True, False):  # in the second step the memory holds the numbers of the first
        net.zero_grad()
        j = jacobian(losses(everywhere), net.encoder.parameters())
        assert_answers(source.open(ask(losses(everywhere), net.encoder.parameters())), net.encoder, j)


def test_only_the_squared_norms_may_be_asked_for():
    net = Net()
    j = jacobian(net.losses(), net.encoder.parameters())
    gradients = GhostSource().open(ask(net.losses(), net.encoder.parameters(), diagonal=True))
    torch.testing.assert_close(gradients.gramian(), (j * j).sum(1))


def test_a_second_step_of_another_shape_is_not_disturbed_by_the_memory_of_the_first():
    net, source = Net(), GhostSource()
    for rows in (slice(None), slice(0, 2), slice(1, 6)):
        net.zero_grad()
        j = jacobian(net.losses(rows), net.encoder.parameters())
        assert_answers(source.open(ask(net.losses(rows), net.encoder.parameters())), net.encoder, j)


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_what_cannot_be_taken_apart_goes_to_the_exact_passes_and_says_why():
    net = Net()

    def losses():
        return net.losses_of(Doubled.apply(net.encoder(net.x)))

    j = jacobian(losses(), net.encoder.parameters())
    gradients = GhostSource().open(ask(losses(), net.encoder.parameters()))
    assert gradients.said() == "exact: functions written in Python, or compiled ones"
    assert_answers(gradients, net.encoder, j)
