"""What the factory makes has the run's parts, and a name that there is not is refused."""

from __future__ import annotations

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTraining, EstimatorPeer, NetworkPeer, View
from cotrain.cotraining._fit_cache import FitCache
from cotrain.networks import MLP

FOREST = "sklearn.ensemble:RandomForestClassifier"


def test_a_network_has_the_parts_of_the_run(make_problem):
    problem = make_problem(kinds_=("class", "size"))
    factory = problem.networks(CoTraining(updates=7, true_per_batch=5), seed=3)
    view, encoder = View({"inputs": torch.tensor([True, False, True, False])}), MLP((8,), n_inputs=4)
    peer = factory.network("one", [problem.tasks[1]], view, bootstrap=True, encoder=encoder)
    assert isinstance(peer, NetworkPeer)
    assert [task.name for task in peer.tasks] == ["size"]
    parts = (peer.seed, peer.updates, peer.true_per_batch, peer.bootstrap, peer.view, peer.encoder)
    assert parts == (3, 7, 5, True, view, encoder)
    assert [task.name for task in factory.network("all").tasks] == ["class", "size"]


def test_networks_of_one_name_are_equal_and_others_differ_in_their_initial_weights(make_problem):
    problem = make_problem(labelled=60)
    factory = problem.networks(CoTraining(updates=5))
    fits = [
        factory.network(name).fit(problem.train, None, f"{number}", FitCache())
        for number, name in enumerate(["one", "one", "other"])
    ]
    answers = [fit.predictions(problem.validation.inputs)["class"].probabilities for fit in fits]
    assert torch.equal(answers[0], answers[1])
    assert not torch.equal(answers[0], answers[2])


@pytest.mark.parametrize("seed", [0, 5, 2**40 + 5])
def test_an_estimator_gets_its_options_and_the_seed_of_the_run(make_problem, seed):
    problem = make_problem(kinds_=("class", "size"))
    factory = problem.networks(CoTraining(), seed=seed)
    peer = factory.estimator(
        "forest",
        FOREST,
        "sklearn.ensemble:RandomForestRegressor",
        {"n_estimators": 3},
        transductive=False,
        regressor_options={"n_estimators": 4},
    )
    assert isinstance(peer, EstimatorPeer)
    assert peer.classifier.get_params()["n_estimators"] == 3
    assert peer.regressor.get_params()["n_estimators"] == 4
    assert peer.classifier.random_state == peer.regressor.random_state == seed % 2**32


def test_an_estimator_without_a_seed_needs_none(make_problem):
    factory = make_problem().networks(CoTraining(), seed=5)
    peer = factory.estimator(
        "nearest",
        "sklearn.neighbors:KNeighborsClassifier",
        "sklearn.linear_model:Ridge",
        {"n_neighbors": 2},
        transductive=False,
    )
    assert isinstance(peer.classifier, KNeighborsClassifier)


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("", {}),
        ("RandomForestClassifier", {}),
        ("no_such_package:Forest", {}),
        ("sklearn.ensemble:NoSuchForest", {}),
        (FOREST, {"trees": 3}),
    ],
)
def test_an_estimator_that_cannot_be_made_is_named(make_problem, path, options):
    factory = make_problem().networks(CoTraining())
    with pytest.raises(InvalidArgumentError, match=f"Cannot make the estimator {path!r} .*'package.module:"):
        factory.estimator("one", path, "sklearn.linear_model:Ridge", options, transductive=False)


def test_what_is_no_estimator_is_refused(make_problem):
    factory = make_problem().networks(CoTraining())
    with pytest.raises(InvalidArgumentError, match="'collections:Counter' has no fit, predict, get_params"):
        factory.estimator("one", "collections:Counter", "sklearn.linear_model:Ridge", {}, transductive=False)


def test_named_views_come_in_the_order_of_their_names(make_problem):
    left, right = (View({"inputs": torch.arange(4) < 2}), View({"inputs": torch.arange(4) >= 2}))
    factory = make_problem().networks(CoTraining(), views={"left": left, "right": right})
    assert factory.views(["right", "left"], 2) == [right, left]
    with pytest.raises(InvalidArgumentError, match=r"no view 'rihgt' in cotraining\.views: .*'right'"):
        factory.views(["left", "rihgt"], 2)


@pytest.mark.parametrize("division", ["random", "independent"])
def test_without_names_the_columns_are_divided(make_problem, division):
    problem = make_problem()
    factory = problem.networks(CoTraining(division=division), inputs=problem.train.inputs)
    views = factory.views([], 2)
    seen = torch.stack([view.seen["inputs"] for view in views])
    assert seen.sum(dim=0).tolist() == [1] * 4, "each column is in one view"
    assert seen.any(dim=1).all()


def test_independent_views_keep_columns_that_say_the_same_together(make_problem):
    problem = make_problem()
    x = problem.train.inputs["inputs"][:, :2]
    inputs = {"inputs": torch.cat([x, x + 0.01], dim=1), "codes": torch.zeros(200, 1, dtype=torch.int64)}
    factory = problem.networks(CoTraining(division="independent"), inputs=inputs)
    for view in factory.views([], 2):
        assert list(view.seen) == ["inputs"], "only what the shapes name is divided"
        assert view.seen["inputs"][:2].tolist() == view.seen["inputs"][2:].tolist()
    # Without the rows there is nothing to see, and lots decide.
    assert len(problem.networks(CoTraining(division="independent")).views([], 2)) == 2
