"""Detection figures, held against COCO's own evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cotrain.tasks.dense._detection_metrics import OVERLAPS, RECALLS, detection_metrics, detection_record

N_CLASSES = 3


def pictures(seed: int, n: int = 12, most: int = 6, crowds: bool = True) -> tuple[np.ndarray, ...]:
    """Random pictures: detections near the true boxes, some missed, some twice, some of another class."""
    draw = np.random.default_rng(seed)
    targets, scores = np.zeros((n, most, 6)), np.zeros((n, 2 * most, 6))
    targets[..., 4] = scores[..., 4] = -1
    for b in range(n):
        for m in range(draw.integers(0, most + 1)):
            box = [*draw.integers(0, 60, 2), *draw.integers(8, 40, 2)]
            targets[b, m] = [*box, draw.integers(N_CLASSES), float(crowds and draw.random() < 0.15)]
        for d in range(draw.integers(0, 2 * most + 1)):
            m = draw.integers(most)
            near = targets[b, m, :4] + draw.normal(0, 3, 4)
            near[2:] = np.maximum(near[2:], 1)
            of_class = targets[b, m, 4] if draw.random() < 0.8 else draw.integers(N_CLASSES)
            # One decimal only: equal scores occur.
            scores[b, d] = [*near, of_class, round(draw.random(), 1)]
    return scores, targets, np.ones((n, N_CLASSES), bool)


def by_coco(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> list[float]:
    """Mean AP, AP50, AP75 and AR of the reference implementation."""
    coco = pytest.importorskip("faster_coco_eval")
    rows = range(len(scores))
    truth: dict[str, Any] = {
        "info": {},
        "images": [{"id": b, "width": 100, "height": 100} for b in rows],
        "categories": [{"id": c, "name": str(c)} for c in range(N_CLASSES)],
        "annotations": [],
    }
    said = []
    for b in rows:
        for x, y, w, h, c, crowd in targets[b]:
            if c >= 0 and mask[b, int(c)]:
                number = len(truth["annotations"]) + 1
                truth["annotations"].append(
                    {
                        "id": number,
                        "image_id": b,
                        "category_id": int(c),
                        "bbox": [x, y, w, h],
                        "area": w * h,
                        "iscrowd": int(crowd),
                    }
                )
        said += [
            {"image_id": b, "category_id": int(c), "bbox": [x, y, w, h], "score": s}
            for x, y, w, h, c, s in scores[b]
            if c >= 0 and mask[b, int(c)]
        ]
    ground = coco.COCO(truth)
    run = coco.COCOeval_faster(ground, ground.loadRes(said), iouType="bbox", print_function=lambda *_: None)
    run.run()
    return [run.stats[0], run.stats[1], run.stats[2], run.stats[8]]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("crowds", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_equals_cocos_own_evaluation(seed: int, crowds: bool):
    given_ = pictures(seed, crowds=crowds)
    ours = [metric.compute(*given_) for metric in detection_metrics(N_CLASSES)]
    assert ours == pytest.approx(by_coco(*given_), abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_equals_it_where_classes_are_not_annotated_everywhere():
    scores, targets, mask = pictures(20)
    mask = np.random.default_rng(0).random(mask.shape) < 0.6
    mask[:, 0] |= ~mask.any(axis=1)
    ours = [metric.compute(scores, targets, mask) for metric in detection_metrics(N_CLASSES)]
    assert ours == pytest.approx(by_coco(scores, targets, mask), abs=1e-6)


def literal_average_precision(scores: np.ndarray, targets: np.ndarray, c: int, least: float) -> float:
    """Average precision of a class at one overlap by the definition, box by box (no crowds)."""
    detections = sorted(
        ((-row[5], b, d) for b in range(len(scores)) for d, row in enumerate(scores[b]) if row[4] == c)
    )
    taken: set[tuple[int, int]] = set()
    n_boxes = int((targets[..., 4] == c).sum())
    right, points = 0, []
    for place, (_, b, d) in enumerate(detections, start=1):
        x, y, w, h = scores[b, d, :4]
        best, hit = least, None
        for m, (x2, y2, w2, h2, of_class, _) in enumerate(targets[b]):
            if of_class != c or (b, m) in taken:
                continue
            common = max(0, min(x + w, x2 + w2) - max(x, x2)) * max(0, min(y + h, y2 + h2) - max(y, y2))
            found = common / (w * h + w2 * h2 - common)
            if found >= best:
                best, hit = found, (b, m)
        if hit is not None:
            taken.add(hit)
            right += 1
        points.append((right / n_boxes, right / place))
    of_recall = [max([p for r, p in points if r >= recall], default=0.0) for recall in RECALLS]
    return sum(of_recall) / 101


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition_box_by_box(seed: int):
    scores, targets, mask = pictures(seed, crowds=False)
    scores[..., 5] += np.random.default_rng(seed).random(scores.shape[:2]) * 1e-3
    metric = detection_metrics(N_CLASSES)[1]
    assert metric.parts is not None
    found = metric.parts(metric.record(scores, targets, mask), N_CLASSES)
    assert found.tolist() == pytest.approx(
        [literal_average_precision(scores, targets, c, OVERLAPS[0]) for c in range(N_CLASSES)]
    )


def test_an_empty_picture_is_a_label_and_no_class_annotated_is_none():
    scores, targets, mask = pictures(1)
    empty = np.full((1, *targets.shape[1:]), -1.0)
    metric = detection_metrics(N_CLASSES)[0]
    wrong = np.concatenate([scores, scores[:1]])
    without = metric.compute(scores, targets, mask)
    unlabelled = np.concatenate([mask, np.zeros((1, N_CLASSES), bool)])
    assert metric.compute(wrong, np.concatenate([targets, empty]), unlabelled) == without
    annotated = np.concatenate([mask, np.ones((1, N_CLASSES), bool)])
    assert metric.compute(wrong, np.concatenate([targets, empty]), annotated) < without


def test_records_of_joined_pictures_are_the_joined_records():
    scores, targets, mask = pictures(2)
    whole = detection_record(scores, targets, mask)
    parts = [detection_record(scores[i : i + 5], targets[i : i + 5], mask[i : i + 5]) for i in (0, 5, 10)]
    assert np.array_equal(whole, np.concatenate(parts), equal_nan=True)


@pytest.mark.parametrize("metric", detection_metrics(N_CLASSES), ids=lambda metric: metric.name)
def test_without_any_true_box_there_is_no_figure(metric):
    scores, targets, mask = pictures(3)
    assert np.isnan(metric.compute(scores, np.full_like(targets, -1), mask))
    assert np.isnan(metric.compute(scores, targets, np.zeros_like(mask)))
    assert np.isnan(metric.value(metric.record(scores[:0], targets[:0], mask[:0])))


def test_without_any_detection_nothing_is_found():
    scores, targets, mask = pictures(4)
    nothing = np.full_like(scores, -1.0)
    assert [metric.compute(nothing, targets, mask) for metric in detection_metrics(N_CLASSES)] == [0, 0, 0, 0]
