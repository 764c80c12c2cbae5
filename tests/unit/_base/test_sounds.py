"""Sounds of every kind: read right, or one sentence."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cotrain._base import CotrainError, DataError
from cotrain._base._sounds import parse_wav, read_sound, resampled, wav_bytes

RATE = 8000
TONE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE // 4) / RATE)


def by_the_standard_library(samples: np.ndarray, bits: int, rate: int = RATE) -> bytes:
    """A wav of samples [n] or [n, channels]."""
    columns = np.atleast_2d(samples.T).T
    whole = np.rint(columns * (2 ** (bits - 1) - 1)).astype(np.int64)
    if bits == 8:
        body = (whole + 128).astype(np.uint8).tobytes()
    else:
        wide = whole.astype("<i8").tobytes()
        body = b"".join(wide[i : i + bits // 8] for i in range(0, len(wide), 8))
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(columns.shape[1])
        file.setsampwidth(bits // 8)
        file.setframerate(rate)
        file.writeframes(body)
    return buffer.getvalue()


def floats(samples: np.ndarray, bits: int = 32) -> bytes:
    body = samples.astype(f"<f{bits // 8}").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, RATE, RATE * bits // 8, bits // 8, bits)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"LIST" + struct.pack("<I", 3) + b"abc\0"
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_every_width_of_pcm(bits: int):
    found = read_sound(by_the_standard_library(TONE, bits), RATE)
    assert found.dtype == np.float32
    assert np.abs(found - TONE).max() < 2.5 / 2 ** (bits - 1) + 1e-6


@pytest.mark.parametrize("bits", [32, 64])
def test_floats_and_foreign_chunks(bits: int):
    assert np.allclose(read_sound(floats(TONE, bits), RATE), TONE, atol=1e-7)


def test_channels_are_averaged():
    stereo = np.stack([TONE, -TONE / 2], axis=1)
    found = read_sound(by_the_standard_library(stereo, 16), RATE)
    assert np.allclose(found, TONE / 4, atol=1e-4)


@pytest.mark.parametrize("n_channels", [1, 2, 6])
def test_samples_whose_channels_stand_first_are_refused(n_channels: int):
    sound = np.stack([TONE] * n_channels, axis=1)
    exact = read_sound((sound, RATE), RATE)
    assert np.allclose(exact, TONE, atol=1e-6)
    for turned in ((sound.T, RATE), {"array": sound.T.tolist(), "sampling_rate": RATE}):
        with pytest.raises(DataError, match=rf"has {n_channels} samples of {len(TONE)} channels, expected"):
            read_sound(turned, RATE)


def test_path_bytes_mapping_and_array_are_the_same_sound(tmp_path: Path):
    data = wav_bytes(TONE, RATE)
    (tmp_path / "a.wav").write_bytes(data)
    exact = parse_wav(data)[0][:, 0].astype(np.float32)
    for value in (
        tmp_path / "a.wav",
        str(tmp_path / "a.wav"),
        data,
        {"bytes": data, "path": "elsewhere"},
        {"array": exact, "sampling_rate": RATE},
        (exact, RATE),
        (np.rint(exact * 2.0**15).astype(np.int16), RATE),
        (exact[:, None], np.int64(RATE)),
    ):
        assert np.array_equal(read_sound(value, RATE), exact)
    assert np.array_equal(read_sound("a.wav", RATE, tmp_path), exact)


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000])
def test_a_tone_keeps_its_pitch_and_loudness_at_another_rate(rate: int):
    seconds = np.arange(rate // 2) / rate
    found = read_sound((np.sin(2 * np.pi * 500 * seconds), rate), 16_000)
    assert len(found) == pytest.approx(8000, abs=1)
    spectrum = np.abs(np.fft.rfft(found[1000:7000]))
    assert np.argmax(spectrum) * 16_000 / 6000 == pytest.approx(500, abs=3)
    assert np.sqrt(2 * np.mean(found[1000:7000] ** 2)) == pytest.approx(1, abs=0.01)


def test_a_constant_stays_one_at_another_rate():
    assert np.allclose(resampled(np.ones(500), 44_100, 16_000), 1, atol=1e-2)


def test_silence_one_sample_and_nothing_are_sounds():
    assert read_sound(wav_bytes(np.zeros(100), RATE), RATE).tolist() == [0.0] * 100
    assert read_sound((np.array([0.25]), RATE), RATE).tolist() == [0.25]
    assert read_sound(wav_bytes(np.zeros(0), RATE), 16_000).shape == (0,)


def test_what_is_beyond_full_scale_is_cut_when_it_is_written():
    assert parse_wav(wav_bytes(np.array([3.0, -3.0]), RATE))[0][:, 0].tolist() == [1 - 2**-15, -1.0]


def test_a_wav_that_was_streamed_says_no_length():
    data = bytearray(wav_bytes(TONE, RATE))
    data[40:44] = b"\xff\xff\xff\xff"
    assert len(read_sound(bytes(data), RATE)) == len(TONE)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (b"", "is empty"),
        (b"RIFF", "is no wav file"),
        (wav_bytes(TONE, RATE)[:-9], "is cut off: 3,991 of 4,000 bytes"),
        (wav_bytes(TONE, RATE)[:40], "is cut off"),
        (wav_bytes(TONE, RATE).replace(struct.pack("<HH", 2, 16), struct.pack("<HH", 2, 12)), "12 bits"),
        (floats(np.array([np.nan, 0.0])), "infinite or not a number"),
        ("nowhere.wav", "is no file"),
        (7, "must be a path, bytes, or samples"),
        ({"bytes": None, "path": None}, "must be a path"),
        ((TONE, 0), "expected a pair of samples"),
        ((TONE, None), "expected a pair of samples"),
        ((), "expected a pair of samples"),
        ((TONE.astype(np.int8), RATE), "is of int8"),
        ((TONE[None, None], RATE), "expected a pair of samples"),
    ],
)
def test_what_is_no_whole_sound_is_refused_in_one_sentence(value: Any, sentence: str):
    with pytest.raises(DataError, match=sentence) as caught:
        read_sound(value)
    assert "\n" not in str(caught.value)


def test_no_damage_ends_in_a_traceback():
    whole = by_the_standard_library(TONE[:200], 24)
    draw = np.random.default_rng(1)
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(draw.integers(1, 4)):
            data[draw.integers(60)] = draw.integers(256)
        said = ""
        try:
            read_sound(bytes(data[: draw.integers(1, len(data) + 1)]), RATE)
        except CotrainError as error:
            said = str(error)
        assert "\n" not in said


def test_other_formats_ask_for_soundfile_or_are_read_by_it(tmp_path: Path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", TONE, RATE)
    assert np.allclose(read_sound(tmp_path / "a.flac", RATE), TONE, atol=1e-4)


@pytest.mark.parametrize("data", [b"hello" * 20, b"fLaC" + bytes(60), b"OggS" + bytes(50)])
def test_a_damaged_sound_names_no_object_of_python(data: bytes, tmp_path: Path):
    pytest.importorskip("soundfile")
    (tmp_path / "a.flac").write_bytes(data)
    for value in (data, tmp_path / "a.flac"):
        with pytest.raises(DataError, match="is damaged, or no sound that can be read") as error:
            read_sound(value, RATE)
        assert "object at" not in str(error.value)
