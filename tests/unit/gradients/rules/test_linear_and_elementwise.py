from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from cotrain.gradients.rules import _linear_and_elementwise as rules

from .nodes import K, assert_obeys, obey, random


def parameter(*shape: int) -> nn.Parameter:
    return nn.Parameter(random(*shape, seed=9))


def inputs(*shape: int) -> torch.Tensor:
    return random(*shape, seed=1).requires_grad_()


@pytest.mark.parametrize("n_rows", [1, 7])
@pytest.mark.parametrize("n_tasks", [1, K])
def test_a_linear_layer_with_and_without_bias_and_a_matrix_that_is_not_transposed(n_rows, n_tasks):
    x, weight, bias = inputs(n_rows, 4), parameter(5, 4), parameter(5)
    assert_obeys(rules.linear, functional.linear(x, weight, bias), n_terms=2, n_tasks=n_tasks)
    assert_obeys(rules.linear, functional.linear(x, weight), n_terms=1, n_tasks=n_tasks)
    assert_obeys(rules.linear, x @ parameter(4, 5), n_terms=1, n_tasks=n_tasks)


def test_a_product_with_plain_numbers_has_no_term_and_data_need_no_gradient():
    assert_obeys(rules.linear, inputs(7, 4) @ random(4, 5), n_terms=0)
    assert_obeys(rules.linear, random(7, 4) @ parameter(4, 5), n_terms=1, n_inputs=0)


def test_products_that_the_rule_does_not_know_are_left_to_the_node():
    x, weight, bias = inputs(7, 4), parameter(4, 5), parameter(5)
    assert obey(rules.linear, x @ (weight * 2)) is None
    assert obey(rules.linear, torch.addmm(bias, x, weight, alpha=2)) is None
    assert obey(rules.linear, torch.addmm(bias * 2, x, weight)) is None
    assert obey(rules.linear, torch.addmm(parameter(7, 5), x, weight)) is None


@pytest.mark.parametrize("padding", [None, 2, -1])
@pytest.mark.parametrize("shape", [(6,), (2, 3), (1,)])
def test_a_table_adds_up_what_its_rows_get(padding, shape):
    table = parameter(4, 3)
    index = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(0))
    index.view(-1)[0] = 2
    output = functional.embedding(index, table, padding_idx=padding)
    assert_obeys(rules.embedding, output, n_terms=1, n_inputs=0)
    scaled = functional.embedding(index, table, scale_grad_by_freq=True)
    assert obey(rules.embedding, scaled) is None


@pytest.mark.parametrize("mode", ["sum", "mean"])
@pytest.mark.parametrize("padding", [None, 1])
def test_bags_of_a_table_one_of_them_empty(mode, padding):
    table = parameter(4, 3)
    index, offsets = torch.tensor([0, 1, 1, 3, 2, 1]), torch.tensor([0, 2, 2, 5])
    output = functional.embedding_bag(index, table, offsets, mode=mode, padding_idx=padding)
    assert_obeys(rules.embedding_bag, output, n_terms=1, n_inputs=0)


def test_bags_that_the_rule_does_not_know_are_left_to_the_node():
    table, index, offsets = parameter(4, 3), torch.tensor([0, 1, 3]), torch.tensor([0, 2])
    assert obey(rules.embedding_bag, functional.embedding_bag(index, table, offsets, mode="max")) is None
    weighted = functional.embedding_bag(index, table, offsets, mode="sum", per_sample_weights=random(3))
    assert obey(rules.embedding_bag, weighted) is None


@pytest.mark.parametrize(
    "operation",
    [
        torch.abs, torch.exp, torch.neg, torch.sigmoid, torch.tanh, functional.elu, functional.hardsigmoid,
        functional.hardswish, functional.hardtanh, functional.leaky_relu, functional.mish, functional.relu,
        functional.silu, functional.softplus, lambda x: x.square().add(1).sqrt(),
        lambda x: (x.abs() + 1).log(), lambda x: x * 3, lambda x: x / 2, torch.clone,
    ],
)  # fmt: skip
def test_what_works_entry_by_entry_takes_all_tasks_at_once(operation):
    output = operation(inputs(5, 3))
    assert output.grad_fn.name() in rules.ELEMENTWISE
    assert_obeys(rules.elementwise, output, n_terms=0)


def test_factors_and_addends_both_get_their_gradients():
    x, y = inputs(5, 3), random(5, 3, seed=4).requires_grad_()
    assert_obeys(rules.elementwise, x * y, n_terms=0, n_inputs=2)
    assert_obeys(rules.add, x + 2 * y, n_terms=0, n_inputs=2)
    assert_obeys(rules.add, torch.sub(x, y, alpha=3), n_terms=0, n_inputs=2)


@pytest.mark.parametrize("owned", [True, False])
def test_a_relu_is_written_over_what_nobody_else_reads(owned):
    assert_obeys(rules.rectified, functional.relu(inputs(5, 3)), n_terms=0, owned=owned)


@pytest.mark.parametrize(
    "operation", [lambda x: x.view(3, 10), lambda x: x.unsqueeze(1), lambda x: x[:, None].squeeze(1)]
)
def test_another_shape_keeps_the_numbers(operation):
    output = operation(inputs(6, 5) * 1)
    assert output.grad_fn.name() in rules.RESHAPES
    assert_obeys(rules.reshaped, output, n_terms=0)


def test_any_node_runs_once_per_task():
    def rule(node, grads, uses, emit):
        return rules.one_by_one(node, grads, K)

    assert_obeys(rule, inputs(5, 3).softmax(1), n_terms=0)
    assert_obeys(rule, torch.cat([inputs(5, 3), inputs(5, 2) * 2], 1), n_terms=0, n_inputs=2)
