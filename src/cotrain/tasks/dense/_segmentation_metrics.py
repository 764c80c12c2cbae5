"""Figures of a class a pixel, from a record of each picture.

A record counts three things for each class: pixels that are both, pixels that are said to be, pixels that
are. It is as small for a picture of any size, so an evaluation does not grow with the pixels.

Shapes: B pictures, C classes, H×W pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from cotrain.tasks._metric import Metric, Weights, weighed

Record = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def segmentation_record(
    scores: np.ndarray, targets: np.ndarray, mask: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return hits, predicted and true pixels of every class, [B, 3 C]; NaN for a picture without a label.

    Args:
        scores: [B, H, W] predicted class numbers.
        targets: [B, H, W] true class numbers; a number of C or more is a class that training never had.
        mask: [B, H, W] bool: which pixels are labelled.
        n_classes: C.

    Example:
        >>> one = np.array([[[0, 1], [1, 1]]])
        >>> segmentation_record(one, np.array([[[0, 0], [1, 1]]]), np.ones((1, 2, 2), bool), 2).tolist()
        [[1.0, 2.0, 1.0, 3.0, 2.0, 2.0]]
    """
    n = len(scores)
    n_pixels = int(np.prod(mask.shape[1:]))
    labelled = mask.reshape(n, n_pixels)
    said = scores.reshape(n, n_pixels).astype(np.int64)
    true = np.minimum(targets.reshape(n, n_pixels).astype(np.int64), n_classes)
    rows = np.broadcast_to(np.arange(n)[:, None], said.shape)[labelled]
    said, true = said[labelled], true[labelled]

    def counted(classes: np.ndarray, kept: np.ndarray) -> np.ndarray:
        places = rows[kept] * (n_classes + 1) + classes[kept]
        return np.bincount(places, minlength=n * (n_classes + 1)).reshape(n, n_classes + 1)[:, :n_classes]

    every = np.ones(len(rows), bool)
    records = np.concatenate(
        [counted(said, said == true), counted(said, every), counted(true, every)], axis=1
    ).astype(np.float64)
    records[~labelled.any(axis=1)] = np.nan
    return records


def _sums(records: np.ndarray, weights: Weights) -> np.ndarray:
    """Return hits, predicted and true pixels over all pictures, [3, C]."""
    return weighed(records, weights)[~np.isnan(records[:, 0])].sum(axis=0).reshape(3, -1)


def intersection_over_union(records: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Return hits / (predicted + true - hits) of every class, [C]; NaN where it is nowhere."""
    hits, said, true = _sums(records, weights)
    union = said + true - hits
    return np.divide(hits, union, out=np.full(len(hits), np.nan), where=union > 0)


def dice(records: np.ndarray, weights: Weights = None) -> np.ndarray:
    """Return 2 hits / (predicted + true) of every class, [C]; NaN where it neither is nor is predicted."""
    hits, said, true = _sums(records, weights)
    return np.divide(2 * hits, said + true, out=np.full(len(hits), np.nan), where=said + true > 0)


def pixel_accuracy(records: np.ndarray, weights: Weights = None) -> float:
    """Return the share of the labelled pixels whose class is right; NaN without any."""
    hits, said, _ = _sums(records, weights)
    return float(hits.sum() / said.sum()) if said.sum() else float("nan")


def _of_classes(name: str, record: Record, figure: Callable[..., np.ndarray]) -> Metric:
    """Make the metric that is the mean of a figure over the classes that it is defined for."""

    def value(records: np.ndarray, weights: Weights = None) -> float:
        values = figure(records, weights)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")

    def parts(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
        return figure(records, weights)

    return Metric(name, "max", record, value, parts)


@functools.cache
def _record(n_classes: int) -> Record:
    """Return the record function of so many classes, always the same one: records are found by it."""

    def record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return segmentation_record(scores, targets, mask, n_classes)

    return record


def segmentation_metrics(n_classes: int) -> list[Metric]:
    """Return mean intersection over union, mean Dice and pixel accuracy over the pixels of all pictures.

    Source: the definitions of Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", 2010,
    https://doi.org/10.1007/s11263-009-0275-4. Counts are summed over all pictures first, classes averaged
    then.

    Args:
        n_classes: C.

    Example:
        >>> said, true = np.array([[[0, 1], [1, 1]]]), np.array([[[0, 0], [1, 1]]])
        >>> [round(m.compute(said, true, np.ones((1, 2, 2), bool)), 3) for m in segmentation_metrics(2)]
        [0.583, 0.733, 0.75]
    """
    record = _record(n_classes)
    return [
        _of_classes("miou", record, intersection_over_union),
        _of_classes("dice", record, dice),
        Metric("pixel_accuracy", "max", record, pixel_accuracy),
    ]
