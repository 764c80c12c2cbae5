import math

import torch

from cotrain.networks.encoders._attention import AttentionBlock, FirstPosition


def test_attention_is_its_formula():
    block, x = AttentionBlock(6, 2, dropout=0.0).eval(), torch.randn(3, 4, 6)
    queries, keys, values = block.queries_keys_values(block.attention_norm(x)).chunk(3, dim=-1)
    heads = []
    for h in (slice(0, 3), slice(3, 6)):
        weights = (queries[..., h] @ keys[..., h].transpose(1, 2) / math.sqrt(3)).softmax(dim=-1)
        heads.append(weights @ values[..., h])
    hidden = x + block.attention_output(torch.cat(heads, dim=-1))
    expected = hidden + block.outer(torch.nn.functional.gelu(block.inner(block.norm(hidden))))
    torch.testing.assert_close(block(x), expected)


def test_padding_changes_nothing_whatever_it_holds_and_a_zero_that_is_none_counts():
    block, x = AttentionBlock(6, 2, dropout=0.0).eval(), torch.randn(2, 3, 6)
    x[0, 1] = 0
    padded = torch.cat([x, torch.randn(2, 5, 6)], dim=1)
    mask = torch.arange(8).expand(2, 8) < 3
    torch.testing.assert_close(block(padded, mask)[:, :3], block(x))
    without = torch.tensor([[True, False, True], [True, True, True]])
    assert not torch.allclose(block(x, without)[0, 0], block(x)[0, 0])


def test_a_row_of_nothing_but_padding_is_finite():
    block = AttentionBlock(6, 2, dropout=0.0)
    given = block(torch.zeros(2, 3, 6), torch.zeros(2, 3, dtype=torch.bool))
    assert bool(torch.isfinite(given).all())


def test_the_first_position_is_normalised():
    first, x = FirstPosition(6), torch.randn(2, 4, 6)
    torch.testing.assert_close(first(x), torch.nn.functional.layer_norm(x[:, 0], (6,)))
