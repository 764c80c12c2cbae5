import pytest
import torch
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError
from cotrain.networks import ConvNet, InputSpec


def test_equals_its_equations():
    torch.manual_seed(0)
    encoder = ConvNet((4, 8), n_channels=3).build(InputSpec())
    image = torch.randn(2, 3, 8, 8)
    hidden = image
    for number, stage in enumerate(encoder.stages):
        block = stage[1][0] if number == 0 else stage[0]
        stride = 1 if number == 0 else 2
        inner = functional.conv2d(hidden, block.first.weight, stride=stride, padding=1)
        inner = functional.silu(
            functional.group_norm(
                inner, block.first_norm.num_groups, block.first_norm.weight, block.first_norm.bias
            )
        )
        inner = functional.conv2d(inner, block.second.weight, padding=1)
        inner = functional.group_norm(
            inner, block.second_norm.num_groups, block.second_norm.weight, block.second_norm.bias
        )
        short = functional.conv2d(hidden, block.shortcut.weight, stride=stride)
        hidden = functional.silu(short + inner)
    torch.testing.assert_close(encoder({"image": image}), hidden, rtol=0, atol=1e-6)


def test_pictures_of_different_sizes_are_refused():
    encoder = ConvNet((4,), n_channels=1).build(InputSpec())
    with pytest.raises(DataError, match="rows of the input 'image' have different lengths"):
        encoder({"image": torch.randn(2, 1, 7, 9), "image:lengths": torch.tensor([7, 3])})


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="at least one width"):
        ConvNet(())
    with pytest.raises(InvalidArgumentError, match=r"channels\[1\]=0"):
        ConvNet((4, 0))
    with pytest.raises(InvalidArgumentError, match="row has shape"):
        ConvNet().build(InputSpec(tensors={"image": (784,)}))


def test_strides_keep_the_map_and_later_stages_reach_farther():
    encoder = ConvNet((4, 4, 4, 4), strides=(2, 2, 1, 1), n_channels=1).build(InputSpec())
    assert encoder({"image": torch.zeros(1, 1, 32, 24)}).shape == (1, 4, 8, 6)
    reach = [stage[0].second.dilation[0] for stage in list(encoder.stages)[1:]]
    assert [encoder.stages[0][1][0].second.dilation[0], *reach] == [1, 1, 2, 4]


@pytest.mark.parametrize("strides", [(1, 2), (1, 2, 3), ()])
def test_strides_that_do_not_fit_are_refused(strides):
    with pytest.raises(InvalidArgumentError, match="expected 1 or 2 for each of the 3 stages"):
        ConvNet(strides=strides)
