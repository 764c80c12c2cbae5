"""What co-training is known to go wrong by, and the guard against each.

Every test fails when its guard is taken out.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.semi_supervised import SelfTrainingClassifier

from cotrain._base import DataError
from cotrain.balancing import Equal
from cotrain.cotraining import (
    Committee,
    CoTraining,
    CoTrainingClassifier,
    Curriculum,
    EstimatorPeer,
    KBest,
    SelfTraining,
    TeacherStudent,
    Threshold,
    TwoViewCoTraining,
    View,
)
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.training import Examples, Training

LEFT = View({"inputs": torch.tensor([True, True, False, False])})
RIGHT = View({"inputs": torch.tensor([False, False, True, True])})


def replaced(problem, peer) -> None:
    """Let a factory give this peer wherever a network is asked for."""
    problem.factory.network = lambda name, tasks=None, view=None, *, bootstrap=False: peer


class Forgetting(EstimatorPeer):
    """Learns nothing of one class as soon as there are pseudo-labels."""

    forgotten = 0

    def fit(self, examples, validation, key, cache, *, true=None):
        if key.startswith("round-") and not key.startswith("round-0"):
            kept = examples.targets["class"] != self.forgotten
            masks = {**examples.masks, "class": examples.masks["class"] * kept}
            examples = Examples(examples.inputs, examples.targets, masks)
        return super().fit(examples, validation, key, cache, true=true)


# -- classes starve and collapse ------------------------------------------------------------------------


def test_a_rare_class_that_starves_is_noticed_though_the_shares_hardly_move(make_problem):
    """As in self-training of random forests: nearly all pseudo-labels are right, and a class dies out."""
    problem = make_problem(labelled=100, n=400)
    kept = (problem.truth.targets["class"][:, 0] != 0) | (torch.arange(400) % 6 == 0)
    for name in ("train", "truth"):
        setattr(problem, name, getattr(problem, name).take(torch.nonzero(kept).flatten()))
    assert 0.05 < float((problem.truth.targets["class"] == 0).float().mean()) < 0.1
    replaced(problem, Forgetting("linear", problem.tasks, problem.factory.classifier))
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.6)), 1), validation=False)
    assert outcome.records[0].tasks[0].true_accuracy > 0.9
    assert outcome.chosen["class"] == 0
    assert (
        outcome.verdicts["class"]
        == "supervised start: every round was refused: its predictions left the labelled class shares"
    )


def test_quotas_keep_the_shares_of_what_is_accepted(make_problem):
    problem = make_problem(labelled=40, n=400)
    inputs = problem.train.inputs["inputs"].clone()
    # The unlabelled rows of one class lie far out: it is the one that is sure.
    inputs[40:][problem.truth.targets["class"][40:, 0] == 0] *= 3.0
    problem.train = Examples({"inputs": inputs}, problem.train.targets, problem.train.masks)
    settings = {"max_drift": 1.0}
    shares = {}
    for selector in (KBest(0.4), Curriculum(0.4)):
        outcome = problem.run(CoTraining(SelfTraining(selector), 1, **settings))
        accepted = outcome.records[0].tasks[0].per_class
        shares[type(selector)] = accepted["a"] / sum(accepted.values())
    assert shares[KBest] < 0.45 < 0.6 < shares[Curriculum]


# -- confirmation, no gain, drift by chance --------------------------------------------------------------


def test_labelling_to_the_bitter_end_falls_back_to_the_start(make_problem):
    """A teacher that guesses labels everything; whoever learns that loses, and gets the start back."""
    problem = make_problem(labelled=28, held=25, n=300)
    teacher = EstimatorPeer("guesser", problem.tasks, DummyClassifier(strategy="stratified", random_state=1))
    problem.factory.estimator = lambda *args, **options: teacher
    settings = CoTraining(
        TeacherStudent("estimators"), 2, pseudo_weight=1.0, by_confidence=False, max_drift=1.0
    )
    outcome = problem.run(settings)
    last = outcome.records[-1].tasks[0]
    assert last.after < last.start
    assert outcome.chosen["class"] == 0
    assert outcome.verdicts["class"].startswith("supervised start")


# -- overconfidence --------------------------------------------------------------------------------------


class Boasting(LogisticRegression):
    """A linear classifier that claims to be all but certain."""

    def predict_proba(self, X):
        p = super().predict_proba(X) ** 30
        return p / p.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("validation", [True, False])
def test_thresholds_are_held_against_calibrated_confidence(make_problem, validation: bool):
    """Where a fifth of the labels is wrong nothing can be .95 sure, whatever a network says of itself."""
    problem = make_problem(labelled=200, n=500, held=200)
    generator = torch.Generator().manual_seed(0)
    for name in ("train", "truth", "validation"):
        rows = getattr(problem, name)
        wrong = torch.rand(len(rows), 1, generator=generator) < 0.3
        spoiled = torch.where(wrong, (rows.targets["class"] + 1) % 3, rows.targets["class"])
        setattr(problem, name, Examples(rows.inputs, {"class": spoiled}, rows.masks))
    problem.factory.classifier = Boasting()
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.95)), 1), validation=validation)
    assert not outcome.records
    assert outcome.stopped.startswith("nothing was accepted")
    low = problem.run(CoTraining(SelfTraining(Threshold(0.5)), 1), validation=validation)
    record = low.records[0].tasks[0]
    assert record.accepted > 100
    assert abs(record.estimated_accuracy - record.true_accuracy) < 0.1


def test_estimated_stands_beside_true_accuracy_for_rows_from_elsewhere(make_problem):
    problem = make_problem(labelled=60, n=300)
    inputs = problem.train.inputs["inputs"].clone()
    inputs[60:] = inputs[60:].roll(1, dims=1) * 4.0
    problem.train = Examples({"inputs": inputs}, problem.train.targets, problem.train.masks)
    record = problem.run(CoTraining(SelfTraining(KBest(0.5)), 1)).records[0].tasks[0]
    assert record.true_accuracy < record.estimated_accuracy - 0.2


# -- one task poisons another ----------------------------------------------------------------------------


@pytest.mark.parametrize("poison", ["permuted", "constant", "nan", "failing"])
def test_a_broken_task_leaves_the_others_rounds_untouched(make_problem, poison: str):
    """With a network per task, the good task's rounds are the very same as without the broken one."""
    alone = make_problem(kinds_=["class"], labelled=60)
    both = make_problem(kinds_=["class", "size"], labelled=60)
    size = both.train.targets["size"].clone()
    if poison == "permuted":
        size[:60] = size[:60][torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    elif poison == "constant":
        size[:] = 0.7
    both.train = Examples(both.train.inputs, {**both.train.targets, "size": size}, both.train.masks)

    class Broken(Ridge):
        def predict(self, X):
            values = super().predict(X)
            if poison == "nan":
                return np.full(len(X), np.nan)
            return values * 1e30 if poison == "failing" else values

    factory = copy.copy(both.factory)

    def network(name, tasks=None, view=None, *, bootstrap=False):
        return EstimatorPeer(name, tasks or both.tasks, factory.classifier, Broken(), view=view)

    both.factory.network = network
    settings = CoTraining(SelfTraining(KBest(), separate=True), 3)
    a, b = alone.run(settings), both.run(settings)
    assert [r.tasks[0].accepted for r in a.records] == [r.tasks[0].accepted for r in b.records]
    x, y = (o.predictions(alone.validation.inputs)["class"].probabilities for o in (a, b))
    assert torch.equal(x, y)
    if poison in ("nan", "failing"):
        assert all(record.tasks[1].accepted == 0 for record in b.records)


class Touchy(Ridge):
    """Refuses more rows than its first fit had, as if the pseudo-labels were not to its taste."""

    def __init__(self, most: int = 0):
        super().__init__()
        self.most = most

    def fit(self, X, y, sample_weight=None):
        if len(X) > self.most:
            raise ValueError(f"{len(X)} rows are too many for me")
        return super().fit(X, y, sample_weight)


def test_a_task_whose_teacher_fails_leaves_the_others_their_teacher(make_problem):
    alone = make_problem(kinds_=["class"], labelled=60)
    both = make_problem(kinds_=["class", "size"], labelled=60)
    outcomes = []
    for problem in (alone, both):
        factory, tasks = problem.factory, problem.tasks
        teacher = EstimatorPeer("teacher", tasks, factory.classifier, Touchy(most=10))
        factory.estimator = lambda *args, teacher=teacher, **options: teacher
        outcomes.append(problem.run(CoTraining(TeacherStudent("estimators"), 1)))
    a, b = outcomes
    assert a.records[0].tasks[0] == b.records[0].tasks[0]
    x, y = (o.predictions(alone.validation.inputs)["class"].probabilities for o in outcomes)
    assert torch.equal(x, y)
    size = b.records[0].tasks[1]
    assert size.accepted == 0
    assert size.note == "Touchy failed: 60 rows are too many for me"


def test_a_round_that_a_task_cannot_be_fitted_in_is_refused_for_that_task_alone(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=60)
    problem.factory.network = lambda name, tasks=None, view=None, *, bootstrap=False: EstimatorPeer(
        name, tasks or problem.tasks, problem.factory.classifier, Touchy(most=60)
    )
    problem.factory.named = {"left": LEFT, "right": RIGHT}
    strategy = TwoViewCoTraining(["left", "right"], selector=KBest(0.5))
    outcome = problem.run(CoTraining(strategy, 1, margin=0.0))
    assert outcome.chosen == {"class": 1, "size": 0}
    assert outcome.verdicts["size"].startswith("supervised start: every round was refused: Touchy failed: ")
    assert "refused: Touchy failed" in outcome.records[0].tasks[1].note
    assert torch.isfinite(outcome.predictions(problem.validation.inputs)["size"].values).all()


def test_a_task_that_the_answering_peer_cannot_learn_is_named(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=60)
    replaced(problem, EstimatorPeer("linear", problem.tasks, problem.factory.classifier, Touchy(most=10)))
    expected = "Task 'size' cannot be learned from its 60 labelled rows: Touchy failed: 60 rows are too many"
    with pytest.raises(DataError, match=expected):
        problem.run(CoTraining(SelfTraining(), 1))


# -- the same rows again, flipped labels ----------------------------------------------------------------


def test_each_cell_is_labelled_once_and_with_what_the_teacher_said(make_problem):
    problem = make_problem(kinds_=["yes"], labelled=30)
    seen: list[tuple[Examples, str]] = []

    class Watched(EstimatorPeer):
        def fit(self, examples, validation, key, cache, *, true=None):
            seen.append((examples, key))
            return super().fit(examples, validation, key, cache, true=true)

    replaced(problem, Watched("linear", problem.tasks, problem.factory.classifier))
    outcome = problem.run(CoTraining(SelfTraining(KBest(0.8)), 3, patience=9, margin=0.0))
    rounds = [one for one in seen if one[1].startswith("round-")]
    assert len(rounds) == 4
    for number, (examples, _) in enumerate(rounds[1:], 1):
        # No row stands there twice, and each pseudo-label is the last round's prediction: "no" stays "no".
        assert len(examples) == 200
        predicted = outcome.fitted[number - 1][0].predictions(problem.train.inputs)["yes"].classes()
        added = (examples.masks["yes"] > 0) & ~(problem.train.masks["yes"] > 0)
        assert torch.equal(examples.targets["yes"][added].long(), predicted[added])
        assert outcome.records[number - 1].tasks[0].accepted == int(added.sum())
        assert int((predicted[added] == 0).sum()) > 0


# -- unequal exposure -----------------------------------------------------------------------------------


def test_every_fit_takes_as_many_updates_as_the_start(make_problem):
    problem = make_problem(labelled=20, n=300)

    def build(name, tasks):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            sharing = HardSharing().build(
                lambda: MLP((8,), n_inputs=4).build(InputSpec()), [task.name for task in tasks]
            )
            return MultiTaskNetwork(sharing, {task.name: task.head(8) for task in tasks})

    settings = CoTraining(Committee(2), 2, updates=24, patience=9)
    factory = NetworkFactory(
        problem.tasks,
        build=build,
        balancer=Equal(),
        training=Training(1, 16, select="last", patience=None),
        settings=settings,
        shapes={"inputs": (4,)},
    )
    problem.factory = factory
    outcome = problem.run(settings)
    start = [one.updates for one in outcome.fitted[0]]
    assert outcome.records
    for record in outcome.records:
        # An epoch is never cut short: the steps are equal to within half an epoch.
        for steps, first in zip(record.updates, start, strict=True):
            assert abs(steps - first) <= 300 / 16 / 2 + 1


def test_random_forests_do_not_starve_their_classes():
    """A fixed threshold on a forest's votes, and labels that stay, let classes die out: here are neither."""
    x, y = load_digits(return_X_y=True)
    train, test = train_test_split(np.arange(len(y)), test_size=540, stratify=y, random_state=0)
    labelled, _ = train_test_split(train, train_size=63, stratify=y[train], random_state=0)
    few = np.full(len(y), -1)
    few[labelled] = y[labelled]
    forest = RandomForestClassifier(30, random_state=0)
    start = forest.fit(x[labelled], y[labelled]).score(x[test], y[test])
    starved = SelfTrainingClassifier(forest, threshold=0.7).fit(x[train], few[train])
    assert starved.score(x[test], y[test]) < start - 0.02
    model = CoTrainingClassifier(
        SelfTraining(Threshold(0.7)), estimator=forest, max_rounds=3, margin=0, min_labels=0, random_state=0
    )
    model.fit(x[train], few[train])
    assert model.score(x[test], y[test]) > start + 0.02
    shares = np.bincount(model.transduction_[model.labeled_iter_ > 0], minlength=10)
    assert shares.min() > 0.5 * shares.mean()
