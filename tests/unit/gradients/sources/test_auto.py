from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradDrop, UPGrad
from cotrain.gradients.rules._cost import estimate
from cotrain.gradients.sources import _auto
from cotrain.gradients.sources._approximate import LayerSource
from cotrain.gradients.sources._auto import SOURCES, AutoSource, choose_source, n_bytes
from cotrain.gradients.sources._exact import ExactSource

from ..networks import Net, jacobian
from .steps import ask, assert_answers


def wide(n_tasks=4, n_rows=16):
    """A trunk so wide, and a batch so small, that no weight gradient of a task should be formed."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Linear(4, 300), nn.ReLU(), nn.Linear(300, 300), nn.ReLU()).double()
        heads = nn.ModuleList(nn.Linear(300, 1) for _ in range(n_tasks)).double()
        x = torch.randn(n_rows, 4, dtype=torch.float64)

    def losses(owner=None):
        z = body(x)
        rows = [slice(None) if owner is None else torch.nonzero(owner == k).flatten() for k in range(n_tasks)]
        return {f"t{k}": head(z)[rows[k]].square().mean() for k, head in enumerate(heads)}

    return body, losses


def opened(losses, parameters, budget=None, **options):
    return AutoSource(budget).open(ask(losses, parameters, **options))


def test_one_task_is_taken_in_one_pass():
    net = Net(1)
    j = jacobian(net.losses(), net.encoder.parameters())
    gradients = opened(net.losses(), net.encoder.parameters())
    assert gradients.said() == "ghost: one task is present"
    assert_answers(gradients, net.encoder, j)


def test_wide_layers_and_few_rows_go_through_together():
    body, losses = wide()
    j = jacobian(losses(), body.parameters())
    gradients = opened(losses(), body.parameters())
    assert gradients.way == "ghost"
    assert_answers(gradients, body, j)


def test_a_choice_is_remembered_for_graphs_of_one_shape(monkeypatch):
    counted = []
    monkeypatch.setattr(_auto, "estimate", lambda *a: counted.append(len(a[0].owner)) or estimate(*a))
    body, losses = wide()
    source = AutoSource()
    whys = [source.open(ask(make(), body.parameters())).why for make in (losses, losses)]
    assert len(counted) == 1
    assert whys[0] == whys[1]
    taller, more = wide(n_rows=700)
    source.open(ask(more(), taller.parameters()))
    assert len(counted) == 2


def test_two_tasks_on_a_small_network_go_one_after_another():
    net = Net(2)
    j = jacobian(net.losses(), net.encoder.parameters())
    gradients = opened(net.losses(), net.encoder.parameters())
    assert gradients.way == "exact"
    assert gradients.why
    assert_answers(gradients, net.encoder, j)


def test_rows_of_one_task_each_take_one_pass():
    body, losses = wide()
    owner = torch.arange(16) % 4
    j = jacobian(losses(owner), body.parameters())
    gradients = opened(losses(owner), body.parameters())
    assert gradients.said() == "disjoint: every row belongs to one task"
    assert_answers(gradients, body, j)


@pytest.mark.parametrize("kind", ["hook", "slices", "retain_grad"])
def test_what_the_engine_has_to_run_is_left_to_it(kind):
    body, losses = wide()
    calls = []

    def taken():
        if kind == "slices":
            return dict(zip("abcd", torch.stack(list(losses().values())).unbind(), strict=True))
        return losses()

    j = jacobian(losses(), body.parameters())
    if kind == "hook":
        body[0].weight.register_hook(lambda grad: calls.append(grad.shape))
    given = taken()
    if kind == "retain_grad":
        z = body[1](body[0](torch.ones(3, 4, dtype=torch.float64)))
        z.retain_grad()
        rest = body[3](body[2](z))
        given = {"a": rest.sum(), "b": rest.square().sum(), "c": rest.mean(), "d": rest.exp().mean()}
        j = jacobian(given, body.parameters())
    gradients = opened(given, body.parameters())
    assert gradients.way == "exact"
    assert gradients.why
    assert_answers(gradients, body, j)


@pytest.mark.parametrize("budget", [1.0, 1e12])
def test_a_budget_of_memory_changes_the_way_and_never_the_answer(budget):
    body, losses = wide(n_tasks=3, n_rows=64)
    j = jacobian(losses(), body.parameters())
    assert_answers(opened(losses(), body.parameters(), budget), body, j)


@pytest.mark.parametrize("name", SOURCES)
def test_each_name_makes_a_source_of_its_own(name):
    first, second = (choose_source(name, UPGrad(), None) for _ in range(2))
    assert type(first) is type(second)
    assert first is not second
    assert first.exact == (name != "representation")


def test_a_budget_reaches_auto_in_bytes():
    assert isinstance(choose_source("auto", UPGrad(), None, "2kb"), AutoSource)
    assert choose_source("auto", UPGrad(), None, "2kb")._budget == 2048
    assert choose_source("auto", UPGrad(), None)._budget is None


def test_modules_are_a_source_too():
    source = choose_source([nn.Linear(2, 2)], UPGrad(), None)
    assert isinstance(source, LayerSource)
    assert not source.exact


def test_a_method_on_whole_gradients_takes_exact_passes_or_says_so():
    for name in ("auto", "exact"):
        assert type(choose_source(name, GradDrop(), None)) is ExactSource
    for name in ("ghost", "disjoint", "representation"):
        with pytest.raises(
            InvalidArgumentError, match=f"GradDrop needs the gradients.*source='{name}'.*'exact'"
        ):
            choose_source(name, GradDrop(), None)
    with pytest.raises(InvalidArgumentError, match="pass fewer shared_parameters"):
        choose_source([nn.Linear(2, 2)], GradDrop(), None)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InvalidArgumentError, match=r"source='gost'\): did you mean 'ghost'"):
        choose_source("gost", UPGrad(), None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), (2.5, 2.5), ("64MB", 64 * 2**20), (" 1.5 gb ", 1.5 * 2**30), ("7", 7), ("8B", 8), (".5kb", 512)],
)
def test_bytes_are_a_number_or_a_number_with_a_unit(given, expected):
    assert n_bytes(given) == expected


@pytest.mark.parametrize(
    "given", [0, -1, "0MB", True, "64 TB", "much", "", "1e6", float("nan"), float("inf"), "1.2.3"]
)
def test_anything_else_is_no_number_of_bytes(given):
    with pytest.raises(
        InvalidArgumentError, match="must be a positive number of bytes or a text such as '64MB'"
    ):
        n_bytes(given)
