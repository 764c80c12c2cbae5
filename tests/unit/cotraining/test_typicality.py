from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.cotraining._typicality import typicality
from cotrain.training import Examples


def problem(n: int, seed: int, n_classes: int = 2) -> tuple[kinds.Multiclass, Examples]:
    """Rows of three numbers in two tensors, some of which have a class."""
    random = np.random.default_rng(seed)
    task = kinds.Multiclass("a")
    task.fit(pl.DataFrame({"a": list(range(n_classes)) * 2}))
    x = torch.from_numpy(random.normal(size=(n, 3))).float()
    inputs = {"numbers": x[:, :2], "inputs": x[:, 2:], "categories": torch.arange(n)[:, None]}
    targets = torch.from_numpy(random.integers(n_classes, size=(n, 1)))
    mask = torch.from_numpy(random.random((n, 1)) < 0.6)
    return task, Examples(inputs, {"a": targets}, {"a": mask})


def literally(examples: Examples, c: int, k: int) -> list[float]:
    """The share of labelled rows in no denser region, from all distances, row by row."""
    x = torch.cat([examples.inputs["numbers"], examples.inputs["inputs"]], dim=1).double().numpy()
    own = [i for i in range(len(x)) if examples.masks["a"][i, 0] and examples.targets["a"][i, 0] == c]
    if len(own) < 2:
        return [1.0] * len(x)
    k = min(k, len(own) - 1)

    def radius(row: int) -> float:
        return sorted(float(np.linalg.norm(x[row] - x[other])) for other in own if other != row)[k - 1]

    return [
        (1 + sum(radius(i) >= radius(row) * (1 - 1e-9) for i in own)) / (len(own) + 1)
        for row in range(len(x))
    ]


@settings(max_examples=25)
@given(n=st.integers(1, 14), seed=st.integers(0, 999), k=st.integers(1, 4))
def test_equals_the_shares_from_all_distances(n: int, seed: int, k: int):
    task, examples = problem(n, seed)
    found = typicality(task, examples, k)
    assert found.shape == (n, 1, 2)
    for c in range(2):
        assert found[:, 0, c].tolist() == pytest.approx(literally(examples, c, k), abs=1e-6)


def test_rows_of_the_class_are_spread_evenly_and_far_ones_are_the_least():
    task, examples = problem(1600, 0)
    targets = torch.zeros(1600, 1, dtype=torch.int64)
    mask = torch.arange(1600)[:, None] < 800
    far = dict(examples.inputs) | {"numbers": examples.inputs["numbers"].clone()}
    far["numbers"][1599] = 50.0
    found = typicality(task, Examples(far, {"a": targets}, {"a": mask}), 5)[:, 0, 0]
    fresh = found[800:1599].sort().values
    assert float((fresh - torch.arange(799) / 799).abs().max()) < 0.1
    assert found[1599].item() == pytest.approx(1 / 801)


def test_of_numbers_all_labelled_rows_are_one_class():
    task = kinds.Regression("b")
    frame = pl.DataFrame({"b": [float(i) if i < 20 else None for i in range(30)]})
    task.fit(frame)
    targets, mask = task.encode(frame)
    x = torch.randn(30, 2, generator=torch.Generator().manual_seed(0))
    found = typicality(task, Examples({"inputs": x}, {"b": targets}, {"b": mask}), 3)
    assert found.shape == (30, 1, 1)
    assert found.unique().numel() > 5


def test_what_has_no_numbers_or_many_answers_a_row_is_refused():
    task, examples = problem(4, 0)
    words = Examples({"categories": examples.inputs["categories"]}, examples.targets, examples.masks)
    with pytest.raises(InvalidArgumentError, match=r"the inputs \(categories\) have none"):
        typicality(task, words, 3)
    with pytest.raises(InvalidArgumentError, match=r"Tagging\('y'\) has many answers a row"):
        typicality(kinds.Tagging("y"), examples, 3)
