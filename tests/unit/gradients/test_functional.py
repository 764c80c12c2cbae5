from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, UPGrad
from cotrain.gradients import Balance, gramian
from cotrain.gradients import jacobian as jacobian_of

from .networks import Inverse, Net, SignSum, jacobian, values


@pytest.mark.parametrize("form", [dict, lambda losses: list(losses.values())])
def test_the_jacobian_is_that_of_literal_passes(form):
    net = Net()
    losses = net.losses()
    rows = jacobian_of(form(losses), net.parameters())
    torch.testing.assert_close(rows, jacobian(losses, net.parameters()))
    assert not rows.requires_grad
    assert all(parameter.grad is None for parameter in net.parameters())
    sum(losses.values()).backward()  # the graph is still there


@pytest.mark.parametrize(
    ("source", "n_tasks"),
    [("auto", 1), ("auto", 3), ("exact", 1), ("exact", 3), ("ghost", 1), ("ghost", 3), ("disjoint", 3)],
)
def test_the_gramian_is_that_of_the_jacobian(source, n_tasks):
    net = Net(n_tasks)
    z = net.encoder(net.x)
    step = 7 // n_tasks
    losses = [(net.heads[k](z[k * step : (k + 1) * step]) - k).square().sum() for k in range(n_tasks)]
    wanted = jacobian_of(losses, net.encoder.parameters())
    found = gramian(losses, net.encoder.parameters(), source=source)
    torch.testing.assert_close(found, wanted @ wanted.T)
    again = gramian(losses, net.encoder.parameters(), source=source)
    torch.testing.assert_close(found, again)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_the_gramians_of_groups_add_up_to_the_whole():
    net = Net()
    losses = net.losses()
    groups = {
        "first": list(net.encoder[0].parameters()),
        "second": list(net.encoder[2].parameters()),
        "no": [],
    }
    parts = gramian(losses, net.encoder.parameters(), groups=groups)
    for name, members in groups.items():
        rows = jacobian(losses, members) if members else torch.zeros(3, 0, dtype=torch.float64)
        torch.testing.assert_close(parts[name], rows @ rows.T)
    torch.testing.assert_close(sum(parts.values()), gramian(losses, net.encoder.parameters()))
    with pytest.raises(InvalidArgumentError, match="'x' has a parameter that is not among"):
        gramian(losses, net.encoder.parameters(), groups={"x": list(net.heads.parameters())})


def test_there_must_be_something_to_differentiate():
    net = Net()
    with pytest.raises(InvalidArgumentError, match="got 0 losses and 4 parameters"):
        jacobian_of({}, net.encoder.parameters())
    with pytest.raises(InvalidArgumentError, match="got 3 losses and 0 parameters"):
        gramian(net.losses(), [])
    with pytest.raises(InvalidArgumentError, match="source='represent'.*'auto', 'disjoint'"):
        gramian(net.losses(), net.encoder.parameters(), source="represent")


@pytest.mark.parametrize("rule", [Equal, Inverse, UPGrad])
def test_weights_can_be_had_without_touching_grad(rule):
    net = Net()
    losses = net.losses()
    balance = Balance(rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    weights = balance.weigh(losses)
    j = jacobian(losses, net.encoder.parameters())
    torch.testing.assert_close(
        weights, torch.from_numpy(rule().weights(values(losses), (j @ j.T).numpy())).to(weights)
    )
    assert all(parameter.grad is None for parameter in net.parameters())
    assert torch.equal(balance.weights, weights)
    assert balance.state_dict()["step"] == 1
    assert balance.weigh({}).tolist() == [0, 0, 0]
    with pytest.raises(InvalidArgumentError, match="entry by entry"):
        Balance(SignSum(), nn.Linear(2, 2).parameters(), tasks=["a"]).weigh({})
