import torch

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
