"""Figures of named points, from a record of each picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cotrain.tasks._metric import Metric, Weights, weighed

#: Distances up to which a point is right, in parts of the longer side of its picture.
NEAR = (0.05, 0.1, 0.2)
#: Of each point: labels, their distances in pixels, and those within each of `NEAR`.
_OF_POINT = 2 + len(NEAR)


def keypoint_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return of each point whether it is labelled, its distance in pixels and whether it is near, [B, 5 P].

    Args:
        scores: [B, P, 3]: x, y in parts of the picture, and what is not looked at.
        targets: [B, P, 4]: true x, y, and the picture's width and height in pixels.
        mask: bool [B, P].

    Example:
        >>> said, true = np.array([[[0.5, 0.5, 1.0]]]), np.array([[[0.53, 0.46, 100.0, 100.0]]])
        >>> keypoint_record(said, true, np.ones((1, 1), bool)).round(6).tolist()
        [[1.0, 5.0, 1.0, 1.0, 1.0]]
    """
    sides = targets[..., 2:4]
    away = np.linalg.norm((scores[..., :2] - targets[..., :2]) * sides, axis=-1)
    # A distance of exactly the bound is right, whatever the last digit says.
    near = [away <= most * sides.max(axis=-1) * (1 + 1e-9) for most in NEAR]
    entries = np.stack([np.ones_like(away), away, *near], axis=-1)
    records = np.where(mask[..., None], entries, 0.0).reshape(len(mask), -1).astype(np.float64)
    records[~mask.any(axis=1)] = np.nan
    return records


def _metric(name: str, direction: str, place: int) -> Metric:
    def by_point(records: np.ndarray, n_parts: int = 0, weights: Weights = None) -> np.ndarray:
        sums = np.nansum(weighed(records, weights), axis=0).reshape(-1, _OF_POINT)
        with np.errstate(invalid="ignore"):
            return np.where(sums[:, 0] > 0, sums[:, place] / sums[:, 0], np.nan)

    def value(records: np.ndarray, weights: Weights = None) -> float:
        sums = np.nansum(weighed(records, weights), axis=0).reshape(-1, _OF_POINT).sum(axis=0)
        return float(sums[place] / sums[0]) if sums[0] > 0 else float("nan")

    kept: Callable[..., float] = value
    return Metric(name, "max" if direction == "max" else "min", keypoint_record, kept, by_point)


def keypoint_metrics() -> list[Metric]:
    """Return the mean distance in pixels, and the shares of points that are near.

        distance   mean over the labelled points of all pictures, in pixels of the picture
        pck05      share of them no farther off than .05 of the picture's longer side;  pck10 .1;  pck20 .2

    Source: Yang and Ramanan, "Articulated Human Detection with Flexible Mixtures of Parts", 2013,
    https://doi.org/10.1109/TPAMI.2012.261; there distances are in parts of the person's box, here of the
    picture, since there is one thing in it.

    Example:
        >>> [metric.name for metric in keypoint_metrics()]
        ['distance', 'pck05', 'pck10', 'pck20']
    """
    shares = [_metric(f"pck{round(100 * most):02d}", "max", 2 + place) for place, most in enumerate(NEAR)]
    return [_metric("distance", "min", 1), *shares]
