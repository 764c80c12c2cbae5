import math

import numpy as np
import pytest

from cotrain.tasks.sequence._synthesis_metrics import mel_cepstra, synthesis_metrics, synthesis_record


def rows(seed=0, n=5, n_frames=7, n_mels=13):
    draw = np.random.default_rng(seed)
    targets = draw.normal(size=(n, n_frames, n_mels + 2))
    mask = np.arange(n_frames) < np.array([7, 3, 0, 1, 5])[:, None]
    for row in range(n):
        lengths = [2, 1] if mask[row].sum() == 3 else [int(mask[row].sum())]
        place = np.repeat(np.arange(len(lengths)), lengths)
        targets[row, : mask[row].sum(), -2] = place
        targets[row, : mask[row].sum(), -1] = np.repeat(lengths, lengths)
    scores = draw.normal(size=(n, n_frames, n_mels + 1))
    return scores, targets, mask


def slow(scores, targets, mask, n_mels, hop):
    """Frame by frame, unit by unit."""
    l1, mcd, durations = [], [], []
    for row in range(len(mask)):
        seen = set()
        for frame in np.flatnonzero(mask[row]):
            said, true = scores[row, frame, :n_mels], targets[row, frame, :n_mels]
            l1.append(sum(abs(a - b) for a, b in zip(said, true, strict=True)) / n_mels)
            total = 0.0
            for m in range(1, 13):
                cosine = [math.cos(math.pi * m * (j + 0.5) / n_mels) for j in range(n_mels)]
                total += sum((a - b) * c for a, b, c in zip(said, true, cosine, strict=True)) ** 2 / n_mels**2
            mcd.append(10 / math.log(10) * math.sqrt(2 * total))
            durations.append(abs(scores[row, frame, -1] - targets[row, frame, -1]) / targets[row, frame, -1])
            seen.add(targets[row, frame, -2])
    n_units = sum(len(set(targets[row, mask[row], -2])) for row in range(len(mask)))
    return np.mean(l1), np.mean(mcd), hop * np.sum(durations) / n_units


def test_they_equal_slow_ones():
    scores, targets, mask = rows()
    found = [metric.compute(scores, targets, mask) for metric in synthesis_metrics(0.01)]
    assert found == pytest.approx(slow(scores, targets, mask, 13, 0.01))


def test_records_of_joined_rows_are_joined_records_and_padding_counts_for_nothing():
    scores, targets, mask = rows()
    whole = synthesis_record(scores, targets, mask)
    assert np.isnan(whole[2]).all()
    parts = [synthesis_record(scores[i : i + 1], targets[i : i + 1], mask[i : i + 1]) for i in range(5)]
    assert np.array_equal(np.concatenate(parts), whole, equal_nan=True)
    wild = np.where(mask[..., None], scores, 1e6)
    assert np.array_equal(synthesis_record(wild, targets, mask), whole, equal_nan=True)


def test_loudness_alone_is_no_cepstral_distance_and_the_truth_is_perfect():
    _, targets, mask = rows()
    true = np.concatenate([targets[..., :-2], targets[..., -1:]], axis=2)
    assert [m.compute(true, targets, mask) for m in synthesis_metrics(0.01)] == pytest.approx([0, 0, 0])
    louder = true.copy()
    louder[..., :-1] += 2
    l1, mcd, _ = (metric.compute(louder, targets, mask) for metric in synthesis_metrics(0.01))
    assert (l1, mcd) == pytest.approx((2, 0))
    assert np.abs(mel_cepstra(np.ones((1, 40)))).max() < 1e-12


def test_no_label_gives_no_figure():
    scores, targets, mask = rows()
    for metric in synthesis_metrics(0.01):
        assert math.isnan(metric.compute(scores, targets, np.zeros_like(mask)))
