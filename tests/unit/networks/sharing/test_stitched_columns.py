import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.networks.sharing._stitched_columns import StitchedColumns


class Halves(StitchedColumns):
    def unit(self, n_tasks, width):
        return Mean()


class Mean(nn.Module):
    def forward(self, columns):
        return columns.mean(dim=0, keepdim=True).expand_as(columns)


def test_the_unit_of_the_subclass_stands_after_each_stage(recorder, close):
    sharing = Halves().build(recorder, ["a", "b"])
    first = (recorder.layer(0, 1, recorder.x) + recorder.layer(1, 1, recorder.x)) / 2
    expected = (recorder.layer(0, 2, first) + recorder.layer(1, 2, first)) / 2
    found = sharing(recorder.inputs)
    close(found["a"], expected)
    close(found["b"], expected)
    assert sharing.widths() == {"a": 4, "b": 4}


def test_no_column_is_any_tasks_own(recorder):
    sharing = Halves().build(recorder, ["a", "b"])
    assert sharing.task_modules("a") == []
    assert len(sharing.shared_parameters()) == len(list(sharing.parameters()))


def test_options_out_of_range_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"Halves\(own=1.5\): expected a number in \[0, 1\]"):
        Halves(1.5)
    with pytest.raises(InvalidArgumentError, match="at least 0"):
        Halves(shared_stages=-1)


def test_one_task_alone_works(recorder):
    found = Halves().build(recorder, ["a"])(recorder.inputs)["a"]
    torch.testing.assert_close(found, recorder.whole(0, recorder.x))
