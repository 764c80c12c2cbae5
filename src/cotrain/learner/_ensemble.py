"""Networks of one recipe that begin differently, and answer with the mean of what they predict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain._base._ragged import Leaf, Ragged
from cotrain.cotraining import CoTraining
from cotrain.tasks import Task
from cotrain.training import FitResult
from cotrain.training._best_weights import Weights

#: More networks than these are a typing error: what the tenth adds is seldom seen.
MOST = 100
#: The folder of a run in which the networks after the first have their states and histories.
MEMBERS = "members"


def require_ensemble(ensemble: int | None, cotraining: CoTraining | None) -> None:
    """Raise `InvalidArgumentError` if a learner can have no ensemble of so many networks.

    Args:
        ensemble: N; `None`: it was left open.
        cotraining: of the same learner.
    """
    if ensemble is None:
        return
    if not isinstance(ensemble, int) or isinstance(ensemble, bool) or not 1 <= ensemble <= MOST:
        raise InvalidArgumentError(
            f"Learner(ensemble={ensemble!r}): expected a whole number of networks in [1, {MOST}]."
        )
    if ensemble > 1 and cotraining is not None:
        raise InvalidArgumentError(
            f"Learner(ensemble={ensemble}): co-training ends with one network, which its rounds have taught; "
            "leave one of the two out."
        )


def member_seed(seed: int, number: int) -> int:
    """Return the seed of a network: the first one has that of the learner, and is the network without others.

    Others are not the seeds that follow, which the fits of a comparison have.

    Example:
        >>> member_seed(7, 0), member_seed(7, 1) == member_seed(8, 0)
        (7, False)
    """
    return seed if number == 0 else mix_seed(seed, "ensemble", number)


def member_folder(folder: Path, number: int) -> Path:
    """Return where a network has its state and history while a run goes on, and afterwards.

    Example:
        >>> member_folder(Path("run"), 0).as_posix(), member_folder(Path("run"), 2).as_posix()
        ('run', 'run/members/2')
    """
    return folder if number == 0 else folder / MEMBERS / str(number)


def has_mean(task: Task, output: Leaf) -> bool:
    """Return whether predictions of several networks can be averaged.

    Args:
        task: fitted.
        output: of one row.
    """
    values = output.values if isinstance(output, Ragged) else output
    return task.mean_output([values, values]) is not None


def sharing(result: FitResult, first: FitResult) -> FitResult:
    """Return a fit whose weights, where they equal those of the first one, are its very tensors.

    A large network that was trained before, and does not learn, is then held once.

    Example:
        >>> one, other = (FitResult([{"w": torch.ones(2)}], {"sold": 0}, {}, [], {}) for _ in range(2))
        >>> sharing(other, one).weights[0]["w"] is one.weights[0]["w"]
        True
    """
    kept = first.weights[0]
    weights = [
        {name: kept[name] if name in kept and torch.equal(kept[name], w) else w for name, w in one.items()}
        for one in result.weights
    ]
    return replace(result, weights=weights)


def joined_weights(
    results: Sequence[FitResult], averaged: Collection[str]
) -> tuple[list[Weights], dict[str, list[int]]]:
    """Return the sets of weights of all networks, and task -> those of them that answer.

    Args:
        results: of the fits.
        averaged: tasks that all networks answer for; for others the first one does.

    Example:
        >>> two = [FitResult([{}], {"sold": 0, "boxes": 0}, {}, [], {}) for _ in range(2)]
        >>> joined_weights(two, ["sold"])[1]
        {'sold': [0, 1], 'boxes': [0]}
    """
    weights: list[Weights] = []
    weights_of: dict[str, list[int]] = {task: [] for task in results[0].weights_of}
    for result in results:
        for task, number in result.weights_of.items():
            if task in averaged or result is results[0]:
                weights_of[task].append(len(weights) + number)
        weights += result.weights
    return weights, weights_of


def joined_results(results: Sequence[FitResult]) -> FitResult:
    """Return how the first network's fit went, with the time and the steps left out of all."""
    first = results[0]
    if len(results) == 1:
        return first
    skipped: Counter[str] = Counter()
    for result in results:
        skipped.update(result.skipped)
    known = [result.seconds for result in results if result.seconds is not None]
    return replace(first, skipped=dict(skipped), seconds=sum(known) if known else None)


def networks(ensemble: int | None, what: str) -> str:
    """Name the networks that are fitted for something.

    Example:
        >>> networks(None, "for sold alone"), networks(3, "for sold alone")
        ('a network for sold alone', '3 networks for sold alone')
    """
    return f"a network {what}" if ensemble in (None, 1) else f"{ensemble} networks {what}"


def ensemble_sentence(weights_of: Mapping[str, Sequence[int]]) -> str:
    """Say what answers where that is an ensemble, in one sentence; "" where it is not.

    Args:
        weights_of: task -> the sets of weights that answer.

    Example:
        >>> ensemble_sentence({"sold": (0, 1), "boxes": (0,)}).split("; ")[1]
        'for boxes the first one answers.'
        >>> ensemble_sentence({"sold": (1,)})
        ''
    """
    sizes = {task: len(of) for task, of in weights_of.items()}
    n = max(sizes.values(), default=1)
    if n == 1:
        return ""
    first = [task for task, size in sizes.items() if size == 1]
    rest = f"; for {', '.join(first)} the first one answers" if first else ""
    return f"The network is an ensemble: {n} networks from different seeds, mean of their predictions{rest}."
