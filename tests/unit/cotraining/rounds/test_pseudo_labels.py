import math
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import polars as pl
import pytest
import torch
from texts import coded, saying, text_task

from cotrain import tasks as kinds
from cotrain.cotraining import (
    Candidates,
    CoTraining,
    Curriculum,
    KBest,
    Prediction,
    PseudoLabels,
    Selector,
    SelfTraining,
    Threshold,
    prediction_of_output,
)
from cotrain.cotraining._entries import of_lengths
from cotrain.cotraining._predictions import prior_of, true_units
from cotrain.cotraining.rounds._pseudo_labels import (
    LabellingResult,
    PseudoLabeller,
    true_accuracy,
    unchanged,
    with_pseudo_labels,
)
from cotrain.tasks import Task, Transcription
from cotrain.training import Examples


def rows() -> Examples:
    return Examples(
        {"inputs": torch.zeros(3, 1)},
        {"a": torch.tensor([[1], [0], [0]])},
        {"a": torch.tensor([[True], [False], [False]])},
    )


def cache() -> PseudoLabels:
    return PseudoLabels(
        torch.tensor([[2], [2], [0]]),
        torch.tensor([[0.9], [0.9], [0.0]]),
        torch.tensor([[0.5], [0.5], [0.0]]),
        round=1,
        teacher="b",
    )


def test_fills_unlabelled_cells_with_their_weights():
    task = kinds.Multiclass("a")
    joined = with_pseudo_labels(rows(), [task], {"a": cache()})
    assert joined.targets["a"].flatten().tolist() == [1, 2, 0]
    assert joined.masks["a"].flatten().tolist() == [1.0, 0.5, 0.0]


def test_never_writes_to_the_users_labels():
    examples, task = rows(), kinds.Multiclass("a")
    before = examples.fingerprint()
    joined = with_pseudo_labels(examples, [task], {"a": cache()})
    joined.targets["a"][:] = 7
    joined.masks["a"][:] = 0
    assert examples.fingerprint() == before


def test_counts_what_was_accepted():
    assert cache().n_accepted == 2
    assert PseudoLabels.none(torch.zeros(4, 2)).n_accepted == 0


TAGS = [["O", "B-a", "I-a", "I-a"], None, None, ["O", "O"]]
LENGTHS = [4, 4, 3, 2]


def sentences() -> tuple[kinds.Tagging, Examples]:
    """Four sentences, of which the second and the third have no tags."""
    task = kinds.Tagging("y", spans="BIO")
    frame = pl.DataFrame({"y": TAGS})
    task.fit(frame)
    targets, mask = (of_lengths(leaf, torch.tensor(LENGTHS)) for leaf in task.encode(frame))
    inputs = {"x": torch.arange(4.0)[:, None]}
    return task, Examples(inputs, {"y": targets}, {"y": mask})


def said(task: kinds.Tagging, tags: list[str], sure: list[float]) -> Prediction:
    """What a teacher believes: of each word its tag, with this probability."""
    labelling = task.entry_labelling()
    number = {tag: i for i, tag in enumerate(labelling.classes)}
    p = torch.stack([torch.full((3,), (1 - s) / 2).scatter(0, torch.tensor(number[tag]), s)
                     for tag, s in zip(tags, sure, strict=True)])  # fmt: skip
    offsets = torch.tensor([0, *np.cumsum(LENGTHS)])
    return Prediction(p[:, None], labelling=labelling, offsets=offsets)


def labelled(selector: Selector, tags: list[str], sure: list[float], **options: Any) -> PseudoLabels:
    task, examples = sentences()
    settings = CoTraining(SelfTraining(selector), 1, max_drift=1.0, **options)
    prior = prior_of(task, *true_units(task, examples.targets["y"], examples.masks["y"]))
    labeller = PseudoLabeller(
        settings, settings.strategy, examples, open_rows=torch.ones(4).bool(), priors={"y": prior}
    )
    return labeller.label(task, [said(task, tags, sure)], ["teacher"], 1).labels


GIVEN, LAST = ["O", "B-a", "I-a", "I-a"], ["O", "O"]


def test_a_span_is_labelled_whole_or_not_at_all() -> None:
    tags = [*GIVEN, "O", "B-a", "I-a", "O", "B-a", "I-a", "O", *LAST]
    sure = [0.9] * 4 + [0.99, 0.97, 0.6, 0.98] + [0.95, 0.92, 0.5] + [0.9] * 2
    found = labelled(Threshold(0.9), tags, sure)
    # The second word of the first span is not sure enough: its first word gets no label either, nor has any
    # word outside in that row. In the next row the span is sure, and the word outside is not.
    expected = [False] * 4 + [False] * 4 + [True, True, False] + [False] * 2
    assert found.accepted.flatten().tolist() == expected
    assert found.values[8:10].flatten().tolist() == [1, 2]
    assert found.confidence[8:10].flatten().tolist() == pytest.approx([0.92, 0.92])


def test_quotas_count_spans_by_their_type_and_words_outside() -> None:
    tags = [*GIVEN, "B-a", "B-a", "I-a", "B-a", "O", "O", "B-a", *LAST]
    sure = [0.9] * 4 + [0.97, 0.96, 0.95, 0.94, 0.99, 0.98, 0.93] + [0.9] * 2
    # Of the 4 labelled units one is a span and three are outside. Of the 6 that are free it may be half of
    # 6 · 1.5 / 5.5 spans, .8, and half of 6 · 3.5 / 5.5 words outside, 1.9.
    found = labelled(KBest(0.5), tags, sure)
    assert found.accepted.flatten().tolist()[4:11] == [True] + [False] * 3 + [True, True, False]


def test_true_tags_stand_and_a_span_that_touches_one_gets_no_label() -> None:
    task, examples = sentences()
    mask = examples.masks["y"].map(lambda values: values | (torch.arange(13) == 6))
    settings = CoTraining(SelfTraining(Threshold(0.5)), 1, max_drift=1.0)
    rows = Examples(examples.inputs, examples.targets, {"y": mask})
    labeller = PseudoLabeller(
        settings, settings.strategy, rows, open_rows=torch.ones(4).bool(), priors={"y": torch.ones(1, 3) / 3}
    )
    tags = [*GIVEN, "O", "B-a", "I-a", "O", "O", "O", "O", *LAST]
    labels = labeller.label(task, [said(task, tags, [0.9] * 13)], ["teacher"], 1).labels
    assert (
        labels.accepted.flatten().tolist()
        == [False] * 4 + [True, False, False, True] + [True] * 3 + [False] * 2
    )
    joined = with_pseudo_labels(rows, [task], {"y": labels})
    assert joined.targets["y"].values.tolist() == [0, 1, 2, 2] + [0] * 9
    assert joined.masks["y"].values[:4].tolist() == [1.0] * 4
    assert joined.masks["y"].values[6] == 1.0


def test_a_labelled_span_weighs_as_its_least_sure_word_on_every_word() -> None:
    tags = [*GIVEN, "O", "B-a", "I-a", "I-a", "O", "O", "O", *LAST]
    found = labelled(Threshold(0.5), tags, [0.9] * 5 + [0.8, 0.7, 0.9] + [0.9] * 5, pseudo_weight=1.0)
    assert found.weight[5:8].flatten().tolist() == pytest.approx([0.7] * 3)


def rare(settings: CoTraining) -> PseudoLabels:
    """What is accepted of 400 rows beside 100 labels, two of them positive; the teacher never says yes."""
    task = kinds.Binary("a")
    task.fit(pl.DataFrame({"a": [True] * 2 + [False] * 98}))
    targets = torch.tensor([1.0] * 2 + [0.0] * 498)[:, None]
    mask = (torch.arange(500) < 100)[:, None]
    examples = Examples({"inputs": torch.zeros(500, 1)}, {"a": targets}, {"a": mask})
    prior = {"a": prior_of(task, targets, mask)}
    labeller = PseudoLabeller(
        settings, settings.strategy, examples, open_rows=torch.ones(500).bool(), priors=prior
    )
    # Rows 100 to 119 are ten times likelier than usual, and yet less likely than not.
    yes = torch.full((500,), 0.004)
    yes[100:120] = torch.linspace(0.3, 0.2, 20)
    said = Prediction(torch.stack([1 - yes, yes], dim=-1)[:, None])
    return labeller.label(task, [said], ["teacher"], 1).labels


@pytest.mark.parametrize("selector", [KBest(0.9), KBest(0.9, min_confidence=0.8, class_balance=0.5)])
def test_the_quota_of_two_in_a_hundred_is_filled_once_their_prior_is_removed(
    selector: KBest,
) -> None:
    # 400 free rows and a prior of 2.5 / 101: a quota of 8.9 for the yes.
    before = rare(CoTraining(SelfTraining(selector), 1))
    assert not before.values.any()
    assert before.n_accepted > 300
    after = rare(CoTraining(SelfTraining(selector), 1, logit_adjustment=1.0))
    assert torch.nonzero(after.values[:, 0]).flatten().tolist() == list(range(100, 109))
    assert after.n_accepted - 9 == round(400 * 0.9 * 98.5 / 101)


def test_what_the_prior_is_removed_from_keeps_its_chance_of_being_right() -> None:
    found = rare(CoTraining(SelfTraining(KBest(0.9)), 1, logit_adjustment=1.0, pseudo_weight=1.0))
    assert found.confidence[100, 0].item() == pytest.approx(0.3)
    # It counts by how sure it is among classes that are equally frequent: odds of .3 / .7 by 98.5 / 2.5.
    odds = 0.3 / 0.7 * 98.5 / 2.5
    assert found.weight[100, 0].item() == pytest.approx(odds / (1 + odds), rel=1e-4)


class Everything(Selector):
    """Takes every entry, free or not."""

    def select(self, candidates: Candidates) -> torch.Tensor:
        return torch.ones_like(candidates.free)


def labelling(strategy: SelfTraining, task: Task, said: Prediction) -> LabellingResult:
    """What becomes of ten rows, of which four have labels of both classes and the last is not to have any."""
    targets = (torch.arange(10) % 2).float()[:, None]
    examples = Examples(
        {"inputs": torch.zeros(10, 1)}, {"a": targets}, {"a": (torch.arange(10) < 4)[:, None]}
    )
    labeller = PseudoLabeller(
        CoTraining(strategy, 1, pseudo_weight=0.5, max_drift=1.0),
        strategy,
        examples,
        open_rows=torch.arange(10) < 9,
        priors={"a": prior_of(task, targets, examples.masks["a"])},
    )
    return labeller.label(task, [said], ["teacher"], 1)


def yes_or_no() -> kinds.Binary:
    task = kinds.Binary("a")
    task.fit(pl.DataFrame({"a": [True, False] * 2}))
    return task


def test_a_selector_that_takes_too_much_gets_what_is_free() -> None:
    said = Prediction(torch.full((10, 1, 2), 0.5))
    found = labelling(SelfTraining(Everything()), yes_or_no(), said).labels
    assert torch.nonzero(found.accepted[:, 0]).flatten().tolist() == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(("align", "yes"), [(False, 5), (True, 2)])
def test_alignment_comes_before_the_choice_of_a_class(align: bool, yes: int) -> None:
    # A teacher that says yes of nearly everything, though a yes is as frequent as a no.
    p = torch.linspace(0.6, 0.96, 10)
    said = Prediction(torch.stack([1 - p, p], dim=-1)[:, None])
    found = labelling(SelfTraining(Threshold(0.5), align=align), yes_or_no(), said).labels
    assert int(found.values.sum()) == yes


def test_a_teacher_that_is_not_finite_labels_nothing() -> None:
    found = labelling(SelfTraining(Threshold(0.5)), yes_or_no(), Prediction(torch.full((10, 1, 2), math.nan)))
    assert found.labels.n_accepted == 0
    assert found.note == "the teachers' predictions are not finite"


def test_numbers_weigh_what_the_strategy_says() -> None:
    task, strategy = kinds.Regression("a"), SelfTraining(Everything())
    task.fit(pl.DataFrame({"a": [0.0, 1.0] * 2}))
    strategy.number_weight = 0.3
    found = labelling(strategy, task, Prediction(values=torch.ones(10, 1), spread=torch.zeros(10, 1))).labels
    assert found.weight[4:9].flatten().tolist() == pytest.approx([0.15] * 5)


@pytest.mark.parametrize(("n_labels", "accepted"), [(6, 600), (300, 0)])
def test_class_shares_may_move_by_what_the_number_of_labels_leaves_open(n_labels: int, accepted: int) -> None:
    """Half of the labels are a yes, and of six hundred other rows four in five are said to be."""
    task = kinds.Binary("a")
    task.fit(pl.DataFrame({"a": [True, False] * 2}))
    n = n_labels + 600
    yes = torch.tensor([float(i % 2) for i in range(n_labels)] + [float(i % 5 > 0) for i in range(600)])[
        :, None
    ]
    mask = (torch.arange(n) < n_labels)[:, None]
    examples = Examples({"inputs": torch.zeros(n, 1)}, {"a": yes}, {"a": mask})
    settings = CoTraining(SelfTraining(Threshold(0.5)), 1, max_drift=0.04)
    labeller = PseudoLabeller(
        settings,
        settings.strategy,
        examples,
        open_rows=torch.ones(n).bool(),
        priors={"a": prior_of(task, yes, mask)},
    )
    said = Prediction(torch.stack([1 - yes, yes], dim=-1))
    found = labeller.label(task, [said], ["teacher"], 1)
    assert found.labels.n_accepted == accepted
    assert ("refused: the class shares would move" in found.note) == (not accepted)


def test_words_of_rare_spans_are_found_once_their_prior_is_removed() -> None:
    tags = [*GIVEN, "O", "B-a", "I-a", "O", "O", "O", "O", *LAST]
    sure = [0.9] * 4 + [0.9, 0.9, 0.9, 0.9] + [0.9, 0.36, 0.36] + [0.9] * 2
    plain = labelled(Threshold(0.3), tags, sure)
    # The last two words of the third sentence are hardly surer to be outside than to be a name.
    assert plain.values[9:11].flatten().tolist() == [0, 0]
    found = labelled(Threshold(0.3), tags, sure, logit_adjustment=2.0)
    assert found.values[8:11].flatten().tolist() == [0, 1, 1]
    assert found.accepted[8:11].all()


ACCEPT_ALL = Curriculum(1.0, growing=False)


def heard_labels(
    paths: list[str], texts: list[str | None], selector: Selector = ACCEPT_ALL, **options: Any
) -> tuple[Transcription, Examples, LabellingResult]:
    """What becomes of rows with these texts of which a teacher hears these paths."""
    task = text_task(**options)
    examples = coded(task, texts)
    labeller = PseudoLabeller(
        CoTraining(max_drift=1.0),
        SelfTraining(selector),
        examples,
        open_rows=torch.ones(len(texts), dtype=torch.bool),
        priors={"said": prior_of(task, examples.targets["said"], examples.masks["said"])},
    )
    believed = prediction_of_output(task, saying(*paths))
    return task, examples, labeller.label(task, [believed], ["teacher"], 1)


def test_whole_texts_become_labels_and_may_be_longer_than_the_true_ones():
    task, examples, found = heard_labels(["ab", "ab-cab-c", "-c", "---"], ["a", None, "b", None])
    assert examples.targets["said"].shape == (4, 1)
    labels = found.labels
    assert labels.accepted.flatten().tolist() == [False, True, False, False]
    assert labels.texts.tolist() == [[0] * 6, [1, 2, 3, 1, 2, 3], [0] * 6, [0] * 6]
    assert labels.values.flatten().tolist() == [0, 1, 0, 0]
    before = examples.fingerprint()
    both = with_pseudo_labels(examples, [task], {"said": labels})
    assert both.targets["said"].tolist() == [[1, *[0] * 5], [1, 2, 3, 1, 2, 3], [2, *[0] * 5], [0] * 6]
    mask = both.masks["said"].flatten()
    assert mask[[0, 2, 3]].tolist() == [1.0, 1.0, 0.0]
    assert 0 < mask[1] < 0.5
    assert examples.fingerprint() == before
    # With nothing taught, and to the last row, the true labels are all there is.
    alone = with_pseudo_labels(examples, [task], {"said": PseudoLabels.none(torch.ones(4, 1))})
    assert torch.equal(alone.targets["said"], examples.targets["said"])


def test_a_text_is_taken_by_its_normalised_score_and_one_row_is_enough():
    task, outputs = text_task(), saying("a-b", "c")
    outputs.values[-1, :-1] = torch.tensor([0.0, 0.0, 0.0, 0.2])
    examples = coded(task, [None, None])
    believed = prediction_of_output(task, outputs)
    sure = believed.confidence().flatten()
    assert sure[0] > 0.9 > 0.4 > sure[1] > 0.2
    for rows, expected in ((torch.tensor([0, 1]), [True, False]), (torch.tensor([0]), [True])):
        labeller = PseudoLabeller(
            CoTraining(max_drift=1.0),
            SelfTraining(Threshold(0.9)),
            examples.take(rows),
            open_rows=torch.ones(len(rows), dtype=torch.bool),
            priors={"said": torch.tensor([[0.0, 1.0]])},
        )
        found = labeller.label(task, [believed.take(rows)], ["teacher"], 1).labels
        assert found.accepted.flatten().tolist() == expected
        assert float(found.confidence[0, 0]) == pytest.approx(float(sure[0]))


def test_silence_is_a_label_where_it_has_a_word_of_its_own():
    paths, texts = ["ab", "---", ""], ["ab", None, None]
    _, _, without = heard_labels(paths, texts)
    assert without.labels.n_accepted == 0
    assert without.note == "no unlabelled cell"
    _, _, silent = heard_labels(paths, texts, empty="-")
    assert silent.labels.accepted.flatten().tolist() == [False, True, False]
    assert not silent.labels.texts.any()


def test_texts_of_one_symbol_alone_are_refused_for_the_symbols_they_would_drown():
    task = text_task()
    examples = coded(task, ["abc", "cab", "bca", "abc", *[None] * 60])
    labeller = PseudoLabeller(
        CoTraining(max_drift=0.01),
        SelfTraining(ACCEPT_ALL),
        examples,
        open_rows=torch.ones(64, dtype=torch.bool),
        priors={"said": torch.tensor([[0.0, 1.0]])},
    )
    found = labeller.label(task, [prediction_of_output(task, saying(*["aa"] * 64))], ["teacher"], 1)
    assert found.labels.n_accepted == 0
    assert found.note.startswith("refused: the symbol shares would move by 0.5")
    spread = labeller.label(task, [prediction_of_output(task, saying(*["abc"] * 64))], ["teacher"], 1)
    assert spread.labels.n_accepted == 60


def test_labels_are_right_where_the_whole_text_is():
    task, _, found = heard_labels(["ab", "ab", "abc", "c"], [None, None, None, "a"])
    truth = coded(task, ["ab", "b", "abc", "a"])
    assert true_accuracy(task, [found], truth) == pytest.approx(2 / 3)
    again = heard_labels(["ab", "ab", "abc", "c"], [None, None, None, "a"])[2]
    other = heard_labels(["ab", "a-", "abc", "c"], [None, None, None, "a"])[2]
    assert unchanged([{"said": again}], [{"said": found}])
    assert not unchanged([{"said": other}], [{"said": found}])
