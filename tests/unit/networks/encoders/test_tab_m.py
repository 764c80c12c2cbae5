import copy

import pytest
import torch
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain.networks import HardSharing, InputSpec, MultiTaskNetwork, TabM, parameter_groups
from cotrain.networks.encoders._tab_m import MemberDense

SPEC = InputSpec(n_numbers=2, cardinalities=(3, 4), bags={"bag:t": 9})


def rows(n):
    return {
        "numbers": torch.randn(n, 2),
        "categories": torch.tensor([[0, 3], [2, 6]])[torch.arange(n) % 2],
        "bag:t": torch.tensor([[1, 4, 0], [5, 0, 0]])[torch.arange(n) % 2],
    }


def test_equals_its_equations():
    torch.manual_seed(0)
    encoder = TabM(6, 2, members=3, embedding=2, bag_embedding=3).build(SPEC).eval()
    with torch.no_grad():
        for stage in encoder.stages[1:]:
            stage.scale_out.normal_()
    inputs = rows(4)
    given, read = encoder(inputs), encoder.stages[0].inputs(inputs)
    for row in range(4):
        for member in range(3):
            h = read[row]
            for layer in encoder.stages[1:]:
                # (W ⊙ s rᵀ) h + b is the same as s ⊙ W (r ⊙ h) + b.
                own = layer.weight * torch.outer(layer.scale_out[member], layer.scale_in[member])
                h = functional.silu(own @ h + layer.bias[member])
            torch.testing.assert_close(given[row, member], h, rtol=0, atol=1e-6)


def test_the_first_adapter_begins_with_signs_and_the_others_with_ones():
    torch.manual_seed(0)
    _, first, second = TabM(32, 2, members=4).build(SPEC).stages
    assert set(first.scale_in.unique().tolist()) == {-1.0, 1.0}
    assert not torch.equal(first.scale_in[0], first.scale_in[1])
    for ones in (first.scale_out, second.scale_in, second.scale_out):
        assert torch.equal(ones, torch.ones_like(ones))


def test_adapters_are_not_decayed():
    sharing = HardSharing().build(lambda: TabM(8, 1, members=2).build(InputSpec(n_numbers=2)), ["a"])
    model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(8, 1)})
    decayed = {id(p) for group in parameter_groups(model, 0.1, 0.1)[:2] for p in group["params"]}
    layer = sharing.encoder.stages[1]
    assert id(layer.weight) in decayed
    assert not decayed & {id(layer.scale_in), id(layer.scale_out), id(layer.bias)}


def test_dropout_is_each_members_own():
    torch.manual_seed(0)
    layer = MemberDense(4, 50, 2, activation="tanh", dropout=0.5)
    with torch.no_grad():
        layer.bias.copy_(layer.bias[0].clone())
    first, second = layer(torch.randn(1, 1, 4).expand(1, 2, 4))[0]
    assert not torch.equal(first == 0, second == 0)


def test_a_copy_takes_over_its_weights():
    encoder = TabM(8, 1, members=2).build(SPEC)
    other = copy.deepcopy(TabM(8, 1, members=2)).build(SPEC)
    other.load_state_dict(encoder.state_dict())
    inputs = rows(2)
    assert torch.equal(encoder.eval()(inputs), other.eval()(inputs))


def test_errors():
    with pytest.raises(InvalidArgumentError, match="members=1"):
        TabM(members=1)
    with pytest.raises(InvalidArgumentError, match="depth=0"):
        TabM(depth=0)
    with pytest.raises(InvalidArgumentError, match="dropout=1"):
        TabM(dropout=1)
    with pytest.raises(InvalidArgumentError, match="did you mean 'relu'"):
        TabM(activation="rely")
    with pytest.raises(InvalidArgumentError, match="no input columns"):
        TabM().build(InputSpec())
    with pytest.raises(InvalidArgumentError, match="words"):
        TabM().build(InputSpec(words={"words:t": 9}))
