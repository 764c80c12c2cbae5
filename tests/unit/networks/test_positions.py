import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cotrain._base import InvalidArgumentError
from cotrain.networks._positions import (
    Chain,
    MaskedStage,
    PositionwiseLinear,
    concatenate,
    fit_positions,
    mask_after,
    mask_of_input,
    mean_over_positions,
    run_stage,
    walk,
)


class Halved(MaskedStage):
    """Every second position."""

    def forward(self, hidden, mask=None):
        return hidden[:, ::2]

    def mask_after(self, before):
        return None if before is None else before[:, ::2]


class Codes(MaskedStage):
    """The inputs as they are."""

    def forward(self, hidden, mask=None):
        return hidden["x"]

    def mask_after(self, before):
        return mask_of_input(before, "x")


def test_padding_takes_no_part_in_the_mean_and_a_zero_that_is_no_padding_does():
    sequence = torch.randn(3, 4, 5)
    sequence[0, 1] = 0
    mask = torch.tensor([[True, True, False, False], [True] * 4, [False] * 4])
    mean = mean_over_positions(sequence, mask)
    torch.testing.assert_close(mean[0], sequence[0, :2].mean(dim=0))
    torch.testing.assert_close(mean[1], sequence[1].mean(dim=0))
    assert not mean[2].any()
    torch.testing.assert_close(mean_over_positions(sequence)[0], sequence[0].mean(dim=0))
    sequence[0, 3] = torch.nan
    assert bool(mean_over_positions(sequence, mask).isfinite().all())


def test_a_map_is_averaged_over_height_and_width_and_a_vector_left_alone():
    picture, vector = torch.randn(2, 3, 4, 5), torch.randn(2, 3)
    torch.testing.assert_close(mean_over_positions(picture), picture.flatten(2).mean(dim=2))
    assert mean_over_positions(vector) is vector


def test_the_mask_of_an_input_is_its_lengths_or_else_its_codes():
    codes = torch.tensor([[5, 0, 7, 0], [1, 2, 0, 0]])
    assert mask_of_input({"x": codes}, "x").tolist() == (codes != 0).tolist()
    lengths = torch.tensor([3, 0])
    mask = mask_of_input({"x": codes, "x:lengths": lengths}, "x")
    assert mask.tolist() == [[True, True, True, False], [False] * 4]
    assert mask_of_input({"x": torch.zeros(2, 4, 3)}, "x") is None
    assert mask_of_input({"x": torch.zeros(2, 4, 3), "x:lengths": lengths}, "x").tolist() == mask.tolist()


def test_positions_are_fitted_to_those_of_another_representation():
    picture = torch.randn(2, 3, 4, 4)
    small = fit_positions(picture, torch.zeros(2, 7, 2, 2))
    torch.testing.assert_close(small[:, :, 0, 0], picture[:, :, :2, :2].mean(dim=(2, 3)))
    torch.testing.assert_close(fit_positions(picture, torch.zeros(2, 7)), mean_over_positions(picture))
    assert fit_positions(picture, picture) is picture


@pytest.mark.parametrize("stride", [2, 4])
def test_a_sequence_is_shortened_to_means_of_windows_that_padding_does_not_move(stride):
    for length in range(1, 14):
        x = torch.randn(2, length, 3)
        for padding in (0, 1, 5):
            n = length + padding
            padded = torch.cat([x, torch.full((2, padding, 3), 9.0)], dim=1)
            mask = torch.arange(n).expand(2, n) < length
            found = fit_positions(padded, torch.zeros(2, -(-n // stride), 3), mask)
            if n <= stride // 2:
                continue  # one window holds all in any case
            for window in range(-(-length // stride)):
                expected = x[:, window * stride : (window + 1) * stride].mean(dim=1)
                torch.testing.assert_close(found[:, window], expected)


def test_stages_of_any_kind_one_after_the_other():
    mean = nn.Identity()
    chain = Chain(Codes(), Halved(), mean)
    inputs = {"x": torch.randn(2, 5, 3), "x:lengths": torch.tensor([5, 2])}
    assert torch.equal(chain(inputs), inputs["x"][:, ::2])
    assert chain.mask_after(inputs).sum(dim=1).tolist() == [3, 1]
    assert [tuple(mask.shape) for _, mask in walk(chain, inputs)] == [(2, 5), (2, 3), (2, 3)]
    rest, mask = Chain(Halved(), mean), torch.ones(2, 5, dtype=torch.bool)
    assert rest.mask_after(mask).shape == (2, 3)
    assert rest.mask_after(None) is None
    assert Chain()(inputs) is inputs
    assert mask_after(nn.Linear(3, 3), inputs) is None


def test_what_wraps_a_stage_does_not_hide_that_it_reads_the_mask():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, *arguments):
            return checkpoint(self.module, *arguments, use_reentrant=False)

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(super().__getattr__("module"), name)

    stage, x, mask = Wrapper(Halved()), torch.randn(2, 5, 3), torch.ones(2, 5, dtype=torch.bool)
    assert torch.equal(run_stage(stage, x, mask), x[:, ::2])
    assert mask_after(stage, mask).shape == (2, 3)


def test_a_mask_of_other_positions_is_one_sentence():
    with pytest.raises(InvalidArgumentError, match=r"5 positions, but the encoder gives 3: .*\.MaskedStage"):
        mean_over_positions(torch.zeros(2, 3, 4), torch.ones(2, 5, dtype=torch.bool))


def test_a_positionwise_layer_does_the_same_at_every_position():
    layer = PositionwiseLinear(3, 2)
    picture = torch.randn(2, 3, 4, 5)
    found = layer(picture)
    torch.testing.assert_close(found[:, :, 1, 2], layer(picture[:, :, 1, 2]))
    assert layer(torch.randn(2, 6, 3)).shape == (2, 6, 2)


def test_representations_are_joined_along_their_width():
    assert concatenate([torch.zeros(2, 3, 4, 5), torch.zeros(2, 1, 4, 5)]).shape == (2, 4, 4, 5)
    assert concatenate([torch.zeros(2, 6, 3), torch.zeros(2, 6, 1)]).shape == (2, 6, 4)
