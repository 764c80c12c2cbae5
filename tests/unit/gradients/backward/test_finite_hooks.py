from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.backward._finite_hooks import add_finite_hooks
from cotrain.gradients.graph._task_graph import TaskGraph


def passed(broken, *, weights=(1.0, 1.0), upstream=None, scales=None):
    trunk = nn.Parameter(torch.tensor([1.0, 2.0]))
    heads = [nn.Parameter(torch.tensor(v)) for v in (3.0, 4.0)]
    z = trunk * 2
    losses = [(z * heads[0]).sum(), (z * heads[1]).sum()]
    if broken == "gradient":
        losses[1] = losses[1] + (heads[1] - heads[1].detach()).square().sqrt() * z.sum()
    elif broken == "loss":
        losses[1] = losses[1] * torch.inf
    finite = [loss.isfinite() for loss in losses]
    dropped = []
    graph = TaskGraph(losses)
    add_finite_hooks(
        graph,
        finite,
        scales,
        frozenset(id(head) for head in heads),
        on_drop=lambda task, good: dropped.append((task, bool(good))),
        upstream=[torch.tensor(u) for u in ([] if upstream is None else [upstream])],
    )
    kept = [torch.where(f, loss, torch.zeros(())) for f, loss in zip(finite, losses, strict=True)]
    (kept[0] * weights[0] + kept[1] * weights[1]).backward()
    return trunk.grad, [head.grad for head in heads], dropped


def test_what_is_finite_passes_unchanged():
    trunk, heads, dropped = passed(None)
    assert trunk.tolist() == [14.0, 14.0]
    assert [float(grad) for grad in heads] == [6.0, 6.0]
    assert dropped == []


@pytest.mark.parametrize("broken", ["gradient", "loss"])
def test_a_broken_task_sends_zeros_and_is_named(broken):
    trunk, heads, dropped = passed(broken)
    assert float(heads[0]) == 6.0
    assert all(grad.isfinite().all() for grad in [trunk, *heads])
    assert 1 in {task for task, _ in dropped}
    assert 0 not in {task for task, _ in dropped}
    if broken == "loss":
        assert trunk.tolist() == [6.0, 6.0]
        assert float(heads[1]) == 0.0


def test_under_a_loss_scale_the_scaler_has_to_see_an_overflow():
    _, heads, dropped = passed("gradient", upstream=1024.0)
    assert not heads[1].isfinite()
    assert dropped == []
    trunk, _, _ = passed("loss", upstream=1024.0)  # a broken loss is no overflow
    assert trunk.tolist() == [6.0, 6.0]


def test_factors_reach_what_is_shared_and_leave_the_tasks_own_leaves_alone():
    trunk, heads, _ = passed(None, scales=[torch.tensor(10.0), torch.tensor(0.5)])
    assert trunk.tolist() == [2 * (30.0 + 2.0)] * 2
    assert [float(grad) for grad in heads] == [6.0, 6.0]
