"""The loop: what a round does, what keeps it from harm, and that nothing leaks."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression, Ridge

from cotrain._base import DataError
from cotrain.cotraining import (
    Committee,
    CoTraining,
    Curriculum,
    EstimatorPeer,
    KBest,
    Prediction,
    SelfTraining,
    Strategy,
    TeacherStudent,
    Threshold,
    TriTraining,
    TwoViewCoTraining,
    View,
)
from cotrain.cotraining.guards import _round_choice
from cotrain.cotraining.guards._folds import deal_into_folds
from cotrain.cotraining.peers._estimator import FittedEstimators
from cotrain.cotraining.rounds import _co_training_loop
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.training import Examples

LEFT = View({"inputs": torch.tensor([True, True, False, False])})
RIGHT = View({"inputs": torch.tensor([False, False, True, True])})


def accuracy(problem, outcome, task=0) -> float:
    kind = problem.tasks[task]
    prediction = outcome.predictions(problem.validation.inputs)[kind.name]
    return float((prediction.classes() == problem.validation.targets[kind.name].long()).float().mean())


def test_the_textbook_labels_its_own_surest_rows(make_problem):
    problem = make_problem(labelled=9)
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.9)), 3))
    first = outcome.records[0].tasks[0]
    assert first.accepted > 50
    assert first.true_accuracy > 0.9
    assert accuracy(problem, outcome) >= 0.85


@pytest.mark.parametrize(
    "strategy",
    [SelfTraining(), Committee(), TriTraining(), TeacherStudent(), TwoViewCoTraining(["left", "right"])],
)
def test_no_default_ends_below_its_start(make_problem, strategy: Strategy):
    problem = make_problem(labelled=15, seed=3)
    problem.factory.named = {"left": LEFT, "right": RIGHT}
    outcome = problem.run(CoTraining(strategy, 3))
    start = dict.fromkeys(outcome.chosen, 0)
    after = accuracy(problem, outcome)
    before = accuracy(problem, type(outcome)(**{**outcome.__dict__, "chosen": start}))
    assert after >= before


def test_views_learn_from_each_other(make_problem):
    problem = make_problem(labelled=9)
    problem.factory.named = {"left": LEFT, "right": RIGHT}
    outcome = problem.run(CoTraining(TwoViewCoTraining(["left", "right"]), 3))
    assert outcome.peers == ["left", "right"]
    blind = {"inputs": problem.validation.inputs["inputs"].clone()}
    blind["inputs"][:, 2:] = 100.0
    seen, same = (
        outcome.fitted[-1][0].predictions(rows)["class"] for rows in (problem.validation.inputs, blind)
    )
    assert torch.equal(seen.probabilities, same.probabilities)


@pytest.mark.parametrize("kind", ["class", "yes", "size", "level", "tags"])
def test_every_kind_of_task_labels_itself(make_problem, kind: str):
    problem = make_problem(kinds_=[kind], labelled=30)
    strategy = TwoViewCoTraining(["left", "right"], selector=KBest(0.5))
    problem.factory.named = {"left": LEFT, "right": RIGHT}
    outcome = problem.run(CoTraining(strategy, 2))
    assert outcome.records
    assert outcome.records[-1].tasks[0].accepted > 0
    labels = outcome.labels[kind]
    assert labels.values.dtype == problem.train.targets[kind].dtype
    assert labels.values.shape == problem.train.targets[kind].shape


# -- true labels and leakage ----------------------------------------------------------------------------


def test_true_labels_are_never_overwritten(make_problem):
    problem = make_problem(labelled=30)
    # Labels that the model itself would not give.
    before = problem.train.targets["class"].clone()
    fingerprint, held = problem.train.fingerprint(), problem.validation.fingerprint()
    outcome = problem.run(CoTraining(SelfTraining(Curriculum(1.0)), 3))
    assert problem.train.fingerprint() == fingerprint
    assert problem.validation.fingerprint() == held
    assert torch.equal(problem.train.targets["class"], before)
    true = problem.train.masks["class"] > 0
    assert not bool((outcome.labels["class"].accepted & true).any())


def test_a_validation_row_in_the_pool_gets_no_label(make_problem):
    problem = make_problem(labelled=30)
    inputs = problem.train.inputs["inputs"].clone()
    inputs[100:140] = problem.validation.inputs["inputs"][:40]
    problem.train = Examples({"inputs": inputs}, problem.train.targets, problem.train.masks)
    strategy = SelfTraining(Curriculum(1.0))
    outcome = problem.run(CoTraining(strategy, 1, margin=0.0))
    accepted = outcome.labels["class"].accepted[:, 0]
    assert not bool(accepted[100:140].any())
    assert bool(accepted[140:].any())


def test_a_row_in_the_pool_that_is_like_one_of_a_fold_gets_no_label_in_its_rounds(make_problem):
    problem = make_problem(labelled=60)
    problem.train.inputs["inputs"][100:110] = problem.train.inputs["inputs"][:10]
    held, rest = problem.train.take(torch.arange(20)), problem.train.take(torch.arange(20, 200))
    run = replace(problem.given(CoTraining(SelfTraining()), validation=False), examples=rest, truth=None)
    assert torch.nonzero(~CoTrainingLoop(run, held).labeller.open_rows).flatten().tolist() == list(
        range(80, 90)
    )


@pytest.mark.parametrize("as_validation", [False, True])
def test_a_row_in_the_pool_of_the_same_unit_as_one_held_out_gets_no_label(make_problem, as_validation):
    problem = make_problem(labelled=60)
    units = torch.arange(200) // 10
    units[100:110], units[110:120] = units[0], -1
    rows = replace(problem.train, units=units)
    held, rest = rows.take(torch.arange(20)), rows.take(torch.arange(20, 200))
    run = replace(problem.given(CoTraining(SelfTraining()), validation=False), examples=rest, truth=None)
    loop = CoTrainingLoop(replace(run, validation=held)) if as_validation else CoTrainingLoop(run, held)
    assert torch.nonzero(~loop.labeller.open_rows).flatten().tolist() == list(range(80, 90))


def test_validation_labels_do_not_teach(make_problem):
    """Permuting validation labels changes which round is kept and nothing about what is learned."""
    problem = make_problem(labelled=30)
    fixed = CoTraining(SelfTraining(Threshold(0.8)), 1)
    right = problem.run(fixed)
    spoiled = problem.validation.targets["class"].roll(7, 0)
    few = problem.validation.masks["class"].clone()
    few[10:] = False
    problem.validation = Examples(problem.validation.inputs, {"class": spoiled}, {"class": few})
    wrong = problem.run(fixed)
    a, b = (o.fitted[0][0].predictions(problem.train.inputs)["class"] for o in (right, wrong))
    assert torch.equal(a.probabilities, b.probabilities)


# -- guards ---------------------------------------------------------------------------------------------


def test_a_task_that_got_worse_gets_its_start_back(make_problem, monkeypatch):
    # The guard of the class shares is off: validation alone must see it.
    monkeypatch.setattr(_round_choice, "starved", lambda *shares: False)
    # Too few labels to see that the teacher knows nothing: only the validation of the student can.
    problem = make_problem(labelled=28, held=25, n=300)
    guess = DummyClassifier(strategy="stratified", random_state=0)
    teacher = EstimatorPeer("guesser", problem.tasks, guess)
    problem.factory.estimator = lambda *args, **options: teacher
    strategy = TeacherStudent("estimators")
    settings_ = CoTraining(strategy, 2, pseudo_weight=1.0, by_confidence=False, max_drift=1.0)
    outcome = problem.run(settings_)
    last = outcome.records[-1].tasks[0]
    assert last.after < last.start
    assert outcome.chosen["class"] == 0
    assert outcome.verdicts["class"].startswith("supervised start: no round was better")
    assert outcome.labels["class"].n_accepted == 0


def test_rounds_are_judged_by_what_no_row_of_validation_has_chosen_for_itself(make_problem):
    """A network chooses its epoch by these labels: of each row the epoch counts that the other half chose."""
    problem = make_problem(labelled=40, held=120)

    class Careful(EstimatorPeer):
        def fit(self, *given, **options):
            fitted = super().fit(*given, **options)
            nothing = Prediction(probabilities=torch.full((120, 1, 3), 1 / 3))
            fitted.judged_on = lambda rows: {"class": nothing}
            return fitted

    problem.factory.network = lambda name, **options: Careful(name, problem.tasks, LogisticRegression())
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.2)), 1, folds=2))
    assert all(bool((p.probabilities == 1 / 3).all()) for p in outcome.held_out["class"].predictions)
    start, *_ = outcome.held_out["class"].predictions
    assert start.n_entries == 120


def test_a_round_that_moves_the_class_shares_is_refused(make_problem):
    problem = make_problem(labelled=60, n=300)
    inputs = problem.train.inputs["inputs"].clone()
    inputs[60:] = torch.tensor([2.0, 0, 2, 0]) + 0.1 * inputs[60:]
    problem.train = Examples({"inputs": inputs}, problem.train.targets, problem.train.masks)
    outcome = problem.run(CoTraining(SelfTraining(Curriculum(1.0)), 2))
    assert outcome.chosen["class"] == 0
    assert not outcome.records
    assert "class shares would move" in outcome.stopped


def test_a_task_of_permuted_labels_does_not_teach(make_problem):
    problem = make_problem(kinds_=["class", "yes"], labelled=120, n=300)
    yes = problem.train.targets["yes"].clone()
    yes[:120] = yes[:120][torch.randperm(120, generator=torch.Generator().manual_seed(0))]
    problem.train = Examples(problem.train.inputs, {**problem.train.targets, "yes": yes}, problem.train.masks)
    outcome = problem.run(CoTraining(SelfTraining(Curriculum(1.0), separate=True), 2), validation=False)
    assert not outcome.assessments[1]["yes"].teaches
    assert outcome.assessments[0]["class"].teaches
    record = {one.task: one for one in outcome.records[0].tasks}
    assert record["yes"].accepted == 0
    assert "no teacher knows more than a constant" in record["yes"].note
    assert record["class"].accepted > 0


def test_one_task_leaves_the_others_rounds_untouched(make_problem):
    alone = make_problem(kinds_=["class"], labelled=60)
    both = make_problem(kinds_=["class", "yes"], labelled=60)
    mask = both.train.masks["yes"].clone()
    mask[1:] = False
    mask[2] = True  # one row of each value: a task of which next to nothing is known
    both.train = Examples(both.train.inputs, both.train.targets, {**both.train.masks, "yes": mask})
    settings_ = CoTraining(SelfTraining(KBest(), separate=True), 3)
    a, b = alone.run(settings_), both.run(settings_)
    assert [r.tasks[0].accepted for r in a.records] == [r.tasks[0].accepted for r in b.records]
    x, y = (o.predictions(alone.validation.inputs)["class"].probabilities for o in (a, b))
    assert torch.equal(x, y)


def test_labels_are_decided_anew_each_round(make_problem):
    """A cell that was labelled in one round can have another label, or none, in the next."""
    problem = make_problem(labelled=6, n=300, seed=1)
    stores: list[torch.Tensor] = []

    loop = CoTrainingLoop(problem.given(CoTraining(SelfTraining(Threshold(0.7)), 4, patience=9)))
    teach = loop._teach

    def watched(predictions, round_):
        taught = teach(predictions, round_)
        stores.append(taught[0]["class"].labels.weight.clone())
        return taught

    loop._teach = watched  # type: ignore[method-assign]
    loop.run()
    assert len(stores) >= 2
    assert any(bool(((a > 0) & (b == 0)).any()) for a, b in pairwise(stores))


def test_no_round_is_asked_twice_what_it_believes_of_the_training_rows(make_problem, monkeypatch):
    problem = make_problem(labelled=12)
    asked: list[tuple[int, int]] = []
    predictions = FittedEstimators.predictions

    def watched(self, inputs):
        asked.append((id(self), len(inputs["inputs"])))
        return predictions(self, inputs)

    monkeypatch.setattr(FittedEstimators, "predictions", watched)
    outcome = problem.run(CoTraining(Committee(2), 3, patience=9))
    of_train = [one for one, n in asked if n == len(problem.train)]
    assert len(outcome.records) == 3
    # The chosen round is asked again for the labels that it would give, if it is not the last.
    assert len(of_train) <= 2 * 4 + 2 * (outcome.chosen["class"] != 3)


def test_nothing_accepted_is_reported(make_problem):
    problem = make_problem(labelled=12, n=60)
    problem.factory.classifier = LogisticRegression(C=1e-4)
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.999)), 3), validation=False)
    assert outcome.stopped.startswith("nothing was accepted")
    assert "surest" in outcome.stopped
    assert outcome.chosen["class"] == 0


def test_max_rounds_bounds_the_rounds(make_problem):
    outcome = make_problem(labelled=12).run(CoTraining(SelfTraining(KBest()), 2, patience=9))
    assert len(outcome.records) == 2
    assert outcome.stopped == "all 2 rounds are done"


def test_it_stops_when_validation_gets_no_better(make_problem):
    outcome = make_problem(labelled=150).run(CoTraining(SelfTraining(KBest()), 9, patience=2))
    assert len(outcome.records) < 9
    assert "got better" in outcome.stopped


def test_the_record_shows_estimated_beside_true_accuracy(make_problem):
    record = make_problem(labelled=15).run(CoTraining(SelfTraining(Threshold(0.8)), 1)).records[0].tasks[0]
    assert 0.8 <= record.estimated_accuracy <= 1.0
    assert 0.0 <= record.true_accuracy <= 1.0
    assert sum(record.per_class.values()) == record.accepted
    assert not math.isnan(record.start)
    assert "true_accuracy" in record.to_json()


def test_where_labels_are_few_each_is_held_out_once_and_judges_the_rounds(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=30)
    outcome = problem.run(CoTraining(Committee(), 1), validation=False)
    assert {name: held.n_labels for name, held in outcome.held_out.items()} == {"class": 30, "size": 30}
    targets = outcome.held_out["size"].targets[:, 0].sort().values
    assert torch.equal(targets, problem.train.targets["size"][:30, 0].sort().values)
    assert all("on 30 held-out labels" in verdict for verdict in outcome.verdicts.values())
    assert outcome.records[0].tasks[1].accepted > 0


@pytest.mark.parametrize("always_judged", [False, True])
@pytest.mark.parametrize("rounds", [0, 1])
def test_folds_that_go_on_for_longer_than_the_run_choose_none_of_their_rounds(
    make_problem, monkeypatch, rounds, always_judged
):
    """The run of all labels ends after so many rounds, those without a fold have three, each better."""
    problem = make_problem(labelled=60)
    play = CoTrainingLoop._play

    def shorter(loop):
        fitted, checked, records, stopped = play(loop)
        if loop.given.truth is None:
            return fitted, checked, records, stopped
        return fitted[: rounds + 1], checked[: rounds + 1], records[:rounds], "the labels stay as they were"

    monkeypatch.setattr(CoTrainingLoop, "_play", shorter)
    run = problem.given(CoTraining(SelfTraining(KBest()), 3, margin=0.001), validation=False)
    outcome = CoTrainingLoop(replace(run, always_judged=always_judged)).run()
    assert outcome.chosen["class"] <= rounds
    if rounds or always_judged:
        assert len(outcome.held_out["class"].predictions) == rounds + 1
    assert outcome.predictions(problem.validation.inputs)["class"].probabilities is not None


def test_no_held_out_prediction_depends_on_the_labels_of_its_fold(make_problem):
    """The labels of one fold are spoiled: what is predicted for that fold stays as it was, bit for bit."""
    problem = make_problem(labelled=60)
    settings_ = CoTraining(SelfTraining(KBest()), 2, patience=9)
    right = problem.run(settings_, validation=False).held_out["class"]
    fold_of = deal_into_folds(problem.tasks, problem.train, settings_.folds, 0)
    rows = torch.nonzero(fold_of == 0).flatten()
    # An exchange among rows of one fold that keeps the number of each class, and so the fold.
    spoiled = problem.train.targets["class"].clone()
    spoiled[rows] = spoiled[rows].roll(5, 0)
    loops = []
    for targets in (problem.train.targets["class"], spoiled):
        train = Examples(problem.train.inputs, {"class": targets}, problem.train.masks)
        kept = train.take(torch.nonzero(fold_of != 0).flatten())
        run = replace(problem.given(settings_, validation=False), examples=kept, truth=None)
        loops.append(CoTrainingLoop(run, train.take(rows))._play()[1])
    for a, b in zip(*loops, strict=True):
        assert torch.equal(a["class"].probabilities, b["class"].probabilities)
    first = right.predictions[0].probabilities[: len(rows)]
    assert torch.equal(first, loops[0][0]["class"].probabilities)


def test_with_validation_labels_enough_nothing_is_fitted_on_folds(make_problem, monkeypatch):
    def refuse(*given):
        raise AssertionError("folds were dealt")

    monkeypatch.setattr(_co_training_loop, "deal_into_folds", refuse)
    problem = make_problem(labelled=40, held=120)
    assert problem.run(CoTraining(SelfTraining(), 1)).held_out["class"].n_labels == 120
    with pytest.raises(AssertionError, match="folds were dealt"):
        make_problem(labelled=40, held=80).run(CoTraining(SelfTraining(Threshold(0.6)), 1))


def test_a_task_with_few_labels_keeps_its_start_and_the_other_does_not(make_problem):
    problem = make_problem(kinds_=["class", "yes"], labelled=60)
    mask = problem.train.masks["yes"].clone()
    mask[12:] = False
    masks = {**problem.train.masks, "yes": mask}
    problem.train = Examples(problem.train.inputs, problem.train.targets, masks)
    strategy = SelfTraining(KBest(), separate=True)
    outcome = problem.run(CoTraining(strategy, 2, margin=0.01), validation=False)
    assert outcome.chosen["yes"] == 0
    assert "12 labels are fewer than min_labels=20" in outcome.verdicts["yes"]
    told = problem.run(CoTraining(strategy, 2, margin=0.0, min_labels=0), validation=False)
    assert told.chosen["yes"] > 0


# -- any data -------------------------------------------------------------------------------------------


def test_a_task_without_any_label_is_refused(make_problem):
    problem = make_problem(kinds_=["class", "yes"])
    nothing = torch.zeros_like(problem.train.masks["yes"])
    problem.train = Examples(
        problem.train.inputs, problem.train.targets, {**problem.train.masks, "yes": nothing}
    )
    with pytest.raises(DataError, match="Task 'yes' has no label among the 200 training rows"):
        problem.run(CoTraining(SelfTraining()))


def test_without_unlabelled_rows_the_start_is_the_answer(make_problem):
    problem = make_problem(labelled=200)
    outcome = problem.run(CoTraining(Committee()))
    assert outcome.chosen["class"] == 0
    assert "no unlabelled cell" in outcome.stopped


def test_one_labelled_row_is_enough_to_run(make_problem):
    outcome = make_problem(labelled=1).run(CoTraining(Committee(), 2))
    assert set(outcome.chosen) == {"class"}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pattern=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=20, max_size=20),
    copies=st.integers(0, 5),
)
def test_any_pattern_of_missing_labels(make_problem, pattern, copies):
    """Whatever is missing, and with rows that stand there twice: only unlabelled cells get labels."""
    problem = make_problem(n=20, labelled=20, held=30, kinds_=["class", "yes"])
    rows = torch.tensor(pattern)
    rows[0] = True
    inputs = problem.train.inputs["inputs"].clone()
    inputs[20 - copies :] = inputs[:copies] if copies else inputs[20:]
    masks = {"class": rows[:, :1], "yes": rows[:, 1:]}
    problem.train = Examples({"inputs": inputs}, problem.train.targets, masks)
    outcome = problem.run(CoTraining(Committee(), 2))
    for task in ("class", "yes"):
        assert not bool((outcome.labels[task].accepted & (masks[task] > 0)).any())
        prediction = outcome.predictions(problem.validation.inputs)[task].probabilities
        assert bool(torch.isfinite(prediction).all())


def test_a_collapse_of_the_predictions_is_refused(make_problem):
    """A student that says one class everywhere has the start's answer, validation or not."""
    problem = make_problem(labelled=60, n=300)

    class Collapsing(EstimatorPeer):
        def fit(self, examples, validation, key, cache, *, true=None):
            if not key.startswith("round-1"):
                return super().fit(examples, validation, key, cache, true=true)
            masks = {"class": examples.masks["class"] * (examples.targets["class"] == 0)}
            return super().fit(Examples(examples.inputs, examples.targets, masks), validation, key, cache)

    collapsing = Collapsing("linear", problem.tasks, problem.factory.classifier)
    problem.factory.network = lambda name, tasks=None, view=None, *, bootstrap=False: collapsing
    outcome = problem.run(CoTraining(SelfTraining(Threshold(0.8)), 1), validation=False)
    assert outcome.records
    assert outcome.chosen["class"] == 0
    assert (
        outcome.verdicts["class"]
        == "supervised start: every round was refused: its predictions left the labelled class shares"
    )


def test_predictions_that_are_nan_teach_nobody(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=12, n=60)

    class Broken(EstimatorPeer):
        def fit(self, examples, validation, key, cache, *, true=None):
            fitted = super().fit(examples, validation, key, cache, true=true)
            fitted.fitted["size"] = [float("nan")]
            return fitted

    broken = Broken("linear", problem.tasks, problem.factory.classifier, Ridge())
    problem.factory.network = lambda name, tasks=None, view=None, *, bootstrap=False: broken
    problem.validation = problem.validation.take(torch.arange(10))
    outcome = problem.run(CoTraining(SelfTraining(Curriculum(1.0)), 1))
    record = {task.task: task for task in outcome.records[0].tasks}
    assert record["size"].accepted == 0
    assert "not finite" in record["size"].note
    assert record["class"].accepted > 0


def test_nothing_of_quantiles_is_labelled_and_the_other_task_is(make_problem):
    problem = make_problem(labelled=12, kinds_=("class", "interval"))
    outcome = problem.run(CoTraining(Committee(), 2))
    notes = [(one.task, one.accepted > 0, one.note) for one in outcome.records[0].tasks]
    reason = "a pseudo-label is one value, and says nothing of quantiles around it"
    assert notes == [("class", True, ""), ("interval", False, reason)]
    assert outcome.chosen["interval"] == 0


def test_numbers_are_not_labelled_where_nothing_could_show_that_they_are_wrong(make_problem):
    problem = make_problem(kinds_=["class", "size"], labelled=30)
    settings_ = CoTraining(Committee(), 1, margin=0.0)
    with_, without = (problem.run(settings_, validation=held) for held in (True, False))
    notes = [{one.task: one for one in outcome.records[0].tasks} for outcome in (with_, without)]
    assert notes[0]["size"].accepted > 0
    assert notes[1]["size"].accepted == 0
    assert "held-out labels" in notes[1]["size"].note
    assert notes[1]["class"].accepted > 0


def test_labels_that_stay_as_they_were_are_not_learned_twice(make_problem):
    problem = make_problem(labelled=12)
    outcome = problem.run(CoTraining(TeacherStudent("joint"), 4))
    assert len(outcome.records) == 1
    assert outcome.stopped == "the labels stay as they were"
