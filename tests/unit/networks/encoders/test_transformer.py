import math

import pytest
import torch
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError
from cotrain.networks import InputSpec, Transformer


def slow_block(block, x):
    """One row without padding, [S, D], head by head."""
    width = x.shape[-1]
    size = width // block.heads
    normal = functional.layer_norm(x, (width,), block.attention_norm.weight, block.attention_norm.bias)
    q, k, v = (normal @ block.queries_keys_values.weight.T + block.queries_keys_values.bias).split(width, -1)
    heads = []
    for h in range(block.heads):
        part = slice(h * size, (h + 1) * size)
        weights = torch.softmax(q[:, part] @ k[:, part].T / math.sqrt(size), dim=-1)
        heads.append(weights @ v[:, part])
    x = x + torch.cat(heads, -1) @ block.attention_output.weight.T + block.attention_output.bias
    normal = functional.layer_norm(x, (width,), block.norm.weight, block.norm.bias)
    inner = functional.gelu(normal @ block.inner.weight.T + block.inner.bias)
    return x + inner @ block.outer.weight.T + block.outer.bias


def test_equals_its_equations_and_padding_counts_for_nothing():
    torch.manual_seed(0)
    encoder = Transformer(8, 2, 2, n_tokens=11).build(InputSpec()).eval()
    tokens = torch.tensor([[3, 5, 7, 0, 0], [1, 2, 3, 4, 5]])
    given = encoder({"tokens": tokens})
    embedding = encoder.stages[0]
    for row, length in enumerate((3, 5)):
        x = embedding.tokens.weight[tokens[row, :length]] + embedding.positions.weight[:length]
        x = slow_block(encoder.stages[1], x)
        x = slow_block(encoder.stages[2][0], x)
        norm = encoder.stages[2][1]
        expected = functional.layer_norm(x, (8,), norm.weight, norm.bias)
        torch.testing.assert_close(given[row, :length], expected, rtol=0, atol=1e-6)
    assert encoder.mask({"tokens": tokens}).sum(dim=1).tolist() == [3, 5]


def test_a_row_of_nothing_but_padding_is_finite():
    torch.manual_seed(0)
    encoder = Transformer(8, 1, 2, n_tokens=11).build(InputSpec())
    out = encoder({"tokens": torch.zeros(2, 4, dtype=torch.long)})
    assert bool(out.isfinite().all())
    out.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in encoder.parameters() if p.grad is not None)


def test_errors():
    with pytest.raises(InvalidArgumentError, match="multiple of heads"):
        Transformer(10, heads=4)
    with pytest.raises(InvalidArgumentError, match="describe no vocabulary"):
        Transformer().build(InputSpec())
    encoder = Transformer(8, 1, 2, max_length=3).build(InputSpec(vocabularies={"tokens": 11}))
    with pytest.raises(DataError, match="4 tokens"):
        encoder({"tokens": torch.ones(1, 4, dtype=torch.long)})
