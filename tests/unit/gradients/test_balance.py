from __future__ import annotations

import io

import pytest
import torch

import cotrain
from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal, Every, Smoothed, Static
from cotrain.gradients import Balance, Monitor

from .networks import CrossRow, Inverse, Net, SignSum, UnitLength, flat, grads, jacobian, values


def test_top_level_name():
    assert cotrain.Balance is Balance


def test_losses_only_is_the_weighted_sum():
    net, plain = Net(), Net()
    balance = Balance(Static([1, 2, 3]), net.encoder.parameters())
    balance.backward(net.losses())
    sum(w * loss for w, loss in zip([1, 2, 3], plain.losses().values(), strict=True)).backward()
    for a, b in zip(grads(net), grads(plain), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    assert balance.tasks == ("t0", "t1", "t2")
    assert balance.weights.tolist() == [1, 2, 3]


def test_gramian_rule_weighs_the_shared_part_and_leaves_heads_at_one():
    net, plain = Net(), Net()
    balance = Balance(Inverse(), net.encoder.parameters())
    balance.backward(net.losses())
    losses = plain.losses()
    j = jacobian(losses, plain.encoder.parameters())
    w = Inverse().weights(values(losses), (j @ j.T).numpy())
    torch.testing.assert_close(balance.weights, torch.from_numpy(w))
    torch.testing.assert_close(
        flat(net.encoder.parameters()), torch.from_numpy(w) @ j, rtol=1e-10, atol=1e-12
    )
    sum(losses.values()).backward()
    for a, b in zip(grads(net.heads), grads(plain.heads), strict=True):
        torch.testing.assert_close(a, b)


def test_norm_rule_gives_every_task_the_same_length():
    net, plain = Net(), Net()
    balance = Balance(UnitLength(), net.encoder.parameters())
    balance.backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    lengths = balance.weights * j.norm(dim=1)
    torch.testing.assert_close(lengths, lengths[:1].expand(3))


def test_jacobian_rule_gives_the_update_itself():
    net, plain = Net(), Net()
    Balance(SignSum(), net.encoder.parameters()).backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), j.sign().sum(0))


def test_jacobian_rule_with_an_absent_task():
    net, plain = Net(), Net()
    balance = Balance(SignSum(), net.encoder.parameters(), tasks=["t0", "t1", "t2"])
    losses = net.losses()
    del losses["t1"]
    balance.backward(losses)
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), j[[0, 2]].sign().sum(0))


def test_jacobian_rule_cannot_be_one_scalar():
    net = Net()
    with pytest.raises(InvalidArgumentError, match="entry by entry"):
        Balance(SignSum(), net.encoder.parameters()).combine(net.losses())


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


def test_weights_are_used_again_between_solves():
    net, plain = Net(), Net()
    balance = Balance(Inverse(), net.encoder.parameters(), every=2)
    balance.backward(net.losses(slice(0, 3)))
    weights = balance.weights.clone()
    net.zero_grad()
    balance.backward(net.losses(slice(3, 7)))
    assert torch.equal(balance.weights, weights)
    losses = plain.losses(slice(3, 7))
    j = jacobian(losses, plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()), weights @ j)
    sum(losses.values()).backward()
    torch.testing.assert_close(net.heads[2].weight.grad, plain.heads[2].weight.grad)


@pytest.mark.parametrize(("rescale", "factor"), [("sum", 1.0), ("mean", 1 / 3)])
def test_rescale_sets_the_length(rescale, factor):
    net, plain = Net(), Net()
    Balance(Inverse(), net.encoder.parameters(), rescale=rescale).backward(net.losses())
    j = jacobian(plain.losses(), plain.encoder.parameters())
    torch.testing.assert_close(flat(net.encoder.parameters()).norm(), j.sum(0).norm() * factor)


def test_rescale_of_weights():
    net = Net()
    for rule in (Static([1, 2, 5]), Inverse()):
        balance = Balance(rule, net.encoder.parameters(), rescale="weights")
        balance.backward(net.losses())
        assert float(balance.weights.sum()) == pytest.approx(3)


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
    with pytest.raises(InvalidArgumentError, match="source"):
        Balance(Equal(), parameters, source="exakt")
    with pytest.raises(InvalidArgumentError, match="first call has no losses"):
        Balance(Equal(), parameters).backward({})


def test_no_host_synchronisation_in_a_losses_only_step(monkeypatch):
    net = Net()
    balance = Balance(Static([1, 2, 3]), net.encoder.parameters())
    balance.backward(net.losses())
    calls = []
    for name in ("item", "cpu", "tolist", "__bool__", "__float__", "__int__"):
        original = getattr(torch.Tensor, name)
        monkeypatch.setattr(
            torch.Tensor, name, lambda self, *a, _o=original, _n=name: (calls.append(_n), _o(self, *a))[1]
        )
    balance.backward(net.losses())
    balance.combine(net.losses()).backward()
    assert calls == []


def test_one_backward_for_losses_only():
    net = Net()
    passes = []
    net.encoder[0].weight.register_hook(lambda grad: passes.append(1))
    Balance(Static([1, 2, 3]), net.encoder.parameters()).backward(net.losses())
    assert passes == [1]


@pytest.mark.parametrize("rule", [Inverse, UnitLength, SignSum, Equal])
@pytest.mark.parametrize("how", ["backward", "combine"])
@pytest.mark.parametrize("frozen", [False, True])
def test_nothing_shared_leaves_every_task_its_preference(rule, how, frozen):
    net, plain = Net(), Net()
    for module in (net, plain):
        module.encoder.requires_grad_(False)
    shared = list(net.encoder.parameters()) if frozen else []
    balance = Balance(rule(preference=[1, 2, 3]), shared, monitor=Monitor(every=1))
    losses = net.losses()
    losses["t2"] = losses["t2"] * float("nan")
    if how == "backward" or rule is SignSum:
        balance.backward(losses, regulariser=net.heads[0].bias.sum())
    else:
        balance.combine(losses, regulariser=net.heads[0].bias.sum()).backward()
    (sum(plain.losses().values()) + plain.heads[0].bias.sum() * 1.5).backward()
    torch.testing.assert_close(balance.weights, torch.tensor([2 / 3, 4 / 3, 0], dtype=torch.float64))
    assert balance.skipped == {"t0": 0, "t1": 0, "t2": 1}
    for k, weight in enumerate([2 / 3, 4 / 3]):
        torch.testing.assert_close(net.heads[k].weight.grad, weight * plain.heads[k].weight.grad)
    torch.testing.assert_close(net.heads[0].bias.grad, 2 / 3 * plain.heads[0].bias.grad)
    assert net.heads[2].weight.grad is None or not net.heads[2].weight.grad.any()


def test_absent_losses_where_nothing_is_shared():
    balance = Balance(Inverse(), [], tasks=["a"])
    balance.backward({})
    assert balance.combine({}) == 0


@pytest.mark.parametrize("source", ["exact", "ghost"])
def test_no_two_parameters_get_one_gradient(source):
    net = Net()
    a, b = (torch.zeros(7, dtype=torch.float64, requires_grad=True) for _ in range(2))
    losses = net.losses()
    losses["t0"] = losses["t0"] + (a + b).sum()
    Balance(Inverse(), net.encoder.parameters(), source=source).backward(losses)
    a.grad.mul_(2)  # also: it is no single number that was repeated
    assert a.grad.tolist() == [2] * 7
    assert b.grad.tolist() == [1] * 7


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
