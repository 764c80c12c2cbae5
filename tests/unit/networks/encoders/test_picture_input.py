from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError, PictureSpec
from cotrain.networks import ConvNet, InputSpec, TableEncoder
from cotrain.networks.encoders._picture_input import PictureInput, channels_of, picture_key

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


def test_the_only_pictures_are_found_and_several_are_asked_about():
    one = InputSpec(pictures={"picture:photo": PHOTO})
    assert picture_key(None, None, one) == "picture:photo"
    assert picture_key(None, "photo", one) == "picture:photo"
    assert picture_key(None, None, InputSpec(tensors={"x": (4,), "scan": (1, 5, 5)})) == "scan"
    assert picture_key(None, None, InputSpec()) == "image"
    two = InputSpec(pictures={"picture:photo": PHOTO, "picture:scan": PHOTO})
    with pytest.raises(InvalidArgumentError, match="there are pictures in photo, scan: say which"):
        picture_key(ConvNet(), None, two)
    assert channels_of(None, "picture:scan", two) == 3


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
    added = first(inputs) - first.stage(first.pictures(inputs))
    vector = first.condition(first.table(inputs))
    torch.testing.assert_close(added, vector[..., None, None].expand_as(added), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(vector[0], vector[1])
    assert encoder(inputs).shape == (2, 8, 4, 4)
