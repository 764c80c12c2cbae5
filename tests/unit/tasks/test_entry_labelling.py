import itertools

import numpy as np
import polars as pl
import torch

from cotrain._base._ragged import Ragged
from cotrain.tasks import Binary, EntryLabelling, Tagging

TAGS = ["O", "B-a", "I-a", "B-b", "I-b"]


def spans() -> tuple[Tagging, EntryLabelling]:
    task = Tagging("y", spans="BIO")
    task.fit(pl.DataFrame({"y": [TAGS, ["O"]]}))
    return task, task.entry_labelling()


def literal_units(rows: list[list[str]]) -> list[int]:
    """Number the spans one tag after the other."""
    numbers, number = [], -1
    for row in rows:
        before = "O"
        for tag in row:
            goes_on = tag[0] == "I" and before != "O" and before[2:] == tag[2:]
            number += not goes_on
            numbers.append(number)
            before = tag
    return numbers


def test_units_are_spans_and_single_tags_outside_and_never_cross_rows() -> None:
    _, labelling = spans()
    number = {tag: i for i, tag in enumerate(labelling.classes)}
    all_rows = [list(row) for n in (1, 2, 3) for row in itertools.product(TAGS, repeat=n)] + [[]]
    codes = torch.tensor([number[tag] for row in all_rows for tag in row])
    offsets = torch.tensor([0, *itertools.accumulate(len(row) for row in all_rows)])
    assert labelling.units(codes, offsets).tolist() == literal_units(all_rows)


def test_entries_are_decoded_as_the_task_predicts() -> None:
    task, labelling = spans()
    draw = np.random.default_rng(0)
    rows = [torch.from_numpy(draw.normal(size=(n, 5)).astype(np.float32)) for n in draw.integers(0, 7, 2000)]
    output = Ragged.from_rows(rows)
    probabilities = labelling.probabilities(output)
    decoded = labelling.decode(probabilities.values, probabilities.offsets)
    assert torch.equal(decoded, task.pseudo_label(output).values)
    assert torch.allclose(probabilities.values.sum(dim=-1), torch.ones(len(decoded)))


def test_tags_that_are_no_spans_stand_alone() -> None:
    task = Tagging("y")
    task.fit(pl.DataFrame({"y": [["N", "V"]]}))
    labelling = task.entry_labelling()
    assert labelling.units(torch.tensor([0, 0, 1]), torch.tensor([0, 3])).tolist() == [0, 1, 2]
    assert labelling.decode(torch.tensor([[0.6, 0.4]]), torch.tensor([0, 1])).tolist() == [0]


def test_a_word_outside_is_as_sure_as_the_least_sure_span_of_its_row() -> None:
    _, labelling = spans()
    number = {tag: i for i, tag in enumerate(labelling.classes)}
    rows = [["O", "B-a", "I-a", "O", "B-b"], [], ["O", "O"], ["B-b", "O"]]
    codes = torch.tensor([number[tag] for row in rows for tag in row])
    offsets = torch.tensor([0, *itertools.accumulate(len(row) for row in rows)])
    sure = torch.tensor([0.9, 0.7, 0.7, 0.6, 0.8, 0.95, 0.5, 0.3, 0.9])
    expected = torch.tensor([0.7, 0.7, 0.7, 0.6, 0.8, 0.95, 0.5, 0.3, 0.3])
    assert torch.equal(labelling.bound(sure, codes, offsets), expected)


def test_a_task_of_rows_has_none() -> None:
    assert Binary("y").entry_labelling() is None
