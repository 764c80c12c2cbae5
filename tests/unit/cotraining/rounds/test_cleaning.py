"""True labels that are probably wrong are taken out before the first round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTraining
from cotrain.cotraining.rounds._cleaning import cleaned
from cotrain.cotraining.rounds._strategy_selection import run_rounds

KINDS = ("class", "yes", "size", "level", "tags")


def flipped(problem: Any, every: int = 4) -> tuple[Any, torch.Tensor]:
    """Return the problem with every n-th label of its classes wrong, and which these are."""
    wrong = (torch.arange(len(problem.train)) % every == 0)[:, None] & problem.train.masks["class"]
    targets = {**problem.train.targets}
    targets["class"] = torch.where(wrong, (targets["class"] + 1) % 3, targets["class"])
    return replace(problem, train=replace(problem.train, targets=targets)), wrong


def test_wrong_labels_are_taken_out_and_few_others(make_problem: Callable[..., Any]):
    problem, wrong = flipped(make_problem(labelled=150))
    run, counts = cleaned(problem.given(CoTraining(label_noise="confident")))
    gone = problem.train.masks["class"] & ~(run.examples.masks["class"] > 0)
    assert counts == {"class": int(gone.sum())}
    # The blobs overlap: a label that another blob could have is not to be found.
    assert float(gone[wrong].float().mean()) > 0.5
    assert int((gone & ~wrong).sum()) < 0.3 * int(gone.sum())


def test_the_validation_rows_and_the_given_rows_stay(make_problem: Callable[..., Any]):
    problem, _ = flipped(make_problem())
    before = problem.train.masks["class"].clone()
    run, _ = cleaned(problem.given(CoTraining(label_noise="confident")))
    assert run.validation is problem.validation
    assert torch.equal(problem.train.masks["class"], before)
    assert run.examples.targets["class"] is problem.train.targets["class"]


def test_nothing_is_looked_for_unless_it_is_asked_for(make_problem: Callable[..., Any]):
    given_ = make_problem().given(CoTraining())
    run, counts = cleaned(given_)
    assert run is given_
    assert counts == {}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_task_goes_through(make_problem: Callable[..., Any], kind: str):
    run, counts = cleaned(
        make_problem(kinds_=(kind,)).given(CoTraining(max_rounds=1, label_noise="confident"))
    )
    assert list(counts) == [kind]
    assert kind != "size" or counts[kind] == 0
    assert bool((run.examples.masks[kind] > 0).any())
    run_rounds(run)


def test_a_word_that_is_none_is_refused():
    with pytest.raises(InvalidArgumentError, match="label_noise is 'drop': expected keep or confident"):
        CoTraining(label_noise="drop")
