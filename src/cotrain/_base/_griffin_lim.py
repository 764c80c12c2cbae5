"""From log-mel energies back to a sound, without anything learned.

It imports torch, so `cotrain._base` does not export it: layers that know torch import it from here.

Shapes: n samples, T frames, F = window // 2 + 1 frequencies, M mel bands.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from cotrain._base._mel import FLOOR, mel_filters, spectra
from cotrain._base._random import mix_seed

#: Steps of the inversion of the mel bank: of spoken digits (40 bands of 8 kHz) the log-mels come back within
#: .02 to .07 after 50, .003 to .02 after 200; the phases then cost .10 to .15: more would not be heard.
_INVERSION_STEPS = 100


def waveform(
    logs: Tensor, sample_rate: int, window: int, hop: int, *, iterations: int = 60, seed: int = 0
) -> Tensor:
    """Return a sound [n] whose log-mel energies are about these.

    Args:
        logs: log-mel energies [T, M] as `log_mels` gives them, transposed.
        sample_rate: samples a second, ≥ 1.
        window: samples in a frame, ≥ 2 · hop.
        hop: samples between frames, ≥ 1.
        iterations: of `griffin_lim`, ≥ 0.
        seed: of the phases at the start.

    Example:
        >>> waveform(torch.full((5, 40), math.log(FLOOR)), 8000, 200, 80).abs().max().item()
        0.0
    """
    energies = inverse_mels(logs.T, mel_filters(sample_rate, window, logs.shape[1]).to(logs.dtype))
    return griffin_lim(
        energies.sqrt(), torch.hann_window(window, dtype=logs.dtype), hop, iterations, seed=seed
    )


def inverse_mels(logs: Tensor, filters: Tensor, floor: float = FLOOR) -> Tensor:
    """Return energies E [F, T] ≥ 0 whose mel energies W E are about exp(logs) - floor.

    E ← E ∘ (Wᵀ m) / (Wᵀ W E), which lowers ||W E - m||² at every step and keeps E ≥ 0.

    Source: Lee and Seung, "Algorithms for Non-negative Matrix Factorization", 2000,
    https://papers.nips.cc/paper/1861

    Args:
        logs: [M, T].
        filters: W, of `mel_filters`, [M, F].
        floor: as in `log_mels`.

    Example:
        >>> filters = torch.eye(3)
        >>> inverse_mels(torch.tensor([[1.0], [2.0], [3.0]]), filters).log().flatten().round().tolist()
        [1.0, 2.0, 3.0]
    """
    wanted = (logs.exp() - floor).clamp(min=0)
    back = filters.T @ wanted  # [F, T]
    tiny = torch.finfo(logs.dtype).tiny
    energies = back / (filters.T @ filters).sum(dim=1, keepdim=True).clamp(min=tiny)
    for _ in range(_INVERSION_STEPS):
        energies = energies * back / (filters.T @ (filters @ energies)).clamp(min=tiny)
    return energies


def griffin_lim(
    magnitudes: Tensor,
    taper: Tensor,
    hop: int,
    iterations: int = 60,
    *,
    seed: int = 0,
    watch: Callable[[Tensor], None] | None = None,
) -> Tensor:
    """Return a sound [n] whose spectra have about these magnitudes; n lies between T - 1 and T hops.

    In turn the sound is taken whose spectra are nearest to the wanted ones (least squares), and its spectra
    are given the wanted magnitudes and keep their phases. ||  |spectra(x)| - magnitudes || falls with every
    turn.

    Source: Griffin and Lim, "Signal Estimation from Modified Short-Time Fourier Transform", 1984,
    https://doi.org/10.1109/TASSP.1984.1164317

    Args:
        magnitudes: [F, T], T ≥ 1, all ≥ 0.
        taper: window function [window] with window ≥ 2 · hop.
        hop: samples between frames, ≥ 1.
        iterations: turns, ≥ 0.
        seed: of the phases at the start: the same one gives the same sound.
        watch: is shown the sound before every turn.

    Example:
        >>> taper, tone = torch.hann_window(64), torch.sin(torch.arange(900) / 3)
        >>> found = griffin_lim(spectra(tone, taper, 16).abs(), taper, 16)
        >>> len(found), spectra(found, taper, 16).shape == spectra(tone, taper, 16).shape
        (904, True)
    """
    length = max(1, (magnitudes.shape[1] - 1) * hop + hop // 2)
    generator = torch.Generator().manual_seed(mix_seed(seed, "phases"))
    angles = torch.rand(magnitudes.shape, generator=generator, dtype=torch.float64) * 2 * math.pi
    phases = torch.polar(torch.ones_like(angles), angles).to(magnitudes.device, _complex(magnitudes))
    samples = _nearest(magnitudes * phases, taper, hop, length)
    for _ in range(iterations):
        if watch is not None:
            watch(samples)
        found = spectra(samples, taper, hop)
        phases = found / found.abs().clamp(min=torch.finfo(magnitudes.dtype).tiny)
        samples = _nearest(magnitudes * phases, taper, hop, length)
    return samples


def _complex(like: Tensor) -> torch.dtype:
    return torch.complex128 if like.dtype == torch.float64 else torch.complex64


def _nearest(wanted: Tensor, taper: Tensor, hop: int, length: int) -> Tensor:
    """Return the sound whose spectra are nearest to complex [F, T] in the sense of least squares."""
    return torch.istft(wanted, len(taper), hop, window=taper, length=length)
