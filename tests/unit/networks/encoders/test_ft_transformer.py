import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import FTTransformer, InputSpec


def test_tokens_equal_their_equations():
    torch.manual_seed(0)
    spec = InputSpec(n_numbers=2, cardinalities=(3, 4), bags={"bag:t": 9})
    encoder = FTTransformer(8, 1, 2).build(spec)
    tokens = encoder.stages[0]
    inputs = {
        "numbers": torch.randn(2, 2),
        "categories": torch.tensor([[0, 3], [2, 6]]),
        "bag:t": torch.tensor([[1, 4, 0], [5, 0, 0]]),
    }
    given = tokens(inputs)
    assert given.shape == (2, 6, 8)
    bias = tokens.columns.weight
    torch.testing.assert_close(given[:, 0], bias[0].expand(2, 8))
    x = inputs["numbers"][1, 1]
    torch.testing.assert_close(given[1, 2], x * tokens.numbers.weight[1] + bias[2])
    torch.testing.assert_close(given[1, 4], tokens.categories.weight[6] + bias[4])
    bag = tokens.bags[0].weight
    torch.testing.assert_close(given[0, 5], (bag[1] + bag[4]) / 2 + bias[5])
    assert encoder(inputs).shape == (2, 8)


def test_errors():
    with pytest.raises(InvalidArgumentError, match="no input columns"):
        FTTransformer().build(InputSpec())
    with pytest.raises(InvalidArgumentError, match="multiple of heads"):
        FTTransformer(10, heads=4)
