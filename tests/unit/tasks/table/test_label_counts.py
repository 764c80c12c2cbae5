from __future__ import annotations

import numpy as np

from cotrain.tasks.table._label_counts import MOST_LABELS, label_counts


def test_the_labels_with_most_positive_rows_are_kept_in_their_order() -> None:
    rng = np.random.default_rng(0)
    targets = (rng.random((50, 40)) < np.linspace(0.05, 0.9, 40)).astype(float)
    scores, mask = rng.random((50, 40)), rng.random((50, 40)) < 0.7
    diagnosis = label_counts()
    names = [f"l{t:02d}" for t in range(40)]
    found = diagnosis.summary(diagnosis.record(scores, targets, mask), names)["labels"]
    kept = [names.index(label["name"]) for label in found]
    assert kept == sorted(kept)
    assert len(kept) == MOST_LABELS
    positive = ((targets > 0.5) & mask).sum(axis=0)
    assert min(positive[kept]) >= max(np.delete(positive, kept))
    for label, t in zip(found, kept, strict=True):
        rows = mask[:, t]
        assert label["true_positive"] == int(((scores[:, t] > 0.5) & (targets[:, t] > 0.5))[rows].sum())
        assert sum(value for key, value in label.items() if key not in ("name", "threshold")) == rows.sum()
