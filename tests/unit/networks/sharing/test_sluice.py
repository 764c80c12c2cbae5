import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import MLP, ConvNet, InputSpec, Sluice


def make_recorded(made):
    def make():
        made.append(MLP((4, 4), n_inputs=3, activation="tanh").build(InputSpec()))
        return made[-1]

    return make


def test_equals_its_equations(recorder, close):
    made = []
    sharing = Sluice(2, orthogonality=0.7).build(make_recorded(made), ["a", "b"])
    with torch.no_grad():
        for parameter in (*sharing.units.parameters(), *sharing.layers.parameters()):
            parameter.copy_(torch.randn_like(parameter))
    hidden, layers = [recorder.x, recorder.x], []
    for number in (1, 2):
        stages = []
        for k in range(2):
            linear = made[k].stages[number].linear
            stages.append(torch.tanh(hidden[k] @ linear.weight.T + linear.bias))
        parts = [half for stage in stages for half in stage.split(2, dim=1)]  # a1, a2, b1, b2
        alpha = sharing.units[number - 1].unit.mixing
        mixed = [sum(alpha[i, j] * parts[j] for j in range(4)) for i in range(4)]
        hidden = [torch.cat(mixed[:2], 1), torch.cat(mixed[2:], 1)]
        layers.append(hidden)
    outputs = sharing(recorder.inputs)
    for k, task in enumerate(("a", "b")):
        beta = sharing.layers[k].mixing
        close(outputs[task], beta[0] * layers[0][k] + beta[1] * layers[1][k])
    overlap = sum((h[:, :2].T @ h[:, 2:]).square().sum() for layer in layers for h in layer) / 6**2
    torch.testing.assert_close(sharing.penalty(), 0.7 * overlap)


def test_layers_of_another_width_are_not_mixed(recorder):
    sharing = Sluice().build(recorder, ["a", "b"])  # widths 6 and 4
    assert sharing.mixed_stages == (2,)
    assert Sluice(skips=False).build(recorder, ["a", "b"]).mixed_stages == ()


def test_maps_of_another_size_are_pooled():
    sharing = Sluice().build(lambda: ConvNet((4, 4, 4), n_channels=2).build(InputSpec()), ["a", "b"])
    assert sharing({"image": torch.randn(2, 2, 8, 8)})["a"].shape == (2, 4, 2, 2)


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="cannot cut a stage of width 4"):
        Sluice(3).build(recorder, ["a"])
    with pytest.raises(InvalidArgumentError, match="orthogonality=-1"):
        Sluice(orthogonality=-1)
