import math

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain import tasks as kinds
from cotrain.cotraining._predictions import Prediction, joined, prediction_of_output, prior_of


def test_a_label_is_a_target_of_two_classes():
    task = kinds.Binary("b")
    prediction = prediction_of_output(task, torch.tensor([[0.0], [3.0], [-3.0]]))
    assert prediction.classes().flatten().tolist() == [0, 1, 0]
    assert prediction.confidence()[1].item() == pytest.approx(0.9526, abs=1e-3)
    assert prediction.confidence()[2].item() == pytest.approx(0.9526, abs=1e-3)
    assert prediction.scores(task)[1].item() == pytest.approx(0.9526, abs=1e-3)


def test_a_level_is_as_sure_as_it_is_probable_without_its_neighbours():
    task = kinds.Ordinal("level")
    task.fit(pl.DataFrame({"level": [0, 1, 2, 3] * 2}))
    prediction = prediction_of_output(task, torch.tensor([[4.0, 0.5, -0.5]]))
    p = task.scores(torch.tensor([[4.0, 0.5, -0.5]]))[0]
    level = int(prediction.classes()[0, 0])
    assert prediction.confidence()[0, 0].item() == pytest.approx(float(p[level]))


def test_a_number_is_as_sure_as_the_peers_are_of_one_mind():
    values = torch.tensor([[0.0], [0.0], [0.0], [0.0]])
    others = torch.tensor([[0.1], [2.0], [0.5], [4.0]])
    prediction = joined([Prediction(values=values), Prediction(values=others)])
    assert prediction.confidence().flatten().tolist() == pytest.approx([0.875, 0.375, 0.625, 0.125])
    assert prediction.values is not None
    assert prediction.values.flatten().tolist() == pytest.approx([0.05, 1.0, 0.25, 2.0])


def test_one_peer_alone_is_not_sure_of_any_number():
    prediction = joined([Prediction(values=torch.zeros(5, 1), spread=torch.zeros(5, 1))])
    assert prediction.confidence().flatten().tolist() == [0.5] * 5


def test_joined_says_where_the_peers_agree():
    a = Prediction(probabilities=torch.tensor([[[0.9, 0.1]], [[0.6, 0.4]]]))
    b = Prediction(probabilities=torch.tensor([[[0.8, 0.2]], [[0.3, 0.7]]]))
    both = joined([a, b])
    assert both.agree is not None
    assert both.agree.flatten().tolist() == [True, False]
    assert both.probabilities is not None
    assert both.probabilities[1, 0].tolist() == pytest.approx([0.45, 0.55])


def test_alignment_brings_the_mean_to_the_prior():
    p = torch.tensor([[[0.9, 0.1]], [[0.8, 0.2]], [[0.7, 0.3]], [[0.6, 0.4]]])
    aligned = Prediction(probabilities=p).aligned(
        torch.tensor([[0.5, 0.5]]), torch.ones(4, 1, dtype=torch.bool)
    )
    assert aligned.probabilities is not None
    assert aligned.classes().flatten().tolist() == [0, 0, 1, 1]
    assert aligned.probabilities.sum(dim=-1).flatten().tolist() == pytest.approx([1.0] * 4)


def test_alignment_leaves_numbers_alone():
    prediction = Prediction(values=torch.zeros(2, 1))
    assert prediction.aligned(torch.ones(1, 1), torch.ones(2, 1, dtype=torch.bool)) is prediction


def adjusted_literally(p: list[float], prior: list[float], strength: float) -> list[float]:
    """The softmax of adjusted logits, class by class in plain Python."""
    logits = [math.log(a) - strength * math.log(b) for a, b in zip(p, prior, strict=True)]
    powers = [math.exp(logit - max(logits)) for logit in logits]
    return [power / sum(powers) for power in powers]


SHARES = st.lists(st.floats(0.001, 1.0), min_size=3, max_size=3).map(lambda v: [x / sum(v) for x in v])


@given(p=SHARES, prior=SHARES, strength=st.floats(0.0, 2.0))
def test_logits_are_adjusted_as_by_hand(p: list[float], prior: list[float], strength: float):
    prediction = Prediction(probabilities=torch.tensor([[p]]))
    adjusted = prediction.logit_adjusted(torch.tensor([prior]), strength)
    assert adjusted.probabilities is not None
    expected = adjusted_literally(p, prior, strength)
    assert adjusted.probabilities[0, 0].tolist() == pytest.approx(expected, abs=1e-5)


@given(likelihood=SHARES, prior=SHARES)
def test_without_the_prior_only_the_likelihood_decides(likelihood: list[float], prior: list[float]):
    joint = torch.tensor(likelihood) * torch.tensor(prior)
    posterior = Prediction(probabilities=(joint / joint.sum())[None, None])
    adjusted = posterior.logit_adjusted(torch.tensor([prior]), 1.0)
    assert adjusted.probabilities is not None
    assert adjusted.probabilities[0, 0].tolist() == pytest.approx(likelihood, abs=1e-5)


def test_an_adjustment_of_nothing_and_of_numbers_changes_nothing():
    classes = Prediction(probabilities=torch.tensor([[[0.9, 0.1]]]))
    assert classes.logit_adjusted(torch.tensor([[0.98, 0.02]]), 0.0) is classes
    numbers = Prediction(values=torch.zeros(2, 1))
    assert numbers.logit_adjusted(torch.ones(1, 1), 1.0) is numbers


def test_it_can_be_asked_how_sure_another_class_is():
    p = torch.tensor([[[0.6, 0.3, 0.1]]])
    other = torch.tensor([[2]])
    assert Prediction(probabilities=p).confidence(other).item() == pytest.approx(0.1)


def test_the_prior_counts_true_labels_only():
    task = kinds.Multiclass("c")
    task.fit(pl.DataFrame({"c": [0, 1, 2] * 2}))
    targets = torch.tensor([[0], [0], [1], [2]])
    prior = prior_of(task, targets, torch.tensor([[True], [True], [True], [False]]))
    assert prior[0].tolist() == pytest.approx([2.5 / 4.5, 1.5 / 4.5, 0.5 / 4.5])
