"""An encoder for sounds, and for words and tables beside them."""

import pytest
import torch

from cotrain._base import InvalidArgumentError, PictureSpec
from cotrain.networks import (
    ConvNet,
    FTTransformer,
    InputSpec,
    SoundEncoder,
    TableEncoder,
    WordEncoder,
    default_encoder,
)

SOUND = {"sound:said": 8000}
ALL = InputSpec(
    n_numbers=1,
    words={"words:title": 5},
    sounds=SOUND,
    pictures={"picture:photo": PictureSpec((1, 2, 2), (0.0,), (1.0,))},
)


def test_positions_are_twenty_milliseconds_at_every_rate():
    for rate in (8000, 16_000, 44_100):
        encoder = SoundEncoder(width=8, depth=1).build(InputSpec(sounds={"sound:a": rate})).eval()
        inputs = {"sound:a": torch.randn(1, rate), "sound:a:lengths": torch.tensor([rate])}
        assert encoder(inputs).shape == (1, 50, 8)


def test_each_block_of_convolutions_reaches_twice_as_far_and_begins_anew():
    encoder = SoundEncoder(width=4, depth=7).build(InputSpec(sounds=SOUND))
    blocks = [stage[0] if isinstance(stage, torch.nn.Sequential) else stage for stage in encoder.stages[1:]]
    assert [block.conv.dilation[0] for block in blocks] == [1, 2, 4, 8, 16, 1, 2]


def test_sounds_words_and_numbers_stand_in_one_sequence():
    spec = InputSpec(n_numbers=1, words={"words:title": 5}, sounds=SOUND)
    encoder = SoundEncoder(width=8, depth=1).build(spec).eval()
    inputs = {
        "numbers": torch.zeros(1, 1),
        "words:title": torch.tensor([[3, 4, 2]]),
        "words:title:lengths": torch.tensor([3]),
        "sound:said": torch.zeros(1, 320),
        "sound:said:lengths": torch.tensor([320]),
    }
    assert encoder(inputs).shape == (1, 1 + 2 + 3, 8)
    assert encoder.stages[0].spans(inputs) == {"said": slice(1, 3), "title": slice(3, 6)}


def test_it_is_chosen_for_sounds_and_for_what_stands_beside_them():
    assert isinstance(default_encoder(InputSpec(sounds=SOUND)), SoundEncoder)
    assert isinstance(default_encoder(InputSpec(sounds=SOUND, words={"words:t": 9})), SoundEncoder)


@pytest.mark.parametrize("encoder", [SoundEncoder, WordEncoder, TableEncoder, FTTransformer, ConvNet])
def test_no_encoder_leaves_a_column_out_without_a_word(encoder):
    with pytest.raises(InvalidArgumentError, match=rf"^{encoder.__name__} does not read .*\.$"):
        encoder().build(ALL)


@pytest.mark.parametrize(
    ("options", "spec"),
    [
        ({"kernel": 4}, InputSpec(sounds=SOUND)),
        ({"width": 9, "blocks": "lstm"}, InputSpec(sounds=SOUND)),
        ({"width": 6, "blocks": "conformer"}, InputSpec(sounds=SOUND)),
        ({"blocks": "mamba"}, InputSpec(sounds=SOUND)),
        ({"hop": 0.05}, InputSpec(sounds=SOUND)),
        ({"window": 0.0, "hop": 0.0}, InputSpec(sounds=SOUND)),
        ({"masks": -1}, InputSpec(sounds=SOUND)),
        ({"n_mels": 101}, InputSpec(sounds=SOUND)),
        ({}, InputSpec(n_numbers=2)),
        ({"key": "wave"}, InputSpec(tensors={"waveform": (100,)})),
    ],
)
def test_options_out_of_range_are_refused(options, spec):
    with pytest.raises(InvalidArgumentError, match=r"^SoundEncoder.*[.?]$"):
        SoundEncoder(**options).build(spec)
