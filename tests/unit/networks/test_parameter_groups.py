import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.networks import (
    CrossStitch,
    InputSpec,
    LowRank,
    MMoE,
    MultiTaskNetwork,
    TableEncoder,
    parameter_groups,
)


def model_of(sharing):
    spec = InputSpec(n_numbers=2, cardinalities=(3,), bags={"bag:t": 5})
    sharing = sharing.build(lambda: TableEncoder(6, 1).build(spec), ["a", "b"])
    return MultiTaskNetwork(sharing, {"a": nn.Linear(6, 1), "b": nn.Linear(6, 2)})


def names_by_decay(model):
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {g["weight_decay"]: {names[id(p)] for p in g["params"]} for g in parameter_groups(model, 0.1, 0.2)}


def test_matrices_decay_by_owner_and_nothing_else_does():
    groups = names_by_decay(model_of(MMoE(2)))
    stages = "sharing.bank.stages"
    assert groups[0.1] == {f"{stages}.{name}.weight" for name in ("0.linear", "1.inner", "1.outer")}
    assert groups[0.2] == {
        *(f"sharing.gates.{k}.linear.weight" for k in (0, 1)),
        *(f"heads.{k}.weight" for k in (0, 1)),
    }
    assert {"sharing.trunk.0.categories.weight", "sharing.trunk.0.bags.bag_0.weight"} <= groups[0.0]
    assert {f"{stages}.1.norm.scale", f"{stages}.0.linear.bias"} <= groups[0.0]


def test_mixtures_do_not_decay_and_adapters_do():
    assert any("mixing" in name for name in names_by_decay(model_of(CrossStitch()))[0.0])
    assert any("down_weight" in name for name in names_by_decay(model_of(LowRank()))[0.2])


def test_decoupled_decay_shrinks_what_it_should():
    model = model_of(MMoE(2))
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.optim.AdamW(parameter_groups(model, 0.1, 0.2), lr=0.5).step()
    for decay, names in names_by_decay(model).items():
        for name, parameter in model.named_parameters():
            if name in names:
                torch.testing.assert_close(parameter.data, before[name] * (1 - 0.5 * decay))


def test_errors():
    with pytest.raises(InvalidArgumentError, match="task_weight_decay=-1"):
        parameter_groups(model_of(MMoE(2)), 0.1, -1)


def test_parts_with_a_learning_rate_of_their_own_are_groups_of_their_own():
    model = model_of(MMoE(2))
    model.sharing.trunk[0].own_learning_rate = 1e-5
    within = {id(parameter) for parameter in model.sharing.trunk[0].parameters()}
    groups = parameter_groups(model, 0.1, 0.2)
    for group in groups:
        assert all((id(p) in within) == ("own_rate" in group) for p in group["params"])
    assert {group["own_rate"] for group in groups if "own_rate" in group} == {1e-5}
    everything = [id(p) for group in groups for p in group["params"]]
    assert sorted(everything) == sorted(map(id, model.parameters()))
