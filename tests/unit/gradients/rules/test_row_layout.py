"""Where the rows lie is told rightly, and every kind of node that is said to keep them apart does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.rules._batched_backward import in_order
from cotrain.gradients.rules._row_layout import RowsMixed, plan_rows, rows_of

B, S, D = 5, 4, 6


@pytest.mark.parametrize(
    ("shape", "stride", "axis", "inner"),
    [
        ((B, D), D, 0, 1),
        ((B, S, D), S * D, 0, 1),
        ((S, B, D), D, 1, 1),
        ((B * S, D), S * D, 0, S),
        ((S * B, D), D, 0, 1),
        ((B, 1, D), D, 0, 1),
        ((B, S, D, 1), S * D, 0, 1),
    ],
)
def test_axis_of_the_rows(shape, stride, axis, inner):
    rows = rows_of(shape, stride, B)
    assert (rows.axis, rows.inner) == (axis, inner)
    assert rows.stride_in(shape) == stride


def test_no_axis():
    with pytest.raises(RowsMixed):
        rows_of((S, D), D, B)


#: From [B, S, D] to [B, ...], and what its plan says: the name of a node, or nothing.
KEPT = {
    "softmax": lambda x: x.softmax(-1),
    "softmax over positions": lambda x: x.softmax(1),
    "mean": lambda x: x.mean(1),
    "mean, axis kept": lambda x: x.mean(2, keepdim=True),
    "sum over two axes": lambda x: x.sum((1, 2)),
    "select": lambda x: x[:, 2],
    "slice": lambda x: x[:, 1:3],
    "cat": lambda x: torch.cat([x, x * 2], 1),
    "stack": lambda x: torch.stack([x, x.sin()], 2),
    "stack in front of all": lambda x: torch.stack([x, x.sin()], 0).sum(0),
    "unbind": lambda x: x.unbind(1)[0] * x.unbind(1)[2],
    "split": lambda x: x.split(2, 2)[1],
    "permute": lambda x: x.permute(2, 0, 1).exp().permute(1, 2, 0),
    "transpose": lambda x: x.transpose(0, 1).reshape(S * B, D).tanh().view(S, B, D).transpose(0, 1),
    "merged axes": lambda x: x.reshape(B * S, D).sin().view(B, S * D),
    "expand": lambda x: x.mean(1, keepdim=True).expand(B, 3, D),
    "maximum": lambda x: x.max(1).values,
    "logsumexp": lambda x: x.logsumexp(1),
    "gather": lambda x: x.gather(1, torch.zeros(B, 2, D, dtype=torch.long)),
    "products": lambda x: torch.bmm(x, x.transpose(1, 2)),
    "attention": lambda x: functional.scaled_dot_product_attention(*[x.view(B, 2, S, D // 2)] * 3),
    "RMSNorm": lambda x: functional.rms_norm(x, (D,)),
    "LayerNorm": lambda x: functional.layer_norm(x, (S, D)),
    "pooling": lambda x: functional.adaptive_avg_pool2d(x[:, None], 2),
    "nearest": lambda x: functional.interpolate(x[:, None], scale_factor=2.0),
    "dropout": lambda x: functional.dropout(x, 0.5),
    "where": lambda x: torch.where(x > 0, x, x.exp()),
    "convolution": lambda x: functional.conv1d(x, torch.ones(2, S, 3)),
    "matrix": lambda x: x @ torch.ones(D, 3),
}
MIXED = {
    "softmax over rows": lambda x: x.softmax(0),
    "cumulated over rows": lambda x: x.cumsum(0),
    "rows reversed": lambda x: x.flip(0),
    "rows shifted": lambda x: x.roll(1, 0),
    "rows picked": lambda x: x[torch.tensor([1, 0, 2, 4, 3])],
    "mean over rows": lambda x: x - x.mean(0, keepdim=True),
    "batch norm": lambda x: functional.batch_norm(x, None, None, training=True),
    "matrix from the left": lambda x: torch.ones(B, B) @ x.flatten(1),
    "rows cut": lambda x: torch.cat([x[1:], x[:1]]),
    "attention over rows": lambda x: functional.scaled_dot_product_attention(
        *[x.transpose(0, 1)] * 3
    ).transpose(0, 1),
    "reshaped askew": lambda x: x.reshape(S, B, D).transpose(0, 1),
    "Gram matrix": lambda x: x.flatten(1) @ x.flatten(1).T,
}


def planned(run) -> tuple[object, Tensor, Tensor]:
    torch.manual_seed(0)
    source = torch.randn(B, S, D, requires_grad=True)
    x = source * 1.0
    y = run(x)
    graph = TaskGraph([y.sum(), y.exp().sum()])
    edge = (y.grad_fn, y.output_nr)
    below = graph.children[x.grad_fn]
    graph.children[x.grad_fn] = ()  # the rows are followed down to here
    order = in_order(graph, [y.grad_fn])
    plan = plan_rows(graph, order, {edge: tuple(y.shape)}, B)
    graph.children[x.grad_fn] = below
    return plan, source, y


@pytest.mark.parametrize("name", KEPT)
def test_rows_stay_apart(name):
    with torch.random.fork_rng():
        plan, source, y = planned(KEPT[name])
    for row in range(B):
        outside = torch.zeros_like(y)
        outside[row] = torch.randn(y[row].shape)
        (grad,) = torch.autograd.grad(y, source, outside, retain_graph=True)
        others = torch.arange(B) != row
        assert not grad[others].any(), "the gradient of a row depends on another row"
    assert not isinstance(plan, str), f"{plan} is known to keep them apart"


@pytest.mark.parametrize("name", MIXED)
def test_what_mixes_them_is_named(name):
    with torch.random.fork_rng():
        plan, _, _ = planned(MIXED[name])
    assert isinstance(plan, str)


def test_what_all_rows_share_is_told_apart():
    scale = nn.Parameter(torch.ones(D))
    x = torch.randn(B, S, D, requires_grad=True) * 1.0
    y = x * scale.exp()
    graph = TaskGraph([y.sum(), y.exp().sum()])
    graph.children[x.grad_fn] = ()
    plan = plan_rows(graph, in_order(graph, [y.grad_fn]), {(y.grad_fn, 0): (B, S, D)}, B)
    assert {edge[0].name() for edge in plan.free} == {"ExpBackward0"}
    assert plan.strides[x.grad_fn, 0] == S * D
