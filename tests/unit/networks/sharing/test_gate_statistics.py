import pytest
import torch

from cotrain.networks.sharing._gate_statistics import GateMeter, Level, UnitMeter, assess


def level(gates, shared=(True, True), dead=(0.0, 0.0)):
    entropy = dict.fromkeys(gates, 0.5)
    return Level(["0", "1"], shared, dead, {task: dict(enumerate(of)) for task, of in gates.items()}, entropy)


def test_a_gate_meter_takes_means_over_rows_of_all_batches():
    meter, batches = GateMeter(2), [torch.tensor([[0.2, 0.8]]), torch.tensor([[0.5, 0.5], [1.0, 0.0]])]
    for gate in batches:
        meter(gate)
    rows = torch.cat(batches)
    torch.testing.assert_close(torch.tensor(meter.mean()), rows.mean(dim=0))
    entropy = -(torch.xlogy(rows, rows)).sum(dim=1).mean() / torch.log(torch.tensor(2.0))
    assert meter.mean_entropy() == pytest.approx(float(entropy), rel=1e-5)
    meter.reset()
    assert not meter.load.any()


def test_nothing_is_counted_outside_of_training():
    meter = GateMeter(2).eval()
    meter(torch.ones(3, 2))
    assert float(meter.rows) == 0


def test_a_unit_is_dead_whose_output_never_varies():
    meter, experts = UnitMeter(2, 3), torch.randn(2, 10, 3)
    experts[1, :, 0] = 0.7
    meter(experts)
    meter(experts.roll(1, dims=1))
    assert meter.dead_units() == pytest.approx([0.0, 1 / 3])


def test_maps_are_watched_over_all_their_positions():
    meter, experts = UnitMeter(1, 2), torch.zeros(1, 4, 2, 3, 3)
    experts[0, 2, 1, 0, 2] = 1.0
    meter(experts)
    assert meter.dead_units() == pytest.approx([0.5])


def test_a_dead_and_a_captured_expert_are_named():
    found = assess([level({"a": (1.0, 0.0), "b": (1.0, 0.0)})])
    assert found.sentence == "Expert 1 is dead: its mean gate is 0.000 where 0.500 is even."
    found = assess([level({"a": (0.02, 0.98), "b": (0.95, 0.05)})])
    assert "Expert 0 is captured: 'b' gives 98% of its weight." in found.sentence
    assert found.records[0]["captured_by"] == "b"


def test_an_expert_of_one_task_is_not_captured_by_it_and_levels_are_told_apart():
    own = Level(["0", "a 0"], [True, False], [0, 0], {"a": {0: 0.5, 1: 0.5}, "b": {0: 1.0}}, {"a": 1, "b": 0})
    found = assess([own, own])
    assert found.sentence == "Every expert is used, and none by one task alone."
    assert [record["level"] for record in found.records] == [0, 0, 1, 1]


def test_before_anything_was_counted_there_is_nothing_to_say():
    empty = Level(["0"], [True], [0.0], {"a": {0: float("nan")}}, {"a": float("nan")})
    assert assess([empty]).sentence == ""
