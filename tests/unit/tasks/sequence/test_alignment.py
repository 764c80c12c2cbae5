import itertools

import numpy as np
import pytest

from cotrain.tasks.sequence._alignment import divisions, learned_means, least_frames, shortest_division


def every_division(n_frames, optional):
    """All ways to give frames to units in order, those that are not optional one frame at least."""
    for counts in itertools.product(range(n_frames + 1), repeat=len(optional)):
        if sum(counts) == n_frames and all(n or may for n, may in zip(counts, optional, strict=True)):
            yield np.repeat(np.arange(len(optional)), counts)


@pytest.mark.parametrize("seed", range(30))
def test_no_division_is_cheaper(seed):
    draw = np.random.default_rng(seed)
    n_frames, n_units = int(draw.integers(1, 7)), int(draw.integers(1, 6))
    optional = np.zeros(n_units, bool)
    optional[int(draw.integers(2)) :: 2] = draw.random() < 0.7  # no two beside one another
    if least_frames(optional) > n_frames or (optional.all() and n_units == 1):
        optional[:] = False
        n_units = min(n_units, n_frames)
        optional = optional[:n_units]
    costs = draw.normal(size=(n_frames, n_units)) ** 2
    found = shortest_division(costs, optional)
    cost = lambda places: costs[np.arange(n_frames), places].sum()  # noqa: E731
    ways = list(every_division(n_frames, optional))
    assert any(np.array_equal(found, way) for way in ways)
    assert cost(found) == pytest.approx(min(cost(way) for way in ways))


def test_as_many_frames_as_units_leave_no_choice():
    costs = np.random.default_rng(0).normal(size=(5, 5)) ** 2
    assert shortest_division(costs, np.zeros(5, bool)).tolist() == [0, 1, 2, 3, 4]
    assert shortest_division(np.ones((1, 1)), np.zeros(1, bool)).tolist() == [0]


def spoken(seed, n=60, n_units=5):
    """Texts of units, each said as some frames around its own mean, 0 being a silence that may be absent."""
    draw = np.random.default_rng(seed)
    means = draw.normal(size=(n_units, 6)) * 3
    texts, frames, places = [], [], []
    for _ in range(n):
        text = np.array([0, *draw.integers(1, n_units, size=int(draw.integers(2, 5))), 0])
        counts = draw.integers(3, 9, size=len(text))
        counts[[0, -1]] = draw.integers(0, 3, size=2)
        place = np.repeat(np.arange(len(text)), counts)
        texts.append(text)
        places.append(place)
        frames.append(means[text[place]] + draw.normal(size=(len(place), 6)))
    return frames, texts, places, np.arange(n_units) == 0


@pytest.mark.parametrize("seed", range(3))
def test_units_are_found_in_what_is_said(seed):
    frames, texts, true, optional = spoken(seed)
    found = divisions(frames, texts, learned_means(frames, texts, optional), optional)
    right = [text[a] == text[b] for text, a, b in zip(texts, found, true, strict=True)]
    equal = [text[np.arange(len(x)) * len(text) // len(x)] == text[b]
             for text, x, b in zip(texts, frames, true, strict=True)]  # fmt: skip
    assert np.concatenate(right).mean() > 0.9 > np.concatenate(equal).mean()


def test_distances_fall_with_every_turn():
    frames, texts, _, optional = spoken(7)
    totals = []
    for turns in range(6):
        means = learned_means(frames, texts, optional, turns)
        places = divisions(frames, texts, means, optional)
        parts = zip(frames, texts, places, strict=True)
        totals.append(sum(((x - means[u[place]]) ** 2).sum() for x, u, place in parts))
    assert all(later <= before + 1e-9 for before, later in itertools.pairwise(totals))


def test_a_recording_beside_others_is_divided_as_alone():
    frames, texts, _, optional = spoken(1)
    means = learned_means(frames, texts, optional)
    together = divisions(frames, texts, means, optional)
    alone = [divisions([x], [u], means, optional)[0] for x, u in zip(frames, texts, strict=True)]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_a_unit_that_is_nowhere_sounds_like_all():
    frames, texts, _, optional = spoken(0)
    means = learned_means(frames, texts, np.append(optional, False))
    assert np.allclose(means[-1], np.concatenate(frames).mean(axis=0))
