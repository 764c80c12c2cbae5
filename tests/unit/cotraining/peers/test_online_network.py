"""A network under way: what it says, what it learns from, and that it can go on from any moment."""

from __future__ import annotations

import copy

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTraining, EstimatorPeer, View
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.peers._base import Online
from cotrain.cotraining.peers._online_network import OnlineNetwork
from cotrain.training import Examples
from cotrain.training._predict import outputs_of

ONLINE = Online(gaussian=0.0, swap=0.0, average=0.9, true_share=0.5)


@pytest.fixture
def begun(make_problem):
    """Return a maker of networks under way, all alike, and the problem."""
    problem = make_problem(kinds_=("class", "size"), n=120, labelled=40)

    def begin(view: View | None = None) -> OnlineNetwork:
        factory = problem.networks(CoTraining(updates=6))
        peer = factory.network("one", view=view)
        true = problem.train.labelled().any(dim=1)
        start = peer.fit(problem.train, None, "start", FitCache())
        return peer.begin(problem.train, start, ONLINE, n_rounds=3, true=true)

    begin.problem = problem
    return begin


def relabelled(examples: Examples, value: float) -> Examples:
    """Return the rows with pseudo-labels of the number in every cell without one, at half weight."""
    known = examples.masks["size"] > 0
    targets = torch.where(known, examples.targets["size"], torch.full_like(examples.targets["size"], value))
    masks = torch.where(known, 1.0, 0.5)
    return Examples(examples.inputs, {**examples.targets, "size": targets}, {**examples.masks, "size": masks})


def test_it_says_what_the_average_of_its_weights_believes(begun):
    network, inputs = begun(), begun.problem.validation.inputs
    network.learn(begun.problem.train)
    averaged = outputs_of(network.fit.kept_model, inputs)["size"]
    latest = outputs_of(network.fit.model, inputs)["size"]
    said = network.predictions(inputs)["size"].values
    assert torch.allclose(said, averaged, atol=1e-6)
    assert not torch.allclose(said, latest, atol=1e-4)


def test_passes_and_steps_are_counted_on_from_the_start(begun):
    network = begun()
    before, passes = network.updates, []
    assert before > 0
    while network.passes < network.n_passes:
        network.learn(begun.problem.train)
        passes.append(network.passes)
    assert passes == list(range(1, network.n_passes + 1))
    assert network.updates == before + network.n_passes * network.fit.steps_per_epoch


def test_it_learns_from_the_labels_that_it_is_given_for_the_pass(begun):
    means = []
    for value in (-3.0, 3.0):
        network = begun()
        for _ in range(network.n_passes):
            network.learn(relabelled(begun.problem.train, value))
        means.append(float(network.predictions(begun.problem.validation.inputs)["size"].values.mean()))
    assert means[1] > means[0] + 0.2


def test_only_targets_and_masks_of_what_it_is_given_are_looked_at(begun):
    network, other = begun(), begun()
    rows = begun.problem.train
    network.learn(rows)
    other.learn(Examples({"inputs": torch.full_like(rows.inputs["inputs"], 1e9)}, rows.targets, rows.masks))
    inputs = begun.problem.validation.inputs
    one, two = (each.predictions(inputs)["size"].values for each in (network, other))
    assert torch.equal(one, two)


def test_a_snapshot_is_a_copy_and_answers_as_the_network_did_then(begun):
    network, inputs = begun(), begun.problem.validation.inputs
    network.learn(begun.problem.train)
    then, updates, snapshot = network.predictions(inputs), network.updates, network.snapshot()
    network.learn(relabelled(begun.problem.train, 5.0))
    fitted = network.fitted(snapshot)
    assert fitted.updates == updates
    assert torch.equal(fitted.predictions(inputs)["size"].values, then["size"].values)
    assert not torch.equal(network.predictions(inputs)["size"].values, then["size"].values)


def test_from_its_state_another_goes_on_bit_identical(begun):
    network, other, inputs = begun(), begun(), begun.problem.validation.inputs
    network.learn(begun.problem.train)
    # As it comes from a file: an optimiser shares the tensors that it is given.
    other.load_state_dict(copy.deepcopy(network.state_dict()))
    assert (other.passes, other.updates) == (network.passes, network.updates)
    for each in (network, other):
        each.learn(relabelled(begun.problem.train, 1.0))
    one, two = (each.predictions(inputs) for each in (network, other))
    assert torch.equal(one["class"].probabilities, two["class"].probabilities)
    assert torch.equal(one["size"].values, two["size"].values)


def test_what_its_view_hides_changes_nothing(begun):
    network = begun(View({"inputs": torch.tensor([True, True, False, False])}))
    inputs = begun.problem.validation.inputs["inputs"]
    hidden = inputs.clone()
    hidden[:, 2:] = 100.0
    one, two = (network.predictions({"inputs": x})["class"].probabilities for x in (inputs, hidden))
    assert torch.equal(one, two)


def test_it_starts_from_a_fitted_network_alone(begun):
    problem = begun.problem
    peer = problem.networks(CoTraining(updates=6)).network("one")
    other: EstimatorPeer = problem.factory.network("linear")
    start = other.fit(problem.train, None, "start", FitCache())
    with pytest.raises(InvalidArgumentError, match="'one' goes on from a fitted network"):
        peer.begin(problem.train, start, ONLINE, n_rounds=1, true=problem.train.labelled().any(dim=1))
