"""What networks hear, written out: sums over all paths, the text of least mean cost, rows of any lengths."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

from texts import drawn, labelling_of, literal_cost, saying, text_task

from cotrain.cotraining._hypotheses import (
    TEMPERATURES,
    Hypotheses,
    as_ragged,
    as_wide_as_each_other,
    same_texts,
    symbol_shares,
    trimmed,
)

LENGTHS = [5, 1, 3, 4]


def symbols(row: torch.Tensor) -> list[int]:
    return [int(symbol) for symbol in row if symbol]


def test_the_confidence_is_the_sum_over_all_paths_of_the_text_by_its_symbols():
    outputs = drawn(LENGTHS)
    heard = Hypotheses(labelling_of(text_task()), [outputs])
    for row, output in enumerate(outputs):
        text = symbols(heard.texts[row])
        expected = torch.exp(torch.tensor(-literal_cost(output, text))) if text else 0.0
        assert float(heard.confidence()[row, 0]) == pytest.approx(float(expected), rel=1e-5)


def test_several_networks_say_the_text_of_least_mean_cost_and_their_mean_score():
    every = [drawn(LENGTHS, seed) for seed in (1, 2, 3)]
    labelling = labelling_of(text_task(empty="nothing"))
    heard = Hypotheses(labelling, every)
    for row in range(len(LENGTHS)):
        offered = [symbols(labelling.heard(output)[row]) for output in every]
        outputs = [list(output)[row] for output in every]
        costs = [sum(literal_cost(output, text) for output in outputs) / 3 for text in offered]
        assert symbols(heard.texts[row]) == offered[costs.index(min(costs))]
        assert float(heard.costs[row]) == pytest.approx(min(costs), rel=1e-5)
        assert bool(heard.agree()[row, 0]) == (offered[0] == offered[1] == offered[2])


def test_nothing_heard_is_no_label_unless_an_empty_text_is_one():
    outputs = saying("---", "a-b", "")
    heard = Hypotheses(labelling_of(text_task()), [outputs])
    assert heard.labellable().flatten().tolist() == [False, True, False]
    silent = Hypotheses(labelling_of(text_task(empty="<silence>")), [outputs])
    # A row without any sound has no position in which nothing could be heard.
    assert silent.labellable().flatten().tolist() == [True, True, False]
    assert silent.confidence()[0] > 0.9
    assert silent.confidence()[2] == 0


def test_a_text_that_one_network_has_no_positions_for_is_never_a_label():
    fine, coarse = saying("a-a-bc", "ab"), saying("abc", "ab")
    heard = Hypotheses(labelling_of(text_task()), [fine, coarse])
    # Between equal symbols there is a blank: this text of four symbols needs five positions.
    texts = torch.tensor([[1, 1, 2, 3], [1, 2, 0, 0]])
    assert heard.costs_of(texts)[0] == torch.inf
    assert torch.isfinite(heard.costs_of(texts)[1])
    assert symbols(heard.texts[0]) == [1, 2, 3]
    alone = Hypotheses(labelling_of(text_task()), [coarse])
    assert alone.labelling.labellable(coarse, texts).tolist() == [False, True]


def test_rows_are_taken_stacked_and_put_in_their_places():
    labelling = labelling_of(text_task())
    first, second = (Hypotheses(labelling, [outputs]) for outputs in (saying("ab", "c--c"), saying("-b-")))
    both = Hypotheses.stacked([first, second])
    assert both.texts.tolist() == [[1, 2], [3, 3], [2, 0]]
    assert both.take(torch.tensor([2, 0])).texts.tolist() == [[2, 0], [1, 2]]
    placed = Hypotheses.placed([(torch.tensor([4, 1]), first), (torch.tensor([2]), second)], 5)
    assert placed.there().tolist() == [False, True, True, False, True]
    assert placed.texts.tolist() == [[0, 0], [3, 3], [2, 0], [0, 0], [1, 2]]
    assert len(placed) == 5
    joined = Hypotheses.joined([first, first])
    assert joined.texts.tolist() == first.texts.tolist()
    assert torch.allclose(joined.confidence(), first.confidence())
    one = first.take(torch.tensor([0]))
    assert one.texts.tolist() == [[1, 2]]
    assert first.take(torch.zeros(0, dtype=torch.int64)).confidence().shape == (0, 1)


def test_texts_are_tempered_so_that_those_known_cost_least():
    outputs = drawn(LENGTHS, seed=5)
    heard = Hypotheses(labelling_of(text_task()), [outputs])
    truth = torch.tensor([[1, 2], [3, 0], [2, 0], [1, 1]])
    known = torch.tensor([True, True, False, True])
    slow = [
        [literal_cost(output, symbols(truth[row]), t) for row, output in enumerate(outputs)]
        for t in TEMPERATURES
    ]
    best = min(slow, key=lambda costs: costs[0] + costs[1] + costs[3])
    assert heard.tempered_costs_of(truth, known).tolist() == pytest.approx(best, rel=1e-4)
    assert heard.tempered_costs_of(truth, torch.zeros(4, dtype=torch.bool)).shape == (4,)


def test_texts_of_different_width_are_compared_as_texts():
    short, long = torch.tensor([[1], [2]]), torch.tensor([[1, 0, 0], [2, 2, 0]])
    assert same_texts(short, long).tolist() == [True, False]
    assert [part.shape[1] for part in as_wide_as_each_other([short, long])] == [3, 3]
    assert trimmed(torch.tensor([[1, 0, 0], [0, 0, 0]])).tolist() == [[1], [0]]
    assert trimmed(torch.zeros(0, 4)).shape == (0, 1)
    heard = Hypotheses(labelling_of(text_task()), [saying("ab", "c")])
    assert heard.right(torch.tensor([[1, 2, 0], [3, 3, 0]])).flatten().tolist() == [True, False]


def test_shares_count_every_symbol_of_some_texts():
    heard = Hypotheses(labelling_of(text_task()), [saying("ab", "c", "a-a")])
    found = heard.shares(heard.texts, torch.tensor([True, False, True]))
    assert found.tolist() == [[0.75, 0.25, 0.0]]
    # What training never had has no share, and of no text nothing is known.
    assert symbol_shares(heard.labelling, torch.tensor([[4, 1]])).tolist() == [[1.0, 0.0, 0.0]]
    assert symbol_shares(heard.labelling, torch.zeros(0, 2, dtype=torch.int64)).isnan().all()


def test_outputs_of_one_length_are_rows_too():
    rows = as_ragged(torch.ones(2, 3, 5))
    assert rows.lengths.tolist() == [3, 3]
    assert as_ragged(rows) is rows
