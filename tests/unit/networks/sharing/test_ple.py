import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import PLE


def mixture(gate, read, experts):
    weights = torch.softmax(read @ gate.linear.weight.T, dim=1)
    return sum(weights[:, i : i + 1] * expert for i, expert in enumerate(experts))


def test_equals_its_equations(recorder, close, count):
    sharing = PLE(2, 1, levels=2).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    first, second = sharing.extractions
    x = recorder.x
    # Perceptrons 0 and 1 are shared, 2 is of a, 3 of b; layer 1 is the first level, layer 2 the second.
    shared = [recorder.layer(i, 1, x) for i in (0, 1)]
    own = [recorder.layer(i, 1, x) for i in (2, 3)]
    hidden = [mixture(first.gates[k], x, [*shared, own[k]]) for k in (0, 1)]
    common = mixture(first.shared_gate, x, [*shared, *own])
    shared = [recorder.layer(i, 2, common) for i in (0, 1)]
    for k, task in enumerate(("a", "b")):
        experts = [*shared, recorder.layer(2 + k, 2, hidden[k])]
        close(outputs[task], mixture(second.gates[k], hidden[k], experts))
    gates = 2 * (3 * 3) + 3 * 4 + 2 * (6 * 3)
    assert count(sharing.parameters()) == 4 * sum(recorder.sizes) + gates


def test_own_is_what_no_shared_mixture_reads(recorder, count):
    sharing = PLE(2, 1, levels=2).build(recorder, ["a", "b"])
    # The expert and gate of the second level, the gate of the first.
    assert count(sharing.task_parameters("a")) == recorder.sizes[1] + 6 * 3 + 3 * 3


def test_every_level_needs_a_stage(recorder):
    with pytest.raises(InvalidArgumentError, match=r"at least 4 stages \(1 shared and 3 after them\)"):
        PLE(levels=3).build(recorder, ["a"])


def test_health_goes_level_by_level(recorder):
    sharing = PLE(1, 1, levels=2).build(recorder, ["a", "b"])
    sharing(recorder.inputs)
    health = sharing.health()
    assert [record["level"] for record in health.records] == [0, 0, 0, 1, 1, 1]
    assert len(health.entropy) == 2
