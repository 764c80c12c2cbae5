"""What the data leave without effect is refused."""

from __future__ import annotations

import polars as pl
import pytest
import torch
from torch.utils.data import Dataset

from cotrain import Learner, Training
from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.sources import Equal, Given, Proportional, RepeatFactor, Temperature
from cotrain.tasks import Multiclass, Regression

FRAME = pl.DataFrame({"x": [0.1 * i for i in range(24)], "y": [float(i % 5) for i in range(24)]})


class Rows(Dataset):
    def __len__(self) -> int:
        return 24

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        label = torch.tensor(-100 if index % 4 == 0 else index % 3)
        return {"x": torch.full((3,), float(index)), "y": label}


class Named(Rows):
    def __getitem__(self, index: int) -> dict:
        return {**super().__getitem__(index), "y": "NA" if index % 4 == 0 else "abc"[index % 3]}


def fitted(data: object, task=None, validation=None, **options: object):
    learner = Learner([task or Regression("y")], training=Training(epochs=1), **options)
    learner.fit(data, validation=validation)
    return learner


@pytest.mark.parametrize("mixing", [Temperature(2), Equal(), Given({"a": 1})])
def test_mixing_of_one_source(mixing) -> None:
    for data in (FRAME, Rows()):
        with pytest.raises(
            InvalidArgumentError, match=r"mixing: \w+ says how sources share a batch, and the rows"
        ):
            fitted(data, mixing=mixing)


def test_mixing_by_labels_and_of_several_sources_passes() -> None:
    fitted(FRAME, mixing=RepeatFactor())
    fitted(FRAME, mixing=Proportional())
    fitted({"a": FRAME, "b": FRAME}, mixing=Equal())
    fitted(FRAME.with_columns(from_=pl.Series(["a", "b"] * 12)), mixing=Equal(), source="from_")


@pytest.mark.parametrize("options", [{"columns": {"x": "category"}}, {"source": "x"}])
def test_what_is_of_tables_beside_a_dataset(options) -> None:
    with pytest.raises(
        InvalidArgumentError, match="is of the columns of a table, and a Dataset gives tensors"
    ):
        fitted(Rows(), **options)


@pytest.mark.parametrize("data", [FRAME, {"a": FRAME, "b": FRAME}, Rows()])
def test_words_that_are_missing_in_a_column_that_there_is_not(data) -> None:
    with pytest.raises(DataError, match="missing: gives words for 'z', which is no column"):
        fitted(data, missing={"z": ["-1"]})


@pytest.mark.parametrize(
    ("rows", "missing", "classes"),
    [
        (Rows, None, ["-100", "0", "1", "2"]),
        (Rows, ["-100"], ["0", "1", "2"]),
        (Rows, {"y": [-100]}, ["0", "1", "2"]),
        (Named, None, ["a", "b", "c"]),
        (Named, [], ["NA", "a", "b", "c"]),
    ],
)
def test_missing_labels_of_a_dataset_are_those_of_a_table(rows, missing, classes, tmp_path) -> None:
    """`missing=["-100"]` was not heeded beside a Dataset: the mark was a class of its own."""
    learner = fitted(rows(), Multiclass("y"), rows(), missing=missing)
    learner.save(tmp_path / "run")
    for one in (learner, Learner.load(tmp_path / "run")):
        figures = one.evaluate(rows()).rows
        assert sorted({row.part for row in figures if row.part is not None}) == classes
        assert {row.n_labelled for row in figures if row.part is None} == {24 if len(classes) == 4 else 18}
