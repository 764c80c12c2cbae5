from __future__ import annotations

import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Every, Smoothed
from cotrain.gradients import Balance, Monitor

from ..networks import CrossRow, Net, flat, jacobian, values


def test_cross_batch_rule_takes_three_batches():
    net, plain = Net(), Net()
    balance = Balance(CrossRow(), net.encoder.parameters())
    batches = [slice(0, 3), slice(3, 5), slice(5, 7)]
    balance.backward(*(net.losses(rows) for rows in batches))
    j, j1, j2 = (jacobian(plain.losses(rows), plain.encoder.parameters()) for rows in batches)
    w = torch.from_numpy(CrossRow().weights(values(plain.losses(batches[0])), (j1 @ j2.T).numpy()))
    torch.testing.assert_close(flat(net.encoder.parameters()), w @ j)
    sum(plain.losses(batches[0]).values()).backward()
    torch.testing.assert_close(net.heads[1].weight.grad, plain.heads[1].weight.grad)
    with pytest.raises(InvalidArgumentError, match="2 more independent batches, got 0"):
        balance.backward(net.losses())


@pytest.mark.parametrize("absent", [[], ["t1"]])
def test_a_monitor_records_the_gradients_of_the_batch_that_is_weighed(absent):
    # It had the products between the two other batches, whose diagonal is no squared length.
    net, plain = Net(), Net()
    monitor = Monitor(every=2)
    balance = Balance(CrossRow(), net.encoder.parameters(), monitor=monitor, tasks=["t0", "t1", "t2"])
    other = Balance(CrossRow(), plain.encoder.parameters(), tasks=["t0", "t1", "t2"])
    for _ in range(2):
        for net_, to in ((net, balance), (plain, other)):
            some = [net_.losses(rows) for rows in (slice(0, 3), slice(3, 5), slice(5, 7))]
            to.backward(*({name: x for name, x in batch.items() if name not in absent} for batch in some))
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    (record,) = monitor.records
    losses = {name: x for name, x in plain.losses(slice(0, 3)).items() if name not in absent}
    j = jacobian(losses, plain.encoder.parameters())
    known = [place for place in range(3) if f"t{place}" in losses]
    torch.testing.assert_close(torch.tensor(record["norms"]).double()[known], j.norm(dim=1))
    unit = j / j.norm(dim=1, keepdim=True)
    cosines = torch.tensor(record["cosines"]).double()[known][:, known]
    torch.testing.assert_close(cosines, unit @ unit.T, rtol=1e-5, atol=1e-6)
    assert all(torch.tensor(record["norms"])[place].isnan() for place in range(3) if place not in known)


@pytest.mark.parametrize("wrap", [lambda rule: Every(rule, 2), lambda rule: Smoothed(rule, 0.5)])
def test_a_method_around_a_cross_batch_rule_takes_its_batches(wrap):
    net, plain = Net(), Net()
    batches = [slice(0, 3), slice(3, 5), slice(5, 7)]
    Balance(CrossRow(), plain.encoder.parameters()).backward(*(plain.losses(rows) for rows in batches))
    balance = Balance(wrap(CrossRow()), net.encoder.parameters())
    balance.backward(*(net.losses(rows) for rows in batches))
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    with pytest.raises(InvalidArgumentError, match="2 more independent batches, got 0"):
        balance.backward(net.losses())
