"""What every exported sharing architecture must do, with every exported encoder."""

from __future__ import annotations

import copy
import inspect

import pytest
import torch
from torch import nn

from cotrain import networks
from cotrain._base import CotrainError, parameters_of
from cotrain.networks import MultiTaskNetwork, parameter_groups

# Names that torch forbids for modules must not matter.
TASKS = ("a.b", "c d", "e")


def build(sharing_name, case, tasks=TASKS, **options):
    torch.manual_seed(1)
    return getattr(networks, sharing_name)(**options).build(case, list(tasks))


def model_of(sharing_name, case, tasks=TASKS):
    sharing = build(sharing_name, case, tasks)
    return MultiTaskNetwork(sharing, {task: nn.Linear(width, 2) for task, width in sharing.widths().items()})


def total(outputs):
    return sum(output.square().sum() for output in outputs.values())


def without_gradient(module):
    return [name for name, p in module.named_parameters() if p.grad is None]


def test_shapes_gradients_and_a_batch_of_one(sharing_name, encoder_case):
    sharing = build(sharing_name, encoder_case)
    plain = encoder_case()(encoder_case.inputs(5))
    outputs = sharing(encoder_case.inputs(5))
    assert tuple(outputs) == TASKS
    for task, output in outputs.items():
        assert output.shape[0] == 5
        assert output.dim() == plain.dim()
        assert output.shape[1 if output.dim() == 4 else -1] == sharing.widths()[task]
    (total(outputs) + sharing.penalty()).backward()
    assert without_gradient(sharing) == []
    single = encoder_case.inputs(1)
    sharing(single)  # in training mode
    sharing.eval()
    assert all(bool(output.isfinite().all()) for output in sharing(single).values())


#: Options by which an architecture takes a way that its defaults leave aside.
FURTHER = {
    "AdaTT": {"own_experts": 2},
    "CGC": {"own_experts": 2, "gate_dropout": 0.5},
    "DSelectK": {"experts": 3},
    "Hierarchical": {"lower": "representations"},
    "MMoE": {"gate_dropout": 0.5},
    "PLE": {"own_experts": 2},
    "Sluice": {"orthogonality": 1.0},
}


@pytest.mark.parametrize("name", ["TableEncoder", "WordEncoder-conv", "ConvNet"])
@pytest.mark.parametrize("options", [{}, FURTHER], ids=["defaults", "further"])
def test_learns_in_mixed_precision(sharing_name, name, encoder_cases, options):
    case = encoder_cases[name]
    sharing = build(sharing_name, case, **options.get(sharing_name, {}))
    with torch.autocast("cpu", torch.bfloat16):
        outputs = sharing(case.inputs(5))
        loss = sum(output.float().square().sum() for output in outputs.values()) + sharing.penalty()
    loss.backward()
    assert without_gradient(sharing) == []
    assert all(bool(parameter.grad.isfinite().all()) for parameter in sharing.parameters())


def test_levels_end_with_the_representation_and_have_the_widths_that_it_says(sharing_name, encoder_case):
    sharing = build(sharing_name, encoder_case).eval()
    inputs = encoder_case.inputs(3)
    levels, widths = sharing.feature_levels(inputs), sharing.level_widths()
    for task, representation in sharing(inputs).items():
        torch.testing.assert_close(levels[task][-1], representation)
        assert tuple(one.shape[1 if one.dim() == 4 else -1] for one in levels[task]) == widths[task]
        assert widths[task][-1] == sharing.widths()[task]
        assert len(widths[task]) > 1


class Finest(nn.Module):
    """A head of all levels that reads the finest."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, 2, 1)

    def forward(self, levels):
        return self.conv(levels[0])


def test_heads_on_maps_answer_for_some_rows_as_they_do_for_all(sharing_name, encoder_cases):
    case = encoder_cases["ConvNet"]
    sharing = build(sharing_name, case)
    widths, below = sharing.widths(), sharing.level_widths()
    heads = {
        "a.b": nn.Linear(widths["a.b"], 2),
        "c d": nn.Conv2d(widths["c d"], 2, 1),
        "e": Finest(below["e"][0]),
    }
    model = MultiTaskNetwork(sharing, heads, reads={"c d": "map", "e": "levels"}).eval()
    rows = {task: torch.tensor([0, 3]) for task in model.map_tasks()}
    assert set(rows) <= {"c d", "e"}
    assert rows or any(sharing.refined_by(task) for task in TASKS)
    inputs = case.inputs(5)
    every, some = model(inputs), model(inputs, rows=rows)
    found = []
    for outputs in (some, {task: every[task][rows.get(task, slice(None))] for task in every}):
        model.zero_grad()
        sum(output.square().sum() for output in outputs.values()).backward()
        found.append([outputs[task] for task in TASKS] + [parameter.grad for parameter in model.parameters()])
    for mine, expected in zip(*found, strict=True):
        torch.testing.assert_close(mine, expected, rtol=1e-4, atol=1e-4)


def test_a_row_does_not_depend_on_the_others(sharing_name, encoder_case):
    sharing = build(sharing_name, encoder_case).eval()
    inputs = encoder_case.inputs(4)
    rows = sharing({key: value[1:2] for key, value in inputs.items()})
    for task, output in sharing(inputs).items():
        torch.testing.assert_close(rows[task], output[1:2], rtol=1e-4, atol=1e-5)


def test_parameters_are_split_into_shared_and_own(sharing_name, encoder_case):
    sharing = build(sharing_name, encoder_case)
    split = [sharing.shared_parameters(), *(sharing.task_parameters(task) for task in TASKS)]
    ids = [id(parameter) for part in split for parameter in part]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in sharing.parameters()}


def test_one_task_leaves_the_others_alone(sharing_name, encoder_case):
    sharing = build(sharing_name, encoder_case)
    sharing(encoder_case.inputs(5))[TASKS[1]].square().sum().backward()
    for task in (TASKS[0], TASKS[2]):
        assert all(parameter.grad is None for parameter in sharing.task_parameters(task))
    own = sharing.task_parameters(TASKS[1])
    assert all(parameter.grad is not None for parameter in own)


def test_shared_parameters_are_reached_by_more_than_one_task(sharing_name, encoder_cases):
    case = encoder_cases["MLP"]
    model = model_of(sharing_name, case)
    reached = {id(parameter): 0 for parameter in model.shared_parameters()}
    for task in TASKS:
        model.zero_grad(set_to_none=True)
        model(case.inputs(4))[task].square().sum().backward()
        for parameter in model.shared_parameters():
            reached[id(parameter)] += parameter.grad is not None
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert [names[key] for key, count in reached.items() if count < 2] == []


@pytest.mark.parametrize("n_tasks", [1, 5])
def test_any_number_of_tasks(sharing_name, encoder_cases, n_tasks):
    case = encoder_cases["MLP"]
    tasks = [f"task {k}" for k in range(n_tasks)]
    sharing = build(sharing_name, case, tasks)
    outputs = sharing(case.inputs(3))
    assert list(outputs) == tasks
    (total(outputs) + sharing.penalty()).backward()
    if sharing_name != "AITM" or n_tasks > 1:
        assert without_gradient(sharing) == []


def test_state_dict_round_trip(sharing_name, encoder_case):
    first = build(sharing_name, encoder_case).eval()
    torch.manual_seed(2)
    second = getattr(networks, sharing_name)().build(encoder_case, list(TASKS)).eval()
    second.load_state_dict(first.state_dict())
    inputs = encoder_case.inputs(3)
    for task, output in first(inputs).items():
        torch.testing.assert_close(second(inputs)[task], output, rtol=0, atol=0)


def test_a_copy_after_a_training_step(sharing_name, encoder_cases):
    case = encoder_cases["MLP"]
    sharing = build(sharing_name, case)
    (total(sharing(case.inputs(3))) + sharing.penalty()).backward()
    copied = copy.deepcopy(sharing).eval()
    inputs = case.inputs(3)
    for task, output in sharing.eval()(inputs).items():
        torch.testing.assert_close(copied(inputs)[task], output)


def check_export(model, case):
    inputs = case.inputs(3)
    exported = torch.export.export(model, (inputs,), strict=False).module()(inputs)
    for task, output in model(inputs).items():
        torch.testing.assert_close(exported[task], output)


def test_export(sharing_name, encoder_cases):
    case = encoder_cases["TableEncoder"]
    check_export(model_of(sharing_name, case).eval(), case)


@pytest.mark.slow
def test_export_with_every_encoder(encoder_name, encoder_case, encoder_cases, sharing_names):
    # Every pair would take a sixth of the time of all tests: each encoder meets the plain way of sharing and
    # one other, in turn, and every way of sharing meets tables above.
    turn = list(encoder_cases).index(encoder_name) % len(sharing_names)
    for sharing_name in dict.fromkeys(("HardSharing", sharing_names[turn])):
        check_export(build(sharing_name, encoder_case).eval(), encoder_case)


def test_parameter_groups_are_complete(sharing_name, encoder_cases):
    model = model_of(sharing_name, encoder_cases["TableEncoder"])
    groups = parameter_groups(model, 0.1, 0.2)
    ids = [id(parameter) for group in groups for parameter in group["params"]]
    assert len(ids) == len(set(ids))
    assert set(ids) == {id(parameter) for parameter in model.parameters() if parameter.requires_grad}


def test_constructor_parameters_are_kept_under_their_names(sharing_name):
    sharing_class = getattr(networks, sharing_name)
    defaults = {
        p.name: p.default
        for p in inspect.signature(sharing_class).parameters.values()
        if p.kind is not p.VAR_POSITIONAL and p.kind is not p.VAR_KEYWORD
    }
    assert parameters_of(sharing_class()) == defaults


def test_too_few_stages_are_one_sentence(sharing_name, encoder_cases):
    class OneStage(networks.Encoder):
        def build(self, spec):
            self.stages = nn.ModuleList([encoder_cases["MLP"]()])
            self.widths = (8,)
            self.width = 8
            return self

    def make():
        return OneStage().build(None)

    sharing = getattr(networks, sharing_name)()
    if "shared_stages" not in parameters_of(sharing):
        sharing.build(make, list(TASKS))(encoder_cases["MLP"].inputs(2))
        return
    with pytest.raises(CotrainError, match=rf"^{sharing_name} needs an encoder of at least \d+ stages .*1"):
        sharing.build(make, list(TASKS))


def test_health_is_plain_and_starts_empty(sharing_name, encoder_cases):
    case = encoder_cases["MLP"]
    sharing = build(sharing_name, case)
    assert sharing.health().records == []
    sharing(case.inputs(20))
    health = sharing.health()
    gated = sharing_name in ("MMoE", "CGC", "PLE", "DSelectK", "AdaTT")
    assert bool(health.records) == gated == bool(health.sentence)
    for record in health.records:
        assert 0 <= record["load"] <= 1
        assert 0 <= record["dead_units"] <= 1
        assert sum(record["share"].values()) == pytest.approx(1)
        assert set(record["share"]) <= set(TASKS)
    sharing.reset_health()
    assert sharing.health().records == []
    sharing.eval()(case.inputs(20))
    assert sharing.health().records == []


def test_gradients_in_a_frozen_encoder_reach_the_adapters_only(encoder_cases):
    case = encoder_cases["MLP"]
    sharing = build("LowRank", case, frozen=True)
    total(sharing(case.inputs(3))).backward()
    assert not any(parameter.requires_grad for parameter in sharing.shared_parameters())
    reached = {id(p) for p in sharing.parameters() if p.grad is not None}
    assert reached == {id(p) for task in TASKS for p in sharing.task_parameters(task)}
