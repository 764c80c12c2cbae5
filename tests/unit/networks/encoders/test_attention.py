import math

import pytest
import torch

from cotrain.networks.encoders._attention import AttentionBlock, SequencePool


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


def test_padding_changes_nothing_and_stays_padding():
    block, x = AttentionBlock(6, 2, dropout=0.0).eval(), torch.randn(2, 3, 6)
    padded = torch.cat([x, torch.zeros(2, 5, 6)], dim=1)
    torch.testing.assert_close(block(padded)[:, :3], block(x))
    assert not block(padded)[:, 3:].any()


def test_a_row_of_nothing_but_padding_is_finite():
    block = AttentionBlock(6, 2, dropout=0.0)
    assert bool(torch.isfinite(block(torch.zeros(2, 3, 6))).all())


@pytest.mark.parametrize("pooling", ["mean", "first", "none"])
def test_pooling_gives_a_vector_or_the_sequence(pooling):
    pool, x = SequencePool(6, pooling), torch.randn(2, 4, 6)
    x[0, 2:] = 0
    found = pool(x)
    if pooling == "mean":
        torch.testing.assert_close(found[0], pool.norm(x[0, :2].mean(dim=0)))
    elif pooling == "first":
        torch.testing.assert_close(found, pool.norm(x[:, 0]))
    else:
        torch.testing.assert_close(found[1], pool.norm(x[1]))
        assert not found[0, 2:].any()
