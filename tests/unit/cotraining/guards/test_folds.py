"""Folds of labelled rows: even, whole where rows belong together, and of no class that would be lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cotrain.cotraining.guards._folds import calibration_folds, deal_into_folds
from cotrain.training import Examples


def test_every_labelled_row_is_held_out_once_and_no_other(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=31)
    fold_of = deal_into_folds(problem.tasks, problem.train, 3, 0)
    assert torch.equal(fold_of >= 0, problem.train.labelled().any(dim=1))
    counts = torch.bincount(fold_of[fold_of >= 0])
    assert counts.max() - counts.min() <= 1
    classes = problem.train.targets["class"][:, 0]
    for c in range(3):
        of_class = torch.bincount(fold_of[(fold_of >= 0) & (classes == c)], minlength=3)
        assert of_class.max() - of_class.min() <= 1


def test_a_rare_class_stays_whole(make_problem):
    problem = make_problem(labelled=40)
    mask = problem.train.masks["class"].clone()
    rare = torch.nonzero((problem.train.targets["class"][:, 0] == 0) & mask[:, 0]).flatten()
    mask[rare[2:]] = False
    train = Examples(problem.train.inputs, problem.train.targets, {"class": mask})
    fold_of = deal_into_folds(problem.tasks, train, 3, 0)
    assert (fold_of[rare[:2]] == -1).all()
    assert (fold_of >= 0).sum() == mask.sum() - 2


@pytest.mark.parametrize("deal", [deal_into_folds, calibration_folds])
def test_equal_rows_stay_together(make_problem, deal):
    problem = make_problem(labelled=30)
    x = problem.train.inputs["inputs"].clone()
    x[15:30] = x[:15]
    train = Examples({"inputs": x}, problem.train.targets, problem.train.masks)
    fold_of = deal(problem.tasks, train, 3, 0)
    assert torch.equal(fold_of[:15], fold_of[15:30])


@pytest.mark.parametrize("deal", [deal_into_folds, calibration_folds])
def test_rows_of_a_unit_stay_together_and_the_folds_are_even_in_units(make_problem, deal):
    problem = make_problem(kinds_=["class", "size"], labelled=60)
    units = torch.full((200,), -1)
    units[:60] = torch.arange(60) // 5
    fold_of = deal(problem.tasks, replace(problem.train, units=units), 3, 0)
    held = fold_of[:60].reshape(12, 5)
    assert (held >= 0).all()
    assert (held == held[:, :1]).all()
    assert torch.bincount(held[:, 0], minlength=3).tolist() == [4, 4, 4]
    assert (fold_of[60:] == -1).all()


def test_a_class_of_fewer_units_than_folds_stays_whole(make_problem):
    problem = make_problem(labelled=60)
    rare = problem.train.targets["class"][:60, 0] == 0
    units = torch.full((200,), -1)
    units[:60] = torch.where(rare, torch.arange(60) % 2, torch.arange(60))
    fold_of = deal_into_folds(problem.tasks, replace(problem.train, units=units), 3, 0)
    assert (fold_of[:60][rare] == -1).all()
    assert (fold_of[:60] >= 0).any()


def test_a_row_that_repeats_one_of_a_rare_class_is_held_out_as_little(make_problem):
    problem = make_problem(labelled=40)
    mask, x = problem.train.masks["class"].clone(), problem.train.inputs["inputs"].clone()
    classes = problem.train.targets["class"][:, 0]
    rare = torch.nonzero((classes == 0) & mask[:, 0]).flatten()
    other = int(torch.nonzero((classes == 1) & mask[:, 0]).flatten()[0])
    mask[rare[2:]] = False
    x[other] = x[rare[0]]
    fold_of = deal_into_folds(
        problem.tasks, Examples({"inputs": x}, problem.train.targets, {"class": mask}), 3, 0
    )
    assert fold_of[other] == -1
