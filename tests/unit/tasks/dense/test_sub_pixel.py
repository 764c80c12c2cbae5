"""Answers for places within the cells of a map."""

from __future__ import annotations

import pytest
import torch

from cotrain.tasks.dense._sub_pixel import SubPixel


def literal(layer: SubPixel, hidden: torch.Tensor) -> torch.Tensor:
    n, width, height, columns = hidden.shape
    r, bias = layer.upscale, layer.bias
    weights = layer.places.weight.reshape(len(bias), r, r, width)
    found = torch.zeros(n, len(bias), r * height, r * columns, dtype=hidden.dtype)
    for b in range(n):
        for o in range(len(bias)):
            for y in range(r * height):
                for x in range(r * columns):
                    cell = hidden[b, :, y // r, x // r]
                    found[b, o, y, x] = weights[o, y % r, x % r] @ cell + bias[o]
    return found


@pytest.mark.parametrize("upscale", [1, 2, 3])
def test_each_place_of_a_cell_has_its_own_weights(upscale):
    layer = SubPixel(5, 2, upscale).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in layer.parameters():
        parameter.data.normal_(generator=generator)
    hidden = torch.randn(2, 5, 3, 4, dtype=torch.float64, generator=generator)
    assert torch.allclose(layer(hidden), literal(layer, hidden))


def test_at_first_all_places_of_a_cell_answer_alike():
    hidden = torch.randn(1, 5, 3, 4)
    found = SubPixel(5, 2, 4)(hidden)
    cells = found.reshape(1, 2, 3, 4, 4, 4).permute(0, 1, 2, 4, 3, 5).flatten(4)
    assert torch.allclose(cells, cells[..., :1].expand_as(cells))


def test_one_cell_can_hold_a_line_that_is_thinner_than_it():
    layer = SubPixel(3, 2, 4)
    line = torch.zeros(1, 4, 4, dtype=torch.long)
    line[0, 2] = 1
    optimiser = torch.optim.SGD(layer.parameters(), lr=1.0)
    for _ in range(200):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(layer(torch.ones(1, 3, 1, 1)), line)
        loss.backward()
        optimiser.step()
    assert torch.equal(layer(torch.ones(1, 3, 1, 1)).argmax(dim=1), line)
