"""Candidates for the tests of selectors."""

from __future__ import annotations

import torch

from cotrain.cotraining import Candidates, Selector


def candidates(
    classes: list[int],
    confidence: list[float],
    *,
    free: list[bool] | None = None,
    agree: list[bool] | None = None,
    prior: list[float] | None = None,
    progress: float = 1.0,
) -> Candidates:
    n = len(classes)
    return Candidates(
        classes=torch.tensor(classes)[:, None],
        confidence=torch.tensor(confidence)[:, None],
        free=torch.tensor(free or [True] * n)[:, None],
        agree=torch.tensor(agree or [True] * n)[:, None],
        prior=torch.tensor([prior or [0.5, 0.5]]),
        progress=progress,
        typicality=lambda n_neighbours: torch.ones(n, 1, len(prior or [0.5, 0.5])),
    )


def chosen(selector: Selector, given_: Candidates) -> list[int]:
    return torch.nonzero(selector.select(given_)[:, 0]).flatten().tolist()
