from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.gradients._distributed import share_call
from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients._step_losses import order_losses
from cotrain.gradients.sources._base import GradientRequest, TaskSpecificGradients
from cotrain.gradients.sources._distributed import (
    FSDPGradients,
    FSDPSource,
    ReplicatedSource,
    ranks_source,
)

from ..networks import Net, jacobian
from ..ranks import on_ranks
from .steps import ask

TASKS = ["t0", "t1", "t2"]
#: Rows and tasks of each rank: the second has no label of the second task.
ROWS = [slice(0, 3), slice(3, 7)]
PRESENT = [["t0", "t1", "t2"], ["t0", "t2"]]
WEIGHTS = torch.tensor([0.5, 3.0, 2.0], dtype=torch.float64)


def losses_of(net, rank):
    return {name: loss for name, loss in net.losses(ROWS[rank]).items() if name in PRESENT[rank]}


def averaged():
    """Return the average over the ranks of the Jacobians of the shared part and of the heads."""
    found = []
    for part in ("encoder", "heads"):
        total = 0.0
        for rank in range(2):
            net = Net()
            losses = net.losses(ROWS[rank])
            losses = {n: loss if n in PRESENT[rank] else loss * 0 for n, loss in losses.items()}
            total = total + jacobian(losses, getattr(net, part).parameters()) / 2
        found.append(total)
    return found


def test_columns_reduced_over_the_ranks_give_the_gramian_of_the_average(monkeypatch):
    shared, heads = averaged()

    def step(rank):
        net = Net()
        call = share_call(order_losses(losses_of(net, rank), TASKS, torch.device("cpu")))
        asked = GradientRequest(call, SharedParameters(net.encoder.parameters()))
        gradients = ReplicatedSource(net).open(asked)
        gramian, j = gradients.gramian(), gradients.jacobian()
        gradients.apply(WEIGHTS, torch.ones(3))
        parts = [
            torch.cat([p.grad.flatten() for p in part.parameters()]) for part in (net.encoder, net.heads)
        ]
        return gramian, j, *parts

    for gramian, j, of_encoder, of_heads in on_ranks(monkeypatch, 2, step):
        torch.testing.assert_close(j, shared)
        torch.testing.assert_close(gramian, shared @ shared.T)
        torch.testing.assert_close(of_encoder, WEIGHTS @ shared)
        torch.testing.assert_close(of_heads, heads.sum(0))


def test_only_the_squared_norms_may_be_asked_for_and_one_rank_reduces_nothing(monkeypatch):
    net = Net()
    j = jacobian(net.losses(), net.encoder.parameters())

    def step(_):
        asked = ask(net.losses(), net.encoder.parameters(), diagonal=True)
        return ReplicatedSource(net).open(asked).gramian()

    (diagonal,) = on_ranks(monkeypatch, 1, step)
    torch.testing.assert_close(diagonal, (j * j).sum(1))


def test_a_parameter_that_no_rank_reaches_keeps_none(monkeypatch):
    def step(rank):
        net = Net()
        net.register_parameter("unused", torch.nn.Parameter(torch.zeros(2).double()))
        parameters = [*net.encoder.parameters(), net.unused]
        ReplicatedSource(None).open(ask(net.losses(ROWS[rank]), parameters)).apply(WEIGHTS, torch.ones(3))
        return net.unused.grad, net.heads[0].weight.grad

    # Without the network its heads are nobody's business.
    assert on_ranks(monkeypatch, 2, step) == [(None, None)] * 2


def test_shares_of_rows_add_up_to_the_gramian(monkeypatch):
    net = Net()
    j = jacobian(net.losses(), net.encoder.parameters())
    cut = j.shape[1] // 3

    def step(rank):
        part = j[:, :cut] if rank else j[:, cut:]
        gradients = FSDPGradients(
            ask(net.losses(), net.encoder.parameters()), TaskSpecificGradients(), part, frozenset()
        )
        with pytest.raises(InvalidArgumentError, match="no rank holds whole gradients"):
            gradients.jacobian()
        return gradients.gramian()

    for gramian in on_ranks(monkeypatch, 2, step):
        torch.testing.assert_close(gramian, j @ j.T)


def test_what_fsdp_cannot_do_is_refused_before_any_pass(monkeypatch):
    net = Net()
    parameters = list(net.parameters())

    def opened(source, rank=0, **options):
        losses = losses_of(net, rank)
        call = share_call(order_losses(losses, TASKS, torch.device("cpu")))
        return source.open(GradientRequest(call, SharedParameters(net.encoder.parameters()), **options))

    with pytest.raises(
        InvalidArgumentError, match=r"call balance.backward\(losses\) instead of balance.combine"
    ):
        opened(FSDPSource(parameters), weighed=True)
    with pytest.raises(InvalidArgumentError, match=r"pass Balance\(model=...\)"):
        opened(FSDPSource([]))
    with pytest.raises(InvalidArgumentError, match="every rank must pass the same tasks"):
        on_ranks(monkeypatch, 2, lambda rank: opened(FSDPSource(parameters), rank))
    handle = parameters[0].register_post_accumulate_grad_hook(lambda _: None)
    with pytest.raises(InvalidArgumentError, match="post-accumulate hooks in each"):
        opened(FSDPSource(parameters))
    handle.remove()
    assert all(p.grad is None for p in parameters)


def test_a_network_that_is_not_sharded_is_replicated():
    net = Net()
    source = ranks_source(net, SharedParameters(net.encoder.parameters()), list(net.parameters()))
    assert type(source) is ReplicatedSource
