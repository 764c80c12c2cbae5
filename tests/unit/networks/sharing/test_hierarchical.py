import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.networks import ConvNet, Hierarchical, InputSpec, MultiTaskNetwork


def test_tasks_read_their_stages(recorder, close):
    sharing = Hierarchical({"a": 2, "b": 1}).build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    close(outputs["a"], recorder.whole(0, recorder.x))
    close(outputs["b"], recorder.layer(0, 1, recorder.x))
    assert sharing.widths() == {"a": 4, "b": 6}


def test_tasks_read_lower_tasks(recorder, close, count):
    sharing = Hierarchical(lower="representations").build(recorder, ["a", "b"])
    outputs = sharing(recorder.inputs)
    p1 = recorder.layer(0, 1, recorder.x)
    p2 = recorder.layer(0, 2, p1)
    first, second = sharing.layers
    a = (p1 @ first.weight.T + first.bias).clamp(min=0)
    b = (torch.cat([p2, a], dim=1) @ second.weight.T + second.bias).clamp(min=0)
    close(outputs["a"], a)
    close(outputs["b"], b)
    assert sharing.task_parameters("a") == []  # b reads it
    assert count(sharing.task_parameters("b")) == (4 + 6) * 4 + 4


def test_tasks_read_lower_predictions(recorder, close, count):
    sharing = Hierarchical(lower="predictions").build(recorder, ["a", "b"])
    heads = {"b": nn.Linear(4, 2), "a": nn.Linear(6, 3)}
    model = MultiTaskNetwork(sharing, heads)
    outputs = model(recorder.inputs)
    p1 = recorder.layer(0, 1, recorder.x)
    a = p1 @ heads["a"].weight.T + heads["a"].bias
    layer = sharing.layers[1]
    read = torch.cat([recorder.layer(0, 2, p1), a], dim=1)
    close(outputs["a"], a)
    hidden = (read @ layer.weight.T + layer.bias).clamp(min=0)
    close(outputs["b"], hidden @ heads["b"].weight.T + heads["b"].bias)
    assert count(sharing.task_parameters("b")) == (4 + 3) * 4 + 4
    outputs["b"].sum().backward()
    assert heads["a"].weight.grad is None  # a head learns from its own task only
    split = [model.shared_parameters(), model.task_parameters("a"), model.task_parameters("b")]
    ids = [id(parameter) for part in split for parameter in part]
    assert sorted(ids) == sorted({id(parameter) for parameter in model.parameters()})


def test_predictions_are_read_at_every_position_of_a_map():
    sharing = Hierarchical(lower="predictions")
    sharing.build(lambda: ConvNet((4, 8, 8), n_channels=1).build(InputSpec()), ["a", "b"])
    model = MultiTaskNetwork(sharing, {task: _MeanHead(8) for task in ("a", "b")})
    assert model({"image": torch.randn(2, 1, 8, 8)})["b"].shape == (2, 3)


def test_predictions_that_are_maps_are_read_by_nobody():
    for tasks, refused in ((["y", "mask"], False), (["mask", "y"], True)):
        sharing = Hierarchical(lower="predictions")
        sharing.build(lambda: ConvNet((4, 8, 8), n_channels=1).build(InputSpec()), tasks)
        heads = {"y": nn.Linear(8, 3), "mask": nn.Conv2d(8, 2, 1)}
        if refused:
            with pytest.raises(InvalidArgumentError, match="'y' read what 'mask' gives, which is a map: put"):
                MultiTaskNetwork(sharing, heads, reads={"mask": "map"})
            continue
        model = MultiTaskNetwork(sharing, heads, reads={"mask": "map"})
        assert model({"image": torch.randn(2, 1, 8, 8)})["mask"].shape == (2, 2, 2, 2)


class _MeanHead(nn.Linear):
    def __init__(self, width):
        super().__init__(width, 3)

    def forward(self, hidden):
        return super().forward(hidden.flatten(2).mean(2) if hidden.dim() > 2 else hidden)


@pytest.mark.parametrize(("n_tasks", "stages"), [(1, [2]), (2, [1, 2]), (4, [1, 1, 2, 2])])
def test_default_spread(recorder, n_tasks, stages):
    sharing = Hierarchical().build(recorder, [str(k) for k in range(n_tasks)])
    assert list(sharing.stage_of.values()) == stages


def test_lower_maps_are_pooled_like_the_last_stage():
    sharing = Hierarchical().build(lambda: ConvNet((4, 8, 8), n_channels=1).build(InputSpec()), ["a", "b"])
    outputs = sharing({"image": torch.randn(2, 1, 8, 8)})
    assert {task: tuple(o.shape) for task, o in outputs.items()} == {"a": (2, 8, 2, 2), "b": (2, 8, 2, 2)}


def test_successive_regularisation_goes_by_the_last_snapshot(recorder, close):
    sharing = Hierarchical(successive=0.5, snapshots=2).build(recorder, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match=r"told none, .* call sharing.set_progress"):
        sharing.penalty()
    assert float(sharing.eval().penalty().detach()) == 0
    sharing.train().set_progress(0.0)
    assert float(sharing.penalty().detach()) == 0
    with torch.no_grad():
        for parameter in sharing.parameters():
            parameter.add_(1.0)
    assert float(sharing.penalty().detach()) == 0  # no snapshot yet
    sharing.set_progress(0.5)
    assert float(sharing.penalty().detach()) == 0
    with torch.no_grad():
        for parameter in sharing.parameters():
            parameter.add_(2.0)
    sharing.set_progress(0.9)  # the same part of the training
    close(sharing.penalty(), torch.tensor(0.5 * 4.0 * sum(recorder.sizes)))
    copy = Hierarchical(successive=0.5, snapshots=2).build(recorder, ["a", "b"])
    copy.load_state_dict(sharing.state_dict())
    copy.set_progress(0.9)
    close(copy.penalty(), sharing.penalty())


def test_resumed_in_the_middle_of_a_part_takes_no_new_snapshot(recorder, close):
    sharing = Hierarchical(successive=0.5, snapshots=2).build(recorder, ["a", "b"])
    sharing.set_progress(0.5)
    with torch.no_grad():
        for parameter in sharing.parameters():
            parameter.add_(2.0)
    resumed = Hierarchical(successive=0.5, snapshots=2).build(recorder, ["a", "b"])
    resumed.load_state_dict(sharing.state_dict())
    resumed.set_progress(0.6)
    close(resumed.penalty(), sharing.penalty())


def test_bad_options(recorder):
    with pytest.raises(InvalidArgumentError, match="numbered from 0 to 2"):
        Hierarchical({"a": 3}).build(recorder, ["a"])
    with pytest.raises(InvalidArgumentError, match="did you mean 'task'"):
        Hierarchical({"tsk": 1}).build(recorder, ["task"])
    with pytest.raises(InvalidArgumentError, match="no stage for the task 'b'"):
        Hierarchical({"a": 1}).build(recorder, ["a", "b"])
    for stage in (1.0, True, -1):
        with pytest.raises(InvalidArgumentError, match=rf"reads\['a'\]={stage}\): expected a"):
            Hierarchical({"a": stage})
    with pytest.raises(InvalidArgumentError, match="successive=-1"):
        Hierarchical(successive=-1)
