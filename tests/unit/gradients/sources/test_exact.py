from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.graph._boundary_gradients import BoundaryGradients
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.sources._exact import ExactSource

from ..networks import Net, jacobian
from .steps import ask, assert_answers


def literal(net, names):
    losses = {name: loss for name, loss in net.losses().items() if name in names}
    heads = {}
    for place, name in enumerate(losses):
        weight = net.heads[int(name[1:])].weight
        heads[weight] = (place, torch.autograd.grad(losses[name], weight, retain_graph=True)[0])
    return losses, jacobian(losses, net.encoder.parameters()), heads


@pytest.mark.parametrize("names", [["t0", "t1", "t2"], ["t2", "t0"], ["t1"]])
@pytest.mark.parametrize("below", [False, True])
def test_the_rows_are_the_gradients_of_the_tasks(names, below):
    net = Net()
    losses, j, heads = literal(net, names)
    source, asked = ExactSource(), ask(losses, net.encoder.parameters())
    if below:
        graph = TaskGraph(asked.call.live)
        gradients = source.open_below(asked, graph, BoundaryGradients(asked, graph))
    else:
        gradients = source.open(asked)
    torch.testing.assert_close(gradients.jacobian(), j)
    assert_answers(gradients, net.encoder, j, heads)


def test_only_the_squared_norms_or_some_of_the_parameters_may_be_asked_for():
    net = Net()
    losses, j, _ = literal(net, ["t0", "t1"])
    gradients = ExactSource().open(ask(losses, net.encoder.parameters(), diagonal=True))
    torch.testing.assert_close(gradients.gramian(), (j * j).sum(1))
    gradients = ExactSource().open(ask(net.losses(), net.encoder.parameters()))
    first = net.encoder[0].weight
    gradients.part = frozenset({id(first)})
    rows = jacobian(net.losses(), [first])
    torch.testing.assert_close(gradients.gramian(), rows @ rows.T)


def test_the_memory_is_used_again_and_a_step_of_more_tasks_gets_more():
    net, source = Net(), ExactSource()
    parameters = list(net.encoder.parameters())

    def opened(names):
        losses = {name: loss for name, loss in net.losses().items() if name in names}
        return source.open(ask(losses, parameters)).jacobian(), jacobian(losses_of(names), parameters)

    def losses_of(names):
        return {name: loss for name, loss in net.losses().items() if name in names}

    two, expected = opened(["t0", "t1"])
    torch.testing.assert_close(two, expected)
    three, expected = opened(["t0", "t1", "t2"])
    torch.testing.assert_close(three, expected)
    one, expected = opened(["t2"])
    torch.testing.assert_close(one, expected)
    assert one.data_ptr() == three.data_ptr()


def test_a_parameter_that_no_loss_reaches_keeps_none_and_a_sparse_table_gets_a_sparse_gradient():
    table = nn.Embedding(6, 2, sparse=True).double()
    unused = nn.Parameter(torch.zeros(3).double())
    z = table(torch.tensor([1, 4, 4]))
    losses = {"a": z.sum(), "b": z[0].square().sum()}
    gradients = ExactSource().open(ask(losses, [table.weight, unused]))
    gradients.apply(torch.tensor([2.0, 1.0]), torch.ones(2))
    assert unused.grad is None
    assert table.weight.grad.is_sparse
    rows = torch.zeros(6, 2, dtype=torch.float64)
    rows[4] = 4.0
    rows[1] = 2.0 + 2 * table.weight.detach()[1]
    torch.testing.assert_close(table.weight.grad.to_dense(), rows)


def test_an_update_of_ones_own_is_added_as_it_is():
    net = Net()
    losses, _, heads = literal(net, ["t0", "t1"])
    gradients = ExactSource().open(ask(losses, net.encoder.parameters()))
    update = torch.arange(sum(p.numel() for p in net.encoder.parameters()), dtype=torch.float64)
    gradients.apply_update(update, torch.tensor([1.0, 2.0]))
    torch.testing.assert_close(torch.cat([p.grad.flatten() for p in net.encoder.parameters()]), update)
    for parameter, (task, grad) in heads.items():
        torch.testing.assert_close(parameter.grad, (task + 1) * grad)


def test_half_precision_parameters_have_rows_of_single_precision():
    weight = nn.Parameter(torch.full((100,), 100.0, dtype=torch.float16))
    gradients = ExactSource().open(ask({"a": (weight * weight).sum(dtype=torch.float32)}, [weight]))
    assert gradients.jacobian().dtype == torch.float32
    assert float(gradients.gramian()) == 100 * 200.0**2
