import math

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain._base._mel import mel_filters
from cotrain.networks import InputSpec, LogMelConvNet


def front_of(encoder):
    return encoder.stages[0][0]


def test_a_tone_lands_in_the_band_of_its_frequency():
    encoder = LogMelConvNet((4,), sample_rate=8000, window=256, hop=128, n_mels=20).build(InputSpec())
    for frequency in (500.0, 1000.0, 2500.0):
        time = torch.arange(4000) / 8000
        logs = front_of(encoder)({"waveform": torch.sin(2 * math.pi * frequency * time)[None]})
        band = int(logs[0, 0, :, 5:-5].mean(dim=1).argmax())
        highest = 2595 * math.log10(1 + 4000 / 700)
        mel = 2595 * math.log10(1 + frequency / 700)
        assert abs(band - (mel / highest * 21 - 1)) < 1


def test_the_spectrum_equals_a_slow_one():
    torch.manual_seed(0)
    encoder = LogMelConvNet((4,), sample_rate=8000, window=16, hop=8, n_mels=3).build(InputSpec())
    x = torch.randn(2, 64, dtype=torch.float64)
    padded = torch.nn.functional.pad(x, (8, 8))
    taper = 0.5 - 0.5 * torch.cos(2 * math.pi * torch.arange(16, dtype=torch.float64) / 16)
    frames = torch.stack([padded[:, s : s + 16] * taper for s in range(0, 65, 8)], dim=1)
    angle = 2 * math.pi * torch.arange(9)[:, None] * torch.arange(16)[None].double() / 16
    energy = (frames @ torch.cos(angle).T).square() + (frames @ torch.sin(angle).T).square()
    logs = torch.log(energy @ mel_filters(8000, 16, 3).double().T + 1e-6).transpose(1, 2)
    mean, deviation = logs.mean((1, 2), keepdim=True), logs.var((1, 2), unbiased=False, keepdim=True).sqrt()
    expected = (logs - mean) / (deviation + 1e-3)
    given = front_of(encoder)({"waveform": x.float()})[:, 0]
    torch.testing.assert_close(given.double(), expected, rtol=0, atol=1e-4)


def test_filters_stay_out_of_the_saved_network():
    encoder = LogMelConvNet((4,)).build(InputSpec())
    assert not any("filters" in name or "taper" in name for name in encoder.state_dict())


def test_loudness_does_not_matter():
    torch.manual_seed(0)
    encoder = LogMelConvNet((4,), window=64, hop=32, n_mels=8).build(InputSpec()).eval()
    x = torch.randn(1, 2000)
    torch.testing.assert_close(encoder({"waveform": x}), encoder({"waveform": 3 * x}), rtol=1e-3, atol=1e-4)


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="resolves 32 frequencies"):
        LogMelConvNet(window=64, n_mels=40)
    with pytest.raises(InvalidArgumentError, match="hop=0"):
        LogMelConvNet(hop=0)
