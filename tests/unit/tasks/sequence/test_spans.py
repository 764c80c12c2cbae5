"""Spans against a literal slow reading, decoding against all sequences, and figures known from seqeval."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.tasks.sequence._spans import SpanTags, most_probable

TAGS = ["O", "B-loc", "I-loc", "B-per", "I-per"]
SPANS = SpanTags(TAGS)


def literal_spans(tags: list[str]) -> set[tuple[str, int, int]]:
    """Read spans tag by tag, as seqeval 1.2.2 does with mode="strict" and scheme=IOB2."""
    found, place = set(), 0
    while place < len(tags):
        end = place + 1
        if tags[place].startswith("B-"):
            while end < len(tags) and tags[end] == "I-" + tags[place][2:]:
                end += 1
            found.add((tags[place][2:], place, end))
        place = end
    return found


def names(codes: np.ndarray) -> list[str]:
    return [(*TAGS, "B-?", "I-?")[code] for code in codes]


@given(n_rows=st.integers(1, 4), length=st.integers(0, 10), seed=st.integers(0, 2**16))
def test_counts_are_those_of_sets_of_spans(n_rows: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 7, (n_rows, length)), rng.integers(0, 5, (n_rows, length))
    predicted = np.where(rng.random(true.shape) < 0.6, np.minimum(true, 4), predicted)
    mask = rng.random(true.shape) < 0.85
    found = SPANS.counts(true, predicted, mask)
    for row in range(n_rows):
        sides = [
            literal_spans(
                [name if known else "O" for name, known in zip(names(codes), mask[row], strict=True)]
            )
            for codes in (true[row], predicted[row])
        ]
        for number, of_type in enumerate(("loc", "per", "?")):
            gold, said = ({span for span in side if span[0] == of_type} for side in sides)
            assert found[row, :, number].tolist() == [len(gold & said), len(said), len(gold)]


@pytest.mark.parametrize(
    ("true", "predicted", "f1"),
    [
        # From the documentation of seqeval.
        (
            ["O O O B-MISC I-MISC I-MISC O", "B-PER I-PER O"],
            ["O O B-MISC I-MISC I-MISC I-MISC O", "B-PER I-PER O"],
            0.5,
        ),
        (["B-NP I-NP O"], ["I-NP I-NP O"], 0.0),
        (["B-A I-A B-A O B-B"], ["B-A I-A B-A O B-B"], 1.0),
        (["B-A I-A I-A"], ["B-A I-B I-A"], 0.0),
        (["B-A O"], ["B-A I-B"], 1.0),
    ],
)
def test_known_figures(true: list[str], predicted: list[str], f1: float) -> None:
    types = sorted({tag[2:] for row in (*true, *predicted) for tag in row.split() if tag != "O"})
    spans = SpanTags(["O", *(f"{prefix}-{name}" for name in types for prefix in "BI")])
    total = np.zeros(3)
    for gold, said in zip(true, predicted, strict=True):
        codes = [np.array([[spans.tags.index(tag) for tag in row.split()]]) for row in (gold, said)]
        total += spans.counts(*codes, np.ones(codes[0].shape, bool)).sum(axis=(0, 2))
    assert 2 * total[0] / (total[1] + total[2]) == f1


def test_tags_in_which_an_i_may_begin_a_span_become_strict() -> None:
    rows = ["I-per I-per O", "I-per B-per", "I-loc I-per", "", "I-loc"]
    flat = np.array([TAGS.index(tag) for row in rows for tag in row.split()])
    offsets = np.cumsum([0, *(len(row.split()) for row in rows)])
    strict = SPANS.strict(flat, offsets, np.ones(len(flat), bool))
    assert names(strict) == ["B-per", "I-per", "O", "B-per", "B-per", "B-loc", "B-per", "B-loc"]
    again = SPANS.strict(strict, offsets, np.ones(len(flat), bool))
    assert again.tolist() == strict.tolist()


def test_an_i_behind_an_unlabelled_token_is_left_as_it_is() -> None:
    codes = np.array([0, 4, 0, 4])
    assert SPANS.strict(codes, np.array([0, 4]), np.array([False, True, True, True])).tolist() == [0, 4, 0, 3]


def legal(tags: tuple[int, ...]) -> bool:
    before = ["O", *(TAGS[tag] for tag in tags)]
    return all(
        not tag.startswith("I-") or previous[2:] == tag[2:] for previous, tag in itertools.pairwise(before)
    )


@pytest.mark.parametrize("seed", range(8))
def test_no_legal_sequence_is_more_probable(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(5, 0.4), (2, 4))
    found = most_probable(probabilities, SPANS)
    log_p = np.log(probabilities)
    for row in range(2):
        sums = {
            tags: sum(log_p[row, place, tag] for place, tag in enumerate(tags))
            for tags in itertools.product(range(5), repeat=4)
            if legal(tags)
        }
        assert legal(tuple(found[row].tolist()))
        assert sums[tuple(found[row].tolist())] == pytest.approx(max(sums.values()), abs=1e-4)


def test_padding_of_equal_probabilities_changes_nothing() -> None:
    probabilities = np.random.default_rng(3).dirichlet(np.ones(5), (6, 7))
    padded = np.concatenate([probabilities, np.full((6, 3, 5), 0.2)], axis=1)
    np.testing.assert_array_equal(most_probable(padded, SPANS)[:, :7], most_probable(probabilities, SPANS))


def test_no_row_and_no_position_are_no_error() -> None:
    assert most_probable(np.zeros((0, 3, 5)), SPANS).shape == (0, 3)
    assert most_probable(np.zeros((2, 0, 5)), SPANS).shape == (2, 0)
    assert SPANS.counts(*np.zeros((2, 2, 0), int), np.zeros((2, 0), bool)).sum() == 0
