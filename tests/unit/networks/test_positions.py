import torch

from cotrain.networks._positions import (
    PositionwiseLinear,
    concatenate,
    fit_positions,
    is_padding,
    mean_over_positions,
)


def test_padding_takes_no_part_in_the_mean_and_a_row_of_padding_is_zero():
    sequence = torch.randn(3, 4, 5)
    sequence[0, 2:] = 0
    sequence[2] = 0
    assert is_padding(sequence).tolist() == [[False, False, True, True], [False] * 4, [True] * 4]
    mean = mean_over_positions(sequence)
    torch.testing.assert_close(mean[0], sequence[0, :2].mean(dim=0))
    torch.testing.assert_close(mean[1], sequence[1].mean(dim=0))
    assert not mean[2].any()


def test_a_map_is_averaged_over_height_and_width_and_a_vector_left_alone():
    picture, vector = torch.randn(2, 3, 4, 5), torch.randn(2, 3)
    torch.testing.assert_close(mean_over_positions(picture), picture.flatten(2).mean(dim=2))
    assert mean_over_positions(vector) is vector


def test_positions_are_fitted_to_those_of_another_representation():
    picture = torch.randn(2, 3, 4, 4)
    small = fit_positions(picture, torch.zeros(2, 7, 2, 2))
    torch.testing.assert_close(small[:, :, 0, 0], picture[:, :, :2, :2].mean(dim=(2, 3)))
    torch.testing.assert_close(fit_positions(picture, torch.zeros(2, 7)), mean_over_positions(picture))
    assert fit_positions(picture, picture) is picture


def test_a_positionwise_layer_does_the_same_at_every_position():
    layer = PositionwiseLinear(3, 2)
    picture = torch.randn(2, 3, 4, 5)
    found = layer(picture)
    torch.testing.assert_close(found[:, :, 1, 2], layer(picture[:, :, 1, 2]))
    assert layer(torch.randn(2, 6, 3)).shape == (2, 6, 2)


def test_representations_are_joined_along_their_width():
    assert concatenate([torch.zeros(2, 3, 4, 5), torch.zeros(2, 1, 4, 5)]).shape == (2, 4, 4, 5)
    assert concatenate([torch.zeros(2, 6, 3), torch.zeros(2, 6, 1)]).shape == (2, 6, 4)
