"""Which round answers, on how many labels, and how far shares may move by chance."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import polars as pl
import pytest
import torch
from texts import coded, labelling_of, saying, text_task

from cotrain import tasks as kinds
from cotrain._base import DataError
from cotrain.cotraining import CoTraining, FittedPeer, Prediction
from cotrain.cotraining._hypotheses import Hypotheses
from cotrain.cotraining._predictions import prior_of, true_units
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.cotraining.guards._round_choice import (
    RoundChoice,
    RoundVetoes,
    accepted_text_drift,
    choose_round,
    drift,
    effective_labels,
    label_shares,
    sampling_drift,
    shares_of,
    starved,
    value_on,
)
from cotrain.training import Examples


class Failed(FittedPeer):
    updates = 0

    def __init__(self, reason: str) -> None:
        self.failures = {"class": reason}

    def predictions(self, inputs):
        return {}


def vetoes(problem, max_drift: float = 0.1) -> RoundVetoes:
    prior = torch.tensor([[0.2, 0.4, 0.4]])
    return RoundVetoes(problem.tasks, problem.train, {"class": prior}, max_drift)


def predictions_right_in(problem, counts: list[int]) -> list[Prediction]:
    """Return for each count a prediction of the validation rows that is right in so many."""
    truth = problem.validation.targets["class"][:, 0]
    found = []
    for count in counts:
        classes = torch.where(torch.arange(len(truth)) < count, truth, (truth + 1) % 3)
        found.append(Prediction(probabilities=torch.nn.functional.one_hot(classes, 3).float()[:, None]))
    return found


def held(problem, counts: list[int]) -> HeldOut:
    predictions = predictions_right_in(problem, counts)
    return HeldOut.of(problem.tasks[0], predictions, problem.validation)


def chosen(problem, counts: list[int], refused: tuple[int, ...] = (), **settings) -> RoundChoice:
    made = vetoes(problem)
    for number in refused:
        made.failed([Failed("it failed")], number)
    return choose_round(problem.tasks[0], held(problem, counts), made, CoTraining(**settings))


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([60, 50, 40], 0),  # worse and worse: the start
        ([30, 75, 45], 1),  # above the start, but far below the best: by no chance
        ([50, 70, 69], 2),  # a row less than the best is chance: the later round has seen more labels
        ([70, 70, 69], 1),  # within chance of the best, but below the start
        ([50, 70, 67], 1),  # three rows less than the best are 1.7 standard errors
        ([60, 60, 60], 2),  # as good as the start
    ],
)
def test_without_a_margin_not_being_worse_is_enough(make_problem, counts, expected):
    assert chosen(make_problem(), counts, margin=0.0).round == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([60, 60, 60], 0), ([60, 50, 40], 0), ([60, 60, 62], 2), ([50, 70, 69], 2)],
)
def test_a_margin_wants_a_gain_that_chance_does_not_explain(make_problem, counts, expected):
    assert chosen(make_problem(), counts, margin=1.0).round == expected


@pytest.mark.parametrize(("errors", "expected"), [(1.0, 0), (1.4, 0), (1.6, 1), (3.0, 1)])
def test_a_round_of_numbers_must_be_better_by_three_times_the_margin(errors, expected):
    n = 50
    difference = torch.linspace(-1, 1, n, dtype=torch.float64)
    difference = difference + errors * difference.std() / n**0.5
    task = kinds.Regression("y")
    task.fit(pl.DataFrame({"y": [0.0, 1.0, 2.0]}))
    truth = torch.zeros(n, 1)
    # Both err to the same side, the start by so much more.
    values = [(5 + difference)[:, None].float(), torch.full((n, 1), 5.0)]
    rows = HeldOut([Prediction(values=one) for one in values], truth, torch.ones(n, 1, dtype=torch.bool))
    gain = rows.gain(task, rows.predictions[1])
    assert gain.value / gain.error == pytest.approx(errors, rel=0.01)
    examples = Examples({"x": truth}, {"y": truth}, {"y": rows.mask})
    guard = RoundVetoes([task], examples, {}, 0.1)
    assert choose_round(task, rows, guard, CoTraining(margin=0.5)).round == expected
    assert choose_round(task, rows, guard, CoTraining(margin=0.0)).round == 1


def test_a_large_margin_refuses_what_a_small_one_takes(make_problem):
    problem = make_problem()
    assert chosen(problem, [60, 62], margin=1.0).round == 1
    assert chosen(problem, [60, 62], margin=3.0).round == 0


def test_a_refused_round_is_not_chosen_however_good(make_problem):
    problem = make_problem()
    assert chosen(problem, [50, 60, 79], (2,)).round == 1
    assert chosen(problem, [50, 60, 79], (1, 2)).round == 0


def test_every_verdict_says_on_how_many_labels_it_stands(make_problem):
    problem = make_problem()
    assert chosen(problem, [50, 70]).reason.endswith("lower on 80 held-out labels")
    assert "on 80 held-out labels" in chosen(problem, [50, 40]).reason
    few = chosen(problem, [50, 70], min_labels=100)
    assert few == RoundChoice(0, "supervised start: 80 held-out labels are fewer than min_labels=100")


def test_without_any_label_the_last_round_answers_only_where_that_is_asked_for(make_problem):
    problem = make_problem()
    rows = problem.validation
    problem.validation = Examples(rows.inputs, rows.targets, {"class": torch.zeros_like(rows.masks["class"])})
    assert chosen(problem, [50, 60, 70], min_labels=0).round == 2
    assert chosen(problem, [50, 60, 70]).round == 0


def test_why_nothing_is_held_out_is_said_as_it_is(make_problem):
    """Of 40 labels it was said that they were fewer than 20, where no round is cross-fitted."""
    problem = make_problem()
    rows = problem.validation
    problem.validation = Examples(rows.inputs, rows.targets, {"class": torch.zeros_like(rows.masks["class"])})
    said = {name: chosen(problem, [50, 60], **one).reason for name, one in {
        "few": {"min_labels": 41}, "margin": {"margin": 0.0}, "folds": {},
    }.items()}  # fmt: skip
    assert said["few"] == "supervised start: 40 labels are fewer than min_labels=41"
    assert said["margin"].startswith("supervised start: none of its 40 labels is held out: there is no")
    assert said["folds"].startswith("supervised start: none of its 40 labels could be held out")


def test_rows_of_one_unit_are_one_observation_where_the_last_round_is_chosen(make_problem):
    problem, kept = make_problem(), []
    start, best, last = predictions_right_in(problem, [50, 70, 65])
    # The last round loses five rows and gains two: 3 ± 2.6 rows, and 3 ± 5.2 where the five are one unit.
    gained = torch.isin(torch.arange(80), torch.tensor([75, 76]))[:, None, None]
    [right] = predictions_right_in(problem, [80])
    last = Prediction(probabilities=torch.where(gained, right.probabilities, last.probabilities))
    for units in (None, torch.where(torch.arange(80) // 5 == 13, 0, -1)):
        rows = replace(HeldOut.of(problem.tasks[0], [start, best, last], problem.validation), units=units)
        settings = CoTraining(margin=0.0)
        kept.append(choose_round(problem.tasks[0], rows, vetoes(problem), settings).round)
    assert kept == [1, 2]


def test_a_value_is_the_chosen_metric_and_nan_without_labels(make_problem):
    problem = make_problem()
    found = predictions_right_in(problem, [60])[0]
    assert value_on(problem.tasks[0], found, problem.validation) == pytest.approx(60 / 80)
    rows = problem.validation
    empty = Examples(rows.inputs, rows.targets, {"class": torch.zeros_like(rows.masks["class"])})
    assert value_on(problem.tasks[0], found, empty) != value_on(problem.tasks[0], found, empty)


def test_a_round_in_which_an_answering_peer_failed_is_refused(make_problem):
    problem = make_problem()
    made = vetoes(problem)
    made.failed([Failed("too many rows")], 2)
    assert made.rounds(problem.tasks[0]) == {2}
    assert made.reason(problem.tasks[0], 2) == "too many rows"
    assert made.reason(problem.tasks[0], 1) == ""


def test_a_start_that_failed_cannot_begin(make_problem):
    problem = make_problem()
    with pytest.raises(DataError, match="Task 'class' cannot be learned from its 40 labelled rows: no"):
        vetoes(problem).expect_answers([Failed("no")])


def test_shares_that_leave_the_labels_are_refused_and_those_that_come_nearer_are_not(make_problem):
    problem = make_problem(labelled=200)
    made = vetoes(problem)
    start = {"class": torch.tensor([[0.2, 0.4, 0.4]])}
    made.collapsed(start, {"class": torch.tensor([[0.22, 0.38, 0.4]])}, 1)
    made.collapsed(start, {"class": torch.tensor([[0.5, 0.1, 0.4]])}, 2)
    # No class is half as frequent as it was, and yet a quarter of the predictions is of others.
    drifted = torch.tensor([[0.45, 0.3, 0.25]])
    assert not starved(drifted, start["class"], start["class"], torch.tensor([[200.0]]))
    made.collapsed(start, {"class": drifted}, 3)
    assert made.rounds(problem.tasks[0]) == {2, 3}
    assert made.reasons(problem.tasks[0]) == "its predictions left the labelled class shares"


def test_a_round_that_all_but_loses_a_class_is_refused_however_far_shares_may_move(make_problem):
    problem = make_problem(labelled=200)
    made = vetoes(problem, max_drift=0.5)
    start = {"class": torch.tensor([[0.2, 0.4, 0.4]])}
    made.collapsed(start, {"class": torch.tensor([[0.06, 0.47, 0.47]])}, 1)
    made.collapsed(start, {"class": torch.tensor([[0.12, 0.44, 0.44]])}, 2)
    assert made.rounds(problem.tasks[0]) == {1}


def test_shares_may_move_as_far_as_few_labels_or_the_start_have_strayed(make_problem):
    start, prior = {"class": torch.tensor([[0.2, 0.4, 0.4]])}, torch.tensor([[0.2, 0.4, 0.4]])
    moved = {"class": torch.tensor([[0.4, 0.35, 0.25]])}
    for n_labels, refused in ((200, {1}), (12, set())):
        problem = make_problem(labelled=n_labels)
        made, task = vetoes(problem), problem.tasks[0]
        made.collapsed(start, moved, 1)
        assert made.rounds(task) == refused
    # A start that is far from the labels itself: only what a round adds to that is its doing.
    far = {"class": torch.tensor([[0.5, 0.25, 0.25]])}
    assert drift(far["class"], prior) > 0.1 + sampling_drift(prior, torch.tensor([[200.0]]))
    problem = make_problem(labelled=200)
    made, task = vetoes(problem), problem.tasks[0]
    made.collapsed(far, far, 1)
    assert made.rounds(task) == set()


def test_shares_count_entries_of_each_target():
    classes = torch.tensor([[0, 1], [1, 1], [1, 1], [0, 0]])
    where = torch.tensor([[True, True], [True, True], [True, False], [False, True]])
    shares = shares_of(classes, where, 2)
    assert shares[0].tolist() == pytest.approx([1 / 3, 2 / 3])
    assert shares[1].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_drift_is_the_largest_of_the_targets():
    prior = torch.tensor([[0.5, 0.5], [0.9, 0.1]])
    assert drift(torch.tensor([[0.5, 0.5], [0.7, 0.3]]), prior) == pytest.approx(0.2)
    assert drift(torch.full((1, 2), float("nan")), prior[:1]) == 0.0


def test_a_rare_class_that_dies_out_is_starved_though_it_drifts_little():
    prior, start = torch.tensor([[0.9, 0.1]]), torch.tensor([[0.92, 0.08]])
    collapsed, many = torch.tensor([[0.97, 0.03]]), torch.tensor([[1000.0]])
    assert drift(collapsed, prior) < 0.1
    assert starved(collapsed, start, prior, many)
    assert not starved(torch.tensor([[0.95, 0.05]]), start, prior, many)
    # The start had all but lost it: that is not the round's doing.
    assert not starved(collapsed, torch.tensor([[0.96, 0.04]]), prior, many)
    # Of 20 labels two can be of a class that makes up three in a hundred.
    assert not starved(collapsed, start, prior, torch.tensor([[20.0]]))


def test_few_labels_explain_more_drift():
    prior = torch.full((1, 10), 0.1)
    few, more, many = (torch.tensor([[float(n)]]) for n in (20, 60, 2000))
    assert sampling_drift(prior, few) > sampling_drift(prior, many)
    draws = torch.multinomial(
        prior[0], 60 * 400, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    counts = torch.nn.functional.one_hot(draws.reshape(400, 60), 10).float().mean(dim=1)
    seen = ((counts - 0.1).abs().sum(dim=1) / 2).quantile(0.95)
    assert sampling_drift(prior, more) == pytest.approx(float(seen), rel=0.1)


def masks_of(n: int, seed: int) -> tuple[kinds.Segmentation, Examples]:
    """Return masks of which every other one has a patch of class 1 or 2 that fills a fourth of it."""
    draw = np.random.default_rng(seed)
    pictures = []
    for row in range(n):
        mask = np.zeros((8, 8), np.uint8)
        if row % 2:
            y, x = draw.integers(0, 5, size=2)
            mask[y : y + 4, x : x + 4] = 1 + row // 2 % 2
        pictures.append(mask)
    task = kinds.Segmentation("mask", classes=["none", "a", "b"])
    frame = pl.DataFrame({"mask": pl.Series(pictures, dtype=pl.Object)})
    task.fit(frame)
    targets, known = task.encode(frame)
    return task, Examples({"x": torch.zeros(n, 1)}, {"mask": targets}, {"mask": known})


def test_pixels_of_a_picture_are_not_so_many_labels():
    """The worth of a share is that of a binomial of the same spread; here pictures are drawn anew."""
    task, rows = masks_of(40, 0)
    shares = torch.stack([(rows.targets["mask"] == c).double().mean(dim=(1, 2)) for c in range(3)], dim=1)
    draw = torch.randint(0, 40, (20_000, 40), generator=torch.Generator().manual_seed(0))
    spread = shares[draw].mean(dim=1).var(dim=0) * 40 / 39
    s = shares.mean(dim=0)
    expected = s * (1 - s) / spread
    found = effective_labels(task, rows)
    assert torch.allclose(found[0].double(), expected, rtol=0.05)
    assert float(found.max()) < 40 * 64 / 5
    prior = torch.stack([s]).float()
    drawn = (shares[draw].mean(dim=1) - s).abs().sum(dim=1) / 2
    assert sampling_drift(prior, found) == pytest.approx(float(drawn.quantile(0.95)), rel=0.25)


def test_rows_that_are_one_label_count_as_such(make_problem):
    problem = make_problem(n=60)
    task = problem.tasks[0]
    n = int(problem.train.masks[task.name].sum())
    assert effective_labels(task, problem.train).tolist() == [[n]]


def test_a_class_that_no_picture_has_counts_pictures():
    task, rows = masks_of(40, 0)
    rows.targets["mask"][rows.targets["mask"] == 2] = 0
    assert float(effective_labels(task, rows)[0, 2]) == 40
    one = rows.take(torch.tensor([1]))
    assert torch.isfinite(effective_labels(task, one)).all()


def test_a_round_that_is_surer_of_words_and_breaks_spans_is_not_chosen():
    """What labelling word by word does: the loss of words falls, and so does the share of whole spans."""
    task = kinds.Tagging("y", spans="BIO")
    frame = pl.DataFrame({"y": [["B-a", "I-a", "I-a", "O", "O"]] * 40})
    task.fit(frame)
    targets, mask = task.encode(frame)

    def said(sure: float, rows: int = 0, words: int = 0, other: Sequence[float] = ()) -> Prediction:
        """Believe the truth with this probability, but for the first words of the first rows."""
        p = torch.full((200, 3), (1 - sure) / 2).scatter(1, targets.values[:, None], sure)
        p.view(40, 5, 3)[:rows, 3 - words : 3] = torch.tensor(other or [0.0] * 3)
        return Prediction(p[:, None], labelling=task.entry_labelling(), offsets=targets.offsets)

    rows = Examples({"x": torch.zeros(40, 1)}, {"y": targets}, {"y": mask})
    # The start does not see ten spans; the round is as often wrong, by a hair, and in one word of thirty.
    o, inside = int(targets.values[4]), int(targets.values[2])
    blind = [0.9 if c == o else 0.05 for c in range(3)]
    hair = [0.49 if c == inside else 0.51 if c == o else 0.0 for c in range(3)]
    said_by_rounds = [said(0.8, 10, 3, blind), said(0.9, 30, 1, hair), said(0.9)]
    held = HeldOut.of(task, said_by_rounds, rows)
    assert held.gain(task, held.predictions[1]).exceeds(1.0)
    assert value_on(task, held.predictions[1], rows) == pytest.approx(0.25)
    assert value_on(task, held.predictions[0], rows) == pytest.approx(6 / 7)
    prior = prior_of(task, *true_units(task, targets, mask))
    vetoes = RoundVetoes([task], rows, {"y": prior}, 0.15)
    naive = HeldOut(held.predictions[:2], held.targets, held.mask)
    assert choose_round(task, naive, vetoes, CoTraining()).round == 0
    assert choose_round(task, held, vetoes, CoTraining()).round == 2


def test_the_drift_of_texts_is_that_of_their_symbols():
    task = text_task()
    rows = coded(task, ["ab", None, "c", None])
    prior = label_shares(task, rows, torch.tensor([[0.0, 1.0]]))
    assert prior.tolist() == [[pytest.approx(1 / 3)] * 3]
    heard = Hypotheses(labelling_of(task), [saying("b", "aaa", "c", "b-b-b")])
    accepted = torch.tensor([[False], [True], [False], [True]])
    # One a and three b beside an a, a b and a c: 2/7, 4/7, 1/7.
    moved = accepted_text_drift(task, rows, prior, heard=heard, accepted=accepted)
    assert moved == pytest.approx(4 / 7 - 1 / 3)
    silent = coded(task, ["", None])
    assert label_shares(task, silent, torch.zeros(1, 2)).tolist() == [[pytest.approx(1 / 3)] * 3]
    classes = kinds.Binary("sold")
    assert label_shares(classes, Examples({}, {"sold": torch.ones(1, 1)}, {}), prior) is prior
