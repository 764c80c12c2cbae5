from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cotrain._base import InvalidArgumentError
from cotrain.gradients._distributed import (
    _DELAYED,
    average_grads,
    averaged_grads,
    connected,
    delayed_reduction_kept,
    engine_averages,
    global_denominator,
    global_mean,
    refuse_synchronising,
    refuse_without_model,
    share_call,
    share_losses,
)
from cotrain.gradients._step_losses import order_losses

from .ranks import on_ranks

TASKS = ["a", "b", "c"]


def parts(n_ranks: int = 3) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Losses per entry and masks of each rank; the last has no label, unlabelled entries are NaN."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for rank in range(n_ranks):
        mask = torch.rand(5, generator=generator) < (0.0 if rank == n_ranks - 1 else 0.6)
        values = torch.randn(5, generator=generator, dtype=torch.float64)
        found.append((values.where(mask, torch.nan), mask))
    return found


def test_the_average_over_ranks_is_the_mean_over_all_labelled_rows(monkeypatch):
    given = parts()
    values, masks = (torch.cat(each) for each in zip(*given, strict=True))
    means = on_ranks(monkeypatch, 3, lambda rank: global_mean(*given[rank]))
    assert float(sum(means) / 3) == pytest.approx(float(values[masks].mean()))
    assert float(means[2]) == 0.0


def test_weights_stand_for_labels_and_nobody_labelled_gives_zero(monkeypatch):
    values, weights = torch.tensor([2.0, 4.0, torch.nan]), torch.tensor([1.0, 3.0, 0.0])
    assert float(global_mean(values, weights)) == pytest.approx((2 + 12) / 4)
    empty = torch.zeros(3, dtype=torch.bool)
    assert float(global_mean(values, empty)) == 0.0
    assert on_ranks(monkeypatch, 2, lambda _: float(global_mean(values, empty))) == [0.0, 0.0]


def test_the_denominator_leaves_what_it_is_given_and_takes_whole_numbers(monkeypatch):
    counts = [torch.tensor(3), torch.tensor(0)]
    found = on_ranks(monkeypatch, 2, lambda rank: global_denominator(counts[rank]))
    assert [float(one) for one in found] == [1.5, 1.5]
    assert [int(count) for count in counts] == [3, 0]
    assert float(global_denominator(2)) == 2.0


def call_of(names: str, factor: float = 1.0):
    parameter = nn.Parameter(torch.ones(()))
    losses = {name: parameter * factor * (TASKS.index(name) + 1) for name in names}
    return order_losses(losses, TASKS, torch.device("cpu"))


def test_losses_are_averaged_and_a_task_is_there_if_any_rank_has_it(monkeypatch):
    def share(rank):
        losses_K, present_K = share_losses(call_of(["ac", ""][rank], 2.0))
        return losses_K.tolist(), present_K.tolist()

    for found in on_ranks(monkeypatch, 2, share):
        assert found == ([1.0, 0.0, 3.0], [True, False, True])
    losses_K, present_K = share_losses(call_of("ac"))
    assert losses_K.tolist() == [1.0, 0.0, 3.0]
    assert present_K.tolist() == [True, False, True]
    assert share_losses(call_of("abc"))[1] is None


def test_a_task_of_another_rank_is_a_zero_without_a_graph(monkeypatch):
    first, second = on_ranks(monkeypatch, 2, lambda rank: share_call(call_of(["ab", "bc"][rank])))
    assert first.places == second.places == (0, 1, 2)
    assert [loss.grad_fn is not None for loss in first.live] == [True, True, False]
    assert [loss.grad_fn is not None for loss in second.live] == [False, True, True]
    assert first.values_A.tolist() == second.values_A.tolist() == [0.5, 2.0, 1.5]


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(2, 2)), nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(1))]


def test_gradients_are_averaged_and_what_no_rank_reached_keeps_none(monkeypatch):
    def averaged(rank):
        own = parameters()
        own[0].grad = torch.full((2, 2), float(rank + 1))
        own[1].grad = torch.ones(3) if rank else None
        average_grads(own)
        return [None if p.grad is None else p.grad.tolist() for p in own]

    for found in on_ranks(monkeypatch, 2, averaged):
        assert found == [[[1.5, 1.5], [1.5, 1.5]], [0.5, 0.5, 0.5], None]


def test_only_what_a_block_adds_is_averaged(monkeypatch):
    def averaged(rank):
        model = nn.Linear(1, 1, bias=False)
        model.weight.grad = torch.full((1, 1), 10.0)
        with averaged_grads(model, list(model.parameters())):
            assert model.weight.grad is None
            model.weight.grad = torch.full((1, 1), float(rank))
        return float(model.weight.grad)

    assert on_ranks(monkeypatch, 2, averaged) == [10.5, 10.5]
    model = nn.Linear(1, 1)
    model.weight.grad = torch.ones(1, 1)
    with averaged_grads(model, list(model.parameters())):  # alone there is nobody to average with
        assert model.weight.grad is not None


def test_a_rank_without_a_loss_gives_the_others_a_zero_to_wait_for(monkeypatch):
    def gradients(_):
        own = parameters()
        total = connected(torch.zeros(()), lambda: own)
        total.backward()
        return total.item(), [p.grad.abs().sum().item() for p in own]

    assert on_ranks(monkeypatch, 2, gradients) == [(0.0, [0.0, 0.0, 0.0])] * 2
    total = torch.zeros(())
    assert connected(total, parameters) is total


def engine(*, synchronising: bool) -> DistributedDataParallel:
    made = DistributedDataParallel.__new__(DistributedDataParallel)
    nn.Module.__init__(made)
    made.require_forward_param_sync = synchronising
    return made


def test_what_nobody_would_average_and_what_ddp_averages_once_is_refused(monkeypatch):
    refuse_synchronising(None)
    refuse_synchronising(nn.Linear(1, 1))
    refuse_synchronising(engine(synchronising=False))
    with pytest.raises(InvalidArgumentError, match="averages only the first one"):
        refuse_synchronising(engine(synchronising=True))
    refuse_without_model(None, parameters())
    with pytest.raises(InvalidArgumentError, match=r"pass Balance\(model=...\)"):
        on_ranks(monkeypatch, 2, lambda _: refuse_without_model(None, parameters()))
    on_ranks(monkeypatch, 2, lambda _: refuse_without_model(nn.Linear(1, 1), parameters()))


def test_ddp_averages_unless_it_was_told_not_to(monkeypatch):
    models = [None, nn.Linear(1, 1), engine(synchronising=True), engine(synchronising=False)]
    assert all(engine_averages(model, parameters()) for model in models)
    found = on_ranks(monkeypatch, 2, lambda _: [engine_averages(model, parameters()) for model in models])
    assert found == [[True, False, True, False]] * 2


def test_passes_of_ours_do_not_use_up_the_reduction_of_a_static_graph():
    waiting = SimpleNamespace(static_graph=True, **{_DELAYED: False})
    others = [SimpleNamespace(static_graph=False, **{_DELAYED: False}), SimpleNamespace(static_graph=True)]
    during = []

    def a_pass_that_fails():
        with delayed_reduction_kept([waiting, *others]):
            during.extend(getattr(one, _DELAYED) for one in (waiting, others[0]))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        a_pass_that_fails()
    assert during == [True, False]
    assert not getattr(waiting, _DELAYED)
