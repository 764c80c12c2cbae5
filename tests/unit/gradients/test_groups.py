from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MGDA, Equal, MoCo, UPGrad
from cotrain.gradients import Balance, gramian
from cotrain.gradients import jacobian as jacobian_of

from .networks import Inverse, Net, UnitLength, flat, jacobian, values


def layers(net: Net) -> dict:
    return {"late": net.encoder[2], "early": [net.encoder[0].weight]}


@pytest.mark.parametrize("rule", [Inverse, UnitLength, UPGrad, MGDA])
@pytest.mark.parametrize("absent", [False, True])
def test_each_group_has_weights_of_its_own(rule, absent):
    net, plain = Net(), Net()
    balance = Balance(rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"], groups=layers(net))
    losses, wanted = net.losses(), plain.losses()
    if absent:
        del losses["t1"], wanted["t1"]
    balance.backward(losses)
    literal = {
        "late": list(plain.encoder[2].parameters()),
        "early": [plain.encoder[0].weight],
        "rest": [plain.encoder[0].bias],
    }
    mine = {
        "late": list(net.encoder[2].parameters()),
        "early": [net.encoder[0].weight],
        "rest": [net.encoder[0].bias],
    }
    present = [0, 2] if absent else [0, 1, 2]
    for name, members in literal.items():
        j = jacobian(wanted, members)
        weights = torch.from_numpy(rule().weights(values(wanted), (j @ j.T).numpy()))
        torch.testing.assert_close(balance.group_weights[name][present], weights)
        torch.testing.assert_close(flat(mine[name]), weights @ j)
    sum(wanted.values()).backward()
    torch.testing.assert_close(net.heads[0].weight.grad, plain.heads[0].weight.grad)
    if absent:
        assert all(weights[1] == 0 for weights in balance.group_weights.values())


def test_one_group_is_the_method_itself():
    net, plain = Net(), Net()
    Balance(UPGrad(), net.encoder.parameters(), groups={"all": net.encoder}).backward(net.losses())
    Balance(UPGrad(), plain.encoder.parameters()).backward(plain.losses())
    torch.testing.assert_close(flat(net.parameters()), flat(plain.parameters()))
    assert Balance(UPGrad(), plain.encoder.parameters()).group_weights == {}


def test_groups_keep_a_state_each_and_a_frozen_one_waits():
    net, other = Net(), Net()
    balance = Balance(MGDA(), net.encoder.parameters(), tasks=["t0", "t1", "t2"], groups=layers(net))
    resumed = Balance(MGDA(), other.encoder.parameters(), tasks=["t0", "t1", "t2"], groups=layers(other))
    net.encoder[2].requires_grad_(False)
    balance.backward(net.losses())
    assert set(balance.group_weights) == {"early", "rest"}
    resumed.load_state_dict(balance.state_dict())
    balance.end_epoch()
    for module in (net, other):
        module.zero_grad()
        module.requires_grad_(True)
    balance.backward(net.losses())
    resumed.backward(other.losses())
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(other.encoder.parameters()))
    whole = Balance(MGDA(), other.encoder.parameters(), tasks=["t0", "t1", "t2"], groups={"x": other.encoder})
    with pytest.raises(InvalidArgumentError, match=r"belongs to the groups \['early', 'late', 'rest'\]"):
        whole.load_state_dict(balance.state_dict())


@pytest.mark.parametrize("rule", [Inverse, UPGrad])
def test_groups_of_complex_parameters(rule):
    a = torch.tensor([1 + 2j, 0.5j], dtype=torch.complex128, requires_grad=True)
    b = torch.tensor([0.3, -1.0], dtype=torch.float64, requires_grad=True)

    def losses() -> dict:
        product = a * b
        return {"one": product.abs().square().sum(), "two": (product.real + a.imag).sum() + b.square().sum()}

    rows = jacobian_of(losses(), [a, b])
    balance = Balance(rule(), [a, b], groups={"a": [a], "b": [b]})
    balance.backward(losses())
    parts = {"a": rows[:, :4], "b": rows[:, 4:]}
    found = {"a": torch.view_as_real(a.grad).flatten(), "b": b.grad}
    grams = gramian(losses(), [a, b], groups={"a": [a], "b": [b]})
    for name, part in parts.items():
        torch.testing.assert_close(grams[name], part @ part.T)
        weights = torch.from_numpy(rule().weights(values(losses()), (part @ part.T).numpy()))
        torch.testing.assert_close(balance.group_weights[name], weights)
        torch.testing.assert_close(found[name], weights @ part)


def test_what_is_no_group_is_refused():
    net = Net()
    shared = list(net.encoder.parameters())
    for groups, message in (
        ({"a": net.heads}, "0 shared parameters among its 6"),
        ({"a": []}, "0 shared parameters among its 0"),
        ({"a": net.encoder, "b": shared[:1]}, "'b' has a parameter of another group"),
    ):
        with pytest.raises(InvalidArgumentError, match=message):
            Balance(UPGrad(), shared, groups=groups)
    for rule in (Equal(), MoCo()):
        with pytest.raises(InvalidArgumentError, match="weighs the gradients of each group"):
            Balance(rule, shared, groups={"a": net.encoder})
