import numpy as np

from cotrain.data.columns._tokens import buckets_for, pad


def test_pads_and_cuts() -> None:
    padded = pad(np.array([0, 0, 0, 2]), np.array([5, 6, 7, 8]), 3, 2)
    assert padded.tolist() == [[5, 6], [0, 0], [8, 0]]
    assert pad(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 2, 1).tolist() == [[0], [0]]


def test_buckets_are_powers_of_two_within_bounds() -> None:
    assert [buckets_for(n, 4, 64) for n in (0, 4, 5, 17, 1000)] == [4, 4, 8, 32, 64]
