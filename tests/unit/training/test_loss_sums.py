import pytest
import torch

from cotrain.gradients._step_losses import places_on
from cotrain.training._loss_sums import LossSums


def test_the_mean_is_over_the_steps_in_which_a_task_was_active():
    sums = LossSums(["a", "b", "c"], torch.device("cpu"))
    sums.add({"a": torch.tensor(1.0), "b": torch.tensor(2.0), "c": torch.tensor(3.0)})
    sums.add({"c": torch.tensor(5.0), "a": torch.tensor(2.0)})
    assert sums.means() == {"a": 1.5, "b": 2.0, "c": 4.0}
    other = LossSums(["a", "b", "c"], torch.device("cpu"))
    other.load_state_dict(sums.state_dict())
    assert other.means() == sums.means()
    sums.clear()
    assert sums.means() == {}


def test_a_task_that_was_never_active_has_no_mean():
    sums = LossSums(["a", "b"], torch.device("cpu"))
    sums.add({"b": torch.tensor(2.0)})
    assert sums.means() == {"b": 2.0}


def test_many_sets_of_tasks_are_not_all_kept():
    # With 40 half-labelled tasks nearly every batch has another set: what is kept of each must stay bounded.
    tasks = [f"t{k}" for k in range(40)]
    sums = LossSums(tasks, torch.device("cpu"))
    expected = dict.fromkeys(tasks, 0.0)
    for step in range(400):
        active = [task for k, task in enumerate(tasks) if (step * 7919 + k * k) % 3]
        sums.add({task: torch.tensor(float(step)) for task in active})
        for task in active:
            expected[task] += step
    assert sums.means() == pytest.approx({task: expected[task] / sums.counts[task] for task in tasks})
    held = [value for value in vars(sums).values() if isinstance(value, dict)]
    assert all(len(value) <= len(tasks) for value in held)
    assert places_on.cache_info().maxsize is not None
