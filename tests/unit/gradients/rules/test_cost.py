"""The way with the lower estimate is taken, and a budget is kept where it can be."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UPGrad
from cotrain.gradients import Balance
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.rules._cost import Cost, cheaper, estimate
from cotrain.gradients.sources._auto import n_bytes


def build(n_rows: int, width: int, n_tasks: int) -> tuple[nn.Module, dict[str, torch.Tensor]]:
    body = nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
    heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(n_tasks))
    z = body(torch.ones(n_rows, 8))
    return body, {str(k): head(z).square().mean() for k, head in enumerate(heads)}


def costs(n_rows: int, width: int, n_tasks: int) -> tuple[Cost, Cost]:
    body, losses = build(n_rows, width, n_tasks)
    return estimate(TaskGraph(list(losses.values())), frozenset(map(id, body.parameters())), n_tasks)


def test_few_rows_and_wide_layers_go_together():
    exact, ghost = costs(16, 256, 8)
    assert ghost.time < 0.9 * exact.time
    assert cheaper(exact, ghost, None)[0] == "ghost"


def test_many_rows_and_narrow_layers_go_one_after_another():
    exact, ghost = costs(4000, 16, 8)
    assert ghost.memory > exact.memory
    assert cheaper(exact, ghost, None)[0] == "exact"


def test_memory_grows_with_what_is_held():
    exact, ghost = costs(100, 32, 4)
    n_parameters = 8 * 32 + 32 + 32 * 32 + 32
    assert exact.memory == 4 * 5 * n_parameters
    assert costs(200, 32, 4)[1].memory > ghost.memory
    assert costs(100, 32, 8)[0].memory == 4 * 9 * n_parameters


@pytest.mark.parametrize(
    ("exact", "ghost", "budget", "expected"),
    [
        (Cost(10, 100), Cost(5, 1000), None, "ghost"),
        (Cost(10, 100), Cost(9.5, 1000), None, "exact"),  # not a tenth faster
        (Cost(10, 100), Cost(9.5, 105), None, "ghost"),
        (Cost(10, 100), Cost(5, 1000), 500, "exact"),
        (Cost(10, 1000), Cost(20, 100), 500, "ghost"),
        (Cost(10, 1000), Cost(20, 900), 5, "ghost"),
        (Cost(10, 100), Cost(5, 1000), 5000, "ghost"),
    ],
)
def test_which_way(exact, ghost, budget, expected):
    way, why = cheaper(exact, ghost, budget)
    assert way == expected
    assert ("yet over" in why) == (budget == 5)


@pytest.mark.parametrize(("n_rows", "width"), [(16, 256), (200, 256)])
def test_a_budget_turns_the_choice(n_rows, width):
    exact, ghost = costs(n_rows, width, 8)
    free, lean = cheaper(exact, ghost, None)[0], "exact" if exact.memory < ghost.memory else "ghost"
    for memory, expected in ((None, free), ((exact.memory + ghost.memory) / 2, lean), ("1GB", free)):
        body, losses = build(n_rows, width, 8)
        balance = Balance(UPGrad(), body.parameters(), memory=memory)
        balance.backward(losses)
        assert balance.last_source.startswith(expected), balance.last_source
        assert expected in repr(balance)


@pytest.mark.parametrize(
    ("text", "expected"), [("64MB", 64 * 2**20), ("1.5 kb", 1536), (10, 10), ("2GB", 2**31)]
)
def test_sizes(text, expected):
    assert n_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "-3MB", "many", True, 0, "3 tons"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InvalidArgumentError, match="64MB"):
        Balance(UPGrad(), nn.Linear(2, 2).parameters(), memory=text)
