"""The stem of a column of sounds."""

import math

import pytest
import torch

from cotrain._base._mel import mel_filters
from cotrain.networks.encoders._sound_stem import SoundStem


def stem(**options):
    torch.manual_seed(0)
    sizes = {"rate": 200, "width": 6, "window": 20, "hop": 10, "n_mels": 5, "stride": 2, "masks": 0}
    return SoundStem("sound:a", **sizes | options)


def batch(lengths, longest):
    samples = torch.randn(len(lengths), longest, generator=torch.Generator().manual_seed(1))
    return {"sound:a": samples, "sound:a:lengths": torch.tensor(lengths)}


def literal_log_mels(samples):
    """Frame by frame and frequency by frequency."""
    filters = mel_filters(200, 20, 5).double()
    n = len(samples)
    rows = []
    for frame in range(math.ceil(n / 10)):
        energies = []
        for k in range(11):
            total = 0j
            for j in range(20):
                place = 10 * frame - 10 + j
                if 0 <= place < n:
                    taper = 0.5 - 0.5 * math.cos(2 * math.pi * j / 20)
                    turn = complex(math.cos(2 * math.pi * k * j / 20), -math.sin(2 * math.pi * k * j / 20))
                    total += float(samples[place]) * taper * turn
            energies.append(abs(total) ** 2)
        rows.append((filters @ torch.tensor(energies, dtype=torch.float64) + 1e-6).log())
    logs = torch.stack(rows, dim=1)
    logs = logs.clamp(min=float(logs.max()) - 9.2)
    centred = logs - logs.mean()
    return centred / (centred.square().mean().sqrt() + 1e-3)


@pytest.mark.parametrize("length", [1, 9, 10, 11, 57])
def test_log_mels_equal_slow_ones_whatever_stands_behind_the_end(length):
    inputs = batch([60, length], 60)
    found = stem().log_mels(inputs)
    expected = literal_log_mels(inputs["sound:a"][1, :length])
    frames = math.ceil(length / 10)
    torch.testing.assert_close(found[1, :, :frames].double(), expected, rtol=0, atol=2e-4)
    assert not found[1, :, frames:].any()


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("longest", [1, 10, 55, 60])
def test_positions_are_those_of_every_strideth_frame(stride, longest):
    lengths = [longest, longest // 2, 0, min(1, longest)]
    inputs, one = batch(lengths, longest), stem(stride=stride).eval()
    mask = one.mask(inputs)
    assert one(inputs).shape == (4, one.n_positions(inputs), 6)
    assert mask.shape == (4, one.n_positions(inputs))
    assert mask.sum(dim=1).tolist() == [math.ceil(math.ceil(n / 10) / stride) for n in lengths]
    without = {"sound:a": inputs["sound:a"]}
    assert one.mask(without) is None
    torch.testing.assert_close(one(without)[0], one(inputs)[0], rtol=0, atol=1e-5)


def test_silence_is_finite_and_a_channel_axis_is_left_aside():
    inputs = {"sound:a": torch.zeros(2, 40), "sound:a:lengths": torch.tensor([40, 0])}
    assert not stem().log_mels(inputs).any()
    samples = torch.randn(2, 40)
    one = stem().eval()
    assert torch.equal(one({"sound:a": samples}), one({"sound:a": samples[:, None]}))


def test_bands_and_frames_are_hidden_in_training_only():
    one = stem(masks=2, n_mels=10, stride=1)
    inputs = batch([1000] * 200, 1000)
    plain = one.log_mels(inputs)
    hidden = one._with_hidden_parts(plain, inputs)
    gone = (hidden == 0) & (plain != 0)
    bands, frames = gone.all(dim=2), gone.all(dim=1)
    # What is hidden is whole bands and whole frames.
    assert torch.equal(gone, bands[:, :, None] | frames[:, None, :])
    assert 0 < bands.float().sum(dim=1).max() <= 2 * 0.2 * 10 + 2
    assert 0 < frames.float().sum(dim=1).max() <= 2 * 0.1 * 100 + 2
    assert 0.5 < float(bands.sum(dim=1).float().mean()) < 2 * 0.2 * 10
    one.eval()
    assert torch.equal(one(inputs), one(inputs))
    short = batch([1000, 200], 1000)
    hidden = one._with_hidden_parts(one.log_mels(short), short)
    # A short row in a long batch does not lose more of itself.
    assert (hidden[1, :, :20] != 0).any(dim=0).sum() >= 20 - 2 * 3
