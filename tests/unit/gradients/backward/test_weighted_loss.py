from __future__ import annotations

import pytest
import torch

from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.backward._weighted_loss import split_weighted_loss, weighted_loss

from ..networks import Net, jacobian

TASKS = ["t0", "t1", "t2"]
WEIGHTS = torch.tensor([0.5, 3.0, 2.0], dtype=torch.float64)
HEADS = torch.tensor([1.0, 0.25, 4.0], dtype=torch.float64)


def call_of(net, names=TASKS, broken=None):
    losses = {name: loss for name, loss in net.losses().items() if name in names}
    if broken is not None:
        losses[broken] = losses[broken] * torch.inf
    return order_losses(losses, TASKS, torch.device("cpu"))


def ids(net):
    return frozenset(id(p) for p in net.encoder.parameters())


def expected(net, weights_K, parameters, names):
    parameters = list(parameters)
    losses = {name: loss for name, loss in net.losses().items() if name in names}
    places = [TASKS.index(name) for name in names]
    return weights_K[places] @ jacobian(losses, parameters)


def got(parameters):
    return torch.cat([torch.zeros(p.numel()) if p.grad is None else p.grad.flatten() for p in parameters])


@pytest.mark.parametrize("names", [TASKS, ["t0", "t2"], ["t1"]])
def test_one_pass_gives_the_weighted_sum_everywhere(names):
    net = Net()
    total = weighted_loss(call_of(net, names), WEIGHTS, lambda *_: None)
    losses = net.losses()
    assert float(total.detach()) == pytest.approx(
        sum(float(WEIGHTS[TASKS.index(n)]) * float(losses[n].detach()) for n in names)
    )
    total.backward()
    torch.testing.assert_close(
        got(net.parameters()), expected(net, WEIGHTS, net.parameters(), names), check_dtype=False
    )


@pytest.mark.parametrize("names", [TASKS, ["t0", "t2"], ["t1"]])
def test_one_pass_weighs_heads_and_the_shared_part_differently(names):
    net = Net()
    total = split_weighted_loss(
        call_of(net, names), WEIGHTS, HEADS, shared_ids=ids(net), on_drop=lambda *_: None
    )
    total.backward()
    for part, weights_K in ((net.encoder, WEIGHTS), (net.heads, HEADS)):
        torch.testing.assert_close(
            got(part.parameters()), expected(net, weights_K, part.parameters(), names), check_dtype=False
        )


@pytest.mark.parametrize("split", [False, True])
def test_a_task_whose_loss_is_not_finite_sends_nothing_and_is_told_by_its_place(split):
    net, dropped = Net(), []

    def on_drop(place, finite):
        dropped.append(place)

    call = call_of(net, ["t1", "t2"], broken="t2")
    if split:
        total = split_weighted_loss(call, WEIGHTS, HEADS, shared_ids=ids(net), on_drop=on_drop)
    else:
        total = weighted_loss(call, WEIGHTS, on_drop)
    total.backward()
    assert set(dropped) == {2}
    wanted = expected(net, WEIGHTS, net.encoder.parameters(), ["t1"])
    torch.testing.assert_close(got(net.encoder.parameters()), wanted)
    assert not net.heads[2].weight.grad.any()


def test_where_tasks_meet_outside_the_shared_parameters_no_factor_is_right():
    net = Net()
    some = frozenset(id(p) for p in list(net.encoder.parameters())[1:])
    assert split_weighted_loss(call_of(net), WEIGHTS, HEADS, shared_ids=some, on_drop=lambda *_: None) is None


def test_a_step_without_a_task_is_zero():
    call = order_losses({}, TASKS, torch.device("cpu"))
    assert float(weighted_loss(call, WEIGHTS, lambda *_: None)) == 0.0
