import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import MLP, InputSpec


def test_equals_its_equations():
    torch.manual_seed(0)
    encoder = MLP((5, 4), n_inputs=6, norm=True).build(InputSpec())
    x = torch.randn(3, 6)
    hidden = x
    for layer in list(encoder.stages)[1:]:
        z = hidden @ layer.linear.weight.T + layer.linear.bias
        z = (z - z.mean(1, keepdim=True)) / (z.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        hidden = (z * layer.norm.weight + layer.norm.bias).clamp(min=0)
    torch.testing.assert_close(encoder({"inputs": x.view(3, 2, 3)}), hidden, rtol=0, atol=1e-6)


def test_size_comes_from_the_description():
    encoder = MLP((4,), key="x").build(InputSpec(tensors={"x": (2, 3)}))
    assert encoder.widths == (6, 4)
    assert MLP((4,), key="numbers").build(InputSpec(n_numbers=7)).widths == (7, 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"hidden": ()}, "at least one layer"),
        ({"hidden": (4, 0)}, r"hidden\[1\]=0"),
        ({"activation": "rely"}, "did you mean 'relu'"),
        ({"dropout": 1.0}, r"dropout=1.0"),
        ({"n_inputs": 0}, "n_inputs=0"),
    ],
)
def test_bad_options(options, sentence):
    with pytest.raises(InvalidArgumentError, match=sentence):
        MLP(**options)


def test_unknown_input():
    with pytest.raises(InvalidArgumentError, match="did you mean 'inputs'"):
        MLP(key="input").build(InputSpec(tensors={"inputs": (3,)}))
