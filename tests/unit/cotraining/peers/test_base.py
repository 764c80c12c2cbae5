"""What a third party's peer has to say, and no more; and how often rows are seen."""

from __future__ import annotations

import pytest
import torch

from cotrain.cotraining import CoTraining, FittedPeer, Peer, Prediction, SelfTraining, Threshold
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining.peers import OnlinePeer
from cotrain.cotraining.peers._base import OnlineModel, bootstrapped, repeated_rows, with_updates
from cotrain.training import Examples, Training


class Nearest(Peer):
    """Says of every row the class of the nearest row with a label."""

    def fit(self, examples, validation, key, cache, *, true=None):
        known = (examples.masks["class"] > 0)[:, 0]
        return FittedNearest(examples.inputs["inputs"][known], examples.targets["class"][known, 0].long())


class FittedNearest(FittedPeer):
    updates = 0

    def __init__(self, rows, classes):
        self.rows, self.classes = rows, classes

    def predictions(self, inputs):
        nearest = torch.cdist(inputs["inputs"], self.rows).argmin(dim=1)
        one_hot = torch.nn.functional.one_hot(self.classes[nearest], 3).float()
        return {"class": Prediction(0.97 * one_hot[:, None] + 0.01)}


def test_a_peer_that_knows_only_the_two_methods_takes_part_in_every_round(make_problem):
    problem = make_problem(labelled=60, n=300)
    problem.factory.network = lambda name, tasks=None, view=None, **_: Nearest(name, problem.tasks)
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.5)), 2, margin=0.0, min_labels=0))
    assert outcome.records[0].tasks[0].accepted > 100
    assert outcome.records[0].tasks[0].true_accuracy > 0.8
    answer = outcome.predictions(problem.validation.inputs)["class"].classes()
    assert float((answer == problem.validation.targets["class"]).float().mean()) > 0.8


def test_a_peer_is_kin_to_itself_alone_unless_it_says_more(make_problem):
    tasks = make_problem().tasks
    assert Nearest("one", tasks).kin == "one"
    assert Nearest("two", tasks, kin=("nearest", 1)).kin == Nearest("three", tasks, kin=("nearest", 1)).kin


def test_the_tasks_are_a_list_of_ones_own(make_problem):
    tasks = make_problem().tasks
    peer = Nearest("one", tasks)
    tasks.clear()
    assert [task.name for task in peer.tasks] == ["class"]


def test_nothing_has_failed_until_a_peer_says_so_and_nobody_can_change_that_for_all():
    fitted = FittedNearest(torch.zeros(1, 4), torch.zeros(1, dtype=torch.int64))
    assert not fitted.failures
    with pytest.raises(TypeError):
        fitted.failures["class"] = "changed for everybody"


@pytest.mark.parametrize("kind", [Peer, FittedPeer, OnlinePeer, OnlineModel])
def test_a_peer_without_its_methods_cannot_be_made(kind):
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (kind,), {})(*(["half", []] if issubclass(kind, Peer) else []))


def test_a_fit_may_be_asked_for_outside_of_a_run(make_problem):
    problem = make_problem(labelled=30)
    fitted = Nearest("one", problem.tasks).fit(problem.train, None, "key", FitCache())
    assert fitted.predictions(problem.validation.inputs)["class"].probabilities.shape == (80, 1, 3)


# -- how often rows are seen --


def rows(n: int, n_true: int) -> tuple[Examples, torch.Tensor]:
    true = torch.arange(n) < n_true
    targets = (torch.arange(n) % 2)[:, None]
    return Examples({"x": torch.arange(n)[:, None].float()}, {"a": targets}, {"a": true[:, None]}), true


@pytest.mark.parametrize("n_rows", [10, 64, 65, 1000])
def test_equal_updates_whatever_the_number_of_rows(n_rows: int):
    settings = with_updates(Training(epochs=3, batch_size=64), n_rows, 160)
    steps = settings.epochs * -(-n_rows // 64)
    assert abs(steps - 160) <= -(-n_rows // 64) / 2


def test_the_users_settings_stay_as_they_are():
    settings = Training(epochs=3)
    with_updates(settings, 10, 99)
    assert settings.epochs == 3


def test_true_labels_are_not_drowned():
    examples, true = rows(1000, 10)
    more = examples.take(repeated_rows(true, 128, 16))
    share = float((more.inputs["x"][:, 0] < 10).float().mean())
    assert share * 128 >= 16
    assert set(more.inputs["x"][:, 0].tolist()) == set(range(1000))


def test_a_bootstrap_sample_keeps_every_class():
    examples, _ = rows(8, 2)
    for seed in range(20):
        mask = bootstrapped(examples, seed, "peer").masks["a"][:, 0]
        assert mask[0] > 0
        assert mask[1] > 0
        assert float(mask[2:].sum()) == 0


def test_the_bayesian_bootstrap_weighs_every_label_and_leaves_none_out():
    x = torch.arange(4000)[:, None].float()
    known = (x % 2 == 0).float()
    examples = Examples({"x": x}, {"a": x % 3, "size": x}, {"a": known, "size": known})
    masks = bootstrapped(examples, 0, "peer", numbers=["size"], bayesian=True).masks
    mask, sample = masks["a"], masks["size"]
    assert torch.equal(mask > 0, x % 2 == 0)
    # Of numbers it is a sample.
    assert set(sample.flatten().tolist()) <= set(map(float, range(12)))
    assert 0.3 < float((sample[known > 0] == 0).float().mean()) < 0.45
    weights = mask[mask > 0]
    # Exponential: mean and deviation are 1.
    assert float(weights.mean()) == pytest.approx(1, abs=0.1)
    assert float(weights.std()) == pytest.approx(1, abs=0.1)
    other = bootstrapped(examples, 0, "another", bayesian=True).masks["a"]
    assert not torch.equal(mask, other)


def test_a_bootstrap_sample_of_numbers_leaves_rows_out():
    x = torch.arange(40)[:, None].float()
    examples = Examples({"x": x}, {"a": x / 7}, {"a": torch.ones(40, 1)})
    mask = bootstrapped(examples, 0, "peer", numbers=["a"]).masks["a"]
    assert 8 <= int((mask == 0).sum()) <= 22
    one = Examples({"x": x}, {"a": x / 7}, {"a": (x == 3).float()})
    assert all(bootstrapped(one, seed, numbers=["a"]).masks["a"][3] > 0 for seed in range(10))
