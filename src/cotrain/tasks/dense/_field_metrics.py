"""Figures of depths, of normals and of other numbers of every pixel, from a record of each picture.

A record holds sums over the labelled pixels and their number, so that the figures of any pictures follow from
their records. Shapes: B pictures, H×W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain.tasks._metric import Metric, mean_of_sums

#: Ratio of two depths up to which a pixel counts as right.
RATIO = 1.25
#: Angles in degrees up to which a normal counts as right.
ANGLES = (11.25, 22.5, 30.0)
#: What a depth is at least, so that its logarithm and the ratio to it are defined.
_LEAST = 1e-9


def depth_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return pixels, and sums of |p - d| / d, (p - d)², |log10 p/d| and whether max(p/d, d/p) < 1.25, [B, 5].

    Args:
        scores: [B, 1, H, W] predicted depths p.
        targets: [B, 1, H, W] true depths d > 0.
        mask: bool [B, H, W].

    Example:
        >>> said, true = np.full((1, 1, 1, 2), 1.1), np.ones((1, 1, 1, 2))
        >>> depth_record(said, true, np.array([[[True, False]]])).round(3).tolist()
        [[1.0, 0.1, 0.01, 0.041, 1.0]]
    """
    said, true = np.maximum(scores[:, 0], _LEAST), np.maximum(targets[:, 0], _LEAST)
    error, ratio = said - true, said / true
    entries = [np.abs(error) / true, error**2, np.abs(np.log10(ratio)), np.maximum(ratio, 1 / ratio) < RATIO]
    return _sums(entries, mask)


def value_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return pixels, and sums of (p - d)² and |p - d|, [B, 3]; see `depth_record`."""
    error = (scores - targets)[:, 0]
    return _sums([error**2, np.abs(error)], mask)


def normal_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return pixels, and sums of the angle in degrees and of whether it is below each of `ANGLES`, [B, 5].

    Args:
        scores: [B, 3, H, W] predicted directions, of any length.
        targets: [B, 3, H, W] true ones.
        mask: bool [B, H, W].

    Example:
        >>> said, true = np.zeros((1, 3, 1, 1)), np.zeros((1, 3, 1, 1))
        >>> said[0, 0], true[0, 1] = 1, 1
        >>> normal_record(said, true, np.ones((1, 1, 1), bool)).tolist()
        [[1.0, 90.0, 0.0, 0.0, 0.0]]
    """
    lengths = np.linalg.norm(scores, axis=1) * np.linalg.norm(targets, axis=1)
    cosine = np.clip((scores * targets).sum(axis=1) / np.maximum(lengths, _LEAST), -1, 1)
    angle = np.degrees(np.arccos(cosine))
    return _sums([angle, *(angle < most for most in ANGLES)], mask)


def _sums(entries: Sequence[np.ndarray], mask: np.ndarray) -> np.ndarray:
    """Return the number of labelled pixels and the sum of each entry [B, H, W] over them; NaN without any."""
    counted = [mask, *(np.where(mask, entry, 0.0) for entry in entries)]
    records = np.stack([entry.reshape(len(mask), -1).sum(axis=1) for entry in counted], axis=1)
    records = records.astype(np.float64)
    records[records[:, 0] == 0] = np.nan
    return records


def depth_metrics() -> list[Metric]:
    """Return relative error, RMSE, error of the logarithms (base 10) and the share of ratios below 1.25.

    Means are over the labelled pixels of all pictures.

    Source: the definitions of Eigen, Puhrsch and Fergus, "Depth Map Prediction from a Single Image using a
    Multi-Scale Deep Network", 2014, https://arxiv.org/abs/1406.2283, as papers on NYUv2 report them.

    Example:
        >>> [metric.name for metric in depth_metrics()]
        ['abs_rel', 'rmse', 'log10', 'delta1']
    """
    return [
        Metric("abs_rel", "min", depth_record, mean_of_sums(1, 0)),
        Metric("rmse", "min", depth_record, mean_of_sums(2, 0, root=True)),
        Metric("log10", "min", depth_record, mean_of_sums(3, 0)),
        Metric("delta1", "max", depth_record, mean_of_sums(4, 0)),
    ]


def normal_metrics() -> list[Metric]:
    """Return the mean angle between normals in degrees, and the shares below 11.25, 22.5 and 30 degrees.

    Source: the definitions of Fouhey, Gupta and Hebert, "Data-Driven 3D Primitives for Single Image
    Understanding", 2013, https://doi.org/10.1109/ICCV.2013.421, as papers on NYUv2 report them.

    Example:
        >>> [metric.name for metric in normal_metrics()]
        ['mean_angle', 'within_11.25', 'within_22.5', 'within_30']
    """
    shares = [
        Metric(f"within_{most:g}", "max", normal_record, mean_of_sums(place, 0))
        for place, most in enumerate(ANGLES, start=2)
    ]
    return [Metric("mean_angle", "min", normal_record, mean_of_sums(1, 0)), *shares]


def value_metrics() -> list[Metric]:
    """Return the root of the mean square and the mean absolute error over the labelled pixels.

    Example:
        >>> [metric.name for metric in value_metrics()]
        ['rmse', 'mae']
    """
    return [
        Metric("rmse", "min", value_record, mean_of_sums(1, 0, root=True)),
        Metric("mae", "min", value_record, mean_of_sums(2, 0)),
    ]
