from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DWA, CAGrad, Equal, Every, MoDo, NashMTL, UnitNorm, UPGrad
from cotrain.gradients import Balance, Monitor

from .networks import Inverse, Net, SignSum

TASKS = ["t0", "t1", "t2"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"balancer": Equal}, r"expected a balancing method, such as cotrain\.balancing\.Equal\(\)"),
        ({"shared_parameters": torch.nn.Linear(2, 2)}, r"got Linear: pass encoder\.parameters\(\)"),
        ({"shared_parameters": torch.nn.Linear(2, 2).weight}, r"got a tensor: pass \[encoder\.weight\]"),
        (
            {"model": torch.nn.Linear(2, 2).parameters()},
            "expected the network, a torch.nn.Module, got generator",
        ),
        ({"monitor": 100}, r"Balance\(monitor=100\): expected a Monitor"),
        (
            {"groups": [torch.nn.Linear(2, 2)]},
            "expected a dict from a name to a module or parameters, got list",
        ),
    ],
)
def test_what_is_of_another_kind_is_said(change, message):
    arguments = {"balancer": Equal(), "shared_parameters": Net().encoder.parameters(), **change}
    with pytest.raises(InvalidArgumentError, match=message):
        Balance(**arguments)


@pytest.mark.parametrize(
    ("balancer", "settings", "message"),
    [
        (SignSum(), {"every": 10}, "which SignSum does not have, so that every step takes all gradients"),
        (UPGrad(), {"every": 10, "groups": True}, "which groups does not have, so that every step"),
        (UPGrad(), {"source": "exact", "memory": "1MB"}, "heeded by source='auto' alone"),
        (Equal(), {"source": "ghost", "memory": "banana"}, "heeded by source='auto' alone"),
    ],
)
def test_settings_that_would_change_nothing_are_refused(balancer, settings, message):
    net = Net()
    if settings.get("groups"):
        settings = {**settings, "groups": {"all": net.encoder}}
    with pytest.raises(InvalidArgumentError, match=message):
        Balance(balancer, net.encoder.parameters(), tasks=TASKS, **settings)


def test_settings_that_are_heeded_pass():
    net = Net()
    parameters = list(net.encoder.parameters())
    Balance(SignSum(), parameters, every=1, rescale="sum")
    Balance(UPGrad(), parameters, every=10, memory="1MB", monitor=Monitor())
    Balance(Inverse(), parameters, groups={"all": net.encoder}, every=1)


@pytest.mark.parametrize("method", [Equal, DWA, UnitNorm, UPGrad, CAGrad, NashMTL, MoDo])
@pytest.mark.parametrize("known", [True, False], ids=["tasks given", "tasks of the first call"])
def test_a_preference_of_another_length_is_said_before_the_first_step(method, known):
    """Methods on gradients ended in NumPy's `operands could not be broadcast together`."""
    net, balancer = Net(), method(preference=[1, 2])

    def step():
        balance = Balance(balancer, net.encoder.parameters(), tasks=TASKS if known else None)
        balance.backward(*[net.losses() for _ in range(balancer.batches)])

    with pytest.raises(InvalidArgumentError, match=r"preference=.* has 2 values for 3 tasks"):
        step()


def test_a_wrapped_method_too():
    with pytest.raises(InvalidArgumentError, match="has 2 values for 3 tasks"):
        Balance(Every(UPGrad(preference=[1, 2]), k=2), Net().encoder.parameters(), tasks=TASKS)


@pytest.mark.parametrize("regulariser", [0.01, torch.ones(3, requires_grad=True)])
@pytest.mark.parametrize("way", ["backward", "combine"])
def test_a_regulariser_is_a_scalar_tensor(regulariser, way):
    net = Net()
    balance = Balance(Equal(), net.encoder.parameters())
    with pytest.raises(InvalidArgumentError, match="regulariser must be a scalar tensor"):
        getattr(balance, way)(net.losses(), regulariser=regulariser)


def test_a_balance_of_groups_can_be_shown():
    net = Net()
    balance = Balance(UPGrad(), net.encoder.parameters(), groups={"late": net.encoder[2]})
    assert "UPGrad() in each of the groups ['late', 'rest']" in repr(balance)
