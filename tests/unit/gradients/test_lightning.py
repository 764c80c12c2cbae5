from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch

from cotrain._base import MissingExtraError
from cotrain.balancing import DWA, UPGrad
from cotrain.gradients import Balance
from cotrain.gradients._lightning import lightning_callback

from .networks import Net


class Module:
    def __init__(self):
        self.logged = []

    def log_dict(self, values):
        self.logged.append({name: float(value) for name, value in values.items()})


@pytest.fixture
def lightning(monkeypatch):
    """What a callback needs of Lightning: a class to be one of."""
    monkeypatch.setitem(sys.modules, "pytorch_lightning", SimpleNamespace(Callback=type("Callback", (), {})))


def stepped(net, balancer):
    balance = Balance(balancer, net.encoder.parameters(), model=net)
    callback = lightning_callback(balance)
    return balance, callback


@pytest.mark.usefixtures("lightning")
def test_the_weights_of_a_step_are_logged_and_before_the_first_none_are():
    net, module = Net(), Module()
    balance, callback = stepped(net, UPGrad())
    callback.on_train_batch_end(None, module, None, None, 0)
    assert module.logged == []
    balance.combine(net.losses()).backward()
    callback.on_train_batch_end(None, module, None, None, 0)
    assert module.logged == [{f"weight/t{k}": pytest.approx(float(balance.weights[k])) for k in range(3)}]


@pytest.mark.usefixtures("lightning")
def test_the_ends_of_epochs_reach_the_method_and_its_state_goes_through_a_checkpoint():
    net = Net()
    balance, callback = stepped(net, DWA())
    ended, end_epoch = [], balance.balancer.end_epoch
    balance.balancer.end_epoch = lambda: ended.append(True) or end_epoch()
    for _ in range(3):
        balance.combine(net.losses()).backward()
        callback.on_train_epoch_end(None, Module())
    assert len(ended) == 3
    other, second = stepped(Net(), DWA())
    second.load_state_dict(callback.state_dict())
    torch.testing.assert_close(other.weigh(net.losses()), balance.weigh(net.losses()))
    assert repr(other.balancer.state) == repr(balance.balancer.state)


def test_without_lightning_the_pip_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_lightning", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'cotrain\[lightning\]'"):
        lightning_callback(Balance(UPGrad(), Net().encoder.parameters()))
