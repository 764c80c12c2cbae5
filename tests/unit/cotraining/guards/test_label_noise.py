from __future__ import annotations

import sys
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from texts import coded, saying, text_task

from cotrain.cotraining import Prediction, prediction_of_output
from cotrain.cotraining.guards._label_noise import label_issues, tells_apart, without_issues
from cotrain.tasks import Multiclass, Regression, Task
from cotrain.training import Examples


def three_classes() -> Task:
    task = Multiclass("colour", classes=["a", "b", "c"])
    task.fit(pl.DataFrame({"colour": ["a", "a", "b", "b", "c", "c"]}))
    return task


def literally(p: list[list[float]], labels: list[int | None]) -> set[int]:
    """The off-diagonal of the confident joint, row by row in plain Python."""
    n = len(p[0])
    least: list[float] = []
    for c in range(n):
        own = [row[c] for row, y in zip(p, labels, strict=True) if y == c]
        least.append(sum(own) / len(own) if own else 2.0)
    found: dict[int, list[tuple[float, int]]] = {c: [] for c in range(n)}
    for i, (row, y) in enumerate(zip(p, labels, strict=True)):
        sure = [(row[c], -c) for c in range(n) if row[c] >= least[c] * (1 - 2**-19)]
        if y is not None and sure and -max(sure)[1] != y:
            found[y].append((-(max(sure)[0] - row[y]), i))
    return {
        i for c, rows in found.items() for _, i in sorted(rows)[: sum(label == c for label in labels) // 2]
    }


@given(
    rows=st.lists(
        st.tuples(
            st.lists(st.integers(1, 40), min_size=3, max_size=3), st.sampled_from([0, 1, 2, None, None])
        ),
        min_size=1,
        max_size=14,
    )
)
def test_equals_the_literal_confident_joint(rows):
    # A little of the row's number keeps ties and the classes' means apart.
    parts = [
        [v + 0.01 * (i + 1) * (c + 1) ** 2 for c, v in enumerate(values)]
        for i, (values, _) in enumerate(rows)
    ]
    p = torch.tensor([[v / sum(row) for v in row] for row in parts], dtype=torch.float64)
    labels = [label for _, label in rows]
    # What differs by rounding alone counts as equal, which the literal rule does not know.
    for y in range(3):
        of_class = [row for row, label in zip(p.tolist(), labels, strict=True) if label == y]
        margins = [row[c] - row[y] for row in of_class for c in range(3) if c != y]
        assume(all(after - before > 1e-5 for before, after in pairwise(sorted([0.0, *margins]))))
    targets = torch.tensor([[0 if label is None else label] for label in labels])
    mask = torch.tensor([[label is not None] for label in labels])
    found = label_issues(three_classes(), Prediction(probabilities=p[:, None]), targets, mask)
    assert set(torch.nonzero(found[:, 0]).flatten().tolist()) == literally(p.tolist(), labels)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shares", [(0.6, 0.4), (0.7, 0.3), (0.8, 0.2), (0.5, 0.3, 0.2), (0.4, 0.4, 0.2)])
@pytest.mark.parametrize("n", [3, 7, 19, 30])
def test_what_rounding_makes_of_equal_answers_doubts_nothing_else(n, shares, dtype):
    labels = [c for c in range(len(shares)) for _ in range(n)]
    task = Multiclass("colour", classes=["a", "b", "c"][: len(shares)])
    frame = pl.DataFrame({"colour": ["abc"[c] for c in labels]})
    task.fit(frame)
    said = torch.tensor([shares] * len(labels), dtype=dtype)[:, None]
    # The last digits are what a kernel makes of a row by its place in the batch.
    jitter = torch.rand(said.shape, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    found = [
        label_issues(task, Prediction(p), *task.encode(frame))
        for p in (said, said.double() * (1 + 2**-23 * (2 * jitter - 1)))
    ]
    # By the literal rule the first of the likeliest classes is there in all rows, and half of each other's
    # labels, the first ones where none is worse, are doubted.
    expected = [y > 0 and i % n < n // 2 for i, y in enumerate(labels)]
    assert found[0].flatten().tolist() == found[1].flatten().tolist() == expected


def test_most_flipped_labels_are_found_and_few_others():
    generator = torch.Generator().manual_seed(0)
    truth = torch.randint(0, 3, (600,), generator=generator)
    p = torch.nn.functional.one_hot(truth, 3) * 2.0 + torch.randn(600, 3, generator=generator)
    flipped = torch.rand(600, generator=generator) < 0.2
    labels = torch.where(flipped, (truth + 1) % 3, truth)
    found = label_issues(
        three_classes(),
        Prediction(probabilities=p.softmax(dim=1)[:, None]),
        labels[:, None],
        torch.ones(600, 1, dtype=torch.bool),
    )[:, 0]
    assert float(found[flipped].float().mean()) > 0.7
    assert float(found[~flipped].float().mean()) < 0.12


@pytest.mark.parametrize("n", [1, 2, 5])
def test_never_more_than_half_of_a_class(n):
    p = torch.tensor([0.02, 0.9, 0.08]).repeat(n + 3, 1)[:, None]
    p[n:] = torch.tensor([0.1, 0.6, 0.3])
    targets = torch.tensor([0] * n + [1] * 3)[:, None]
    found = label_issues(three_classes(), Prediction(probabilities=p), targets, torch.ones_like(targets) > 0)
    assert int(found[:n].sum()) == n // 2


def test_numbers_and_what_is_not_finite_are_not_doubted():
    task = Regression("y")
    task.fit(pl.DataFrame({"y": [1.0, 2.0]}))
    said = Prediction(values=torch.zeros(2, 1), spread=torch.zeros(2, 1))
    assert not bool(label_issues(task, said, torch.ones(2, 1), torch.ones(2, 1) > 0).any())
    broken = Prediction(probabilities=torch.full((2, 1, 3), float("nan")))
    targets = torch.tensor([[0], [1]])
    assert not bool(label_issues(three_classes(), broken, targets, targets >= 0).any())


def test_doubted_labels_count_as_missing_and_weights_stay():
    p = torch.tensor([[0.9, 0.05, 0.05]] * 3 + [[0.05, 0.9, 0.05]] * 3)[:, None]
    targets = torch.tensor([0, 0, 1, 1, 1, 1])[:, None]
    weights = torch.tensor([1.0, 2.0, 1.0, 0.5, 1.0, 0.0])[:, None]
    rows = Examples({"x": torch.zeros(6, 1)}, {"colour": targets}, {"colour": weights})
    kept, counts = without_issues([three_classes()], rows, {"colour": Prediction(probabilities=p)})
    assert counts == {"colour": 1}
    assert kept.masks["colour"].flatten().tolist() == [1.0, 2.0, 0.0, 0.5, 1.0, 0.0]
    assert rows.masks["colour"].flatten().tolist() == [1.0, 2.0, 1.0, 0.5, 1.0, 0.0]
    assert without_issues([three_classes()], rows, {})[1] == {}


def rows_of(labels: torch.Tensor) -> Examples:
    truth = {"colour": labels[:, None]}
    return Examples({"x": torch.zeros(len(labels), 1)}, truth, {"colour": torch.ones(len(labels), 1) > 0})


@pytest.mark.parametrize("shares", [(0.6, 0.3, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.98, 0.01, 0.01)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_who_says_the_same_of_all_rows_doubts_no_label(shares, dtype):
    labels = torch.arange(60) % 3
    said = Prediction(torch.tensor([shares] * 60, dtype=dtype)[:, None])
    assert without_issues([three_classes()], rows_of(labels), {"colour": said})[1] == {"colour": 0}


def test_who_knows_nothing_doubts_labels_of_one_task_in_twenty_and_who_knows_of_all():
    doubted, told = 0, 0
    for seed in range(200):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(0, 3, (60,), generator=generator)
        noise = torch.randn(60, 3, generator=generator)
        knows = noise + 1.5 * torch.nn.functional.one_hot(labels, 3)
        truth = (labels[:, None], torch.ones(60, 1) > 0)
        nothing, something = (Prediction(of.softmax(dim=1)[:, None]) for of in (noise, knows))
        doubted += tells_apart(three_classes(), nothing, *truth)
        told += tells_apart(three_classes(), something, *truth)
    assert 1 <= doubted <= 20
    assert told == 200


def test_texts_are_never_doubted():
    task = text_task()
    rows = coded(task, ["ab", "b", "c"])
    said = prediction_of_output(task, saying("c", "c", "c"))
    assert not label_issues(task, said, rows.targets["said"], rows.masks["said"]).any()
    kept, counts = without_issues([task], rows, {"said": said})
    assert counts == {"said": 0}
    assert torch.equal(kept.masks["said"], rows.masks["said"])
