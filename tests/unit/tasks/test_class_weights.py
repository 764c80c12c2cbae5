from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import DataError, InvalidArgumentError
from cotrain.tasks import Binary, Multiclass, Multilabel, Segmentation, Tagging
from cotrain.tasks._class_weights import class_weights

CLASSES = {"red": 3.0, "blue": 0.5}


def test_balanced_weights_let_all_classes_count_alike() -> None:
    counts = [1, 4, 10]
    found = class_weights("balanced", ["a", "b", "c"], counts, task="y")
    assert [n * weight for n, weight in zip(counts, found, strict=True)] == pytest.approx([5.0] * 3)
    assert class_weights(None, ["a", "b"], counts, task="y") == [1.0, 1.0]


def test_a_class_is_known_by_its_spelling() -> None:
    assert class_weights({1: 2.0, "0": 3.0}, [0.0, 1.0], [], task="y") == [3.0, 2.0]


def test_the_loss_of_a_class_is_multiplied_by_its_weight() -> None:
    frame = pl.DataFrame({"y": ["red", "blue", "green", "red", "blue", "green"]})
    task, plain = Multiclass("y", class_weight=CLASSES), Multiclass("y")
    for one in (task, plain):
        one.fit(frame)
    targets, _ = task.encode(frame)
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    factors = [CLASSES.get(value, 1.0) for value in frame["y"]]
    assert torch.allclose(
        task.losses(z, targets)[:, 0], plain.losses(z, targets)[:, 0] * torch.tensor(factors)
    )


def test_both_values_of_yes_and_no_have_a_weight() -> None:
    task = Binary("y", class_weight={"yes": 4})
    frame = pl.DataFrame({"y": ["yes", "no", "no", "yes"]})
    task.fit(frame)
    z = torch.zeros(4, 1)
    assert task.losses(z, task.encode(frame)[0])[:, 0].tolist() == pytest.approx(
        [np.log(2) * w for w in (4, 1, 1, 4)]
    )


def test_a_label_has_the_weight_of_its_presence() -> None:
    task = Multilabel("y", separator=",", class_weight={"b": 3})
    frame = pl.DataFrame({"y": ["a", "a,b", "b", "a"]})
    task.fit(frame)
    assert task.losses(torch.zeros(1, 2), torch.tensor([[1.0, 1.0]])).tolist() == [
        pytest.approx([np.log(2), 3 * np.log(2)])
    ]
    assert task.losses(torch.zeros(1, 2), torch.zeros(1, 2)).tolist() == [pytest.approx([np.log(2)] * 2)]


PROBLEMS: dict[str, tuple[Any, pl.DataFrame]] = {
    "Binary": (Binary, pl.DataFrame({"y": ["cat", "dog"] * 2})),
    "Multiclass": (Multiclass, pl.DataFrame({"y": ["cat", "dog"] * 2})),
    "Multilabel": (
        lambda name, **options: Multilabel(name, separator=",", **options),
        pl.DataFrame({"y": ["cat", "cat,dog", "dog"]}),
    ),
    "Tagging": (Tagging, pl.DataFrame({"y": [["cat", "dog"]] * 2})),
    "Segmentation": (
        lambda name, **options: Segmentation(name, classes=["cat", "dog"], **options),
        pl.DataFrame({"y": pl.Series([np.eye(2, dtype=np.uint8)], dtype=pl.Object)}),
    ),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_class_that_there_is_not_is_pointed_out(name: str) -> None:
    make, frame = PROBLEMS[name]
    make("y", class_weight={"dog": 2.0}).fit(frame)
    with pytest.raises(
        DataError, match=r"^Task 'y': class_weight names 'dgo', which is none of .*: did you mean 'dog'\?$"
    ):
        make("y", class_weight={"dgo": 2.0}).fit(frame)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(
    "bad", ["equal", {}, {"dog": -1.0}, {"dog": float("nan")}, {"dog": "x"}, {"dog": True}, {"dog": 0}, 3]
)
def test_other_weights_are_refused_in_one_sentence(name: str, bad: Any) -> None:
    make, _ = PROBLEMS[name]
    with pytest.raises(
        InvalidArgumentError, match=rf"^{name}\('y', class_weight=[^\n]*expected[^\n]*$|all weights are 0"
    ):
        make("y", class_weight=bad)
