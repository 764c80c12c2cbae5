import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MGDA, UPGrad
from cotrain.gradients import Balance
from cotrain.gradients import jacobian as gradient_rows
from cotrain.networks import (
    ESMM,
    HardSharing,
    Hierarchical,
    InputSpec,
    MMoE,
    MultiTaskNetwork,
    Separate,
    Sharing,
    SoftSharing,
    Transformer,
)


def test_heads_read_their_tasks_in_any_order(recorder):
    sharing = MMoE(2).build(recorder, ["a.b", "c"])
    heads = {"c": nn.Linear(4, 2), "a.b": nn.Linear(4, 3)}
    outputs = MultiTaskNetwork(sharing, heads)(recorder.inputs)
    representations = sharing(recorder.inputs)
    for task, head in heads.items():
        torch.testing.assert_close(outputs[task], head(representations[task]))


def test_parameters_are_split(recorder):
    sharing = MMoE(2).build(recorder, ["a", "b"])
    model = MultiTaskNetwork(sharing, {"a": nn.Linear(4, 2), "b": nn.Linear(4, 3)})
    parts = [model.shared_parameters(), model.task_parameters("a"), model.task_parameters("b")]
    ids = [id(parameter) for part in parts for parameter in part]
    assert sorted(ids) == sorted({id(parameter) for parameter in model.parameters()})


def test_what_is_unfrozen_after_the_balance_was_made_is_weighed(recorder):
    """A trunk that was frozen at first learned from the plain sum later, whatever the method."""
    model = MultiTaskNetwork(HardSharing().build(recorder, ["a", "b"]), {t: nn.Linear(4, 1) for t in "ab"})
    model.sharing.requires_grad_(False)
    balance = Balance(MGDA(), model.shared_parameters(), model=model)
    balance.backward({task: out.square().mean() for task, out in model(recorder.inputs).items()})
    assert torch.equal(balance.weights, torch.ones(2))
    model.sharing.requires_grad_(True)
    losses = {task: output.square().mean() for task, output in model(recorder.inputs).items()}
    rows = gradient_rows(losses, shared := list(model.sharing.parameters()))
    balance.backward(losses)
    found = torch.cat([parameter.grad.flatten() for parameter in shared])
    torch.testing.assert_close(found, balance.weights.to(rows.dtype) @ rows, rtol=1e-4, atol=1e-5)
    assert not torch.equal(balance.weights, torch.ones(2))


class Tied(nn.Module):
    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight, self.bias = weight, nn.Parameter(torch.zeros(weight.shape[1]))

    def forward(self, x):
        return x @ self.weight + self.bias


@pytest.mark.parametrize("kind", [HardSharing, SoftSharing, Separate])
@pytest.mark.parametrize("rule", [UPGrad, MGDA])
def test_what_tasks_have_in_common_behind_the_architecture_is_shared(recorder, kind, rule):
    sharing = kind().build(recorder, ["a", "b", "c"])
    common, trunk = nn.Linear(4, 4), next(p for p in sharing.parameters() if p.shape == (4, 6))
    tied = Tied(trunk)
    heads = {"a": common, "b": nn.Sequential(nn.Tanh(), common), "c": tied}
    model = MultiTaskNetwork(sharing, heads)
    own = {task: {id(p) for p in model.task_parameters(task)} for task in heads}
    shared = model.shared_parameters()
    assert {id(common.weight), id(common.bias), id(trunk)} <= {id(p) for p in shared}
    assert own["c"] >= {id(tied.bias)}
    parts = [id(p) for p in shared] + [one for ids in own.values() for one in ids]
    assert sorted(parts) == sorted({id(p) for p in model.parameters()})
    # The method weighs all that several tasks reach.
    losses = {task: output.square().mean() for task, output in model(recorder.inputs).items()}
    rows = gradient_rows(losses, shared)
    balance = Balance(rule(), shared)
    balance.backward(losses)
    found = torch.cat([torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in shared])
    torch.testing.assert_close(found, balance.weights.to(rows.dtype) @ rows, rtol=1e-4, atol=1e-5)


def test_heads_of_other_tasks_are_refused(recorder):
    sharing = HardSharing().build(recorder, ["a", "b"])
    with pytest.raises(InvalidArgumentError, match=r"heads for \['a'\]"):
        MultiTaskNetwork(sharing, {"a": nn.Linear(4, 2)})


class Counted(nn.Linear):
    """A head that counts how often it is asked."""

    calls = 0

    def forward(self, input):
        self.calls += 1
        return super().forward(input)


def test_heads_that_nobody_asks_for_are_not_computed(recorder):
    sharing = HardSharing().build(recorder, ["a", "b", "c"])
    heads = {task: Counted(4, 2) for task in "abc"}
    model = MultiTaskNetwork(sharing, heads)
    everything = model(recorder.inputs)
    some = model(recorder.inputs, ["c", "a"])
    assert list(some) == ["a", "c"]
    assert [head.calls for head in heads.values()] == [2, 1, 2]
    assert all(torch.equal(some[task], everything[task]) for task in some)
    assert model(recorder.inputs, []) == {}
    with pytest.raises(InvalidArgumentError, match="no task 'd'"):
        model(recorder.inputs, ["d"])


def test_what_an_output_is_made_of_is_computed(recorder):
    sharing = Hierarchical(lower="predictions").build(recorder, ["a", "b", "c"])
    heads = {task: Counted(sharing.widths()[task], 2) for task in "abc"}
    model = MultiTaskNetwork(sharing, heads)
    for head in heads.values():
        head.calls = 0
    assert torch.equal(model(recorder.inputs, ["b"])["b"], model(recorder.inputs)["b"])
    assert [head.calls for head in heads.values()] == [2, 2, 1]

    chain = HardSharing().build(recorder, ["click", "buy"])
    model = MultiTaskNetwork(
        chain, {task: nn.Linear(4, 1) for task in ("click", "buy")}, ESMM(["click", "buy"])
    )
    assert torch.equal(model(recorder.inputs, ["buy"])["buy"], model(recorder.inputs)["buy"])


def test_one_network_serves_vectors_and_positions():
    torch.manual_seed(0)
    encoder = Transformer(8, 1, 2, n_tokens=9).build(InputSpec()).eval()
    sharing = HardSharing().build(lambda: encoder, ["tags", "mood"])
    heads = {"tags": nn.Linear(8, 3), "mood": nn.Linear(8, 2)}
    model = MultiTaskNetwork(sharing, heads, reads={"tags": "positions"})
    batch = {"tokens": torch.tensor([[3, 4, 5], [6, 0, 0]])}
    hidden, outputs = encoder(batch), model(batch)
    torch.testing.assert_close(outputs["tags"], heads["tags"](hidden))
    torch.testing.assert_close(outputs["mood"][0], heads["mood"](hidden[0].mean(dim=0)))
    torch.testing.assert_close(outputs["mood"][1], heads["mood"](hidden[1, 0]))
    assert model.lengths(batch)["tags"].tolist() == [3, 1]
    assert list(model.lengths(batch)) == ["tags"]


def test_what_pools_for_a_task_is_its_own(recorder):
    sharing = HardSharing().build(recorder, ["a", "b"])
    heads = {"a": nn.Linear(4, 2), "b": nn.Linear(4, 3)}
    model = MultiTaskNetwork(sharing, heads, pooling="attention", reads={"b": "positions"})
    assert len(model.task_parameters("a")) == 2 + 3
    assert len(model.task_parameters("b")) == 2
    assert {id(p) for p in model.shared_parameters()} == {id(p) for p in sharing.parameters()}


class Finest(nn.Module):
    """A head that reads the widths of all levels."""

    def forward(self, levels):
        return torch.stack([level.flatten(1).sum(dim=1) for level in levels], dim=1)


def test_a_head_may_read_all_levels(recorder):
    sharing = HardSharing().build(recorder, ["dense", "plain"])
    model = MultiTaskNetwork(
        sharing, {"dense": Finest(), "plain": nn.Linear(4, 2)}, reads={"dense": "levels"}
    )
    levels = recorder.made[0].levels(recorder.inputs)
    expected = torch.stack([level.sum(dim=1) for level in levels], dim=1)
    outputs = model(recorder.inputs)
    torch.testing.assert_close(outputs["dense"], expected)
    torch.testing.assert_close(outputs["plain"], model(recorder.inputs, ["plain"])["plain"])
    assert sharing.level_widths()["dense"] == (3, 6, 4)


def test_an_architecture_that_knows_no_levels_says_so(recorder):
    class Own(HardSharing):
        feature_levels, level_widths = Sharing.feature_levels, Sharing.level_widths

    model = MultiTaskNetwork(Own().build(recorder, ["dense"]), {"dense": Finest()}, reads={"dense": "levels"})
    with pytest.raises(InvalidArgumentError, match="Own says nothing of the stages below"):
        model(recorder.inputs)
