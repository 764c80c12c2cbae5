import pytest
import torch
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain.networks import InputSpec, TableEncoder


@pytest.mark.parametrize("numbers", ["plain", "periodic"])
def test_equals_its_equations(numbers):
    torch.manual_seed(0)
    spec = InputSpec(n_numbers=2, cardinalities=(3, 4), bags={"bag:t": 9})
    encoder = TableEncoder(6, 1, embedding=2, bag_embedding=3, numbers=numbers).build(spec).eval()
    table, first, block = encoder.stages
    inputs = {
        "numbers": torch.randn(2, 2),
        "categories": torch.tensor([[0, 3], [2, 6]]),
        "bag:t": torch.tensor([[1, 4, 0], [5, 0, 0]]),
    }
    given = encoder(inputs)
    for row in range(2):
        tokens = inputs["bag:t"][row]
        bag = table.bags["bag_0"].weight[tokens[tokens > 0]].mean(0)
        codes = table.categories.weight[inputs["categories"][row]].flatten()
        vectors = torch.zeros(0)
        if table.number_embeddings is not None:
            vectors = table.number_embeddings(inputs["numbers"])[row]
        x = torch.cat([inputs["numbers"][row], vectors, codes, bag])
        x = functional.silu(first.linear.weight @ x + first.linear.bias)
        normal = (x - x.mean()) / (x.var(unbiased=False) + 1e-5).sqrt() * block.norm.weight + block.norm.bias
        inner = functional.silu(block.inner.weight @ normal + block.inner.bias)
        expected = x + block.outer.weight @ inner + block.outer.bias
        torch.testing.assert_close(given[row], expected, rtol=0, atol=1e-6)


def test_errors():
    with pytest.raises(InvalidArgumentError, match="width=0"):
        TableEncoder(0)
    with pytest.raises(InvalidArgumentError, match="dropout=1"):
        TableEncoder(dropout=1)
    with pytest.raises(InvalidArgumentError, match="number_embedding=0"):
        TableEncoder(number_embedding=0)
    with pytest.raises(InvalidArgumentError, match="did you mean 'periodic'"):
        TableEncoder(numbers="periodical")
    with pytest.raises(InvalidArgumentError, match="no input columns"):
        TableEncoder().build(InputSpec())
