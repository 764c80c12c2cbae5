import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import CrossStitch

TASKS = ["a", "b", "c"]


@pytest.mark.parametrize("shared_stages", [0, 1])
def test_equals_its_equations(recorder, close, count, shared_stages):
    sharing = CrossStitch(shared_stages=shared_stages).build(recorder, TASKS)
    units = sharing.units[-2:]
    with torch.no_grad():
        for unit in units:
            unit.mixing.copy_(torch.randn(3, 3))
    hidden = [recorder.x] * 3
    if not shared_stages:
        first = sharing.units[0].mixing
        hidden = [sum(first[k, j] * recorder.x for j in range(3)) for k in range(3)]
    for number, unit in zip((1, 2), units, strict=True):
        stages = [recorder.layer(j, number, hidden[j]) for j in range(3)]
        hidden = [sum(unit.mixing[k, j] * stages[j] for j in range(3)) for k in range(3)]
    outputs = sharing(recorder.inputs)
    for k, task in enumerate(TASKS):
        close(outputs[task], hidden[k])
    assert count(sharing.parameters()) == 3 * sum(recorder.sizes) + (3 - shared_stages) * 9


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="own=1.2"):
        CrossStitch(1.2)


def test_units_start_near_the_own_column(recorder, close):
    sharing = CrossStitch(0.8).build(recorder, TASKS)
    close(sharing.units[0].mixing.data, torch.full((3, 3), 0.1) + 0.7 * torch.eye(3))
    alone = CrossStitch(0.8).build(recorder, ["a"])
    close(alone.units[0].mixing.data, torch.ones(1, 1))
