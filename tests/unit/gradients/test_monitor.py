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


def recorded(steps=3):
    monitor = Monitor(every=1)
    for step in range(steps):
        gramian = np.array([[1.0, -1.0, 0.0], [-1.0, 4.0, 0.0], [0.0, 0.0, np.nan]])
        gramian[2] = gramian[:, 2] = np.nan  # the third task is absent
        monitor.record(
            step,
            ["a", "b", "c"],
            losses_K=np.array([1.0, 2.0, np.nan]),
            weights_K=np.array([1.0, 1.0, 0.0]),
            gramian_KK=gramian,
        )
    return monitor


def test_the_table_has_a_row_per_step_and_task_with_the_recorded_figures():
    frame = recorded().to_frame()
    assert frame.height == 9
    assert frame["step"].to_list() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    one = frame.filter(step=1)
    assert one["task"].to_list() == ["a", "b", "c"]
    assert one["norm"].to_list()[:2] == [1.0, 2.0]
    assert one["cosine"].to_list()[:2] == [-0.5, -0.5]
    assert np.isnan(one["cosine"][2])
    assert np.isnan(one["loss"][2])
    assert Monitor().to_frame().height == 0


def test_the_picture_shows_every_task_and_leaves_no_global_figure():
    matplotlib = pytest.importorskip("matplotlib.pyplot")
    before = matplotlib.get_fignums()
    figure = recorded().plot()
    assert [axes.get_title() for axes in figure.axes] == ["loss", "weight", "gradient norm", "mean cosine"]
    assert all(len(axes.get_lines()) >= 3 for axes in figure.axes)
    assert matplotlib.get_fignums() == before


def test_a_picture_of_nothing_is_refused():
    with pytest.raises(InvalidArgumentError, match="nothing has been recorded"):
        Monitor().plot()
