"""Estimators stand where a strategy asks for networks."""

from __future__ import annotations

import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import Committee, CoTraining, EstimatorPeer, View
from cotrain.cotraining._estimator_factory import EstimatorFactory
from cotrain.cotraining._fit_cache import FitCache
from cotrain.networks import MLP


def factory_of(problem, **estimators) -> EstimatorFactory:
    given = {"classifier": LogisticRegression(), "regressor": Ridge(), **estimators}
    left = View({"inputs": torch.arange(4) < 2})
    return EstimatorFactory(problem.networks(CoTraining(), seed=3, views={"left": left}), **given)


def test_a_network_is_an_estimator_of_all_or_some_tasks(make_problem):
    problem = make_problem(kinds_=("class", "size"))
    factory = factory_of(problem)
    assert factory.tasks == problem.tasks
    every, one = factory.network("every"), factory.network("one", [problem.tasks[1]])
    assert isinstance(every, EstimatorPeer)
    assert [task.name for task in every.tasks] == ["class", "size"]
    assert [task.name for task in one.tasks] == ["size"]
    assert every.view is None


def test_an_empty_list_of_tasks_is_not_all_of_them(make_problem):
    assert factory_of(make_problem()).network("none", []).tasks == []


def test_the_view_is_what_it_sees_and_the_seed_names_its_sample(make_problem):
    factory = factory_of(make_problem())
    [view] = factory.views(["left"], 2)
    plain, drawn = factory.network("one", view=view), factory.network("one", bootstrap=True)
    assert (plain.view, plain.bootstrap) == (view, None)
    assert drawn.bootstrap == 3


def test_its_clones_do_not_differ_by_chance_so_that_a_committee_draws_rows(make_problem):
    factory = factory_of(make_problem())
    assert not factory.differ
    assert all(peer.bootstrap is not None and peer.bayesian for peer in Committee().peers(factory))


@pytest.mark.parametrize("classifier", [LogisticRegression(), KNeighborsClassifier(1)])
def test_an_estimator_that_takes_no_weights_gets_a_sample(make_problem, classifier):
    """A nearest neighbour that had all labels would answer each of them; of a sample it lacks some."""
    problem = make_problem(labelled=40)
    factory = factory_of(problem, classifier=classifier)
    peers = [factory.network(name, [problem.tasks[0]], bootstrap="bayesian") for name in ("one", "two")]
    found = [
        peer.fit(problem.train, None, "start", FitCache()).predictions(problem.train.inputs)["class"]
        for peer in peers
    ]
    assert not torch.equal(found[0].probabilities, found[1].probabilities)


def test_an_encoder_is_for_networks(make_problem):
    with pytest.raises(InvalidArgumentError, match="MLP is given for the peer 'one', which is an estimator"):
        factory_of(make_problem()).network("one", encoder=MLP((8,), n_inputs=4))


def test_a_task_without_an_estimator_of_its_kind_is_refused(make_problem):
    with pytest.raises(InvalidArgumentError, match="needs regressor="):
        factory_of(make_problem(kinds_=("class", "size")), regressor=None).network("one")
    with pytest.raises(InvalidArgumentError, match="needs classifier="):
        factory_of(make_problem(), classifier=None).network("one")


def test_estimators_that_the_strategy_names_are_its_own(make_problem):
    peer = factory_of(make_problem()).estimator(
        "forest",
        "sklearn.ensemble:RandomForestClassifier",
        "sklearn.linear_model:Ridge",
        {"n_estimators": 2},
        transductive=False,
    )
    assert peer.classifier.get_params()["n_estimators"] == 2
    assert peer.classifier.random_state == 3
