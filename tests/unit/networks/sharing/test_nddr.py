import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import NDDR, ConvNet, InputSpec


def test_equals_its_equations(recorder, close, count):
    sharing = NDDR().build(recorder, ["a", "b"])
    with torch.no_grad():
        for parameter in sharing.units.parameters():
            parameter.copy_(torch.randn_like(parameter))
    hidden = [recorder.x, recorder.x]
    for number, width in ((1, 6), (2, 4)):
        both = torch.cat([recorder.layer(k, number, hidden[k]) for k in range(2)], dim=1)
        weight = sharing.units[number - 1].mixing
        hidden = [both @ weight[:, :width], both @ weight[:, width:]]
    outputs = sharing(recorder.inputs)
    close(outputs["a"], hidden[0])
    close(outputs["b"], hidden[1])
    assert count(sharing.parameters()) == 2 * sum(recorder.sizes) + 12**2 + 8**2


def test_starts_near_the_own_column(recorder, close):
    sharing = NDDR(0.8).build(recorder, ["a", "b", "c"])
    given = sharing.units[1].mixing.data
    close(given[:4, :4], 0.8 * torch.eye(4))
    close(given[4:8, :4], 0.1 * torch.eye(4))


def test_maps_are_projected_position_by_position(close):
    torch.manual_seed(0)
    sharing = NDDR().build(lambda: ConvNet((4, 6), n_channels=2).build(InputSpec()), ["a", "b"])
    unit = sharing.units[0]
    hidden = torch.randn(2, 3, 6, 5, 5)
    given = unit(hidden)
    close(given[1, 2, :, 3, 4], hidden[:, 2, :, 3, 4].flatten() @ unit.mixing[:, 6:])


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="own=-1"):
        NDDR(-1)
