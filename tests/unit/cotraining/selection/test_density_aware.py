from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain import Learner
from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import (
    Agreement,
    Candidates,
    CoTraining,
    DensityAware,
    KBest,
    SelfTraining,
    SoftWeight,
    Threshold,
)
from cotrain.training import Fit

from .candidates import candidates, chosen


def with_typicality(given_: Candidates, of_class: list[list[float]]) -> Candidates:
    return replace(given_, typicality=lambda k: torch.tensor(of_class)[:, None])


SHARE = st.floats(0.01, 1.0)
ROW = st.tuples(st.sampled_from([0, 1]), st.floats(0.5, 1.0), SHARE, SHARE)


@given(
    rows=st.lists(ROW, min_size=1, max_size=6),
    strength=st.sampled_from([0.0, 0.4, 1.0]),
    usual=st.sampled_from([0.25, 1.0]),
)
def test_the_confidence_is_lowered_as_by_hand(rows, strength: float, usual: float):
    seen: list[Candidates] = []

    class Noting(Threshold):  # ty: ignore[subclass-of-final-class]
        def select(self, candidates: Candidates) -> torch.Tensor:
            seen.append(candidates)
            return super().select(candidates)

    classes, confidence = [row[0] for row in rows], [row[1] for row in rows]
    given_ = with_typicality(candidates(classes, confidence), [[row[2], row[3]] for row in rows])
    given_ = replace(given_, probabilities=given_.class_probabilities())
    selector = DensityAware(Noting(0.6), strength=strength, usual=usual)
    selector.select(given_)
    for row, (c, p, *shares) in enumerate(rows):
        factor = 1 - strength * (1 - min(1.0, shares[c] / usual))
        assert seen[0].confidence[row, 0].item() == pytest.approx(p * factor, abs=1e-5)
        assert seen[0].class_probabilities()[row, 0].sum().item() == pytest.approx(1.0, abs=1e-5)
        assert selector.weights(given_)[row, 0].item() == pytest.approx(factor, abs=1e-5)


def test_a_row_off_all_labelled_ones_is_not_accepted_however_sure():
    given_ = with_typicality(candidates([0, 0, 1], [0.9, 0.99, 0.9]), [[0.5, 0.1], [0.02, 0.9], [0.1, 0.5]])
    assert chosen(Threshold(0.8), given_) == [0, 1, 2]
    assert chosen(DensityAware(Threshold(0.8)), given_) == [0, 2]
    assert chosen(DensityAware(Threshold(0.8), strength=0.0), given_) == [0, 1, 2]


def test_soft_weights_are_taken_of_the_lowered_confidence_and_lowered_as_well():
    given_ = with_typicality(candidates([0, 0], [0.9, 0.9]), [[1.0, 1.0], [0.05, 1.0]])
    assert SoftWeight().weights(given_).flatten().tolist() == pytest.approx([1.0, 1.0])
    weights = DensityAware(SoftWeight()).weights(given_).flatten().tolist()
    assert weights[0] == 1.0
    assert weights[1] < 0.2


def test_rows_far_from_all_labels_get_none_in_the_rounds(make_problem):
    problem = make_problem(kinds_=("class",), n=120, labelled=40)
    free = torch.nonzero(~problem.train.labelled()[:, 0]).flatten()
    # In the same direction from the others and a hundred times as far: a linear teacher is sure of them.
    far = free[:10]
    problem.train.inputs["inputs"][far] *= 100.0

    def labelled(selector) -> torch.Tensor:
        settings = CoTraining(SelfTraining(selector), 1, min_labels=0, margin=0.0)
        return problem.run(settings, validation=False).labels["class"].accepted[far, 0]

    assert labelled(Threshold(0.8)).float().mean() > 0.5
    assert not labelled(DensityAware(Threshold(0.8))).any()


def test_candidates_that_do_not_tell_are_refused():
    with pytest.raises(InvalidArgumentError, match="DensityAware looks at how usual a row is"):
        DensityAware(KBest()).select(replace(candidates([0], [0.9]), typicality=None))


@pytest.mark.parametrize(("name", "value"), [("strength", 1.1), ("usual", 0.0), ("n_neighbours", 0)])
def test_arguments_out_of_range_are_refused(name, value):
    with pytest.raises(InvalidArgumentError, match=rf"DensityAware\({name}={value!r}\): expected"):
        DensityAware(**{name: value})


def test_what_it_cannot_look_at_is_refused_before_anything_is_fitted(monkeypatch):
    """It took the supervised fit first, and then said to take another strategy."""
    monkeypatch.setattr(Fit, "run", lambda fit: pytest.fail("something was fitted"))
    words = pl.DataFrame({"words": [["a", "b"]] * 30, "tags": [["x", "y"]] * 20 + [None] * 10})
    texts = pl.DataFrame({"text": ["a b", "c d", "e f"] * 10, "tags": ["x", "y"] * 10 + [None] * 10})
    strategy = SelfTraining(Agreement(DensityAware()))
    for frame, task, columns, said in (
        (
            words,
            kinds.Tagging("tags"),
            {"words": "words"},
            r"Tagging\('tags'\) has many answers a row: take "
            "another selector, such as KBest",
        ),
        (
            texts,
            kinds.Binary("tags"),
            {"text": "text"},
            "there are none: take another selector, such as KBest",
        ),
    ):
        learner = Learner([task], columns=columns, cotraining=CoTraining(strategy))
        with pytest.raises(InvalidArgumentError, match=said):
            learner.fit(frame, progress=False)
