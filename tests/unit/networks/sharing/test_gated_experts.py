import torch
from torch import nn

from cotrain.networks.sharing._gate_statistics import GateMeter
from cotrain.networks.sharing._gated_experts import GatedExperts


class Fixed(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.register_buffer("weights", torch.tensor(weights))
        self.meter = GateMeter(len(weights))

    def forward(self, hidden):
        gate = self.weights.expand(len(hidden), -1)
        self.meter(gate)
        return gate


class Given(GatedExperts):
    def __init__(self, *gates):
        super().__init__()
        self.experts, self.shared_stages, self.given = len(gates[0]), 1, list(gates)

    def gate(self, width):
        return Fixed(self.given.pop(0))


def test_each_task_gets_the_mixture_of_its_gate(recorder, close):
    sharing = Given((0.25, 0.75), (1.0, 0.0)).build(recorder, ["a", "b"])
    found = sharing(recorder.inputs)
    first, second = (recorder.whole(i, recorder.x) for i in range(2))
    close(found["a"], 0.25 * first + 0.75 * second)
    close(found["b"], first)


def test_a_gate_is_its_tasks_own_and_the_experts_are_everybodys(recorder):
    sharing = Given((0.5, 0.5), (0.5, 0.5)).build(recorder, ["a", "b"])
    assert sharing.task_modules("b") == [sharing.gates[1]]
    assert len(sharing.shared_parameters()) == len(list(sharing.parameters()))


def test_health_tells_the_loads(recorder):
    sharing = Given((0.25, 0.75), (1.0, 0.0)).build(recorder, ["a", "b"]).train()
    assert sharing.health().sentence == ""
    sharing(recorder.inputs)
    first, second = sharing.health().records
    assert first["load"] == 0.625
    assert second["share"] == {"a": 1.0, "b": 0.0}
    sharing.reset_health()
    assert sharing.health().records == []
