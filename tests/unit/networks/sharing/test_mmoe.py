import copy

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import MMoE


def test_equals_its_equations(recorder, close, count):
    sharing = MMoE(3).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    x = recorder.x
    for k, task in enumerate(("a", "b")):
        gate = torch.softmax(x @ sharing.gates[k].linear.weight.T, dim=1)
        expected = sum(gate[:, i : i + 1] * recorder.whole(i, x) for i in range(3))
        close(outputs[task], expected)
    # E experts, and a gate of D × E numbers per task.
    assert count(sharing.parameters()) == 3 * sum(recorder.sizes) + 2 * (3 * 3)


def test_more_shared_stages(recorder, close):
    sharing = MMoE(2, shared_stages=2).build(recorder, ["a"])
    x = recorder.layer(0, 1, recorder.x)
    gate = torch.softmax(x @ sharing.gates[0].linear.weight.T, dim=1)
    close(
        sharing(recorder.inputs)["a"],
        gate[:, :1] * recorder.layer(0, 2, x) + gate[:, 1:] * recorder.layer(1, 2, x),
    )


def test_gate_dropout_leaves_experts_out_in_training_only(recorder):
    sharing = MMoE(3, gate_dropout=0.5).build(recorder, ["a"])
    gate, x = sharing.gates[0], torch.randn(200, 3)
    kept = gate(x)
    torch.testing.assert_close(kept.sum(dim=1), torch.ones(200))
    assert 0.2 < float((kept == 0).float().mean()) < 0.6
    assert bool((gate.eval()(x) > 0).all())


def test_health_names_dead_and_captured_experts(recorder):
    sharing = MMoE(3).build(recorder, ["a", "b"])
    x = torch.ones(50, 3)
    with torch.no_grad():
        for gate, logits in zip(sharing.gates, ((9.0, 0.0, -9.0), (-9.0, 0.0, -9.0)), strict=True):
            gate.linear.weight.copy_(torch.tensor(logits)[:, None].expand(3, 3) / 3)
    sharing({"inputs": x})
    health = sharing.health()
    assert "Expert 2 is dead: its mean gate is 0.000 where 0.333 is even." in health.sentence
    assert "Expert 0 is captured: 'a' gives 100% of its weight." in health.sentence
    assert [record["dead"] for record in health.records] == [False, False, True]
    assert health.records[0]["share"]["a"] > 0.99
    # Every row was the same, so no unit varied.
    assert [record["dead_units"] for record in health.records] == [1.0, 1.0, 1.0]
    assert 0 <= health.entropy[0]["a"] < 0.1
    sharing.reset_health()
    sharing(recorder.inputs)
    assert [record["dead_units"] for record in sharing.health().records] == [0.0, 0.0, 0.0]


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="experts=0"):
        MMoE(0)
    with pytest.raises(InvalidArgumentError, match="at least 4 stages"):
        MMoE(2, shared_stages=3).build(recorder, ["a"])


def test_counting_goes_on_from_a_kept_state(recorder):
    first, whole = (MMoE(2).build(recorder, ["a", "b"]) for _ in range(2))
    whole.load_state_dict(first.state_dict())
    first(recorder.inputs)
    resumed = copy.deepcopy(first)
    resumed.reset_health()
    assert resumed.health().sentence == ""
    resumed.load_health_state(first.health_state())
    resumed({"inputs": 2 * recorder.x})
    whole(recorder.inputs)
    whole({"inputs": 2 * recorder.x})
    assert resumed.health() == whole.health()
