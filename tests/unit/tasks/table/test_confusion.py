from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cotrain.tasks.table._confusion import MOST_CLASSES, confusion, confusion_matrix


def test_thousands_of_classes_need_no_matrix_of_all_of_them() -> None:
    probabilities, truth = np.random.default_rng(0).random((3, 20_000)), np.array([[5], [5], [20_000]])
    diagnosis = confusion()
    found = diagnosis.summary(
        diagnosis.record(probabilities, truth, np.ones((3, 1), bool)), [str(c) for c in range(20_000)]
    )
    assert np.array(found["confusion"]["counts"]).sum() == 3
    assert found["confusion"]["names"][-1] == "(other)"


@given(st.integers(2, 40), st.integers(0, 200), st.integers(0, 2**16))
def test_counts_are_those_of_the_whole_matrix(n_classes: int, n_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, predicted = rng.integers(0, n_classes + 1, n_rows), rng.integers(0, n_classes, n_rows)
    found = confusion_matrix([f"k{c}" for c in range(n_classes)], truth, predicted)
    counts = np.zeros((n_classes + 1, n_classes + 1), dtype=int)
    np.add.at(counts, (truth, predicted), 1)
    names = [name for name in found["names"] if name != "(other)"]
    assert len(names) == min(n_classes, MOST_CLASSES)
    kept = [int(name[1:]) for name in names]
    rest = [c for c in range(n_classes + 1) if c not in kept]
    assert min(counts[kept].sum(axis=1)) >= max([0, *counts[[c for c in rest if c < n_classes]].sum(axis=1)])
    blocks = np.array(found["counts"])
    np.testing.assert_array_equal(blocks[: len(kept), : len(kept)], counts[np.ix_(kept, kept)])
    if len(found["names"]) > len(kept):
        np.testing.assert_array_equal(blocks[:-1, -1], counts[np.ix_(kept, rest)].sum(axis=1))
        np.testing.assert_array_equal(blocks[-1, :-1], counts[np.ix_(rest, kept)].sum(axis=0))
        assert blocks[-1, -1] == counts[np.ix_(rest, rest)].sum()
    assert blocks.sum() == n_rows
    assert found["right"] == np.trace(counts[:-1])
