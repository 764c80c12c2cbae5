from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cotrain._base import InvalidArgumentError, PictureSpec
from cotrain.networks import ConvNet, InputSpec, TableEncoder
from cotrain.networks.encoders._picture_input import (
    PictureInput,
    channels_of,
    n_channels_of,
    picture_keys,
)

PHOTO = PictureSpec((3, 8, 8), (10.0, 20.0, 30.0), (2.0, 4.0, 5.0))


def test_pictures_of_a_column_are_standardised_by_channel():
    pictures = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    found = PictureInput("picture:photo", PHOTO)({"picture:photo": pictures})
    expected = (pictures.double() - torch.tensor([10.0, 20, 30])[:, None, None]) / torch.tensor([2.0, 4, 5])[
        :, None, None
    ]
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-5)


def test_deep_pictures_are_floats_too():
    pictures = torch.full((1, 3, 8, 8), 65535, dtype=torch.uint16)
    assert PictureInput("p", PHOTO)({"p": pictures}).max().item() == pytest.approx((65535 - 10) / 2)


def test_a_tensor_of_ones_own_is_taken_as_it_is():
    image = torch.randn(2, 1, 4, 4)
    assert PictureInput("image", None)({"image": image}) is image


def test_nothing_of_it_is_saved():
    assert PictureInput("p", PHOTO).state_dict() == {}


def test_pictures_are_found_all_of_them_unless_some_are_named():
    one = InputSpec(pictures={"picture:photo": PHOTO})
    assert picture_keys(None, None, one) == ("picture:photo",)
    assert picture_keys(None, "photo", one) == ("picture:photo",)
    assert picture_keys(None, None, InputSpec(tensors={"x": (4,), "scan": (1, 5, 5)})) == ("scan",)
    assert picture_keys(None, None, InputSpec()) == ("image",)
    two = InputSpec(pictures={"picture:photo": PHOTO, "picture:scan": PHOTO})
    assert picture_keys(None, None, two) == ("picture:photo", "picture:scan")
    assert picture_keys(None, ["scan"], two) == ("picture:scan",)
    tensors = InputSpec(tensors={"left": (1, 5, 5), "right": (1, 5, 5)})
    with pytest.raises(InvalidArgumentError, match="there are pictures in left, right: say which"):
        picture_keys(ConvNet(), None, tensors)
    assert picture_keys(ConvNet(), ["right", "left"], tensors) == ("right", "left")
    for none in ([], ["photo", "photo"]):
        with pytest.raises(InvalidArgumentError, match="one or more different columns"):
            picture_keys(ConvNet(), none, two)
    assert channels_of(None, "picture:scan", two) == 3


def test_grey_pictures_go_with_coloured_ones_and_no_others_do():
    shapes = {"picture:a": (1, 4, 4), "picture:b": (3, 4, 4), "picture:c": (4, 4, 4)}
    pictures = {key: PictureSpec(s, (0.0,) * s[0], (1.0,) * s[0]) for key, s in shapes.items()}
    spec = InputSpec(pictures=pictures)
    assert n_channels_of(None, ["picture:a", "picture:b"], spec) == 3
    assert n_channels_of(None, ["picture:a"], spec) == 1
    with pytest.raises(InvalidArgumentError, match="a 1, b 3, c 4"):
        n_channels_of(ConvNet(), list(shapes), spec)


def two_pictures():
    """Front and side, of other sizes and colours, each with a mean of its own."""
    front = PictureSpec((3, 8, 6), (100.0, 90.0, 80.0), (50.0, 40.0, 30.0))
    side = PictureSpec((1, 4, 4), (10.0,), (5.0,))
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "picture:front": torch.randint(0, 256, (5, 3, 8, 6), generator=generator, dtype=torch.uint8),
        "picture:side": torch.randint(0, 256, (5, 1, 4, 4), generator=generator, dtype=torch.uint8),
    }
    return InputSpec(pictures={"picture:front": front, "picture:side": side}), inputs


@pytest.mark.parametrize("own_stems", [False, True])
def test_several_pictures_are_standardised_and_read_each_by_itself(own_stems):
    spec, inputs = two_pictures()
    torch.manual_seed(0)
    encoder = ConvNet((4, 6), own_stems=own_stems).build(spec)
    stage = encoder.stages[0]
    assert len(stage.stems) == 1 + own_stems
    mean, deviation = torch.tensor([100.0, 90.0, 80.0]), torch.tensor([50.0, 40.0, 30.0])
    front = (inputs["picture:front"].float() - mean[:, None, None]) / deviation[:, None, None]
    small = (inputs["picture:side"].float() - 10) / 5
    side = torch.nn.functional.interpolate(small, (8, 6), mode="bilinear", align_corners=False)
    expected = [
        encoder.stages[1](stage.stems[0](front) + stage.columns[0][:, None, None]),
        encoder.stages[1](stage.stems[-1](side.expand(-1, 3, 8, 6)) + stage.columns[1][:, None, None]),
    ]
    torch.testing.assert_close(encoder(inputs), torch.cat(expected))


def test_a_table_beside_several_pictures_reaches_every_one_of_them():
    spec, inputs = two_pictures()
    numbers = torch.randn(5, 2)
    table = ConvNet((4,)).build(replace(spec, n_numbers=2)).stages[0]
    added = table.condition(table.table({"numbers": numbers})).repeat(2, 1)[..., None, None]
    torch.testing.assert_close(table({**inputs, "numbers": numbers}), table.pictures(inputs) + added)


def test_columns_that_would_be_left_out_are_refused():
    spec = InputSpec(n_numbers=2, pictures={"picture:photo": PHOTO})
    words = InputSpec(words={"words:said": 9}, pictures={"picture:photo": PHOTO})
    with pytest.raises(InvalidArgumentError, match="ConvNet does not read words in order"):
        ConvNet().build(words)
    with pytest.raises(
        InvalidArgumentError, match="TableEncoder does not read pictures, as in the column 'photo'"
    ):
        TableEncoder().build(spec)


def test_a_conv_net_reads_a_column_of_pictures():
    encoder = ConvNet((4, 8)).build(InputSpec(pictures={"picture:photo": PHOTO}))
    pictures = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert encoder({"picture:photo": pictures}).shape == (2, 8, 4, 4)


def test_the_other_columns_are_added_to_every_position_of_the_first_map():
    """The map with the table minus that of the pictures alone is the same vector everywhere."""
    torch.manual_seed(0)
    spec = InputSpec(n_numbers=2, cardinalities=(4,), pictures={"picture:photo": PHOTO})
    encoder = ConvNet((4, 8)).build(spec).eval()
    inputs = {
        "picture:photo": torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8),
        "numbers": torch.randn(2, 2),
        "categories": torch.tensor([[1], [3]]),
    }
    first = encoder.stages[0]
    added = first(inputs) - first.pictures(inputs)
    vector = first.condition(first.table(inputs))
    torch.testing.assert_close(added, vector[..., None, None].expand_as(added), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(vector[0], vector[1])
    assert encoder(inputs).shape == (2, 8, 4, 4)
