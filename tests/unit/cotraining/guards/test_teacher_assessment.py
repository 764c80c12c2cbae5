from __future__ import annotations

import math

import pytest
import torch

from cotrain.cotraining import Committee, CoTraining, EstimatorPeer
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.guards._teacher_assessment import LEAST_TO_JUDGE, Holdout
from cotrain.training import Examples


def counted(problem, kin, seen: list[str]):
    """Let the factory give peers of these kin, whose fits are written down."""

    class Counted(EstimatorPeer):
        def fit(self, examples, validation, key, cache, *, true=None):
            seen.append(key)
            return super().fit(examples, validation, key, cache, true=true)

    def network(name, tasks=None, view=None, *, bootstrap=False):
        peer = Counted(name, problem.tasks, problem.factory.classifier)
        peer.kin = kin or name
        return peer

    problem.factory.network = network


@pytest.mark.parametrize(("kin", "fits"), [("one", 3), (None, 9)])
def test_peers_that_differ_by_chance_alone_are_cross_fitted_once(make_problem, kin, fits):
    problem = make_problem(labelled=60)
    seen: list[str] = []
    counted(problem, kin, seen)
    outcome = problem.run(CoTraining(Committee(3), 1, folds=3, margin=0.0, min_labels=0), validation=False)
    assert sum(key.startswith("fold-") for key in seen) == fits
    temperatures = {assessment["class"].calibrator.temperature for assessment in outcome.assessments}
    assert len(outcome.assessments) == 3
    assert len(temperatures) == 1


def test_where_validation_labels_are_enough_nothing_is_fitted_again(make_problem):
    problem = make_problem(labelled=60, held=80)
    seen: list[str] = []
    counted(problem, None, seen)
    problem.run(CoTraining(Committee(3), 1, margin=0.0))
    assert not any(key.startswith("fold-") for key in seen)


def test_folds_do_not_see_the_labels_that_they_are_judged_by(make_problem):
    """With labels drawn by lot no fold knows more than the class shares, however well it fits its own."""
    problem = make_problem(labelled=200)
    spoiled = torch.randint(
        0, 3, problem.train.targets["class"].shape, generator=torch.Generator().manual_seed(0)
    )
    train = Examples(problem.train.inputs, {"class": spoiled}, problem.train.masks)
    peer = problem.factory.network("linear")
    holdout = Holdout(train, None, CoTraining())
    assessment = holdout.assessments(peer, peer.fit(train, None, "start", FitCache()), "peer")["class"]
    assert not assessment.teaches
    assert assessment.n_labels == 200


def test_too_few_labels_say_nothing_against_a_peer(make_problem):
    problem = make_problem(labelled=LEAST_TO_JUDGE - 1)
    peer = problem.factory.network("linear")
    holdout = Holdout(problem.train, None, CoTraining())
    assessment = holdout.assessments(peer, peer.fit(problem.train, None, "start", FitCache()), "peer")[
        "class"
    ]
    assert math.isnan(assessment.skill)
    assert assessment.teaches
