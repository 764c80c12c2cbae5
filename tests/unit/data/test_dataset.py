from pathlib import Path

import numpy as np
import pytest
import torch

from cotrain._base import DataError
from cotrain._base._ragged import Ragged
from cotrain.data import dataset_spec, stack_dataset
from cotrain.data._dataset import as_in_training


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
        ([{"x": torch.zeros(2, 2), "a": 1}, {"x": torch.zeros(2, 3), "a": 1}], r"Row 1.*\(2, 3\).*\(2, 2\)"),
        ([{"x": torch.zeros(2), "a": 1}, {"x": torch.zeros(2, 1), "a": 1}], r"Row 1.*\(2, 1\).*\(2,\)"),
        ([{"x": torch.zeros(2), "a": 1}, {"x": torch.tensor([1, np.nan, 2]), "a": 1}], "'x'.* 1 infinite"),
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


def test_rows_of_different_length_are_ragged_and_their_targets_lists() -> None:
    rows = Rows(
        [
            {"tokens": torch.tensor([4, 2, 9]), "frames": np.ones((2, 3)), "tags": torch.tensor([0, 1, 0])},
            {"tokens": torch.tensor([], dtype=torch.int64), "frames": np.zeros((0, 3)), "tags": None},
            {"tokens": torch.tensor([7]), "frames": np.ones((5, 3)), "tags": torch.tensor([2])},
        ]
    )
    inputs, table = stack_dataset(rows, ["tags"])
    assert inputs["tokens"].lengths.tolist() == [3, 0, 1]
    assert inputs["tokens"].values.tolist() == [4, 2, 9, 7]
    assert inputs["frames"].lengths.tolist() == [2, 0, 5]
    assert inputs["frames"].dtype == torch.float32
    assert table["tags"].to_list() == [[0, 1, 0], None, [2]]
    spec = dataset_spec(inputs)
    assert (dict(spec.tensors), dict(spec.ragged)) == ({}, {"tokens": (), "frames": (3,)})
    assert dict(spec.vocabularies) == {"tokens": 10}


def test_rows_of_one_length_by_chance_take_the_form_that_training_had() -> None:
    fixed, ragged = torch.ones(2, 3), Ragged.from_rows([torch.ones(2), torch.ones(1)])
    assert as_in_training("x", fixed, ragged=False) is fixed
    assert as_in_training("x", ragged, ragged=True) is ragged
    found = as_in_training("x", fixed, ragged=True)
    assert isinstance(found, Ragged)
    assert found.lengths.tolist() == [3, 3]
    with pytest.raises(DataError, match="'x' .* all had one in training"):
        as_in_training("x", ragged, ragged=False)


def test_keys_that_nobody_reads_are_left_alone() -> None:
    rows = [
        {"x": torch.ones(2), "boxes": torch.zeros(i, 4 + i), "mask": torch.zeros(i + 1, 2), "y": 1}
        for i in range(3)
    ]
    rows[1].pop("mask")
    rows[2]["raw"] = object()
    inputs, _ = stack_dataset(rows, ["y"], ["x"])
    assert list(inputs) == ["x"]
    with pytest.raises(DataError, match="'boxes' has the shape"):
        stack_dataset(rows, ["y"])
    with pytest.raises(DataError, match="Row 1 .* lacks the key 'mask'"):
        stack_dataset(rows, ["y"], ["mask"])
    with pytest.raises(DataError, match="Row 0 .* lacks the input 'xs'; did you mean 'x'"):
        stack_dataset(rows, ["y"], ["xs"])


def test_whole_numbers_among_fractions_are_fractions() -> None:
    inputs, _ = stack_dataset([{"x": 1}, {"x": 2.5}], [])
    assert inputs["x"].tolist() == [1.0, 2.5]
    ragged, _ = stack_dataset([{"x": torch.tensor([1])}, {"x": torch.tensor([2.5, 3.0])}], [])
    assert ragged["x"].values.tolist() == [1.0, 2.5, 3.0]


def test_a_data_set_without_rows_by_number_is_refused_in_a_sentence() -> None:
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield {"x": 1.0}

    with pytest.raises(DataError, match="Stream.* has no length, and its rows are read by number") as error:
        stack_dataset(Stream(), [])
    assert "\n" not in str(error.value)
