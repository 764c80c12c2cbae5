import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import AdaTT


def fuse(level, u, read, experts, own):
    gate = torch.softmax(read @ level.gates[u].linear.weight.T, dim=1)
    everything = sum(gate[:, i : i + 1] * expert for i, expert in enumerate(experts))
    v = level.natives[u].mixing
    native = own[0] if v is None else sum(v[i] * expert for i, expert in enumerate(own))
    return everything + native


@pytest.mark.parametrize(("own", "shared"), [(1, 0), (2, 1)])
def test_equals_its_equations(recorder, close, count, own, shared):
    sharing = AdaTT(own, shared, levels=2).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    units = [range(k * own, (k + 1) * own) for k in range(2)]
    units += [range(2 * own, 2 * own + shared)] if shared else []
    hidden = [recorder.x] * len(units)
    for number, level in zip((1, 2), sharing.fusions, strict=True):
        per_unit = [
            [recorder.layer(i, number, hidden[u]) for i in experts] for u, experts in enumerate(units)
        ]
        experts = [expert for unit in per_unit for expert in unit]
        n_fusions = len(units) if number == 1 else 2
        hidden = [fuse(level, u, hidden[u], experts, per_unit[u]) for u in range(n_fusions)]
    for k, task in enumerate(("a", "b")):
        close(outputs[task], hidden[k])
    n = 2 * own + shared
    gates = len(units) * 3 * n + 2 * 6 * n
    natives = 4 * own if own > 1 else 0
    assert count(sharing.parameters()) == n * sum(recorder.sizes) + gates + natives


def test_health_names_the_units(recorder):
    sharing = AdaTT(1, 1, levels=1).build(recorder, ["a", "b"])
    sharing(recorder.inputs)
    assert [record["expert"] for record in sharing.health().records] == ["a 0", "b 0", "shared 0"]


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="own_experts=0"):
        AdaTT(0)
    with pytest.raises(InvalidArgumentError, match="3 after them"):
        AdaTT(levels=3).build(recorder, ["a"])
