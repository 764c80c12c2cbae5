import math

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import AITM

TASKS = ["buy", "click", "other"]


def linear(layer, x):
    return x @ layer.weight.T + layer.bias


def test_equals_its_equations(recorder, close, count):
    sharing = AITM(["click", "buy"]).build(recorder, TASKS)
    outputs = sharing(recorder.inputs)
    buy, click, other = (recorder.whole(i, recorder.x) for i in range(3))
    close(outputs["click"], click)
    close(outputs["other"], other)
    transfer = sharing.transfers[0]
    carried = linear(transfer.carry, click).clamp(min=0)
    for row in range(6):
        parts = [carried[row], buy[row]]
        scores = [linear(transfer.query, u) @ linear(transfer.key, u) / math.sqrt(4) for u in parts]
        weights = torch.softmax(torch.stack(scores), dim=0)
        close(
            outputs["buy"][row],
            sum(w * linear(transfer.value, u) for w, u in zip(weights, parts, strict=True)),
        )
    assert count(sharing.parameters()) == 3 * sum(recorder.sizes) + 4 * (4 * 4 + 4)


def test_own_is_what_no_later_task_reads(recorder, count):
    sharing = AITM(["click", "buy"]).build(recorder, TASKS)
    assert sharing.task_parameters("click") == []
    assert count(sharing.task_parameters("buy")) == sum(recorder.sizes) + 4 * 20
    assert count(sharing.task_parameters("other")) == sum(recorder.sizes)


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="at least two different"):
        AITM(["click"])
    with pytest.raises(InvalidArgumentError, match="chain='ab'"):
        AITM("ab")
    with pytest.raises(InvalidArgumentError, match="did you mean 'click'"):
        AITM(["clik", "buy"]).build(recorder, TASKS)
