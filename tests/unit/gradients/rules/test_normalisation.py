from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from cotrain.gradients.rules._normalisation import batch_norm, convolution, layer_norm

from .nodes import assert_obeys, obey, random


def filled(layer: nn.Module) -> nn.Module:
    for seed, parameter in enumerate(layer.double().parameters()):
        with torch.no_grad():
            parameter.copy_(random(*parameter.shape, seed=seed + 10))
    for name, buffer in layer.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(
                random(*buffer.shape, seed=5).abs() + 0.5 if "var" in name else random(*buffer.shape)
            )
    return layer


def inputs(*shape: int) -> torch.Tensor:
    return random(*shape, seed=1).requires_grad_()


@pytest.mark.parametrize("n_tasks", [1, 3])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.LayerNorm(4), (5, 4)),
        (nn.LayerNorm(4), (1, 4)),
        (nn.LayerNorm(4), (2, 3, 4)),
        (nn.LayerNorm((3, 4)), (5, 3, 4)),
        (nn.LayerNorm(4, bias=False), (5, 4)),
        (nn.LayerNorm(4, elementwise_affine=False), (5, 4)),
    ],
    ids=str,
)
def test_layer_norm(layer, shape, n_tasks):
    layer = filled(layer)
    n_terms = len(list(layer.parameters()))
    assert_obeys(layer_norm, layer(inputs(*shape)), n_terms=n_terms, n_tasks=n_tasks)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize(
    ("cls", "shape"), [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 5)), (nn.BatchNorm2d, (3, 3, 2, 4))]
)
def test_batch_norm(cls, shape, affine, training):
    layer = filled(cls(3, affine=affine)).train(training)
    assert_obeys(batch_norm, layer(inputs(*shape)), n_terms=2 if affine else 0)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(2, 3, 2), (4, 2, 5)),
        (nn.Conv2d(2, 3, 2, stride=2, padding=1), (3, 2, 5, 4)),
        (nn.Conv2d(4, 6, 3, groups=2, dilation=2), (1, 4, 7, 6)),
        (nn.ConvTranspose2d(2, 3, 2, stride=2), (3, 2, 3, 3)),
        (nn.Conv3d(1, 2, 2), (2, 1, 3, 3, 3)),
    ],
    ids=str,
)
def test_convolution(layer, shape, bias):
    # The one of the list is the other case's, too.
    layer = filled(copy.deepcopy(layer))
    if not bias:
        layer.bias = None
    assert_obeys(convolution, layer(inputs(*shape)), n_terms=1 + bias)


def test_what_is_no_parameter_of_the_network_is_left_to_the_node_itself():
    scale = nn.Parameter(random(4))
    x = inputs(5, 4)
    assert obey(layer_norm, nn.functional.layer_norm(x, (4,), weight=scale * 2)) is None
    kernel = nn.Parameter(random(3, 2, 2))
    assert obey(convolution, nn.functional.conv1d(inputs(4, 2, 5), kernel * 2)) is None


def test_data_need_no_gradient():
    layer = filled(nn.LayerNorm(4))
    assert_obeys(layer_norm, layer(random(5, 4)), n_terms=2, n_inputs=0)
    conv = filled(nn.Conv1d(2, 3, 2))
    assert_obeys(convolution, conv(random(4, 2, 5)), n_terms=2, n_inputs=0)
