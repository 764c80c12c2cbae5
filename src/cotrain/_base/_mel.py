"""Short-time spectra and log-mel energies of sounds: the one analysis that encoders and synthesis share.

It imports torch, so `cotrain._base` does not export it: layers that know torch import it from here.

Shapes: B sounds, n samples, T frames, F = window // 2 + 1 frequencies, M mel bands.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: Added to the energy of a band before its logarithm is taken: full scale is about 1.
FLOOR = 1e-6


def mel_filters(sample_rate: int, window: int, n_mels: int) -> Tensor:
    """Return triangular filters [M, F] from 0 Hz to half the sample rate, evenly spaced in mel.

    The mel scale is 2595 log₁₀(1 + f / 700).

    Source: Davis and Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word
    Recognition", 1980, https://doi.org/10.1109/TASSP.1980.1163420

    Args:
        sample_rate: samples a second, ≥ 1.
        window: samples in a frame, ≥ 2.
        n_mels: M, ≥ 1.

    Example:
        >>> mel_filters(8000, 200, 40).shape
        torch.Size([40, 101])
    """
    frequencies = torch.linspace(0, sample_rate / 2, window // 2 + 1, dtype=torch.float64)
    highest = 2595 * torch.log10(torch.tensor(1 + sample_rate / 2 / 700, dtype=torch.float64))
    mels = torch.linspace(0, 1, n_mels + 2, dtype=torch.float64) * highest
    corners = 700 * (10 ** (mels / 2595) - 1)
    widths = corners.diff()
    rising = (frequencies[None] - corners[:-2, None]) / widths[:-1, None]
    falling = (corners[2:, None] - frequencies[None]) / widths[1:, None]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    # A band narrower than the distance of two frequencies takes the one that is nearest to its middle.
    nearest = (frequencies[None] - corners[1:-1, None]).abs().argmin(dim=1)
    # Nothing here asks for values: a network is also made without any, to see how large it is.
    alone = (torch.arange(len(frequencies)) == nearest[:, None]) & (triangles.sum(dim=1, keepdim=True) == 0)
    triangles = triangles.masked_fill(alone, 1.0)
    return triangles.to(torch.get_default_dtype())


def spectra(samples: Tensor, taper: Tensor, hop: int) -> Tensor:
    """Return the spectra of frames around every `hop`-th sample, complex [..., F, T] with T = 1 + n // hop.

    What lies before and behind a sound is silence.

    Args:
        samples: [n] or [B, n], n ≥ 1.
        taper: window function [window].
        hop: samples between the middles of two frames, ≥ 1.

    Example:
        >>> spectra(torch.zeros(2, 400), torch.hann_window(200), 80).shape
        torch.Size([2, 101, 6])
    """
    return torch.stft(samples, len(taper), hop, window=taper, pad_mode="constant", return_complex=True)


def log_mels(samples: Tensor, filters: Tensor, taper: Tensor, hop: int, *, floor: float = FLOOR) -> Tensor:
    """Return log(F |spectrum|² + floor), [..., M, T].

    Args:
        samples: [n] or [B, n], full scale about 1.
        filters: of `mel_filters`, [M, F].
        taper: window function [window].
        hop: see `spectra`.
        floor: what silence is, > 0.

    Example:
        >>> found = log_mels(torch.zeros(1), mel_filters(8000, 200, 3), torch.hann_window(200), 80)
        >>> found.shape, round(found.exp().max().item(), 9)
        (torch.Size([3, 1]), 1e-06)
    """
    spectrum = spectra(samples, taper, hop)
    energy = torch.view_as_real(spectrum).square().sum(dim=-1)
    return torch.log(torch.einsum("mf,...ft->...mt", filters, energy) + floor)
