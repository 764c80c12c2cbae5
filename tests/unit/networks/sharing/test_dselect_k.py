import math

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.networks import DSelectK


def step(t, gamma):
    if t <= -gamma / 2:
        return 0.0
    if t >= gamma / 2:
        return 1.0
    return -2 / gamma**3 * t**3 + 3 / (2 * gamma) * t + 0.5


def slow_gate(gate, x, n_experts, selected, gamma):
    """One row: the mixture of selectors, and each selector over all codes."""
    n_bits = math.ceil(math.log2(n_experts))
    logits = gate.linear.weight @ x + (0 if gate.linear.bias is None else gate.linear.bias)
    alpha = torch.softmax(logits[:selected], dim=0)
    given, selectors = torch.zeros(n_experts), []
    for s in range(selected):
        z = logits[selected + s * n_bits : selected + (s + 1) * n_bits].tolist()
        r = []
        for i in range(2**n_bits):
            value = 1.0
            for b in range(n_bits):
                value *= step(z[b], gamma) if (i >> b) & 1 else 1 - step(z[b], gamma)
            r.append(value)
        selectors.append(r)
        given += alpha[s] * torch.tensor(r[:n_experts])
    return given, selectors


@pytest.mark.parametrize(("experts", "per_row"), [(4, True), (3, True), (4, False)])
def test_equals_its_equations(recorder, close, experts, per_row):
    sharing = DSelectK(experts, 2, gamma=0.7, entropy=0.3, per_row=per_row).build(recorder, ["a", "b"])
    with torch.no_grad():
        for gate in sharing.gates:
            gate.linear.weight.copy_(0.3 * torch.randn_like(gate.linear.weight))
    outputs = sharing(recorder.inputs)
    penalty = 0.0
    for k, task in enumerate(("a", "b")):
        for row in range(6):
            read = recorder.x[row] if per_row else torch.ones(1)
            gate, selectors = slow_gate(sharing.gates[k], read, experts, 2, 0.7)
            expected = sum(gate[i] * recorder.whole(i, recorder.x)[row] for i in range(experts))
            close(outputs[task][row], expected)
            for r in selectors:
                penalty -= sum(v * math.log(v) for v in r if v > 0) / 6
                if experts == 3:
                    penalty += 1 / sum(r[:3]) / 6
    assert float(sharing.penalty().detach()) == pytest.approx(0.3 * penalty, rel=1e-4)


def test_training_the_penalty_decides_for_at_most_k_experts(recorder):
    sharing = DSelectK(4, 2, entropy=1.0, per_row=False).build(recorder, ["a"])
    optimiser = torch.optim.Adam(sharing.gates.parameters(), lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        sharing(recorder.inputs)
        sharing.penalty().backward()
        optimiser.step()
    gate = sharing.gates[0](recorder.x)
    assert int((gate[0] > 1e-3).sum()) <= 2
    torch.testing.assert_close(gate.sum(dim=1), torch.ones(6))


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="selected=5, experts=4"):
        DSelectK(4, 5)
    with pytest.raises(InvalidArgumentError, match="gamma=0"):
        DSelectK(gamma=0)
    with pytest.raises(InvalidArgumentError, match="entropy=-1"):
        DSelectK(entropy=-1)
