import polars as pl
import torch

import cotrain as ct
from cotrain.training import Examples
from cotrain.training._balancer_start import start_balancer


def rows(**weights):
    tasks = [ct.tasks.Regression(name, weight=weight, preference=2.0) for name, weight in weights.items()]
    for task in tasks:
        task.fit(pl.DataFrame({task.name: [0.0, 1.0, 2.0]}))
    targets = {task.name: torch.tensor([[-1.0], [1.0]]) for task in tasks}
    masks = {name: torch.ones(2, 1, dtype=torch.bool) for name in targets}
    return tasks, Examples({"numbers": torch.zeros(2, 1)}, targets, masks)


class Noted(ct.balancing.Equal):
    def start(self, n_tasks, *, reference_losses=None, preference=None):
        self.noted = n_tasks, reference_losses, preference
        super().start(n_tasks, reference_losses=reference_losses, preference=preference)


def test_reference_losses_are_those_of_the_best_constants_without_the_weights():
    tasks, train = rows(a=1.0, b=3.0)
    balancer = Noted()
    assert start_balancer(balancer, tasks, train) == ""
    expected = [task.reference_loss(train.targets[task.name], train.masks[task.name]) for task in tasks]
    assert balancer.noted == (2, expected, [2.0, 2.0])


def test_weights_that_a_method_undoes_are_told():
    tasks, train = rows(a=1.0, b=3.0)
    said = start_balancer(ct.balancing.ReferenceScaled(), tasks, train)
    assert not said or said.startswith("The weight of b (3)")
    undone = start_balancer(ct.balancing.InitialScaled(), tasks, train)
    assert undone.startswith("The weight of b (3) does nothing to what the tasks share: InitialScaled")
    assert start_balancer(ct.balancing.InitialScaled(), *rows(a=3.0)) == ""
