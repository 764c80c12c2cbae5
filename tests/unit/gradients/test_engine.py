"""Which pass a step takes, and which weights are kept."""

from __future__ import annotations

import pytest
import torch

from cotrain.balancing import Equal, Every, UPGrad
from cotrain.gradients._engine import Engine
from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.passes._base import PassContext, Step
from cotrain.gradients.sources._exact import ExactSource

from .networks import Inverse, Net, flat, jacobian, values

TASKS = ["t0", "t1", "t2"]


class Counting(ExactSource):
    def __init__(self) -> None:
        super().__init__()
        self.opened = 0

    def open(self, asked):
        self.opened += 1
        return super().open(asked)


def made(balancer, net, every=1):
    source = Counting()
    shared = SharedParameters(net.encoder.parameters())
    return Engine(PassContext(balancer, shared, model=net), source, every=every), source


def step(engine, net, names=TASKS):
    losses = {name: loss for name, loss in net.losses().items() if name in names}
    call = order_losses(losses, TASKS, torch.device("cpu"))
    return Step(call, TASKS, engine.step, reused_K=engine.reused_K)


@pytest.mark.parametrize(
    ("balancer", "every", "expected"),
    [
        (Inverse, 1, [1, 2, 3, 4, 5]),
        (Inverse, 2, [1, 1, 2, 2, 3]),
        (Inverse, 3, [1, 1, 1, 2, 2]),
        (lambda: Every(UPGrad(), k=3), 1, [1, 1, 1, 2, 2]),
        (Equal, 1, [0, 0, 0, 0, 0]),
    ],
)
def test_gradients_of_single_tasks_are_taken_when_the_method_is_asked(balancer, every, expected):
    net = Net()
    engine, source = made(balancer(), net, every)
    seen = []
    for _ in range(5):
        engine.backward(step(engine, net))
        seen.append(source.opened)
    assert seen == expected
    assert engine.step == 5


def test_weights_that_are_used_again_are_those_of_the_solve():
    net = Net()
    engine, _ = made(Inverse(), net, every=3)
    j = jacobian(net.losses(), net.encoder.parameters())
    expected = torch.from_numpy(Inverse().weights(values(net.losses()), (j @ j.T).numpy()))
    for _ in range(3):
        net.zero_grad()
        engine.backward(step(engine, net))
        torch.testing.assert_close(engine.weights_K, expected, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(flat(net.encoder.parameters()), expected @ j, rtol=1e-9, atol=1e-12)


def test_a_task_that_was_absent_at_the_solve_keeps_the_weight_of_the_time_before():
    net = Net()
    engine, _ = made(Inverse(), net, every=2)
    engine.backward(step(engine, net))
    first = engine.reused_K.clone()
    engine.backward(step(engine, net))
    engine.backward(step(engine, net, ["t0", "t2"]))
    assert engine.weights_K[1] == 0
    assert engine.reused_K[1] == first[1]
    assert engine.reused_K[0] != first[0]


def test_a_task_that_never_had_a_weight_gets_one():
    net = Net()
    engine, _ = made(Inverse(), net, every=2)
    engine.backward(step(engine, net, ["t0", "t2"]))
    assert engine.reused_K[1] == 1.0


def test_weighing_leaves_the_gradients_alone_and_combining_gives_their_sum():
    net = Net()
    engine, _ = made(Inverse(), net)
    weights_K = engine.weigh(step(engine, net))
    assert all(p.grad is None for p in net.parameters())
    total = engine.combine(step(engine, net))
    expected = sum(w * loss for w, loss in zip(weights_K, net.losses().values(), strict=True))
    torch.testing.assert_close(total, expected)


def test_with_nothing_to_share_no_gradient_is_looked_at():
    net = Net()
    net.encoder.requires_grad_(False)
    engine, source = made(Inverse(), net)
    engine.backward(step(engine, net))
    assert source.opened == 0
    assert engine.weights_K.tolist() == [1.0, 1.0, 1.0]
    assert engine.device() == torch.device("cpu")
