import pytest
import torch

from cotrain.networks import HardSharing, MMoE


@pytest.mark.parametrize("frozen", [False, True])
def test_every_parameter_is_shared_or_one_tasks_own_frozen_or_not(recorder, frozen):
    sharing = MMoE(2).build(recorder, ["a", "b"])
    before = [id(p) for p in sharing.shared_parameters()]
    for parameter in (next(sharing.parameters()), sharing.task_parameters("a")[0]):
        parameter.requires_grad_(not frozen)
    own = [p for task in sharing.tasks for p in sharing.task_parameters(task)]
    together = [*own, *sharing.shared_parameters()]
    assert {id(p) for p in together} == {id(p) for p in sharing.parameters()}
    assert len(together) == len(list(sharing.parameters()))
    assert [id(p) for p in sharing.shared_parameters()] == before


def test_what_was_counted_is_saved_taken_up_and_forgotten(recorder):
    first, second = (MMoE(2).build(recorder, ["a", "b"]) for _ in range(2))
    first(recorder.inputs)
    state = first.health_state()
    assert state
    second.load_health_state(state)
    assert second.health() == first.health()
    first(recorder.inputs)
    assert second.health_state().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in second.health_state().items())
    second.reset_health()
    assert second.health().records == []


def test_an_architecture_without_gates_adds_nothing_and_has_nothing_to_say(recorder):
    sharing = HardSharing().build(recorder, ["a", "b"])
    assert float(sharing.penalty()) == 0.0
    assert sharing.health().sentence == ""
    assert sharing.health_state() == {}
    hidden = torch.randn(2, 4)
    assert sharing.refine("a", hidden, {}) is hidden
