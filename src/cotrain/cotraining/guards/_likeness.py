"""Whether labelled rows are drawn like the unlabelled ones, by what the supervised start says of both."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.tasks import Task

#: Share of tasks with like rows of which it is said all the same that they are not, over all columns.
FALSE_ALARMS = 0.01


def can_be_unlike(task: Task) -> bool:
    """Return whether anything is said of a task: words, pixels and texts of a row are not independent."""
    return task.reads == "vector"


def unlikeness(task: Task, held: Sequence[HeldOut], pool: Sequence[Prediction]) -> str:
    """Say in what labelled rows are unlike the unlabelled ones; "" where that is not seen.

    Rounds are judged by held-out labels. Where these were not drawn as the unlabelled rows were (only easy
    ones, another share of the classes, another place) no such label shows what becomes of the latter. Each
    fit says something of labels that it has not seen and of the pool; if both are drawn alike the two have
    one distribution in each column (a class, or a number), and the largest distance of their empirical ones
    exceeds

        D = √(−½ ln(α / 2K)) / (√m + 0.12 + 0.11 / √m),    m = n N / (n + N)

    in a share α of samples at most, with n labels, N rows of the pool and K columns. Labels of one unit count
    as one.

    Args:
        task: see `can_be_unlike`.
        held: per fit, what it says of its held-out labels, the start's first.
        pool: per fit, what its start says of the unlabelled rows.

    Source: Rabanser, Günnemann & Lipton, "Failing Loudly: An Empirical Study of Methods for Detecting Dataset
    Shift", 2019, https://arxiv.org/abs/1810.11953, there with the outputs of one fit on rows held out;
    Stephens, 1970, for the distribution of Kolmogorov's distance in small samples.
    """
    if not can_be_unlike(task) or not any(one.n_labels for one in held) or not any(map(_n_rows, pool)):
        return ""
    labelled = np.concatenate([_said(one.predictions[0]) for one in held])
    unlabelled = np.concatenate([_said(one) for one in pool])
    if not (np.isfinite(labelled).all() and np.isfinite(unlabelled).all()):
        return ""
    n = sum(one.n_labels if one.groups is None else len(np.unique(one.groups)) for one in held)
    n_pool, columns = len(unlabelled) / len(pool), labelled.shape[1]
    root = math.sqrt(n * n_pool / (n + n_pool))
    bound = math.sqrt(-0.5 * math.log(FALSE_ALARMS / (2 * columns))) / (root + 0.12 + 0.11 / root)
    found = max(_distance(labelled[:, k], unlabelled[:, k]) for k in range(columns))
    if found <= bound:
        return ""
    return (
        f"labelled and unlabelled rows differ: what the start says of them lies {found:.2f} of 1 apart, by "
        f"chance at most {bound:.2f}, so that held-out labels may not speak for the unlabelled rows"
    )


def _n_rows(prediction: Prediction) -> int:
    return len(_said(prediction))


def _said(prediction: Prediction) -> np.ndarray:
    """Return the probabilities, or the values, as columns [N, K]; of two classes one says all."""
    if prediction.probabilities is None:
        return np.zeros((0, 1)) if prediction.values is None else prediction.values.double().numpy()
    p = prediction.probabilities.double().numpy()
    kept = p[..., 1:] if p.shape[-1] == 2 else p
    return kept.reshape(len(p), kept.shape[1] * kept.shape[2])


def _distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the largest distance of two empirical distribution functions."""
    places = np.concatenate([one, other])
    shares = [np.searchsorted(np.sort(part), places, side="right") / len(part) for part in (one, other)]
    return float(np.abs(shares[0] - shares[1]).max())
