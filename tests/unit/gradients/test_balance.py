from __future__ import annotations

import io

import numpy as np
import pytest
import torch

import cotrain
from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, Static
from cotrain.gradients import Balance

from .networks import Inverse, Net, SignSum, UnitLength, flat, grads


def test_top_level_name():
    assert cotrain.Balance is Balance


def test_jacobian_rule_cannot_be_one_scalar():
    net = Net()
    with pytest.raises(InvalidArgumentError, match="entry by entry"):
        Balance(SignSum(), net.encoder.parameters()).combine(net.losses())


@pytest.mark.parametrize("rule", [Equal(), Inverse(), Static([1, 2, 3])])
def test_combine_is_the_weighted_sum_of_whole_losses(rule):
    net, plain = Net(), Net()
    balance = Balance(rule, net.encoder.parameters())
    balance.combine(net.losses()).backward()
    sum(w * loss for w, loss in zip(balance.weights, plain.losses().values(), strict=True)).backward()
    for a, b in zip(grads(net), grads(plain), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("rule", [Equal, Inverse, UnitLength, SignSum])
def test_regulariser_counts_once(rule):
    net, plain = Net(), Net()
    Balance(rule(), net.encoder.parameters()).backward(
        net.losses(), regulariser=net.encoder[0].weight.square().sum()
    )
    Balance(rule(), plain.encoder.parameters()).backward(plain.losses(), regulariser=torch.zeros(()))
    torch.testing.assert_close(
        net.encoder[0].weight.grad, plain.encoder[0].weight.grad + 2 * plain.encoder[0].weight.detach()
    )


@pytest.mark.parametrize("rule", [Equal, Inverse])
def test_gradients_accumulate(rule):
    net, first, second = Net(), Net(), Net()
    balance = Balance(rule(), net.encoder.parameters())
    balance.backward(net.losses(slice(0, 4)))
    balance.backward(net.losses(slice(4, 7)))
    Balance(rule(), first.encoder.parameters()).backward(first.losses(slice(0, 4)))
    Balance(rule(), second.encoder.parameters()).backward(second.losses(slice(4, 7)))
    for a, b, c in zip(grads(net), grads(first), grads(second), strict=True):
        torch.testing.assert_close(a, b + c)


@pytest.mark.parametrize("rule", [Equal, Inverse, UnitLength, SignSum])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_broken_loss_is_as_if_the_task_were_absent(rule, bad):
    net, plain = Net(), Net()
    balance = Balance(rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    losses = net.losses()
    losses["t1"] = losses["t1"] * bad
    balance.backward(losses)
    rest = plain.losses()
    del rest["t1"]
    Balance(rule(), plain.encoder.parameters(), tasks=["t0", "t1", "t2"]).backward(rest)
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    for k in (0, 2):
        torch.testing.assert_close(net.heads[k].weight.grad, plain.heads[k].weight.grad)
    own = net.heads[1].weight.grad
    assert own is None or not own.any()
    assert balance.skipped == {"t0": 0, "t1": 1, "t2": 0}


@pytest.mark.parametrize("rule", [Equal, Inverse, UnitLength, SignSum])
def test_a_broken_gradient_of_a_finite_loss_too(rule):
    net, plain = Net(), Net()
    balance = Balance(rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    losses = net.losses()
    z = net.encoder(net.x)
    losses["t1"] = (net.heads[1](z) * 0).square().sum().sqrt()  # sqrt'(0) is infinite
    losses["t1"] = losses["t1"] + 1
    balance.backward(losses)
    rest = plain.losses()
    del rest["t1"]
    Balance(rule(), plain.encoder.parameters(), tasks=["t0", "t1", "t2"]).backward(rest)
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(plain.encoder.parameters()))
    assert balance.skipped == {"t0": 0, "t1": 1, "t2": 0}


def test_state_round_trip_is_safe_to_load():
    net, other = Net(), Net()
    balance = Balance(Inverse(), net.encoder.parameters(), every=3)
    balance.backward(net.losses())
    buffer = io.BytesIO()
    torch.save(balance.state_dict(), buffer)
    buffer.seek(0)
    resumed = Balance(Inverse(), other.encoder.parameters(), every=3)
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    for module in (net, other):
        module.zero_grad()
    balance.backward(net.losses())
    resumed.backward(other.losses())
    torch.testing.assert_close(flat(net.encoder.parameters()), flat(other.encoder.parameters()))
    assert resumed.tasks == balance.tasks
    with pytest.raises(InvalidArgumentError, match="belongs to the tasks"):
        Balance(Inverse(), net.encoder.parameters(), tasks=["x"]).load_state_dict(balance.state_dict())
    for key in balance.state_dict():
        rest = {name: value for name, value in balance.state_dict().items() if name != key}
        with pytest.raises(InvalidArgumentError, match=f"lacks {key}"):
            resumed.load_state_dict(rest)


def test_rescale_of_weights():
    net = Net()
    for rule in (Static([1, 2, 5]), Inverse()):
        balance = Balance(rule, net.encoder.parameters(), rescale="weights")
        balance.backward(net.losses())
        assert float(balance.weights.sum()) == pytest.approx(3)


def test_rescale_of_weights_counts_the_tasks_of_the_step():
    net = Net()
    balance = Balance(Static([0, 1, 2]), net.encoder.parameters(), rescale="weights")
    balance.backward(net.losses())
    assert balance.weights.tolist() == [0, 1, 2]
    balance = Balance(Inverse(), net.encoder.parameters(), rescale="weights", every=3)
    for absent in ([], ["t1"], ["t0", "t1"]):
        balance.backward({name: loss for name, loss in net.losses().items() if name not in absent})
        assert float(balance.weights.sum()) == pytest.approx(3 - len(absent))


@pytest.mark.parametrize("kind", [float, np.float64, torch.tensor, lambda loss: torch.tensor(loss).half()])
def test_validation_losses_may_be_whole_numbers(kind):
    heard = []
    rule = Equal()
    rule.observe_validation = heard.append
    rule.observe_update = heard.append
    balance = Balance(rule, [torch.ones(1, requires_grad=True)], tasks=["a", "b", "c"])
    balance.observe_validation({"a": 1, "b": kind(0.5)})
    balance.observe_update({"c": torch.tensor(2), "a": torch.tensor(0.25)})
    assert torch.equal(heard[0][:2].double(), torch.tensor([1, 0.5]).double())
    assert torch.equal(heard[1][[0, 2]].double(), torch.tensor([0.25, 2]).double())
    assert heard[0][2].isnan()
    assert heard[1][1].isnan()


@pytest.mark.parametrize("rule", [Equal, Inverse, UnitLength])
def test_a_batch_without_any_label_can_be_combined(rule):
    net = Net()
    balance = Balance(rule(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    balance.combine({}).backward()
    assert all(parameter.grad is None for parameter in net.parameters())
    balance.combine({}, regulariser=net.encoder[0].weight.sum()).backward()
    assert torch.equal(net.encoder[0].weight.grad, torch.ones_like(net.encoder[0].weight))


def test_preference_reaches_the_heads():
    net, plain = Net(), Net()
    Balance(Inverse(preference=[1, 2, 3]), net.encoder.parameters()).backward(net.losses())
    sum(plain.losses().values()).backward()
    for k, factor in enumerate([0.5, 1.0, 1.5]):
        torch.testing.assert_close(net.heads[k].weight.grad, factor * plain.heads[k].weight.grad)


def test_errors_are_sentences():
    net = Net()
    parameters = list(net.encoder.parameters())
    balance = Balance(Equal(), parameters, tasks=["t0", "t1", "t2"])
    with pytest.raises(InvalidArgumentError, match="There is no task 't9'"):
        balance.backward({"t9": net.losses()["t0"]})
    with pytest.raises(InvalidArgumentError, match="must be a scalar"):
        balance.backward({"t0": net.encoder(net.x)})
    with pytest.raises(InvalidArgumentError, match="does not depend on any trainable"):
        balance.backward({"t0": torch.zeros(())})
    with pytest.raises(InvalidArgumentError, match="an iterator with nothing left"):
        Balance(Equal(), iter([]))
    with pytest.raises(InvalidArgumentError, match="every"):
        Balance(Equal(), parameters, every=0)
    with pytest.raises(InvalidArgumentError, match="rescale"):
        Balance(Equal(), parameters, rescale="sun")
    with pytest.raises(InvalidArgumentError, match="rescale='weights'"):
        Balance(Equal(), parameters, rescale="sum")
    with pytest.raises(InvalidArgumentError, match=r"SignSum does not have: use rescale='sum' or 'mean'"):
        Balance(SignSum(), parameters, rescale="weights")
    with pytest.raises(InvalidArgumentError, match="groups does not have"):
        Balance(Inverse(), parameters, rescale="weights", groups={"all": net.encoder})
    with pytest.raises(InvalidArgumentError, match="names a task twice"):
        Balance(Equal(), parameters, tasks=["t0", "t0"])
    with pytest.raises(InvalidArgumentError, match="source"):
        Balance(Equal(), parameters, source="exakt")
    with pytest.raises(InvalidArgumentError, match="first call has no losses"):
        Balance(Equal(), parameters).backward({})


def test_absent_losses_where_nothing_is_shared():
    balance = Balance(Inverse(), [], tasks=["a"])
    balance.backward({})
    assert balance.combine({}) == 0


def test_an_epoch_ends_with_a_word_on_what_was_left_out(caplog):
    net = Net()
    balance = Balance(Equal(), net.encoder.parameters())
    balance.end_epoch()
    for _ in range(2):
        losses = net.losses()
        losses["t1"] = losses["t1"] * float("nan")
        balance.backward(losses)
        assert not caplog.records or balance.skipped["t1"] > 1
        balance.end_epoch()
    assert [record.getMessage().split("is not finite")[0] for record in caplog.records] == [
        "The loss or gradient of task 't1' "
    ]
