import math
from itertools import pairwise

import pytest
import torch

from cotrain._base._griffin_lim import griffin_lim, inverse_mels, waveform
from cotrain._base._mel import FLOOR, log_mels, mel_filters, spectra

RATE, WINDOW, HOP = 8000, 200, 80


def vowel(pitch=140.0, seconds=0.4):
    time = torch.arange(int(RATE * seconds), dtype=torch.float64) / RATE
    return 0.1 * sum(torch.sin(2 * math.pi * pitch * k * time) / k for k in range(1, 12))


def distance(samples, magnitudes, taper, hop):
    """Over all frequencies of a real sound, of which all but the first and the last stand for two."""
    squares = (spectra(samples, taper, hop).abs() - magnitudes).square()
    weights = torch.full((len(squares), 1), 2.0, dtype=squares.dtype)
    weights[0] = 1
    if len(taper) % 2 == 0:
        weights[-1] = 1
    return float((weights * squares).sum().sqrt())


@pytest.mark.parametrize(("window", "hop"), [(64, 16), (64, 32), (65, 16)])
@pytest.mark.parametrize("consistent", [True, False])
def test_magnitudes_come_nearer_with_every_turn(window, hop, consistent):
    generator = torch.Generator().manual_seed(0)
    taper = torch.hann_window(window, dtype=torch.float64)
    magnitudes = spectra(torch.randn(700, generator=generator, dtype=torch.float64), taper, hop).abs()
    if not consistent:
        magnitudes = torch.rand(magnitudes.shape, generator=generator, dtype=torch.float64)
    seen = []
    griffin_lim(magnitudes, taper, hop, 40, watch=lambda x: seen.append(distance(x, magnitudes, taper, hop)))
    assert len(seen) == 40
    assert all(later <= before * (1 + 1e-12) for before, later in pairwise(seen))
    assert seen[-1] < 0.8 * seen[0]


def test_a_turn_equals_a_slow_one():
    """Overlapped and added by hand: Σ frames · window / Σ window²."""
    window, hop, n_frames = 16, 4, 6
    taper = torch.hann_window(window, dtype=torch.float64)
    generator = torch.Generator().manual_seed(3)
    magnitudes = torch.rand(window // 2 + 1, n_frames, generator=generator, dtype=torch.float64)
    shown = []
    found = griffin_lim(magnitudes, taper, hop, 1, watch=shown.append)
    before = shown[0]
    length = (n_frames - 1) * hop + hop // 2
    assert len(found) == len(before) == length
    padded = torch.cat([torch.zeros(8), before, torch.zeros(8)]).double()
    top, bottom = torch.zeros(length + 16).double(), torch.zeros(length + 16).double()
    for frame in range(n_frames):
        place = slice(frame * hop, frame * hop + window)
        spectrum = torch.fft.rfft(padded[place] * taper)
        wanted = magnitudes[:, frame] * spectrum / spectrum.abs()
        top[place] += torch.fft.irfft(wanted, window) * taper
        bottom[place] += taper**2
    torch.testing.assert_close(found, (top / bottom)[8 : 8 + length], rtol=0, atol=1e-10)


def test_the_same_seed_gives_the_same_sound_and_no_global_state_is_used():
    magnitudes = torch.rand(33, 9, generator=torch.Generator().manual_seed(0))
    taper = torch.hann_window(64)
    state = torch.get_rng_state()
    one, two = griffin_lim(magnitudes, taper, 16, 5, seed=1), griffin_lim(magnitudes, taper, 16, 5, seed=1)
    assert torch.equal(one, two)
    assert not torch.equal(one, griffin_lim(magnitudes, taper, 16, 5, seed=2))
    assert torch.equal(state, torch.get_rng_state())


def test_energies_come_back_from_bands():
    filters = mel_filters(RATE, WINDOW, 40).double()
    energies = torch.rand(101, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    logs = torch.log(filters @ energies + FLOOR)
    found = inverse_mels(logs, filters)
    assert bool((found >= 0).all())
    again = torch.log(filters @ found + FLOOR)
    assert float((again - logs).abs().mean()) < 0.005
    assert inverse_mels(torch.full((40, 2), -50.0), filters.float()).max() == 0


@pytest.mark.parametrize("frequency", [300.0, 1000.0, 2500.0])
def test_a_tone_keeps_its_pitch(frequency):
    time = torch.arange(RATE // 2) / RATE
    logs = log_mels(
        0.3 * torch.sin(2 * math.pi * frequency * time),
        mel_filters(RATE, WINDOW, 40),
        torch.hann_window(WINDOW),
        HOP,
    )
    found = waveform(logs.T, RATE, WINDOW, HOP)
    assert abs(len(found) - len(time)) <= HOP
    loudest = float(torch.fft.rfft(found).abs().argmax()) * RATE / len(found)
    mel = lambda hertz: 2595 * math.log10(1 + hertz / 700)  # noqa: E731
    assert abs(mel(loudest) - mel(frequency)) < mel(RATE / 2) / 41


def test_a_sound_keeps_its_bands():
    filters, taper = mel_filters(RATE, WINDOW, 40), torch.hann_window(WINDOW)
    logs = log_mels(vowel().float(), filters, taper, HOP)
    again = log_mels(waveform(logs.T, RATE, WINDOW, HOP), filters, taper, HOP)
    assert again.shape == logs.shape
    assert float((again - logs).abs().mean()) < 0.5


@pytest.mark.parametrize("n_samples", [1, 2, HOP - 1, HOP, HOP + 1, 7 * HOP])
def test_short_sounds_have_as_many_frames_again(n_samples):
    filters, taper = mel_filters(RATE, WINDOW, 40), torch.hann_window(WINDOW)
    logs = log_mels(torch.full((n_samples,), 0.5), filters, taper, HOP)
    found = waveform(logs.T, RATE, WINDOW, HOP)
    assert bool(torch.isfinite(found).all())
    assert log_mels(found, filters, taper, HOP).shape == logs.shape


def test_silence_is_silent():
    silence = torch.full((12, 40), math.log(FLOOR))
    assert waveform(silence, RATE, WINDOW, HOP).abs().max() == 0
