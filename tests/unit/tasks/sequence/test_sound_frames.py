import math

import numpy as np
import pytest

from cotrain._base import DataError
from cotrain._base._mel import FLOOR
from cotrain._base._sounds import parse_wav, wav_bytes
from cotrain.tasks.sequence._sound_frames import LOUDNESS, SoundFrames

FRAMES = SoundFrames(8000, 200, 80, 40)
TONE = np.sin(np.arange(4000) * 2 * math.pi * 440 / 8000)


@pytest.mark.parametrize("level", [1e-3, 0.1, 0.9])
def test_loudness_does_not_matter(level):
    # float32 of bands a millionth as loud as the tone.
    assert np.abs(FRAMES.of((TONE * level, 8000)) - FRAMES.of((TONE, 8000))).max() < 1e-3


def test_forms_and_rates_of_one_sound_are_one():
    plain = FRAMES.of((TONE, 8000))
    stereo = FRAMES.of((np.stack([TONE, TONE], axis=1), 8000))
    assert np.allclose(plain, stereo)
    # 16 bits take a little away.
    assert np.abs(FRAMES.of(wav_bytes(TONE * 0.5, 8000)) - plain)[:, 3:10].mean() < 0.1
    high = np.sin(np.arange(22050) * 2 * math.pi * 440 / 44_100)
    found = FRAMES.of((high, 44_100))
    assert found.shape == plain.shape
    assert np.abs(found - plain)[3:-3].max(axis=1).mean() < 1.0


@pytest.mark.parametrize("n", [0, 1, 79, 80, 81])
def test_short_sounds(n):
    found = FRAMES.of((np.full(n, 0.5), 8000))
    assert found.shape == ((1 + n // 80 if n else 0), 40)
    assert np.isfinite(found).all()


def test_silence_is_the_floor_and_comes_back_as_silence():
    found = FRAMES.of((np.zeros(800), 8000))
    assert np.allclose(found, math.log(FLOOR))
    samples, rate = parse_wav(FRAMES.wav(found, 5))
    assert rate == 8000
    assert not samples.any()


def test_a_wav_has_the_frames_it_was_made_of():
    buzz = sum(np.sin(np.arange(4000) * 2 * math.pi * 150 * k / 8000) / k for k in range(1, 25))
    logs = FRAMES.of((buzz, 8000))
    said = FRAMES.wav(logs, 60)
    assert said == FRAMES.wav(logs, 60)
    again = FRAMES.of(said)
    assert again.shape == logs.shape
    assert np.abs(again - logs).mean() < 0.5
    samples, _ = parse_wav(said)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(LOUDNESS, rel=0.3)


def test_what_is_no_sound_is_told():
    with pytest.raises(DataError, match="is no file"):
        FRAMES.of("nowhere.wav")
