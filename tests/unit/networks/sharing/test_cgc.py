import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import CGC


def test_equals_its_equations(recorder, close, count):
    sharing = CGC(2, {"a": 1, "b": 2}).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    x = recorder.x
    for k, (task, own) in enumerate({"a": [2], "b": [3, 4]}.items()):
        experts = [recorder.whole(i, x) for i in [0, 1, *own]]
        gate = torch.softmax(x @ sharing.extractions[0].gates[k].linear.weight.T, dim=1)
        close(outputs[task], sum(gate[:, i : i + 1] * expert for i, expert in enumerate(experts)))
    assert count(sharing.parameters()) == 5 * sum(recorder.sizes) + 3 * (2 + 1) + 3 * (2 + 2)
    assert count(sharing.shared_parameters()) == 2 * sum(recorder.sizes)


def test_health_tells_shared_experts_from_own(recorder):
    sharing = CGC(1, 1).build(recorder, ["a", "b"])
    sharing(recorder.inputs)
    records = sharing.health().records
    assert [record["expert"] for record in records] == ["shared 0", "a 0", "b 0"]
    assert [set(record["share"]) for record in records] == [{"a", "b"}, {"a"}, {"b"}]
    # A task's own expert is not captured by being used by that task alone.
    assert [record["captured_by"] for record in records] == [None, None, None]


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="names the task 'bb': did you mean 'b'"):
        CGC(1, {"a": 1, "bb": 1}).build(recorder, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="no number for the task 'b'"):
        CGC(1, {"a": 1}).build(recorder, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="own_experts=0"):
        CGC(1, 0)
