import pytest
import torch
from torch.nn import functional

from cotrain.networks.encoders._sequence_blocks import (
    LSTMBlock,
    LSTMLayer,
    SequenceConvBlock,
    has_half_lstm,
)


def slow_lstm(layer, x):
    """One row [S, I], gate by gate."""
    h, c, states = torch.zeros(layer.width), torch.zeros(layer.width), []
    for step in x:
        gates = layer.input_weight @ step + layer.input_bias + layer.hidden_weight @ h + layer.hidden_bias
        i, f, g, o = gates.chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return torch.stack(states)


def test_a_layer_is_its_equations_and_begins_by_forgetting_nothing():
    torch.manual_seed(0)
    layer, x = LSTMLayer(3, 4), torch.randn(2, 5, 3)
    torch.testing.assert_close(layer(x)[1], slow_lstm(layer, x[1]))
    assert layer.input_bias.split(4)[1].tolist() == [1.0] * 4
    square = layer.hidden_weight.detach()[:4]
    torch.testing.assert_close(square @ square.T, torch.eye(4), rtol=0, atol=1e-5)


def test_under_autocast_a_processor_without_a_half_lstm_computes_in_float32(monkeypatch):
    whole = torch.lstm

    def without_half(*arguments):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError(
                "could not create a primitive descriptor for an LSTM forward propagation primitive"
            )
        return whole(*arguments)

    monkeypatch.setattr(torch, "lstm", without_half)
    has_half_lstm.cache_clear()
    torch.manual_seed(0)
    layer, x = LSTMLayer(3, 4), torch.randn(2, 5, 3)
    with torch.autocast("cpu", torch.bfloat16):
        given = layer(x.bfloat16())
    has_half_lstm.cache_clear()
    assert given.dtype == torch.float32
    torch.testing.assert_close(given, layer(x.bfloat16().float()))
    given.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


@pytest.mark.parametrize("real", [[0, 1, 2], [0, 2, 5], [3], [1, 2, 3, 4, 5, 6]])
def test_both_directions_read_the_real_positions_and_nothing_else(real):
    torch.manual_seed(0)
    block, x = LSTMBlock(3, 8, dropout=0.0), torch.randn(2, 7, 3)
    mask = torch.zeros(2, 7, dtype=torch.bool)
    mask[0, real] = True
    given = block(x, mask)[0, real]
    there = x[0, real]
    expected = torch.cat([slow_lstm(block.forth, there), slow_lstm(block.back, there.flip(0)).flip(0)], dim=1)
    torch.testing.assert_close(given, expected)
    torch.testing.assert_close(block(there[None])[0], expected)


@pytest.mark.parametrize("real", [[0, 1, 2], [0, 2, 5], [3]])
def test_a_convolution_sees_the_neighbours_that_a_row_has(real):
    torch.manual_seed(0)
    block, x = SequenceConvBlock(4, 3, dropout=0.0), torch.randn(1, 7, 4)
    mask = torch.zeros(1, 7, dtype=torch.bool)
    mask[0, real] = True
    there = x[0, real]
    padded = functional.pad(block.norm(there), (0, 0, 1, 1))
    seen = torch.stack(
        [
            sum(block.conv.weight[:, :, k] @ padded[s + k] for k in range(3)) + block.conv.bias
            for s in range(len(real))
        ]
    )
    expected = there + block.outer(functional.gelu(seen))
    torch.testing.assert_close(block(x, mask)[0, real], expected)
    torch.testing.assert_close(block(there[None])[0], expected)
