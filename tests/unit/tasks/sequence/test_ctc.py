"""Texts of paths, held against all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from cotrain.tasks.sequence._ctc import greedy, least_frames, prefix_beam_search


def log_probabilities(seed: int, frames: int, symbols: int, sharpness: float = 1.0) -> np.ndarray:
    logits = sharpness * np.random.default_rng(seed).normal(size=(frames, symbols))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def text_of(path: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def of_all_paths(log_p: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of every text, path by path."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        p = math.exp(sum(log_p[t, s] for t, s in enumerate(path)))
        found[text_of(path)] = found.get(text_of(path), 0.0) + p
    return found


@pytest.mark.parametrize("seed", range(20))
def test_with_all_texts_kept_the_search_is_exact(seed: int):
    log_p = log_probabilities(seed, 5, 3)
    exact = of_all_paths(log_p)
    text, log_probability = prefix_beam_search(log_p, width=10_000)
    assert exact[tuple(text)] == pytest.approx(max(exact.values()))
    assert math.exp(log_probability) == pytest.approx(exact[tuple(text)], rel=1e-3)


@pytest.mark.parametrize("seed", range(5))
def test_the_probability_is_that_of_the_loss(seed: int):
    log_p = log_probabilities(seed, 12, 4, 3.0)
    text, log_probability = prefix_beam_search(log_p, width=200)
    loss = torch.nn.functional.ctc_loss(
        torch.from_numpy(log_p)[:, None],
        torch.tensor([text]),
        torch.tensor([12]),
        torch.tensor([len(text)]),
        reduction="sum",
    )
    assert log_probability == pytest.approx(-float(loss), abs=1e-2)


@pytest.mark.parametrize("seed", range(10))
def test_greedy_is_the_text_of_the_best_path(seed: int):
    log_p = log_probabilities(seed, 9, 4)
    assert tuple(greedy(log_p)) == text_of(tuple(log_p.argmax(axis=1)))


def test_many_paths_together_beat_the_best_one():
    log_p = np.log([[0.6, 0.4], [0.6, 0.4]])
    assert greedy(log_p) == []
    assert prefix_beam_search(log_p)[0] == [1]


@pytest.mark.parametrize("seed", range(10))
def test_only_given_words_are_said(seed: int):
    words = {(1,), (2, 1), (2, 2)}
    log_p = log_probabilities(seed, 7, 4)
    exact = {
        text: p
        for text, p in of_all_paths(log_p).items()
        if not text or all(tuple(word) in words for word in split(text, 3))
    }
    text, _ = prefix_beam_search(log_p, width=10_000, words=words, separator=3)
    assert exact[tuple(text)] == pytest.approx(max(exact.values()))


def split(text: tuple[int, ...], separator: int) -> list[list[int]]:
    parts: list[list[int]] = [[]]
    for symbol in text:
        if symbol == separator:
            parts.append([])
        else:
            parts[-1].append(symbol)
    return parts


def test_no_frames_say_nothing():
    assert greedy(np.zeros((0, 3))) == []
    assert prefix_beam_search(np.zeros((0, 3)))[0] == []


@pytest.mark.parametrize(
    ("symbols", "frames"), [([], 0), ([1], 1), ([1, 1], 3), ([1, 2, 1], 3), ([2, 2, 2], 5)]
)
def test_fewest_frames_are_those_below_which_the_loss_is_infinite(symbols: list[int], frames: int):
    assert least_frames(symbols) == frames
    if not symbols:
        return
    for n, finite in ((frames, True), (frames - 1, False)):
        log_p = torch.zeros(max(n, 1), 1, 3).log_softmax(-1)
        loss = torch.nn.functional.ctc_loss(
            log_p, torch.tensor([symbols]), torch.tensor([n]), torch.tensor([len(symbols)]), reduction="sum"
        )
        assert bool(torch.isfinite(loss)) == finite
