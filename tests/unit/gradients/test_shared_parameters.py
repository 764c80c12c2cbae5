"""Gradients are written into a row of the Jacobian, whatever they look like."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients._shared_parameters import fill_row


@pytest.mark.parametrize("kind", ["all", "not contiguous", "one is missing", "half precision"])
def test_fill_row(kind):
    parameters = [
        nn.Parameter(torch.zeros(2, 3)),
        nn.Parameter(torch.zeros(4)),
        nn.Parameter(torch.zeros(())),
    ]
    grads = [torch.arange(6.0).view(2, 3), torch.arange(4.0), torch.tensor(7.0)]
    if kind == "not contiguous":
        grads[0] = torch.arange(6.0).view(2, 3).T.contiguous().T
    if kind == "half precision":
        grads[1] = grads[1].bfloat16()
    expected = torch.cat([grad.float().flatten() for grad in grads])
    if kind == "one is missing":
        expected[6:10] = 0
    row_P = torch.full((11,), float("nan"))
    fill_row(
        row_P, [None if kind == "one is missing" and at == 1 else g for at, g in enumerate(grads)], parameters
    )
    assert torch.equal(row_P, expected)


def test_a_row_of_nothing():
    fill_row(torch.empty(0), [], [])
