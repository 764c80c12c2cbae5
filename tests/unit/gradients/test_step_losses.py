from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, UPGrad
from cotrain.gradients import Balance
from cotrain.gradients._step_losses import SkipCounter, StepLosses, losses_by_task, order_losses

from .networks import Inverse, Net, flat, grads

FORMS = {
    "list": list,
    "tuple": tuple,
    "tensor": torch.stack,
    "unbind": lambda losses: torch.stack(losses).unbind(),
    "split": lambda losses: torch.stack(losses).split(1),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("rule", [Equal, Inverse, UPGrad])
@pytest.mark.parametrize("source", ["auto", "exact", "ghost"])
@pytest.mark.parametrize("named", [False, True])
def test_losses_in_order_are_as_good_as_named_ones(form, rule, source, named):
    net, plain = Net(), Net()
    balance = Balance(
        rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"] if named else None, source=source
    )
    balance.backward(FORMS[form](list(net.losses().values())))
    Balance(rule(), plain.encoder.parameters(), source="exact").backward(plain.losses())
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    for a, b in zip(grads(net), grads(plain), strict=True):
        torch.testing.assert_close(a, b)
    assert balance.tasks == (("t0", "t1", "t2") if named else ("0", "1", "2"))


@pytest.mark.parametrize("source", ["auto", "exact", "ghost"])
@pytest.mark.parametrize("cut", [lambda e: e, lambda e: e.unbind(), list])
@pytest.mark.parametrize("n_rows", [1, 256])
def test_the_losses_of_rows_may_be_tasks_of_which_all_is_shared(source, cut, n_rows):
    def errors(net: nn.Module) -> torch.Tensor:
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(n_rows, 3, generator=generator, dtype=torch.float64)
        return (net(x)[:, 0] - x.sum(1)).square()

    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()

    net, plain = network(), network()
    balance = Balance(Inverse(), net.parameters(), source=source)
    balance.backward(cut(errors(net)))
    literal = errors(plain)
    rows = [torch.autograd.grad(e, list(plain.parameters()), retain_graph=True) for e in literal]
    jacobian = torch.stack([torch.cat([g.flatten() for g in row]) for row in rows])
    gramian = (jacobian @ jacobian.T).numpy()
    weights = torch.from_numpy(Inverse().weights(literal.detach().numpy(), gramian))
    torch.testing.assert_close(balance.weights, weights)
    torch.testing.assert_close(flat(net.parameters()), weights @ jacobian)


def test_one_loss_may_serve_two_tasks_and_a_parameter_may_be_a_loss():
    for source in ("auto", "exact", "ghost"):
        w = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
        net = Net()
        loss = net.losses()["t1"]
        Balance(Equal(), [*net.encoder.parameters(), w], source=source).backward([loss, loss, w])
        plain = Net()
        (2 * plain.losses()["t1"]).backward()
        torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
        assert w.grad == 1


def test_none_in_a_list_is_an_absent_task():
    net = Net()
    balance = Balance(Inverse(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    losses = net.losses()
    balance.backward([losses["t0"], None, losses["t2"]])
    assert balance.weights[1] == 0
    assert net.heads[1].weight.grad is None


def test_what_is_no_losses_is_refused_in_a_sentence():
    losses = list(Net().losses().values())
    for given, message in {
        "a tensor of losses must have one axis": torch.stack([torch.stack(losses)] * 2),
        "got float: pass": [losses[0], 1.0],
        "got tuple: pass": [("a", losses[0])],
        "got 3 losses for 2 tasks": losses,
        "got set: pass": set(losses),
        "got float: pass balance.backward": 3.0,
    }.items():
        with pytest.raises(InvalidArgumentError, match=f"(?i){given}"):
            losses_by_task(message, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match="does not depend on any trainable"):
        Balance(Equal(), Net().encoder.parameters()).backward(torch.ones(2))


def test_counts_that_were_loaded_may_lie_on_another_device():
    counter = SkipCounter()
    counter.counts_K = torch.ones(2, dtype=torch.long)
    loss = torch.zeros(2, device="meta")
    step = StepLosses(2, (0, 1), tuple(loss.unbind()), loss)
    for _ in range(2):
        counter.start(step, torch.zeros(2, dtype=torch.bool, device="meta"))
    assert counter.counts_K.device.type == "meta"


def test_the_order_is_that_of_the_tasks():
    a, b = (torch.tensor(v, requires_grad=True) * 1 for v in (1.0, 2.0))
    losses = order_losses({"b": b, "a": a}, ["a", "x", "b"], torch.device("cpu"))
    assert losses.places == (0, 2)
    assert losses.values_A.tolist() == [1, 2]
    assert losses.losses_K().tolist() == [1, 0, 2]
    assert losses.present_K().tolist() == losses.present().tolist() == [True, False, True]
    assert StepLosses(2, (0, 1), (a, b), torch.ones(2)).present() is None


def test_shared_parameters_that_no_loss_reaches_are_named_once(caplog):
    net = Net()
    copies = [p.detach().clone().requires_grad_() for p in net.encoder.parameters()]
    balance = Balance(Inverse(), [*copies, net.encoder[0].weight], tasks=["t0", "t1", "t2"])
    losses = net.losses()
    del losses["t2"]
    with caplog.at_level(logging.WARNING, "cotrain"):
        balance.backward(losses)  # what task t2 alone would reach is not known yet
        assert not caplog.records
        balance.backward(net.losses())
        balance.backward(net.losses())
    (record,) = caplog.records
    assert "No loss reaches 4 of the 5 shared parameters (one of shape (6, 4), " in record.getMessage()


def test_the_unreached_ones_are_called_by_their_names_where_the_network_is_known(caplog):
    net = Net()
    Balance(Inverse(), [*net.encoder.parameters(), *net.heads[2].parameters()], model=net).backward(
        {"t0": net.losses()["t0"]}
    )
    assert "2 of the 6 shared parameters (heads.2.weight, heads.2.bias)" in caplog.text


def test_how_the_gradients_were_taken_can_be_asked():
    net = Net()
    balance = Balance(Inverse(), net.encoder.parameters(), every=2, source="exact")
    assert balance.last_source is None
    assert "4 shared parameters of 65 numbers, tasks=None, source='exact'" in repr(balance)
    balance.backward(net.losses())
    assert balance.last_source == "exact"
    balance.backward(net.losses())
    assert balance.last_source == "none: weights of an earlier step are used again"
    assert repr(balance).endswith("last_source='none: weights of an earlier step are used again')")
    ghost = Balance(Inverse(), net.encoder.parameters(), source="ghost")
    ghost.combine(net.losses())
    assert ghost.last_source.startswith("ghost")
    equal = Balance(Equal(), net.encoder.parameters(), source=[net.encoder[0]])
    equal.backward(net.losses())
    assert equal.last_source == "none: the method weighs losses"
    assert "source=['Linear']" in repr(equal)
    many = Balance(Equal(), net.encoder.parameters(), tasks=[str(k) for k in range(40)])
    assert "tasks=['0', '1', '2', ... 40 in all]" in repr(many)


def test_a_complex_loss_and_one_without_a_graph_are_said():
    net = Net()
    balance = Balance(UPGrad(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    with pytest.raises(InvalidArgumentError, match="'t0' is complex, and only a real number"):
        balance.backward({"t0": net.losses()["t0"].to(torch.complex64)})
    with torch.no_grad(), pytest.raises(InvalidArgumentError, match=r"outside of torch\.no_grad\(\)"):
        balance.backward({"t0": net.losses()["t0"]})
