import pytest
import torch

from cotrain._base import InvalidArgumentError, PictureSpec
from cotrain.networks import InputSpec, default_encoder


@pytest.mark.parametrize(
    ("spec", "name", "key"),
    [
        (InputSpec(n_numbers=2), "TableEncoder", None),
        (InputSpec(bags={"bag:t": 9}, words={"words:t": 9}), "WordEncoder", None),
        (InputSpec(tensors={"image": (3, 8, 8)}), "ConvNet", "image"),
        (InputSpec(tensors={"ids": (5,)}, vocabularies={"ids": 9}), "Transformer", "ids"),
        (InputSpec(ragged={"ids": ()}, vocabularies={"ids": 9}), "Transformer", "ids"),
        (InputSpec(tensors={"x": (5,)}), "MLP", "x"),
        (InputSpec(tensors={"x": (5, 4)}), "MLP", "x"),
    ],
)
def test_each_kind_of_input_has_one_that_can_be_built(spec, name, key):
    encoder = default_encoder(spec)
    assert type(encoder).__name__ == name
    assert getattr(encoder, "key", None) == key
    assert isinstance(encoder.build(spec).stages, torch.nn.ModuleList)


def test_what_has_no_default_is_one_sentence():
    with pytest.raises(InvalidArgumentError, match="inputs 'x', 'y': say by encoder="):
        default_encoder(InputSpec(tensors={"x": (3,), "y": (3,)}))
    with pytest.raises(InvalidArgumentError, match="different length such as 'frames'"):
        default_encoder(InputSpec(ragged={"frames": (40,)}))


def test_pictures_have_a_fine_map_by_default():
    picture = PictureSpec((3, 16, 16), (0.0,) * 3, (1.0,) * 3)
    encoder = default_encoder(InputSpec(pictures={"picture:file": picture}))
    built = encoder.build(InputSpec(pictures={"picture:file": picture}))
    assert built({"picture:file": torch.zeros(2, 3, 16, 16, dtype=torch.uint8)}).shape == (2, 64, 4, 4)
