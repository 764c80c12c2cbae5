"""A text for a sound: coding, loss, decoding and figures."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError, parameters_of
from cotrain._base._ragged import Ragged
from cotrain.tasks import Transcription
from cotrain.tasks.sequence._ctc import greedy, prefix_beam_search

FRAME = pl.DataFrame({"said": ["ab a", None, "b", "a  b", " bb "]})


def fitted(**options: Any) -> Transcription:
    task = Transcription("said", **options)
    task.fit(FRAME)
    return task


def outputs(lengths: list[int], n_symbols: int, seed: int = 0) -> torch.Tensor:
    """Scores of C symbols, and which positions there are; anything at all stands behind a row's end."""
    longest, generator = max(lengths), torch.Generator().manual_seed(seed)
    found = 2 * torch.randn(len(lengths), longest, n_symbols + 1, generator=generator)
    found[..., -1] = (torch.arange(longest) < torch.tensor(lengths)[:, None]).float()
    return found


def text_of_path(path: tuple[int, ...]) -> list[int]:
    return [symbol for symbol, _ in itertools.groupby(path) if symbol]


def literal_loss(log_p: np.ndarray, text: list[int]) -> float:
    """-log of the sum over all paths of the text."""
    total = 0.0
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        if text_of_path(path) == text:
            total += math.exp(sum(log_p[place, symbol] for place, symbol in enumerate(path)))
    return -math.log(total) / max(1, len(text)) if total else math.inf


def test_the_loss_is_that_of_all_paths_and_padding_says_nothing():
    task = fitted()
    output = outputs([5, 4, 3, 1, 2], task.n_outputs - 1)
    targets, mask = task.encode(pl.DataFrame({"said": ["ab", "bb", "", "ab", None]}))
    log_p = torch.log_softmax(output[..., :-1], dim=-1).double().numpy()
    expected = [
        literal_loss(log_p[row, :length], [int(symbol) for symbol in targets[row] if symbol])
        for row, length in enumerate([5, 4, 3, 1, 2])
    ]
    found = task.losses(output, targets)
    assert found.shape == mask.shape == (5, 1)
    assert found.flatten().tolist() == pytest.approx(expected, rel=1e-5)
    # The text of two symbols has no path in one position: that is no small loss.
    assert math.isinf(found[3, 0])
    whole = task.loss(output[:3], targets[:3], mask[:3])
    assert float(whole) == pytest.approx(np.mean(expected[:3]), rel=1e-5)
    padded = torch.nn.functional.pad(output, (0, 0, 0, 3))
    assert torch.allclose(task.losses(padded, targets), found)


def test_unlabelled_rows_send_no_gradient_and_an_empty_text_is_a_label():
    task = fitted(empty="-")
    targets, mask = task.encode(pl.DataFrame({"said": ["-", None, "", "b"]}))
    # A cell without anything is a label where it is a text, and none where it is missing.
    assert mask.flatten().tolist() == [True, False, True, True]
    assert targets.tolist() == [[0], [0], [0], [3]]
    output = outputs([4, 4, 4, 4], task.n_outputs - 1).requires_grad_()
    task.loss(output, targets, mask).backward()
    assert output.grad is not None
    reached = output.grad[..., :-1].abs().sum(dim=(1, 2)) > 0
    assert reached.tolist() == [True, False, True, True]
    assert task.predict(torch.tensor([[[5.0, 0, 0, 0, 1.0]]])) == {"said": ["-"]}


@pytest.mark.parametrize("units", ["characters", "words"])
def test_texts_come_back_and_unseen_symbols_are_counted(units: Any):
    task = fitted(units=units)
    symbols = [" ", "a", "b"] if units == "characters" else ["a", "ab", "b", "bb"]
    assert task.parts == symbols
    assert task.n_outputs == len(symbols) + 2
    targets, _ = task.encode(FRAME)
    assert [task.text_of(row) for row in targets.numpy()] == ["ab a", "", "b", "a b", "bb"]
    strange = pl.DataFrame({"said": ["a c", "b", None]})
    assert task.unseen(strange) == {"said=c": 1}
    targets, mask = task.encode(strange)
    assert task.text_of(targets[0].numpy()) == "a �"
    said = task.encode(pl.DataFrame({"said": ["a b", "b", ""]}))[0].numpy()
    wer, cer, match = (m.compute(said, targets.numpy(), mask.numpy()) for m in task.available_metrics())
    assert (wer, cer, match) == (1 / 3, 1 / 4, 0.5)
    assert torch.isfinite(task.losses(outputs([6, 6, 6], task.n_outputs - 1), targets)).all()


def test_greedy_texts_are_those_of_each_row_alone():
    task = fitted()
    lengths = [7, 1, 4, 0, 6]
    output = outputs(lengths, task.n_outputs - 1, seed=3)
    found = task.scores(output)
    for row, length in enumerate(lengths):
        expected = greedy(output[row, :length, :-1].numpy())
        assert [int(symbol) for symbol in found[row] if symbol] == expected
        assert not found[row, len(expected) :].any()


@pytest.mark.parametrize("word_list", [None, ["ab", "b"], "training"])
def test_the_beam_search_is_that_of_each_row_alone(word_list: Any):
    task = fitted(beam=8, word_list=word_list)
    listed = ["a", "ab", "b", "bb"] if word_list == "training" else word_list
    words = listed and [tuple(task._numbers[letter] for letter in word) for word in listed]
    output = outputs([6, 3, 1], task.n_outputs - 1, seed=1)
    log_p = torch.log_softmax(output[..., :-1].double(), dim=-1).numpy()
    for row, length in enumerate([6, 3, 1]):
        expected, _ = prefix_beam_search(log_p[row, :length], 8, words=words, separator=1)
        assert [int(symbol) for symbol in task.scores(output)[row] if symbol] == expected
    if listed:
        texts = task.predict(output)["said"]
        assert all(set(text.split()) <= set(listed) for text in texts)


def test_ragged_and_padded_outputs_are_predicted_alike_and_confidence_is_a_probability():
    task = fitted()
    lengths = [5, 0, 3]
    output = outputs(lengths, task.n_outputs - 1)
    rows = Ragged.from_padded(output, torch.tensor(lengths))
    assert task.predict(rows) == task.predict(output)
    assert torch.equal(task.pseudo_label(rows), task.pseudo_label(output))
    confidence = task.confidence(output)
    assert confidence.shape == (3, 1)
    assert ((confidence >= 0) & (confidence <= 1)).all()
    sure = torch.tensor([[[9.0, -9, -9, -9, 1], [-9, -9, 9.0, -9, 1]]])
    assert float(task.confidence(sure)) > 0.99
    assert torch.allclose(task.confidence(sure.bfloat16()), task.confidence(sure.bfloat16().float()))


def test_a_text_longer_than_its_sound_is_one_sentence_with_its_row():
    task = fitted()
    targets, mask = task.encode(pl.DataFrame({"said": ["ab", "a bb", None]}))
    task.require_positions(torch.tensor([2, 5, 0]), targets, mask)
    sentence = (
        r"^Task 'said': row 1 has the text 'a bb', which needs 5 positions, and its sound has 4: empty the "
        r"cell, take units='words', or let the encoder give more of them \(a smaller hop or stride\)\.$"
    )
    with pytest.raises(DataError, match=sentence):
        task.require_positions(torch.tensor([2, 4, 0]), targets, mask)


def test_the_reference_is_the_best_of_many_constants_where_nothing_else_is_known():
    task = fitted()
    targets, mask = task.encode(FRAME)
    reference = task.reference_output(targets, mask)
    assert reference.shape == (task.n_outputs,)
    assert float(reference[:-1].exp().sum()) == pytest.approx(1.0, abs=1e-5)
    assert reference[-1] == 1
    best = task.reference_loss(targets, mask)
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        other = torch.cat([torch.randn(task.n_outputs - 1, generator=generator), torch.ones(1)])
        loss = float(task.loss(task._everywhere(other, targets), targets, mask))
        assert best <= loss + 0.05
    empty = torch.zeros_like(mask)
    assert torch.isfinite(task.reference_output(targets, empty)).all()
    assert task.reference_loss(targets, empty) == 0


def test_a_new_head_does_not_begin_by_saying_nothing_and_marks_the_padding():
    task = fitted()
    torch.manual_seed(0)
    head = task.head(8, hidden=[6])
    mask = torch.tensor([[True] * 40, [True] * 5 + [False] * 35])
    output = head(torch.randn(2, 40, 8), mask)
    assert output.shape == (2, 40, task.n_outputs)
    assert torch.equal(output[..., -1], mask.float())
    assert (output[..., :-1].argmax(dim=-1) != 0).float().mean() > 0.9
    assert torch.equal(head(torch.zeros(1, 3, 8))[..., -1], torch.ones(1, 3))


def test_state_and_parameters_make_the_same_task():
    for options in ({}, {"units": "words"}, {"word_list": ["ab"], "beam": 3}, {"word_list": "training"}):
        task = fitted(**options)
        again = Transcription(**parameters_of(task))
        assert parameters_of(again) == parameters_of(task)
        again.load_state_dict(json.loads(json.dumps(task.state_dict())))
        output = outputs([5, 3], task.n_outputs - 1)
        assert again.predict(output) == task.predict(output)


@pytest.mark.parametrize(
    "options",
    [
        {"units": "letters"},
        {"beam": 0},
        {"beam": True},
        {"word_list": []},
        {"word_list": "all"},
        {"word_list": ["a"], "units": "words"},
        {"columns": ["a", "b"]},
        {"metrics": ["accuracy"]},
    ],
)
def test_bad_options_are_refused(options: dict[str, Any]):
    with pytest.raises(InvalidArgumentError, match=r"\.$"):
        Transcription("said", **options)


def test_labels_that_cannot_be_learned_are_refused():
    for cells in ([None, None], ["", ""]):
        with pytest.raises(DataError, match=r"\.$"):
            Transcription("said").fit(pl.DataFrame({"said": cells}, schema={"said": pl.String}))
    with pytest.raises(DataError, match=r"^Column 'said' holds List\(String\), where a text a row was"):
        Transcription("said").fit(pl.DataFrame({"said": [["a"], ["b"]]}))
    with pytest.raises(DataError, match=r"the word 'ax' of word_list has characters .*\('x'\): take it out"):
        fitted(word_list=["ax"])


def test_numbers_in_the_place_of_texts_are_their_digits():
    task = Transcription("said")
    task.fit(pl.DataFrame({"said": [12, 210]}))
    assert task.parts == ["0", "1", "2"]
