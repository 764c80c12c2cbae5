import copy

import pytest
import torch

from cotrain._base import InputSpec
from cotrain.networks import MLP, HardSharing, MultiTaskNetwork
from cotrain.training._average import WeightAverage


def network():
    sharing = HardSharing().build(lambda: MLP((4,), n_inputs=3).build(InputSpec()), ["a"])
    model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(4, 1)})
    model.register_buffer("seen", torch.zeros(()))
    return model


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_it_is_the_recurrence_of_its_docstring(decay):
    torch.manual_seed(0)
    model = network()
    average = WeightAverage(model, decay)
    expected = [parameter.detach().clone() for parameter in model.parameters()]
    for step in range(30):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        average.update(step)
        d = min(decay, (step + 1) / (step + 10))
        pairs = zip(expected, model.parameters(), strict=True)
        expected = [d * mine + (1 - d) * theirs.detach() for mine, theirs in pairs]
    for mine, theirs in zip(average.model.parameters(), expected, strict=True):
        torch.testing.assert_close(mine.detach(), theirs, rtol=1e-5, atol=1e-5)


def test_buffers_are_copied_and_the_network_itself_is_left_alone():
    model = network()
    before = copy.deepcopy(model.state_dict())
    average = WeightAverage(model, 0.9)
    model.seen.fill_(7.0)
    average.update(0)
    assert float(average.model.seen) == 7.0
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"seen"}


def test_what_does_not_learn_is_the_network_s_own_and_stays():
    model = network()
    model.sharing.requires_grad_(requires_grad=False)
    average = WeightAverage(model, 0.9)
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model.heads[0].weight.add_(1.0)
    average.update(0)
    for (name, mine), theirs in zip(average.model.named_parameters(), model.parameters(), strict=True):
        assert (mine is theirs) != theirs.requires_grad
        assert theirs.requires_grad or torch.equal(mine, before[name])
    assert not torch.equal(average.model.heads[0].weight, before["heads.0.weight"])
