"""Which parameter a node reads over an input, and whether gradient is needed beyond it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.rules._backward_context import BackwardContext
from cotrain.gradients.rules._buffer_pool import BufferPool

from .nodes import random


def context_of(output, wanted=None):
    graph = TaskGraph([output.sum()])
    return output.grad_fn, BackwardContext(graph.leaves, graph.children, BufferPool(), wanted)


def weight_of(n_rows=4, n_columns=3, dtype=torch.float64):
    return nn.Parameter(random(n_rows, n_columns).to(dtype))


@pytest.mark.parametrize(
    ("read", "transposed"),
    [
        (lambda w: w, False),
        (lambda w: w.t(), True),
        (lambda w: w.t().t(), False),
        (lambda w: w.to(torch.float64), False),
        (lambda w: w.to(torch.float64).t(), True),
        (lambda w: w.t().to(torch.float64), True),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_parameter_is_found_through_casts_and_transposes(read, transposed, dtype):
    weight = weight_of(dtype=dtype)
    matrix = read(weight).double()
    node, uses = context_of(random(5, len(matrix)) @ matrix)
    found = uses.parameter(node, 1)
    assert found is not None
    assert found[0] is weight
    assert found[1] is transposed


def test_a_matrix_that_is_computed_and_one_that_is_data_are_no_parameters():
    weight = weight_of()
    node, uses = context_of(random(5, 4) @ (weight * 2))
    assert uses.parameter(node, 1) is None
    assert uses.parameter(node, 0) is None


def test_gradient_goes_on_to_what_is_computed_unless_nothing_wanted_lies_there():
    first, second = weight_of(4, 3), weight_of(3, 2)
    output = random(5, 4) @ first @ second
    node, uses = context_of(output)
    assert uses.goes_on(node, 0)
    assert uses.goes_on(node, 1)
    assert not uses.goes_on(node.next_functions[0][0], 0), "data"
    node, uses = context_of(output, wanted={output.grad_fn.next_functions[1][0]})
    assert not uses.goes_on(node, 0)
    assert uses.goes_on(node, 1)


def test_the_result_of_a_relu_belongs_to_one_gradient():
    _, uses = context_of(weight_of() * 2)
    grad, result = random(3, 4), random(3, 4, seed=1)
    uses.note_rectified(grad, result)
    assert uses.result_of_relu(grad) is result
    assert uses.result_of_relu(grad.clone()) is None
