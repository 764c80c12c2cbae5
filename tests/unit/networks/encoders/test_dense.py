import pytest
import torch

from cotrain.networks._stacking import stack_stages
from cotrain.networks.encoders._dense import ACTIVATIONS, Dense, ResidualBlock


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("norm", [False, True])
def test_a_layer_is_its_formula(activation, norm):
    layer, x = Dense(3, 4, activation, norm=norm), torch.randn(6, 3)
    inner = x @ layer.linear.weight.T + layer.linear.bias
    if norm:
        inner = (inner - inner.mean(1, keepdim=True)) / (
            inner.var(1, keepdim=True, correction=0) + 1e-5
        ).sqrt()
    torch.testing.assert_close(layer(x), ACTIVATIONS[activation](inner))


def test_a_residual_block_adds_to_what_it_reads():
    block, x = ResidualBlock(4, dropout=0.0), torch.randn(6, 4)
    inner = torch.nn.functional.silu(block.inner(block.norm(x)))
    torch.testing.assert_close(block(x), x + block.outer(inner))


@pytest.mark.parametrize("make", [lambda: Dense(4, 4, "relu", norm=True), lambda: ResidualBlock(4, 0.0)])
def test_copies_side_by_side_are_the_copies(make):
    copies, x = [make() for _ in range(3)], torch.randn(3, 5, 4)
    expected = torch.stack([copy(x[i]) for i, copy in enumerate(copies)])
    torch.testing.assert_close(stack_stages(copies)(x), expected)


def test_dropout_is_for_training_only():
    layer, x = Dense(3, 64, "relu", dropout=0.5), torch.ones(4, 3)
    torch.manual_seed(0)
    assert not torch.equal(layer(x), layer(x))
    layer.eval()
    torch.testing.assert_close(layer(x), layer(x), rtol=0, atol=0)
