"""Every exported method works inside `Balance`, and its state survives `torch.load(weights_only=True)`."""

from __future__ import annotations

import gc
import inspect
import io
import weakref

import pytest
import torch
from torch import nn

from cotrain import balancing
from cotrain.balancing import Balancer, CrossBatchRule, Every, Needs, Smoothed
from cotrain.gradients import Balance

SPECIAL = {
    "ReferenceScaled": {"reference_losses": [1.0, 2.0, 3.0]},
    "Static": {"weights_per_task": [1, 2, 3]},
}


def methods() -> list[type[Balancer]]:
    found = []
    for name in balancing.__all__:
        value = getattr(balancing, name)
        if inspect.isclass(value) and issubclass(value, Balancer) and not inspect.isabstract(value):
            required = [
                p
                for p in inspect.signature(value).parameters.values()
                if p.default is p.empty and p.kind is not p.VAR_KEYWORD
            ]
            if not required or name in SPECIAL:
                found.append(value)
    return found


class Run:
    def __init__(self, method: type[Balancer]) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.encoder, self.heads = nn.Linear(4, 5).double(), nn.Linear(5, 3).double()
        balancer = method(**SPECIAL.get(method.__name__, {}))
        balancer.start(3, reference_losses=[1.0, 1.0, 1.0])
        self.balance = Balance(balancer, self.encoder.parameters(), tasks=["a", "b", "c"])
        self.n_batches = 3 if isinstance(balancer, CrossBatchRule) else 1

    def losses(self, step: int, part: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(10 * step + part)
        x, y = (torch.randn(6, width, generator=generator, dtype=torch.float64) for width in (4, 3))
        errors = (self.heads(torch.tanh(self.encoder(x))) - y).square()
        return {task: errors[:, k].mean() for k, task in enumerate("abc")}

    def step(self, step: int) -> torch.Tensor:
        self.encoder.zero_grad()
        self.balance.backward(*(self.losses(step, part) for part in range(self.n_batches)))
        if self.balance.balancer.observes_update:
            self.balance.observe_update(self.losses(step, 0))
        return self.encoder.weight.grad.clone()


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.__name__)
def test_steps_and_resumes(method):
    run, resumed = Run(method), Run(method)
    for step in range(3):
        assert run.step(step).isfinite().all()
        if step == 1:
            run.balance.end_epoch()
    buffer = io.BytesIO()
    torch.save(run.balance.state_dict(), buffer)
    buffer.seek(0)
    resumed.balance.load_state_dict(torch.load(buffer, weights_only=True))
    for step in range(3, 6):
        torch.testing.assert_close(resumed.step(step), run.step(step))
    assert run.balance.skipped == {"a": 0, "b": 0, "c": 0}
    if run.balance.balancer.needs is not Needs.JACOBIAN:
        assert run.balance.weights is not None
        assert run.balance.weights.shape == (3,)


@pytest.mark.parametrize("combine", [False, True], ids=["backward", "combine"])
@pytest.mark.parametrize("method", methods(), ids=lambda method: method.__name__)
def test_no_step_keeps_its_graph(method, combine):
    # A hook that leads back to the losses makes a ring through the graph, which no collector ever frees.
    run = Run(method)
    parts = [run.losses(0, part) for part in range(run.n_batches)]
    if combine:
        if run.n_batches > 1 or run.balance.balancer.needs is Needs.JACOBIAN:
            pytest.skip("combine takes one batch and no method that acts on the Jacobian.")
        run.balance.combine(*parts).backward()
    else:
        run.balance.backward(*parts)
    left = [weakref.ref(loss) for losses in parts for loss in losses.values()]
    del parts
    gc.collect()
    assert [loss() for loss in left] == [None] * len(left)


@pytest.mark.parametrize("method", methods(), ids=lambda method: method.__name__)
def test_a_wrapped_method_treats_the_heads_as_the_method_does(method):
    # `Every` needs losses only between its solves: that must not make it a weighting of whole losses.
    balancer = method(**SPECIAL.get(method.__name__, {}))
    if balancer.needs is Needs.JACOBIAN:
        pytest.skip("a method that gives updates is not wrapped.")
    for wrapped in (Every(balancer, 3), Smoothed(balancer, 0.5)):
        run = Run(method)
        wrapped.start(3, reference_losses=[1.0, 1.0, 1.0])
        run.balance = Balance(wrapped, run.encoder.parameters(), tasks=["a", "b", "c"])
        for step in range(3):
            run.heads.zero_grad()
            run.step(step)
            found = run.heads.weight.grad.clone()
            run.heads.zero_grad()
            alone = [
                torch.autograd.grad(loss, run.heads.weight, retain_graph=True)[0]
                for loss in run.losses(step, 0).values()
            ]
            weights = run.balance.weights if wrapped.weighs_losses else torch.ones(3)
            expected = sum(weight * grad for weight, grad in zip(weights, alone, strict=True))
            torch.testing.assert_close(found, expected)
