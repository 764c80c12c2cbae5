"""Sounds as frames of log-mel energies, all of one loudness, and back.

Shapes: n samples, T frames, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cotrain._base._griffin_lim import waveform
from cotrain._base._mel import log_mels, mel_filters
from cotrain._base._sounds import read_sound, wav_bytes

#: Root mean square that every sound is brought to: peaks of speech are then well below full scale.
LOUDNESS = 0.05


@final
@dataclass(frozen=True)
class SoundFrames:
    """How sounds are taken apart.

    Args:
        rate: samples a second, ≥ 1.
        window: samples in a frame, ≥ 2.
        hop: samples from frame to frame, ≥ 1.
        n_mels: M, ≥ 1.

    Example:
        >>> frames = SoundFrames(8000, 200, 80, 40)
        >>> frames.of((np.zeros(1600), 8000)).shape
        (21, 40)
    """

    rate: int
    window: int
    hop: int
    n_mels: int

    def of(self, cell: Any) -> np.ndarray:
        """Return log-mel energies float32 [T, M] of a cell that holds a sound; a sound of no sample has none.

        Raises:
            DataError: it cannot be read.
            MissingExtraError: a format other than wav, and soundfile is not installed.
        """
        samples = read_sound(cell, self.rate)
        if not len(samples):
            return np.zeros((0, self.n_mels), np.float32)
        loudness = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
        level = torch.from_numpy(samples * np.float32(LOUDNESS / loudness if loudness > 0 else 1.0))
        filters = mel_filters(self.rate, self.window, self.n_mels)
        logs = log_mels(level, filters, torch.hann_window(self.window), self.hop)
        return np.ascontiguousarray(logs.T.numpy(), np.float32)

    def wav(self, logs: np.ndarray, iterations: int) -> bytes:
        """Return the bytes of a wav file whose log-mel energies are about these, [T, M], T ≥ 1."""
        mels = torch.from_numpy(np.ascontiguousarray(logs, np.float32))
        samples = waveform(mels, self.rate, self.window, self.hop, iterations=iterations)
        return wav_bytes(samples.numpy(), self.rate)
