from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain.gradients._shared_parameters import GradWriter
from cotrain.gradients.sources._base import TaskGradients, TaskSpecificGradients

from .steps import ask

CPU = torch.device("cpu")


def parameter():
    return nn.Parameter(torch.zeros(2))


def test_each_tasks_own_gradient_is_added_times_its_weight():
    first, second, third = parameter(), parameter(), parameter()
    second.grad = torch.ones(2)
    heads = TaskSpecificGradients()
    heads.hold(0, first, torch.tensor([1.0, 2.0]))
    heads.hold(1, second, torch.tensor([3.0, 4.0]))
    heads.hold(2, third, torch.tensor([torch.nan, 1.0]))
    heads.hold(1, third, None)
    heads.apply([1.0, 0.5, 0.0], GradWriter())
    assert first.grad.tolist() == [1.0, 2.0]
    assert second.grad.tolist() == [2.5, 3.0]
    assert third.grad is None


@pytest.mark.parametrize("broken", [[], [1], [0, 2]])
def test_a_task_is_finite_if_all_of_its_own_gradients_are(broken):
    heads = TaskSpecificGradients()
    for task in (0, 1, 2, 1):
        heads.hold(task, parameter(), torch.tensor([1.0, torch.inf if task in broken else 2.0]))
    assert heads.finite(4, CPU).tolist() == [task not in broken for task in range(4)]


def test_parts_of_one_array_are_looked_at_too():
    heads = TaskSpecificGradients()
    whole = torch.tensor([[1.0, 2.0], [torch.nan, 0.0]])
    heads.hold_parts(whole, [(0, parameter(), whole[0]), (1, parameter(), whole[1])])
    assert heads.finite(2, CPU).tolist() == [True, False]
    assert TaskSpecificGradients().finite(2, CPU).tolist() == [True, True]


def test_large_numbers_whose_sum_overflows_are_finite_where_the_largest_type_holds_them():
    heads = TaskSpecificGradients()
    heads.hold(0, parameter(), torch.full((4,), 6e4, dtype=torch.float16))
    assert heads.finite(1, CPU).tolist() == [True]


def test_two_parameters_never_share_one_gradient():
    first, second = parameter(), parameter()
    grad = torch.ones(2)
    heads = TaskSpecificGradients()
    heads.hold(0, first, grad)
    heads.hold(0, second, grad)
    heads.hold(1, first, torch.ones(1).expand(2))
    heads.apply([1.0, 0.0], GradWriter())
    first.grad.add_(5)
    assert second.grad.tolist() == [1.0, 1.0]


class Nothing(TaskGradients):
    way = "nothing"

    def gramian(self):
        return torch.zeros(self.n_tasks, self.n_tasks)

    def _add_weighted(self, weights_A, writer):
        return


def test_what_only_exact_passes_can_is_refused_by_others_and_the_reason_is_said():
    shared = parameter()
    gradients = Nothing(
        ask({"a": shared.sum(), "b": shared.square().sum()}, [shared]), TaskSpecificGradients()
    )
    assert gradients.n_tasks == 2
    assert gradients.said() == "nothing"
    gradients.why = "there was a reason"
    assert gradients.said() == "nothing: there was a reason"
    with pytest.raises(NotImplementedError, match="Nothing has no Jacobian"):
        gradients.jacobian()
    with pytest.raises(NotImplementedError, match="Nothing takes weights only"):
        gradients.apply_update(torch.zeros(2), torch.ones(2))
