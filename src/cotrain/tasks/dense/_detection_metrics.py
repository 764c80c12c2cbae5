"""Figures of detected boxes as COCO defines them, from a record of each picture.

Shapes: B pictures, D detections and M true boxes at most in one, C classes, I thresholds of the overlap.

A record holds three numbers of each detection (class, score, and for each threshold whether it hits a true
box or is to be left out) and the number of true boxes of each class. Recall and precision at every score
follow from the records of any pictures, so figures can be resampled and grouped without boxes being matched
again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cotrain.tasks._metric import Metric, Weights

#: Overlaps (intersection over union) from which on a detection hits.
OVERLAPS = np.linspace(0.5, 0.95, 10)
#: Recalls at which the precision is read.
RECALLS = np.linspace(0.0, 1.0, 101)
_BITS = 2 ** np.arange(len(OVERLAPS))
#: Numbers of a record for each detection.
_OF_DETECTION = 3

Figure = Callable[[np.ndarray], np.ndarray]


def overlap(detections: np.ndarray, boxes: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Return the intersection over union of boxes (x, y, width, height), [D, M].

    Of a crowd, a box around many things, it is the intersection over the detection's own area.

    Example:
        >>> overlap(np.array([[0, 0, 2, 2]]), np.array([[1, 0, 2, 2]]), np.array([False])).round(3).tolist()
        [[0.333]]
    """
    low = np.maximum(detections[:, None, :2], boxes[None, :, :2])
    high = np.minimum((detections[:, :2] + detections[:, 2:])[:, None], (boxes[:, :2] + boxes[:, 2:])[None])
    common = np.clip(high - low, 0, None).prod(axis=-1)
    area, of_box = detections[:, 2:].prod(axis=1)[:, None], boxes[:, 2:].prod(axis=1)[None]
    union = np.where(crowd[None], area, area + of_box - common)
    return np.divide(common, union, out=np.zeros(common.shape), where=union > 0)


def match(overlaps: np.ndarray, crowd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which detections hit a true box and which are left out, both bool [D, I].

    The surest detection takes the box that it overlaps most; a box can be taken once, a crowd by any number.
    What hits nothing but a crowd is left out.

    Args:
        overlaps: [D, M], the surest detection first.
        crowd: [M] bool.
    """
    n, m = overlaps.shape
    hits, ignored = np.zeros((n, len(OVERLAPS)), bool), np.zeros((n, len(OVERLAPS)), bool)
    free = np.broadcast_to(~crowd, (len(OVERLAPS), m)).copy()
    levels = np.arange(len(OVERLAPS))
    for d in range(n):
        enough = overlaps[d] >= OVERLAPS[:, None]
        of_box = np.where(free & enough, overlaps[d], -1.0)
        if m:
            # The last among equals, as the reference implementation has it.
            best = m - 1 - of_box[:, ::-1].argmax(axis=1)
            hits[d] = of_box[levels, best] >= 0
            free[levels[hits[d]], best[hits[d]]] = False
        ignored[d] = ~hits[d] & (enough & crowd).any(axis=1)
    return hits, ignored


def detection_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return what the figures need of each picture, [B, 3 D + C]; NaN where no class is annotated.

    Args:
        scores: [B, D, 6]: x, y, width, height, class, score; class −1: there is no detection.
        targets: [B, M, 6]: x, y, width, height, class, 1 for a crowd; class −1: there is no box.
        mask: [B, C] bool: which classes are annotated in the picture; the others are left out of it.
    """
    n, n_detections, n_classes = len(scores), scores.shape[1], mask.shape[1]
    records = np.full((n, _OF_DETECTION * n_detections + n_classes), np.nan)
    for b in np.flatnonzero(mask.any(axis=1)):
        found = np.zeros((n_detections, _OF_DETECTION))
        found[:, 0] = -1
        counts = np.zeros(n_classes)
        place = 0
        for c in np.flatnonzero(mask[b]):
            boxes = targets[b][targets[b, :, 4] == c]
            said = scores[b][scores[b, :, 4] == c]
            said = said[np.argsort(-said[:, 5], kind="stable")]
            crowd = boxes[:, 5] == 1
            hits, ignored = match(overlap(said[:, :4], boxes[:, :4], crowd), crowd)
            part = found[place : place + len(said)]
            part[:, 0], part[:, 1] = c, said[:, 5]
            part[:, 2] = hits @ _BITS + (ignored @ _BITS) * 2 ** len(OVERLAPS)
            place += len(said)
            counts[c] = (~crowd).sum()
        records[b] = np.concatenate([found.ravel(), counts])
    return records


def precision_at_recalls(
    hits: np.ndarray, ignored: np.ndarray, n_boxes: float, weights: Weights = None
) -> np.ndarray:
    """Return the precision at 101 recalls, [101]: the best at this recall or a higher one.

    Args:
        hits: [n] bool, the surest detection first.
        ignored: [n] bool.
        n_boxes: true boxes, > 0; with weights their sum.
        weights: how much the picture of each detection counts, [n].
    """
    of_row = np.ones(len(hits)) if weights is None else weights
    right, wrong = (np.cumsum((of_row * part)[~ignored]) for part in (hits, ~hits))
    if not len(right):
        return np.zeros(len(RECALLS))
    recall = right / n_boxes
    precision = right / (right + wrong)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(recall, RECALLS, side="left")
    return np.where(place < len(best), best[np.minimum(place, len(best) - 1)], 0.0)


def _curves(
    records: np.ndarray, n_classes: int, figure: Callable[..., float], weights: Weights
) -> np.ndarray:
    """Return a figure of every class and threshold, [C, I]; NaN for a class without a true box."""
    known = ~np.isnan(records[:, -1])
    kept, of_row = records[known], np.ones(known.sum()) if weights is None else weights[known]
    counts = of_row @ kept[:, kept.shape[1] - n_classes :]
    found = kept[:, : kept.shape[1] - n_classes].reshape(-1, _OF_DETECTION)
    of_detection = np.repeat(of_row, len(found) // max(1, len(kept)))[found[:, 0] >= 0]
    found = found[found[:, 0] >= 0]
    order = np.argsort(-found[:, 1], kind="stable")
    classes, codes, of_detection = found[order, 0], found[order, 2].astype(np.int64), of_detection[order]
    values = np.full((n_classes, len(OVERLAPS)), np.nan)
    for c in np.flatnonzero(counts):
        of_class = codes[classes == c]
        for i in range(len(OVERLAPS)):
            hits = (of_class >> i) & 1 > 0
            ignored = (of_class >> (i + len(OVERLAPS))) & 1 > 0
            values[c, i] = figure(hits, ignored, float(counts[c]), of_detection[classes == c])
    return values


def _average_precision(hits: np.ndarray, ignored: np.ndarray, n_boxes: float, weights: np.ndarray) -> float:
    return float(precision_at_recalls(hits, ignored, n_boxes, weights).mean())


def _recall(hits: np.ndarray, ignored: np.ndarray, n_boxes: float, weights: np.ndarray) -> float:
    return float((weights * (hits & ~ignored)).sum() / n_boxes)


def _metric(name: str, n_classes: int, figure: Callable[..., float], overlaps: slice) -> Metric:
    def by_class(records: np.ndarray, n_parts: int = 0, weights: Weights = None) -> np.ndarray:
        values = _curves(records, n_classes, figure, weights)[:, overlaps]
        return values.mean(axis=1)

    def value(records: np.ndarray, weights: Weights = None) -> float:
        values = by_class(records, n_classes, weights)
        known = values[~np.isnan(values)]
        return float(known.mean()) if len(known) else float("nan")

    return Metric(name, "max", detection_record, value, by_class)


def detection_metrics(n_classes: int) -> list[Metric]:
    """Return mean average precision and recall over classes and overlaps, with at most D detections a
    picture.

        map     mean over the overlaps .5, .55, ..., .95 and the classes of the average precision
        map50   at the overlap .5;  map75 at .75
        ar      the share of the true boxes that is found, over the same overlaps and classes

    Source: Lin et al., "Microsoft COCO: Common Objects in Context", 2014, https://arxiv.org/abs/1405.0312, as
    its evaluation code has it: equal to it to six digits (tests).

    Args:
        n_classes: C.

    Example:
        >>> box = [0.0, 0.0, 10.0, 10.0, 0.0]
        >>> said, true = np.array([[[*box, 0.9]]]), np.array([[[*box, 0.0]]])
        >>> [round(metric.compute(said, true, np.ones((1, 1), bool)), 3) for metric in detection_metrics(1)]
        [1.0, 1.0, 1.0, 1.0]
    """
    return [
        _metric("map", n_classes, _average_precision, slice(None)),
        _metric("map50", n_classes, _average_precision, slice(0, 1)),
        _metric("map75", n_classes, _average_precision, slice(5, 6)),
        _metric("ar", n_classes, _recall, slice(None)),
    ]
