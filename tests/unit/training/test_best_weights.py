import math

import pytest
import torch
from torch import nn

from cotrain.training._best_weights import BestWeights, copy_weights, frozen_weights


def copy_of(value):
    return lambda: {"w": torch.tensor([float(value)])}


def test_keeps_the_weights_of_each_criterion_and_drops_the_others():
    best = BestWeights()
    assert best.update(0, {"a": 1.0, "b": 5.0}, copy_of(0))
    assert best.update(1, {"a": 2.0, "b": 4.0}, copy_of(1))
    assert not best.update(2, {"a": 2.0, "b": 4.0}, copy_of(2))
    assert best.epochs == {"a": 1, "b": 0}
    assert best.weights("a")["w"].item() == 1
    assert best.weights("b")["w"].item() == 0
    best.update(3, {"a": 3.0, "b": 6.0}, copy_of(3))
    assert list(best.copies) == [3]


def test_not_a_number_is_never_better():
    best = BestWeights()
    assert not best.update(0, {"a": math.nan}, copy_of(0))
    assert best.weights("a") is None


def test_the_weights_are_copied_only_when_something_got_better():
    best = BestWeights()
    best.update(0, {"a": 1.0}, copy_of(0))
    best.update(1, {"a": 0.0}, lambda: 1 / 0)


def test_state_round_trip():
    best = BestWeights()
    best.update(0, {"a": 1.0, "b": 5.0}, copy_of(0))
    best.update(1, {"a": 2.0, "b": 4.0}, copy_of(1))
    other = BestWeights()
    other.load_state_dict(best.state_dict())
    assert other.state_dict() == best.state_dict()


def test_tasks_that_were_best_in_one_epoch_share_their_weights():
    best, last = BestWeights(), copy_of(9)()
    best.update(0, {"a": 1.0, "b": 5.0, "c": 1.0, "combined": 1.0}, copy_of(0))
    best.update(1, {"a": 2.0, "b": 4.0, "c": 2.0, "combined": 2.0}, copy_of(1))

    def values(select):
        weights, weights_of = best.choose(["a", "b", "c", "d"], last, select)
        assert len(weights) == len(set(weights_of.values()))
        return [weights[number]["w"].item() for number in weights_of.values()]

    assert values("per_task") == [1, 0, 1, 1]
    assert values("combined") == [1, 1, 1, 1]
    assert values("last") == [9, 9, 9, 9]
    assert BestWeights().choose(["a"], last, "combined") == ([last], {"a": 0})


@pytest.mark.parametrize(
    ("select", "better", "copies"),
    [("combined", [True, False, True], [2]), ("per_task", [True] * 3, [1, 2]), ("last", [False] * 3, [])],
)
def test_only_what_is_kept_counts_as_better(select, better, copies):
    best = BestWeights()
    epochs = [{"a": 1.0, "b": 1.0, "combined": 1.0}, {"a": 2.0, "b": 0.0, "combined": 0.5}]
    epochs.append({"a": 0.0, "b": 2.0, "combined": 1.1})
    found = [best.update(i, values, copy_of(i), select=select) for i, values in enumerate(epochs)]
    assert found == better
    assert sorted(best.copies) == copies
    # What was reached is told of every criterion.
    assert best.epochs == {"a": 1, "b": 2, "combined": 2}


def test_a_task_without_validation_labels_has_the_weights_that_are_best_for_all():
    best = BestWeights()
    for epoch, value in enumerate((1.0, 3.0, 2.0)):
        values = {"a": -value, "b": math.nan, "combined": value}
        best.update(epoch, values, copy_of(epoch), select="per_task")
    weights, of = best.choose(["a", "b"], copy_of(9)(), "per_task")
    assert [weights[of[name]]["w"].item() for name in ("a", "b")] == [0, 1]


def test_what_does_not_learn_is_not_copied():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    model[0].requires_grad_(requires_grad=False)
    frozen = frozen_weights(model)
    first, second = copy_weights(model, frozen), copy_weights(model, frozen)
    assert sorted(frozen) == ["0.bias", "0.weight"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(first[name], tensor)
        assert (first[name].data_ptr() == tensor.data_ptr()) == (name in frozen)
        assert (first[name] is second[name]) == (name in frozen)
    assert copy_weights(model)["0.weight"].data_ptr() == model[0].weight.data_ptr()
