from pathlib import Path

import numpy as np
import pytest
import torch

from cotrain._base import DataError
from cotrain.data import dataset_spec, stack_dataset


class Rows(torch.utils.data.Dataset):
    def __init__(self, rows: list) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict:
        return self.rows[index]


def test_stacks_inputs_and_gathers_targets() -> None:
    rows = Rows(
        [
            {"image": torch.ones(3, 2), "tokens": np.array([4, 0]), "a": torch.tensor(1), "b": "x"},
            {"image": torch.zeros(3, 2), "tokens": np.array([2, 9]), "a": float("nan"), "b": None},
            {"image": torch.zeros(3, 2), "tokens": np.array([1, 1]), "b": "y"},
        ]
    )
    inputs, table = stack_dataset(rows, ["a", "b"])
    assert {name: tuple(x.shape) for name, x in inputs.items()} == {"image": (3, 3, 2), "tokens": (3, 2)}
    assert table["a"].to_list() == [1, None, None]
    assert table["b"].to_list() == ["x", None, "y"]
    spec = dataset_spec(inputs)
    assert dict(spec.tensors) == {"image": (3, 2), "tokens": (2,)}
    assert dict(spec.vocabularies) == {"tokens": 10}


def test_float64_becomes_float32() -> None:
    inputs, _ = stack_dataset(Rows([{"x": 1.5, "a": 1}]), ["a"])
    assert inputs["x"].dtype == torch.float32


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "length is 0"),
        ([3], "Row 0.*got int"),
        ([{"x": 1.0, "b": 1}], "'a' is a key of no row"),
        ([{"x": 1.0, "a": 1}, {"a": 1}], "Row 1.*lacks the key 'x'"),
        ([{"x": torch.zeros(2), "a": 1}, {"x": torch.zeros(3), "a": 1}], r"Row 1.*\(3,\).*\(2,\)"),
        ([{"x": "text", "a": 1}], "No input of the data set can become a tensor: row 0 has .'x': 'str'"),
        ([{"x": float("inf"), "a": 1}], "'x'.* 1 infinite"),
    ],
)
def test_says_what_is_wrong(rows: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        stack_dataset(Rows(rows), ["a"])


def test_what_is_no_tensor_may_stand_beside_the_inputs() -> None:
    rows = [
        {
            "x": torch.ones(2),
            "age": 3.5,
            "file": f"{i}.png",
            "at": Path("a") / str(i),
            "extra": None,
            "y": i % 2,
        }
        for i in range(4)
    ]
    inputs, table = stack_dataset(rows, ["y"])
    assert {name: tuple(x.shape) for name, x in inputs.items()} == {"x": (4, 2), "age": (4,)}
    assert table["y"].to_list() == [0, 1, 0, 1]
    named = [{"x": torch.ones(2), "word": np.str_("a"), "label": "cat"} for _ in range(3)]
    assert list(stack_dataset(named, ["label"])[0]) == ["x"]
    rows[2]["age"] = "old"
    with pytest.raises(DataError, match="Row 2 of the data set: 'age' cannot become a tensor, got str"):
        stack_dataset(rows, ["y"])
