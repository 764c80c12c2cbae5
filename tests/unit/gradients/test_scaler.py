"""Float16 training with a GradScaler."""

from __future__ import annotations

import pytest
import torch

from cotrain.balancing import Equal, UPGrad
from cotrain.gradients import Balance

from .networks import Net, SignSum, UnitLength, flat


def scaler(initial: float) -> torch.amp.GradScaler:
    return torch.amp.GradScaler("cpu", init_scale=initial)


@pytest.mark.parametrize("rule", [Equal, UPGrad, SignSum])
@pytest.mark.parametrize("source", ["exact", "auto"])
def test_same_step_as_without(rule, source):
    net, plain = Net(dtype=torch.float32), Net(dtype=torch.float32)
    scale = scaler(2.0**12)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    balance = Balance(rule(), net.encoder.parameters(), scaler=scale, source=source)
    balance.backward(net.losses())
    scale.unscale_(optimizer)
    Balance(rule(), plain.encoder.parameters(), source=source).backward(plain.losses())
    torch.testing.assert_close(flat(net.parameters()), flat(plain.parameters()))


@pytest.mark.parametrize("source", ["exact", "ghost"])
def test_losses_scaled_by_the_caller_keep_the_direction(source):
    net, plain = Net(), Net()
    losses = {name: loss * 2.0**12 for name, loss in net.losses().items()}
    Balance(UPGrad(), net.encoder.parameters(), source=source).backward(losses)
    Balance(UPGrad(), plain.encoder.parameters(), source=source).backward(plain.losses())
    torch.testing.assert_close(flat(net.parameters()) / 2.0**12, flat(plain.parameters()))


@pytest.mark.parametrize("rule", [UPGrad, SignSum])
def test_an_overflow_is_left_to_the_scaler(rule):
    net = Net(dtype=torch.float32)
    scale = scaler(2.0**126)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    balance = Balance(rule(), net.encoder.parameters(), scaler=scale)
    before = [p.detach().clone() for p in net.parameters()]
    losses = {name: loss * 1e4 for name, loss in net.losses().items()}
    balance.backward(losses)
    scale.step(optimizer)
    scale.update()
    assert scale.get_scale() < 2.0**126
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))
    assert balance.skipped == {"t0": 0, "t1": 0, "t2": 0}


def test_an_overflow_of_a_losses_only_step_too():
    net = Net(dtype=torch.float32)
    scale = scaler(2.0**126)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    balance = Balance(Equal(), net.encoder.parameters(), scaler=scale)
    balance.backward({name: loss * 1e4 for name, loss in net.losses().items()})
    scale.step(optimizer)
    scale.update()
    assert scale.get_scale() < 2.0**126


@pytest.mark.parametrize(
    ("rule", "every"),
    [*((rule, every) for rule in (Equal, UPGrad, UnitLength) for every in (1, 2)), (SignSum, 1)],
)
@pytest.mark.parametrize("what", ["overflow", "nan", "inf"])
@pytest.mark.parametrize("n_tasks", [1, 3])
@pytest.mark.parametrize("source", ["exact", "auto"])
def test_a_scaler_skips_the_step_of_every_optimiser(rule, what, n_tasks, source, every):
    # Of a head that had no gradient the scaler said "No inf checks were recorded", or it moved alone.
    net = Net(n_tasks, dtype=torch.float32)
    scale = scaler(2.0**126 if what == "overflow" else 2.0**10)
    optimizers = [torch.optim.SGD(part.parameters(), lr=1.0) for part in (net.encoder, net.heads)]
    before = [p.detach().clone() for p in net.parameters()]
    balance = Balance(rule(), net.encoder.parameters(), scaler=scale, source=source, every=every)
    factor = {"overflow": 1e4, "nan": float("nan"), "inf": float("inf")}[what]
    for factors in ([factor], [1e-3, factor])[every - 1 :]:
        for one in factors:
            net.zero_grad()
            balance.backward({name: loss * one for name, loss in net.losses().items()})
    first = scale.get_scale()
    for optimizer in optimizers:
        scale.step(optimizer)
    scale.update()
    assert scale.get_scale() < first
    assert all(torch.equal(p, q) for p, q in zip(net.parameters(), before, strict=True))


def test_a_nan_loss_drops_its_task_only():
    net, plain = Net(dtype=torch.float32), Net(dtype=torch.float32)
    balance = Balance(Equal(), net.encoder.parameters(), scaler=scaler(1.0))
    losses = net.losses()
    losses["t1"] = losses["t1"] * float("nan")
    balance.backward(losses)
    rest = plain.losses()
    del rest["t1"]
    Balance(Equal(), plain.encoder.parameters()).backward(rest)
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    assert balance.skipped["t1"] == 1


def test_a_scaler_around_combine_sees_the_overflow():
    net = Net(dtype=torch.float32)
    scale = scaler(2.0**126)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    balance = Balance(UPGrad(), net.encoder.parameters())
    scale.scale(balance.combine({name: loss * 1e4 for name, loss in net.losses().items()})).backward()
    scale.step(optimizer)
    scale.update()
    assert scale.get_scale() < 2.0**126
