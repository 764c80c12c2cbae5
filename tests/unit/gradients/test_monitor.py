from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, Static, UPGrad
from cotrain.gradients import Balance, Monitor

from .networks import Net, SignSum, flat, jacobian, values


@pytest.mark.parametrize("rule", [Equal, UPGrad, SignSum])
def test_record_of_a_step(rule):
    net, plain = Net(), Net()
    monitor = Monitor(every=2)
    balance = Balance(rule(), net.encoder.parameters(), monitor=monitor)
    for _ in range(3):
        net.zero_grad()
        balance.backward(net.losses())
    assert [record["step"] for record in monitor.records] == [0, 2]
    record = monitor.records[0]
    losses = plain.losses()
    j = jacobian(losses, plain.encoder.parameters()).numpy()
    gramian = j @ j.T
    norms = np.sqrt(np.diagonal(gramian))
    cosines = gramian / np.outer(norms, norms)
    np.testing.assert_allclose(record["norms"], norms)
    np.testing.assert_allclose(record["cosines"], cosines)
    np.testing.assert_allclose(record["affinity"], gramian / values(losses))
    assert record["conflict"] == np.mean(cosines[np.triu_indices(3, 1)] < 0)
    assert record["update_of_sum"] == pytest.approx(np.linalg.norm(j.sum(0)))
    if rule is not SignSum:
        assert record["update"] == pytest.approx(float(flat(net.encoder.parameters()).norm()))
    assert record["tasks"] == ["t0", "t1", "t2"]
    json.dumps(monitor.take())
    assert monitor.records == []


def test_a_recorded_step_is_the_same_step():
    """A losses-only method weighs heads too, also in a step that looks at gradients for the record."""
    net, plain = Net(), Net()
    Balance(Static([1, 2, 3]), net.encoder.parameters(), monitor=Monitor(every=1)).backward(net.losses())
    Balance(Static([1, 2, 3]), plain.encoder.parameters()).backward(plain.losses())
    for p, q in zip(net.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_absent_tasks_are_nan():
    net = Net()
    monitor = Monitor(every=1)
    balance = Balance(UPGrad(), net.encoder.parameters(), tasks=["t0", "t1", "t2"], monitor=monitor)
    losses = net.losses()
    del losses["t1"]
    balance.backward(losses)
    norms = monitor.records[0]["norms"]
    assert np.isnan(norms[1])
    assert np.isfinite([norms[0], norms[2]]).all()


def test_errors_are_sentences():
    with pytest.raises(InvalidArgumentError, match="every"):
        Monitor(every=0)
    with pytest.raises(InvalidArgumentError, match="keep"):
        Monitor(keep=0)
