"""Figures of a sound that was said against the one that was recorded, frame by frame.

A record of a row holds sums over its frames: their number, the absolute errors, the mel-cepstral distances;
over its units: their number and the absolute errors of their durations. Figures of many rows divide sums.

Shapes: B rows, F frames, M mel bands.
"""

from __future__ import annotations

import math

import numpy as np

from cotrain.tasks._metric import Metric, mean_of_sums

#: Cepstral coefficients that are compared; the first, the loudness, is left out, as the field has it.
N_CEPSTRA = 12


def mel_cepstra(logs: np.ndarray, n: int = N_CEPSTRA) -> np.ndarray:
    """Return the coefficients 1 to n, [..., n], of log-mel energies [..., M].

    cₘ = (1 / M) Σⱼ Lⱼ cos(π m (j + ½) / M): those of the cosine series of the logarithm of the *amplitude*.

    Example:
        >>> bands = np.arange(8)
        >>> mel_cepstra(np.cos(np.pi * 2 * (bands + 0.5) / 8), 3).round(6).tolist()
        [0.0, 0.5, 0.0]
    """
    n_mels = logs.shape[-1]
    angles = np.pi * np.arange(1, n + 1)[None] * (np.arange(n_mels)[:, None] + 0.5) / n_mels
    return logs @ np.cos(angles) / n_mels


def synthesis_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return sums over the frames and units of every row, [B, 5]; NaN where none is labelled.

    Args:
        scores: [B, F, M + 1]: log-mel energies, and the duration of the frame's unit in frames.
        targets: [B, F, M + 2]: log-mel energies, the number of the frame's unit, and its duration.
        mask: which frames there are, bool [B, F].

    Example:
        >>> said, true = np.zeros((1, 2, 3)), np.array([[[1.0, 1.0, 0.0, 2.0]] * 2])
        >>> synthesis_record(said, true, np.ones((1, 2), bool)).round(3).tolist()
        [[2.0, 2.0, 0.0, 1.0, 2.0]]
    """
    n_mels = targets.shape[2] - 2
    differences = np.where(mask[..., None], scores[..., :n_mels] - targets[..., :n_mels], 0.0)
    cepstra = mel_cepstra(differences, min(N_CEPSTRA, n_mels))
    distances = 10 / math.log(10) * np.sqrt(2 * (cepstra**2).sum(axis=2))
    # A unit of d frames counts as d times one d-th.
    share = np.where(mask, 1 / np.maximum(1, targets[..., -1]), 0.0)
    errors = np.abs(scores[..., -1] - targets[..., -1])
    sums = [
        mask.sum(axis=1),
        np.abs(differences).mean(axis=2).sum(axis=1),
        distances.sum(axis=1),
        share.sum(axis=1),
        np.where(mask, errors * share, 0.0).sum(axis=1),
    ]
    records = np.stack(sums, axis=1).astype(np.float64)
    records[~mask.any(axis=1)] = np.nan
    return records


def synthesis_metrics(hop: float) -> list[Metric]:
    """Return log-mel L1, mel-cepstral distance in dB, and the mean error of durations in seconds.

    All are of frames on the true durations, so that frame is compared with frame.

    Source: Kubichek, "Mel-cepstral distance measure for objective speech quality assessment", 1993,
    https://doi.org/10.1109/PACRIM.1993.407206: 10 / ln 10 √(2 Σₘ (cₘ - c'ₘ)²), with m from 1 to 12.

    Args:
        hop: seconds from frame to frame.

    Example:
        >>> said, true = np.zeros((1, 2, 3)), np.array([[[1.0, 1.0, 0.0, 2.0]] * 2])
        >>> metrics = synthesis_metrics(0.01)
        >>> [round(metric.compute(said, true, np.ones((1, 2), bool)), 3) for metric in metrics]
        [1.0, 0.0, 0.02]
    """
    return [
        Metric("log_mel_l1", "min", synthesis_record, mean_of_sums(1, 0)),
        Metric("mel_cepstral_distance", "min", synthesis_record, mean_of_sums(2, 0)),
        Metric("duration_mae", "min", synthesis_record, mean_of_sums(4, 3, unit=hop)),
    ]
