"""Sounds from files, bytes and arrays, as arrays of one form."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cotrain._base._errors import DataError, MissingExtraError

#: Endings of the names of sound files that are recognised among texts: those that soundfile reads.
SOUND_ENDINGS = (
    ".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".sph",
)  # fmt: skip
#: Longest sound in seconds; an hour is no row of a table.
MOST_SECONDS = 3600
#: How the bytes of flac, ogg, au, caf, w64 and NIST files begin, and of mp3 files, the second byte of whose
#: first frame says the version; those of wav files begin with RIFF, a size, and WAVE, of aiff files so, too.
_STARTS = (b"fLaC", b"OggS", b".snd", b"caff", b"riff.\x91\xcf\x11", b"NIST_1A", b"ID3")
_STARTS += tuple(bytes([0xFF, second]) for second in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2))
_FORMS = ((b"RIFF", b"WAVE"), (b"FORM", b"AIFF"), (b"FORM", b"AIFC"))
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
#: Most channels of an array that has more of them than samples; others have the axes of one changed.
MOST_CHANNELS = 64
#: What an array of whole numbers is divided by.
_FULL_SCALE = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31}


def read_sound(value: object, rate: int = 16_000, folder: Path | None = None) -> np.ndarray:
    """Return a sound as float32 [n] in about [-1, 1], at `rate` samples a second, channels averaged.

    A wav of 8, 16, 24 or 32 bits, or of floats, needs nothing but this library; flac, ogg, opus, mp3, aiff
    and others are read by soundfile.

    Args:
        value: path; the bytes of a file; a mapping of `bytes` or `path`, or of `array` and `sampling_rate`,
            as Hugging Face data sets have it; or a pair of an array [n] or [n, channels] and its rate.
        rate: samples a second, ≥ 1.
        folder: what relative paths are relative to; `None`: the working directory.

    Raises:
        DataError: there is no such file, it is no whole sound, or the array is of another form.
        MissingExtraError: a format other than wav, and soundfile is not installed.

    Example:
        >>> seconds = np.arange(800) / 8000
        >>> read_sound((np.sin(2 * np.pi * 440 * seconds), 8000), rate=16_000).shape
        (1600,)
    """
    samples, own_rate, name = _samples(value, folder)
    if own_rate < 1 or len(samples) > MOST_SECONDS * own_rate:
        raise DataError(f"{name} has {len(samples)} samples at {own_rate} a second: the most is an hour.")
    if not np.isfinite(samples).all():
        raise DataError(f"{name} has values that are infinite or not a number.")
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    return resampled(mono, own_rate, rate).astype(np.float32)


def is_sound_data(data: bytes) -> bool:
    """Whether bytes begin as those of a sound file do.

    Example:
        >>> is_sound_data(wav_bytes(np.zeros(3), 8000)), is_sound_data(b"RIFF....WEBP")
        (True, False)
    """
    return data.startswith(_STARTS) or (data[:4], data[8:12]) in _FORMS


def sound_length(value: object, folder: Path | None = None) -> tuple[int, int]:
    """Return the number of samples of a sound and its own rate; of a file only its head is read.

    A file that is cut off counts for what is there.

    Args:
        value: see `read_sound`.
        folder: see `read_sound`.

    Raises:
        DataError: there is no such file, or it is no sound.
        MissingExtraError: see `read_sound`.

    Example:
        >>> sound_length((np.zeros(100), 8000))
        (100, 8000)
    """
    source, _ = _source(value, folder)
    if isinstance(source, bytes | Path):
        with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            found = _wav_length(file, size) if file.read(4) == b"RIFF" else _other_length(file)
        if found is not None:
            return found
    # Whoever decodes it knows what to say.
    samples, rate, _ = _samples(value, folder)
    return len(samples), rate


def _wav_length(file: BinaryIO, size: int) -> tuple[int, int] | None:
    place, form = 12, b""
    while place + 8 <= size:
        file.seek(place)
        kind, length = struct.unpack("<4sI", file.read(8))
        if kind == b"fmt ":
            form = file.read(length)
        elif kind == b"data" and len(form) >= 16:
            _, _, rate, _, block = struct.unpack_from("<HHIIH", form)
            return (min(length, size - place - 8) // block, rate) if block and rate else None
        place += 8 + length + length % 2
    return None


def _other_length(file: BinaryIO) -> tuple[int, int] | None:
    try:
        import soundfile

        file.seek(0)
        known = soundfile.info(file)
    except (ImportError, OSError, RuntimeError, TypeError, ValueError):
        return None
    return int(known.frames), int(known.samplerate)


def resampled(samples: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Return samples [n] at another rate, [ceil(n · wanted / rate)], by a polyphase filter.

    Example:
        >>> resampled(np.ones(100), 44_100, 16_000).shape
        (37,)
    """
    if rate == wanted or not len(samples):
        return samples
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    # What lies beyond the ends is taken for what lies at them, so that a constant stays one.
    return resample_poly(samples, wanted // common, rate // common, padtype="edge")


def parse_wav(data: bytes, name: str = "The sound") -> tuple[np.ndarray, int]:
    """Return the samples [n, channels] of a wav file, full scale = 1, and its rate.

    Source: https://learn.microsoft.com/en-us/windows/win32/xaudio2/resource-interchange-file-format--riff-.
    The standard library's reader takes no floats and is content with a file that is cut off.

    Args:
        data: the file.
        name: what it is called in errors.

    Raises:
        DataError: it is no wav, is cut off, or of a coding that is not known.
    """
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise DataError(f"{name} is no wav file.")
    place, form = 12, b""
    while place + 8 <= len(data):
        kind, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        body = data[place + 8 : place + 8 + size]
        if kind == b"fmt ":
            form = body
        elif kind == b"data":
            # Recorders that stream write the largest number in the place of a size that they do not know.
            if len(body) < size and size < 0xFFFFFF00:
                raise DataError(f"{name} is cut off: {len(body):,} of {size:,} bytes of sound are there.")
            return _decoded(form, body, name)
        place += 8 + size + size % 2
    raise DataError(f"{name} is cut off: it has no samples.")


def _decoded(form: bytes, body: bytes, name: str) -> tuple[np.ndarray, int]:
    if len(form) < 16:
        raise DataError(f"{name} is damaged: it does not say how its samples are coded.")
    coding, channels, rate, _, block, bits = struct.unpack_from("<HHIIHH", form)
    if coding == _EXTENSIBLE and len(form) >= 26:
        coding = struct.unpack_from("<H", form, 24)[0]
    known = (coding == _PCM and bits in (8, 16, 24, 32)) or (coding == _FLOAT and bits in (32, 64))
    if not known or not channels or not rate or block != channels * bits // 8:
        raise DataError(
            f"{name} has samples of {bits} bits in the coding {coding}, expected PCM of 8, 16, 24 or 32 "
            "bits, or floats: convert it."
        )
    body = body[: len(body) // block * block]
    if coding == _FLOAT:
        values = np.frombuffer(body, f"<f{bits // 8}").astype(np.float64)
    elif bits == 8:
        values = (np.frombuffer(body, np.uint8).astype(np.float64) - 128) / 128
    elif bits == 24:
        three = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
        values = ((three[:, 0] << 8 | three[:, 1] << 16 | three[:, 2] << 24) >> 8) / 2.0**23
    else:
        values = np.frombuffer(body, f"<i{bits // 8}") / 2.0 ** (bits - 1)
    return values.reshape(-1, channels), rate


def wav_bytes(samples: np.ndarray, rate: int) -> bytes:
    """Return samples [n] as a wav file of 16 bits; what is beyond full scale is cut.

    Example:
        >>> found, rate = parse_wav(wav_bytes(np.array([0.0, 0.5, -1.0]), 8000))
        >>> found[:, 0].round(3).tolist(), rate
        ([0.0, 0.5, -1.0], 8000)
    """
    body = np.clip(np.rint(samples * 2.0**15), -(2**15), 2**15 - 1).astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", _PCM, 1, rate, 2 * rate, 2, 16)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _samples(value: Any, folder: Path | None) -> tuple[np.ndarray, int, str]:
    """Return samples, their rate, and what the sound is called in errors."""
    source, name = _source(value, folder)
    if isinstance(source, tuple):
        return _of_array(source)
    return *_of_bytes(source if isinstance(source, bytes) else source.read_bytes(), name), name


def _source(value: Any, folder: Path | None) -> tuple[tuple[Any, ...] | bytes | Path, str]:
    """Return what holds a sound, and what the sound is called in errors."""
    if isinstance(value, Mapping) and value.get("array") is not None:
        value = (value["array"], value.get("sampling_rate"))
    if isinstance(value, tuple):
        return value, "A sound in memory"
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value), f"A sound of {len(value)} bytes"
    if not isinstance(value, str | Path):
        raise DataError(f"A sound must be a path, bytes, or samples and a rate, got {type(value).__name__}.")
    path = Path(value) if folder is None else folder / value
    if not path.is_file():
        raise DataError(f"The sound {str(path)!r} is no file: check the path, or empty the cell.")
    return path, f"The sound {str(path)!r}"


def _of_array(value: tuple[Any, ...]) -> tuple[np.ndarray, int, str]:
    whole = len(value) == 2 and isinstance(value[1], int | np.integer) and int(value[1]) >= 1
    array = np.asarray(value[0]) if value else np.zeros(0)
    if not whole or array.ndim not in (1, 2) or array.dtype.kind not in "fi":
        raise DataError(
            f"A sound in memory has the shape {array.shape} and type {array.dtype}, expected a pair of "
            "samples [n] or [n, channels], floats or integers of 16 or 32 bits, and a rate."
        )
    n_channels = len(array.T) if array.ndim == 2 else 1
    if n_channels > max(MOST_CHANNELS, len(array)):
        raise DataError(
            f"A sound in memory has {len(array)} samples of {n_channels} channels, expected [n, "
            "channels]: channels stand first in it; transpose it."
        )
    if array.dtype.kind == "i":
        if array.dtype not in _FULL_SCALE:
            raise DataError(f"A sound in memory is of {array.dtype}, expected int16, int32 or floats.")
        return array / _FULL_SCALE[array.dtype], int(value[1]), "A sound in memory"
    return array.astype(np.float64), int(value[1]), "A sound in memory"


def _of_bytes(data: bytes, name: str) -> tuple[np.ndarray, int]:
    if data[:4] == b"RIFF":
        return parse_wav(data, name)
    if not data:
        raise DataError(f"{name} is empty: it has 0 bytes.")
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise MissingExtraError(
            f"{name} is no wav file; others are read by soundfile, which is not installed: run pip install "
            "'cotrain[speech]'."
        ) from error
    try:
        return soundfile.read(io.BytesIO(data), always_2d=True)
    except (RuntimeError, TypeError, ValueError) as error:
        # Of bytes in memory it names the object that holds them.
        reason = str(error).splitlines()[0].split(">: ")[-1].rstrip(".")
        raise DataError(f"{name} is damaged, or no sound that can be read ({reason}).") from error
