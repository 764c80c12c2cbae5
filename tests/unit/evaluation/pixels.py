"""A kind of task with a class for every pixel, as small as it can be."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cotrain.tasks import ClassTargets, Metric, Task


class Pixels(Task):
    """C classes, targets uint8 [B, H, W], outputs [B, H, W, C]."""

    target_kind = ClassTargets()
    reads = "positions"
    n_outputs = 21
    labels = property(lambda self: [self.name])
    parts = property(lambda self: [str(c) for c in range(self.n_outputs)])

    def fit_columns(self, frame): ...
    def encode_columns(self, frame): ...
    def unseen(self, frame): ...
    def state_dict(self): ...
    def load_state_dict(self, state): ...
    def predict(self, output): ...
    def confidence(self, output): ...
    def pseudo_label(self, output): ...

    def output_layer(self, width):
        return nn.Linear(width, self.n_outputs)

    def losses(self, output, target):
        return functional.cross_entropy(output.movedim(-1, 1), target.long(), reduction="none")

    def reference_output(self, targets, mask):
        counts = torch.bincount(targets[mask].long(), minlength=self.n_outputs)
        return (counts / counts.sum()).clamp(min=1e-6).log()

    def scores(self, output):
        return output

    def original(self, targets):
        return targets

    @classmethod
    def available_metrics(cls):
        return [Metric("miou", "max", confusions, mean_iou, iou)]

    @classmethod
    def default_metrics(cls):
        return ["miou"]


def confusions(scores, targets, mask):
    n, size = len(scores), scores.shape[-1]
    pairs = targets.astype(np.int64) * size + scores.argmax(axis=-1)
    pairs = pairs + np.arange(n).reshape(n, *[1] * (pairs.ndim - 1)) * size**2
    return np.bincount(pairs[mask], minlength=n * size**2).reshape(n, size**2).astype(float)


def iou(records, n_parts):
    counts = records.sum(axis=0).reshape(n_parts, n_parts)
    hits = np.diag(counts)
    union = counts.sum(axis=0) + counts.sum(axis=1) - hits
    return np.where(union > 0, hits / np.maximum(union, 1), np.nan)


def mean_iou(records):
    return float(np.nanmean(iou(records, round(records.shape[1] ** 0.5)))) if records.any() else float("nan")
