"""Figures of tags: probabilities [B, S, C] against numbers of tags [B, S]."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import final

import numpy as np

from cotrain.tasks._metric import Metric, Weights, mean_of_sums, weighed
from cotrain.tasks.sequence._spans import SpanTags

#: Places in a record: labelled tokens, right ones, summed -log p of the true tag; then hits, predicted and
#: true spans of every type.
TOKENS, RIGHT, LOG_LOSS, SPANS = 0, 1, 2, 3


@final
class TaggingFigures:
    """Makes the metrics of a tagging task; all share one record a row, so that a row is decoded once.

    Args:
        decode: probabilities [B, S, C] -> predicted tags [B, S].
        spans: what the tags mean; `None`: each stands for itself.

    Example:
        >>> figures = TaggingFigures(lambda probabilities: probabilities.argmax(axis=-1), None)
        >>> accuracy = next(metric for metric in figures.metrics() if metric.name == "token_accuracy")
        >>> accuracy.compute(np.eye(2)[[[0, 1, 1]]], np.array([[0, 0, 1]]), np.array([[True, True, False]]))
        0.5
    """

    def __init__(self, decode: Callable[[np.ndarray], np.ndarray], spans: SpanTags | None) -> None:
        self.decode = decode
        self.spans = spans

    def record(self, scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the counts of every row, [B, R]; NaN where no token is labelled."""
        true, n_tags = targets.astype(np.int64), scores.shape[-1]
        predicted = self.decode(scores)
        of_tag = np.take_along_axis(scores, np.minimum(true, n_tags - 1)[..., None], -1)[..., 0]
        p = np.where(true < n_tags, of_tag, scores.min(axis=-1))
        counts = [
            mask.sum(axis=1),
            ((predicted == true) & mask).sum(axis=1),
            np.where(mask, -np.log(np.clip(p, 1e-15, 1.0)), 0.0).sum(axis=1),
        ]
        records = np.stack(counts, axis=1).astype(np.float64)
        if self.spans is not None:
            spans = self.spans.counts(true, predicted, mask)
            records = np.concatenate([records, spans.reshape(len(spans), 3 * spans.shape[2])], axis=1)
        return np.where(records[:, :1] > 0, records, np.nan)

    def metrics(self) -> list[Metric]:
        """Return the metrics; those of spans where the tags are spans."""
        found = [
            Metric("token_accuracy", "max", self.record, mean_of_sums(RIGHT, TOKENS)),
            Metric("row_accuracy", "max", self.record, _row_accuracy),
            Metric("log_loss", "min", self.record, mean_of_sums(LOG_LOSS, TOKENS)),
        ]
        if self.spans is None:
            return found
        return [
            Metric("span_f1", "max", self.record, _f1, _f1_by_type),
            Metric("span_precision", "max", self.record, functools.partial(_share, place=1)),
            Metric("span_recall", "max", self.record, functools.partial(_share, place=2)),
            *found,
        ]


def _known(records: np.ndarray) -> np.ndarray:
    return records[~np.isnan(records[:, TOKENS])]


def _row_accuracy(records: np.ndarray, weights: Weights = None) -> float:
    known = _known(np.column_stack([records, np.ones(len(records)) if weights is None else weights]))
    right = known[:, RIGHT] == known[:, TOKENS]
    return float(np.average(right, weights=known[:, -1])) if len(known) else float("nan")


def _spans(records: np.ndarray, weights: Weights) -> np.ndarray:
    """Return hits, predicted and true spans of every type, [3, types + 1]."""
    return _known(weighed(records, weights))[:, SPANS:].sum(axis=0).reshape(3, -1)


def _f1(records: np.ndarray, weights: Weights = None) -> float:
    """Return 2 hits / (predicted + true), over all types; undefined without a span on either side."""
    hits, predicted, true = _spans(records, weights).sum(axis=1)
    return float(2 * hits / (predicted + true)) if predicted + true else float("nan")


def _share(records: np.ndarray, weights: Weights = None, *, place: int) -> float:
    """Return the share of hits among the predicted (1) or the true (2) spans."""
    spans = _spans(records, weights).sum(axis=1)
    if not spans[place]:
        return 0.0 if spans.any() else float("nan")
    return float(spans[0] / spans[place])


def _f1_by_type(records: np.ndarray, n_parts: int, weights: Weights = None) -> np.ndarray:
    hits, predicted, true = _spans(records, weights)[:, :n_parts]
    total = predicted + true
    return np.where(total > 0, 2 * hits / np.where(total > 0, total, 1), np.nan)
