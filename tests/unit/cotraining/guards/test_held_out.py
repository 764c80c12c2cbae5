"""Held-out labels: which rows, what loss, how surely one prediction beats another, and who may teach."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import polars as pl
import pytest
import torch
from texts import coded, labelling_of, literal_cost, saying, text_task

from cotrain import tasks as kinds
from cotrain.cotraining import (
    Committee,
    CoTraining,
    EstimatorPeer,
    Isotonic,
    Prediction,
    Temperature,
    prediction_of_output,
)
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._hypotheses import TEMPERATURES, Hypotheses
from cotrain.cotraining._predictions import prediction_of_texts
from cotrain.cotraining.guards._held_out import (
    LEAST_TO_JUDGE,
    Gain,
    HeldOut,
    Holdout,
    TeacherAssessment,
    _assessment,
    _skill,
)
from cotrain.cotraining.guards._round_choice import RoundVetoes, choose_round
from cotrain.training import Examples


def of_classes(p: torch.Tensor, classes: torch.Tensor) -> HeldOut:
    return HeldOut([Prediction(probabilities=p[:, None])], classes[:, None], torch.ones(len(p), 1).bool())


def tempered(p: torch.Tensor, classes: torch.Tensor) -> np.ndarray:
    """Return probabilities to the power of 1 / T, of the T of least log-loss among 89 from 1/4 to 20.

    There is one label more, of the mean row, which has each class as often as the others have it.
    """
    found, n_classes = {}, p.shape[1]
    shares = [(0.5 + int((classes == c).sum())) / (len(p) + n_classes / 2) for c in range(n_classes)]
    for t in np.geomspace(0.25, 20, 89):
        powers = p.double().numpy() ** (1 / t)
        q = powers / powers.sum(axis=1, keepdims=True)
        one_more = sum(shares[c] * np.log(q[:, c]).mean() for c in range(n_classes))
        found[-sum(math.log(q[i, int(classes[i])]) for i in range(len(q))) - one_more] = q
    return found[min(found)]


def test_the_gain_is_the_mean_difference_of_squared_distances_and_its_error(make_problem):
    task = make_problem().tasks[0]
    generator = torch.Generator().manual_seed(0)
    before, after = (torch.rand(40, 3, generator=generator).softmax(dim=1) for _ in range(2))
    classes = torch.randint(0, 3, (40,), generator=generator)
    gain = of_classes(before, classes).gain(task, Prediction(probabilities=after[:, None]))
    slow, sides = [], [tempered(p, classes) for p in (before, after)]
    for i in range(40):
        truth = [float(c == classes[i]) for c in range(3)]
        losses = [sum((float(p[i, c]) - truth[c]) ** 2 for c in range(3)) for p in sides]
        slow.append(losses[0] - losses[1])
    assert gain.value == pytest.approx(np.mean(slow), abs=1e-6)
    assert gain.error == pytest.approx(np.std(slow, ddof=1) / math.sqrt(40), abs=1e-6)
    assert gain.n_labels == 40


@pytest.mark.parametrize("power", [0.4, 1.0, 3.0])
def test_how_sure_a_round_is_of_itself_neither_helps_nor_hurts_it(make_problem, power):
    """Rounds of networks tell classes apart better and are too sure: they were refused for that."""
    task = make_problem(kinds_=["yes"]).tasks[0]
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(300) % 2
    side = 2.0 * classes - 1
    start, better = (side * d + torch.randn(300, generator=generator) for d in (0.8, 1.4))
    before, after = (
        torch.stack([-z * sure, z * sure], dim=1).softmax(dim=1) for z, sure in ((start, 0.8), (better, 1.4))
    )
    sharp = after**power / (after**power).sum(dim=1, keepdim=True)
    held = of_classes(before, classes)
    gain = held.gain(task, Prediction(probabilities=sharp[:, None]))
    usual = held.gain(task, Prediction(probabilities=after[:, None]))
    assert gain.exceeds(2)
    assert gain.value == pytest.approx(usual.value, abs=2e-3)


def test_of_numbers_it_is_that_of_absolute_errors():
    task = kinds.Regression("y")
    held = HeldOut(
        [Prediction(values=torch.zeros(3, 1))], torch.tensor([[1.0], [2.0], [-9.0]]), torch.ones(3, 1) > 0
    )
    gain = held.gain(task, Prediction(values=torch.tensor([[1.0], [1.0], [-1.0]])))
    assert gain.value == pytest.approx(1.0)
    assert gain.error == 0.0


def test_what_is_not_finite_is_no_better(make_problem):
    task = make_problem().tasks[0]
    p = torch.full((10, 3), 1 / 3)
    broken = torch.full((10, 1, 3), math.nan)
    gain = of_classes(p, torch.zeros(10, dtype=torch.int64)).gain(task, Prediction(probabilities=broken))
    assert not gain.exceeds(0.5)
    assert not gain.exceeds(0.0)
    assert gain == Gain(0.0, math.inf, 10)


def test_a_label_of_a_class_that_training_never_saw_speaks_for_neither_side(make_problem):
    task = make_problem().tasks[0]
    classes = torch.arange(40) % 3
    before, after = torch.full((40, 3), 1 / 3), torch.eye(3)[classes] * 0.7 + 0.1
    usual = of_classes(before, classes).gain(task, Prediction(probabilities=after[:, None]))
    unknown = torch.where(torch.arange(40) < 10, 3, classes)
    gain = of_classes(before, unknown).gain(task, Prediction(probabilities=after[:, None]))
    assert gain.value == pytest.approx(0.75 * usual.value, rel=0.1)


@pytest.mark.parametrize(
    ("value", "error", "margin", "right"), [(0.1, 0.1, 1, True), (0.1, 0.11, 1, False), (0, 0, 0, False)]
)
def test_a_margin_is_in_standard_errors_and_nothing_is_no_gain(value, error, margin, right):
    assert Gain(value, error, 50).exceeds(margin) == right


@pytest.mark.parametrize(
    ("value", "error", "said"),
    [
        (0.1352, 0.0531, "0.135 ± 0.053"),
        (0.00103, 0.00051, "0.00103 ± 0.00051"),
        (0.00021, 0.00007, "0.000210 ± 0.000070"),
        (0.0, 0.0, "0.000 ± 0.000"),
    ],
)
def test_a_small_gain_is_said_in_the_digits_that_it_has(value, error, said):
    assert f"its loss is {said} lower on 64" in str(Gain(value, error, 64))


def test_a_round_that_truly_loses_passes_seldom_and_one_that_gains_often(make_problem):
    """Of a hundred rows ten differ, to the worse in two of three, or to the better."""
    task = make_problem().tasks[0]
    generator = torch.Generator().manual_seed(0)
    passed = {}
    for better in (1 / 3, 2 / 3):
        count = 0
        for _ in range(200):
            classes = torch.zeros(100, dtype=torch.int64)
            right = torch.rand(100, generator=generator) < 0.8
            differs = torch.rand(100, generator=generator) < 0.1
            after = torch.where(differs, torch.rand(100, generator=generator) < better, right)
            before = torch.where(differs, ~after, right)
            p = [torch.nn.functional.one_hot(1 - one.long(), 3).float() for one in (before, after)]
            held = of_classes(p[0], classes)
            count += held.gain(task, Prediction(probabilities=p[1][:, None])).exceeds(0.5)
        passed[better] = count / 200
    assert passed[1 / 3] < 0.1
    assert passed[2 / 3] > 0.5


def test_parts_are_joined_row_below_row_and_round_by_round(make_problem):
    task = make_problem().tasks[0]
    p = torch.eye(3)
    long = HeldOut(
        [Prediction(probabilities=p[[i]][None]) for i in range(3)], torch.zeros(1, 1), torch.ones(1, 1) > 0
    )
    short = HeldOut([Prediction(probabilities=p[[2]][None])], torch.ones(1, 1), torch.ones(1, 1) > 0)
    both = long.joined(short)
    assert [one.classes()[:, 0].tolist() for one in both.predictions] == [[0, 2], [1, 2], [2, 2]]
    assert both.targets[:, 0].tolist() == [0.0, 1.0]
    assert set(both.examples(task).targets) == {"class"}
    # Rounds that only the part has had are left out: nobody could answer from them.
    assert [one.classes()[:, 0].tolist() for one in short.joined(long).predictions] == [[2, 0]]


def test_labels_of_one_class_only_can_tell_nothing(make_problem):
    task = make_problem().tasks[0]
    classes = torch.cat([torch.zeros(46), torch.ones(4)]).long()
    held = of_classes(torch.full((50, 3), 1 / 3), classes)
    assert held.objection(task, 20) == "only 4 of 50 held-out labels are of another class than the commonest"
    assert held.objection(task, 0) == ""
    assert held.objection(task, 51) == "50 held-out labels are fewer than min_labels=51"


@pytest.mark.parametrize("weighted", [False, True])
def test_a_gain_counts_rows_by_their_weights_and_units_once(make_problem, weighted):
    task = make_problem(kinds_=["size"]).tasks[0]
    better = torch.randn(40, generator=torch.Generator().manual_seed(0))
    start = Prediction(values=torch.full((40, 1), 9.0))
    after = Prediction(values=9.0 - better[:, None])
    weights = torch.arange(1, 41)[:, None].float() if weighted else torch.ones(40, 1).bool()
    held = HeldOut([start], torch.zeros(40, 1), weights)
    gain, w = held.gain(task, after), weights[:, 0].double()
    assert gain.value == pytest.approx(float((w * better.double()).sum() / w.sum()), rel=1e-5)
    if not weighted:
        assert gain.error == pytest.approx(float(better.double().std()) / math.sqrt(40), rel=1e-5)
    # As many rows again that say the same are no news where they belong to the rows that they repeat.
    stacked = HeldOut([start], torch.zeros(40, 1), weights, torch.arange(40)).joined(
        HeldOut([start], torch.zeros(40, 1), weights, torch.arange(40))
    )
    twice = stacked.gain(task, Prediction.stacked([after, after]))
    assert (twice.value, twice.error) == pytest.approx((gain.value, gain.error))
    alone = replace(stacked, units=None).gain(task, Prediction.stacked([after, after]))
    assert alone.error < 0.8 * twice.error
    one = HeldOut([start], torch.zeros(40, 1), weights, torch.zeros(40).long())
    assert not one.gain(task, after).exceeds(0.0)


def test_many_labels_of_few_units_tell_nothing(make_problem):
    task = make_problem(kinds_=["size"]).tasks[0]
    prediction = Prediction(values=torch.zeros(60, 1))
    held = HeldOut([prediction], torch.zeros(60, 1), torch.ones(60, 1).bool(), torch.arange(60) % 3)
    assert held.objection(task, 20) == "the 60 held-out labels are of 3 groups or blocks of time only"
    assert held.objection(task, 3) == held.objection(task, 0) == ""
    assert replace(held, units=torch.full((60,), -1)).objection(task, 20) == ""


# -- peers that are judged by such labels --


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


@pytest.mark.parametrize(("held", "fitted_again"), [(80, False), (20, False), (19, True)])
def test_where_validation_labels_are_enough_nothing_is_fitted_again(make_problem, held, fitted_again):
    problem = make_problem(labelled=60, held=held)
    seen: list[str] = []
    counted(problem, None, seen)
    problem.run(CoTraining(Committee(3), 1, margin=0.0))
    assert any(key.startswith("fold-") for key in seen) == fitted_again


def test_a_peer_that_chose_by_validation_labels_is_asked_what_each_half_chose(make_problem):
    """What it says of the rows by which it chose its weights would make it look surer than it is."""
    problem = make_problem(labelled=60, held=80)
    peer = problem.factory.network("linear")
    fitted = peer.fit(problem.train, None, "start", FitCache())
    p = torch.full((80, 1, 3), 1 / 3)
    fitted.judged_on = lambda rows: {"class": Prediction(probabilities=p)}
    assert not (
        Holdout(problem.train, problem.validation, CoTraining())
        .assessments(peer, fitted, "peer")["class"]
        .teaches
    )


def test_what_a_teacher_says_is_corrected():
    sure = torch.tensor([[[0.9, 0.1]]])
    calibrator = Temperature().restored({"temperature": 2.0})
    found = TeacherAssessment(calibrator, 0.5, 40).calibrated(Prediction(probabilities=sure))
    assert torch.allclose(found.probabilities, torch.tensor([[[0.75, 0.25]]]))
    numbers = Prediction(values=torch.ones(1, 1))
    assert TeacherAssessment(calibrator, 0.5, 40).calibrated(numbers) is numbers


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


@pytest.mark.parametrize(("loss", "teaches"), [(1.0, False), (0.992, False), (0.985, True)])
def test_what_a_temperature_gains_by_chance_is_no_knowledge(loss, teaches):
    skill = _skill(torch.tensor(loss), torch.tensor(1.0), 1000)
    assert TeacherAssessment(None, skill, 1000).teaches == teaches


def spans_said(rows: list[list[str]], sure: float) -> tuple[kinds.Tagging, Prediction, Examples]:
    """A teacher of spans and what is true: it is always as sure."""
    task = kinds.Tagging("y", spans="BIO")
    frame = pl.DataFrame({"y": rows})
    task.fit(frame)
    targets, mask = task.encode(frame)
    labelling = task.entry_labelling()
    p = torch.full((len(targets.values), 3), (1 - sure) / 2).scatter(1, targets.values[:, None], sure)
    prediction = Prediction(p[:, None], labelling=labelling, offsets=targets.offsets)
    return task, prediction, Examples({"x": torch.zeros(len(rows), 1)}, {"y": targets}, {"y": mask})


def test_of_words_the_loss_is_the_mean_over_the_words_of_a_row():
    rows = [["O", "B-a", "I-a"], ["O"], ["B-a", "O"]]
    task, prediction, examples = spans_said(rows, 0.8)
    other = replace(prediction, probabilities=torch.full_like(prediction.probabilities, 1 / 3))
    gain = HeldOut.of(task, [other], examples).gain(task, prediction)
    each = (1 - 1 / 3) ** 2 + 2 / 9 - (0.2**2 + 2 * 0.1**2)
    assert gain.value == pytest.approx(each, abs=1e-6)
    assert gain.n_labels == 3


def test_rows_without_a_label_are_left_out_with_all_their_words():
    rows = [["O", "B-a", "I-a"], ["O"], ["B-a", "O"]]
    task, prediction, examples = spans_said(rows, 0.8)
    mask = examples.masks["y"].map(lambda values: values & (torch.arange(6) != 3))
    held = HeldOut.of(task, [prediction], replace(examples, masks={"y": mask}))
    assert held.n_labels == 2
    assert held.predictions[0].offsets.tolist() == [0, 3, 5]
    both = held.joined(held)
    assert both.targets.lengths.tolist() == both.predictions[0].offsets.diff().tolist() == [3, 2, 3, 2]


def test_the_confidence_of_spans_is_corrected_by_how_often_whole_spans_are_right():
    # Every third span is one word too short: each of its words is right and the span is wrong.
    said = [["O", "B-a", "I-a", "O"] for _ in range(90)]
    true = [["O", "B-a", "I-a", "I-a"] if i % 3 == 0 else row for i, row in enumerate(said)]
    _, _, examples = spans_said(true, 0.97)
    task, prediction, _ = spans_said(said, 0.97)
    found = _assessment(task, prediction, examples, constant=torch.ones(1, 3) / 3, by=Isotonic())
    units, classes = prediction.units(), prediction.units().first(prediction.classes())
    corrected = found.of_units(units.least(prediction.confidence()))
    # Two of three words outside and two of three spans: of 270 units 60 + 90 + 60 are right.
    assert corrected[classes == 1].mean() == pytest.approx(210 / 270, abs=0.02)
    assert TeacherAssessment(None, 1.0, 9).of_units(corrected) is corrected


def heard(task: kinds.Transcription, *paths: str, sure: float = 3.0) -> Prediction:
    return prediction_of_output(task, saying(*paths, sure=sure))


def test_the_gain_of_texts_is_what_the_true_ones_cost_less_at_each_side_s_best_temperature():
    task = text_task()
    rows = coded(task, ["ab", "b", None, "ca"])
    before, after = heard(task, "ab-", "aa", "c", "c-c"), heard(task, "a-b", "bb", "c", "c-a", sure=9.0)
    held = HeldOut.of(task, [before, after], rows)
    assert held.n_labels == 3
    outputs = [list(saying("ab-", "aa", "c-c", sure=3.0)), list(saying("a-b", "bb", "c-a", sure=9.0))]
    truth = [[1, 2], [2], [3, 1]]
    sides = [
        min(
            ([literal_cost(o, text, t) for o, text in zip(side, truth, strict=True)] for t in TEMPERATURES),
            key=sum,
        )
        for side in outputs
    ]
    differences = [a - b for a, b in zip(*sides, strict=True)]
    gain = held.gain(task, held.predictions[1])
    assert gain.value == pytest.approx(np.mean(differences), rel=1e-4)
    assert gain.error == pytest.approx(np.std(differences, ddof=1) / math.sqrt(3), rel=1e-4)
    assert held.objection(task, 2) == ""
    assert held.objection(task, 4) == "3 held-out labels are fewer than min_labels=4"
    both = held.joined(HeldOut.of(task, [before, after], coded(task, ["abc", None, None, "c"])))
    assert both.targets.shape == (5, 3)
    assert both.n_labels == 5
    vetoes = RoundVetoes([task], rows, {}, 0.1)
    assert choose_round(task, held, vetoes, CoTraining(min_labels=2)).round == 1
    assert choose_round(task, held, vetoes, CoTraining(min_labels=4)).round == 0


def test_confidence_of_texts_is_corrected_by_how_often_whole_ones_are_right():
    task = text_task()
    n = 60
    said = heard(task, *["ab-c", "ab"] * (n // 2))
    # Every other one of the longer texts has one wrong symbol, which makes all of it wrong.
    rows = coded(task, [("abc" if i % 4 == 0 else "abb") if i % 2 == 0 else "ab" for i in range(n)])
    found = _assessment(task, said, rows, constant=torch.tensor([[0.0, 1.0]]), by=Isotonic())
    assert found.n_labels == n
    assert found.calibrator is None
    assert found.teaches
    corrected = found.of_units(said.confidence()).flatten()
    right = torch.tensor([i % 4 == 0 or i % 2 == 1 for i in range(n)])
    assert float(corrected[0]) == pytest.approx(float(right[::2].float().mean()), abs=1e-6)
    assert float(corrected[1]) == 1.0
    deaf = heard(task, *["c"] * n, sure=0.0)
    assert not _assessment(task, deaf, rows, constant=torch.tensor([[0.0, 1.0]]), by=Isotonic()).teaches


def test_rows_that_no_fold_held_out_are_not_asked_of():
    task = text_task()
    rows = coded(task, ["ab", "b", "c"])
    part = Hypotheses(labelling_of(task), [saying("ab", "c")])
    placed = prediction_of_texts(Hypotheses.placed([(torch.tensor([0, 2]), part)], 3))
    found = _assessment(task, placed, rows, constant=torch.tensor([[0.0, 1.0]]), by=Isotonic())
    assert found.n_labels == 2
    nothing = Prediction(torch.tensor([[[0.0, 1.0]]]).repeat(3, 1, 1))
    assert _assessment(task, nothing, rows, constant=torch.tensor([[0.0, 1.0]]), by=Isotonic()).n_labels == 0
