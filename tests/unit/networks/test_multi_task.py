import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.networks import HardSharing, MMoE, MultiTaskNetwork


def test_heads_read_their_tasks_in_any_order(recorder):
    sharing = MMoE(2).build(recorder, ["a.b", "c"])
    heads = {"c": nn.Linear(4, 2), "a.b": nn.Linear(4, 3)}
    outputs = MultiTaskNetwork(sharing, heads)(recorder.inputs)
    representations = sharing(recorder.inputs)
    for task, head in heads.items():
        torch.testing.assert_close(outputs[task], head(representations[task]))


def test_parameters_are_split(recorder):
    sharing = MMoE(2).build(recorder, ["a", "b"])
    model = MultiTaskNetwork(sharing, {"a": nn.Linear(4, 2), "b": nn.Linear(4, 3)})
    parts = [model.shared_parameters(), model.task_parameters("a"), model.task_parameters("b")]
    ids = [id(parameter) for part in parts for parameter in part]
    assert sorted(ids) == sorted({id(parameter) for parameter in model.parameters()})


def test_heads_of_other_tasks_are_refused(recorder):
    sharing = HardSharing().build(recorder, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match=r"heads for \['a'\]"):
        MultiTaskNetwork(sharing, {"a": nn.Linear(4, 2)})
