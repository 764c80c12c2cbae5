from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
import torch

from cotrain._base import InputSpec, InvalidArgumentError
from cotrain._base._lazy import Lazy
from cotrain.networks import MMoE, MultiTaskNetwork, TableEncoder
from cotrain.tasks import Detection, Multiclass, Regression
from cotrain.training import FrozenNetworks
from cotrain.training._best_weights import copy_weights
from cotrain.training._predict import outputs_of

TASKS = ["a", "b"]


def network(seed: int) -> MultiTaskNetwork:
    torch.manual_seed(seed)
    spec = InputSpec(n_numbers=3)
    sharing = MMoE(2).build(lambda: TableEncoder(width=4, depth=1, dropout=0.5).build(spec), TASKS)
    return MultiTaskNetwork(sharing, {task: torch.nn.Linear(4, 2) for task in TASKS})


@pytest.fixture
def inputs() -> dict[str, torch.Tensor]:
    return {"numbers": torch.randn(7, 3, generator=torch.Generator().manual_seed(0))}


@pytest.mark.parametrize(
    "weights_of", [{"a": 0, "b": 1}, {"a": 1, "b": 0}, {"a": 1, "b": 1}, {"a": 0, "b": 0}]
)
def test_each_task_is_answered_by_its_own_weights(inputs, weights_of):
    models = [network(1), network(2)]
    networks = FrozenNetworks(network(3), [copy_weights(model) for model in models], weights_of)
    found = networks.outputs(inputs)
    assert list(found) == list(weights_of)
    assert len(networks.weights) == len(set(weights_of.values())) == 1 + max(networks.weights_of.values())[0]
    for task, number in weights_of.items():
        assert torch.equal(found[task], outputs_of(models[number], inputs)[task])


def test_what_becomes_of_the_model_and_of_the_weights_does_not_matter(inputs):
    model = network(1)
    weights = model.state_dict()
    networks = FrozenNetworks(model, [weights], {"a": 0, "b": 0})
    before = networks.outputs(inputs)
    model.train()
    with torch.no_grad():
        for tensor in [*model.parameters(), *weights.values(), *networks.weights[0].values()]:
            tensor.zero_()
    after = networks.outputs(inputs)
    assert all(torch.equal(before[task], after[task]) for task in TASKS)


def test_nothing_can_be_set_and_a_copy_is_the_same():
    networks = FrozenNetworks(network(1), [network(1).state_dict()], {"a": 0, "b": 0})
    with pytest.raises(AttributeError, match="cannot be changed"):
        networks.weights_of = {}
    assert copy.deepcopy(networks) is networks


def test_tensors_that_are_alike_are_kept_once():
    one, other = network(1), network(1)
    with torch.no_grad():
        other.heads[0].weight.add_(1.0)
    networks = FrozenNetworks(one, [one.state_dict(), other.state_dict()], {"a": 1, "b": 0})
    first, second = (net.state_dict() for net in networks._networks)
    own = [name for name in first if first[name].data_ptr() != second[name].data_ptr()]
    assert own == ["heads.0.weight"]


def test_what_does_not_learn_is_kept_once_by_the_fit_and_by_whoever_answers():
    model = network(1)
    model.sharing.requires_grad_(requires_grad=False)
    networks = FrozenNetworks(model, [copy_weights(model), copy_weights(model)], {"a": 0, "b": 1})
    for only in networks._networks:
        for name, tensor in only.state_dict().items():
            own = tensor.data_ptr() == model.state_dict()[name].data_ptr()
            assert own == name.startswith("sharing")


def test_nothing_in_it_learns_or_drops_units():
    networks = FrozenNetworks(network(1).train(), [network(1).state_dict()], {"a": 0, "b": 0})
    (only,) = networks._networks
    assert not any(module.training for module in only.modules())
    assert not any(parameter.requires_grad for parameter in only.parameters())


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(InvalidArgumentError, match="not of this architecture"):
        FrozenNetworks(network(1), [{"x": torch.zeros(1)}], {"a": 0, "b": 0})


def test_threads_get_what_one_alone_gets(inputs):
    models = [network(1), network(2)]
    networks = FrozenNetworks(network(3), [copy_weights(model) for model in models], {"a": 0, "b": 1})
    expected = networks.outputs(inputs)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: networks.outputs(inputs), range(400)))
    assert all(torch.equal(answer[task], expected[task]) for answer in answers for task in TASKS)


def test_the_precision_is_that_of_the_model(inputs):
    model = network(1)
    networks = FrozenNetworks(network(3).double(), [copy_weights(model)], {"a": 0, "b": 0})
    doubled = {name: tensor.double() for name, tensor in inputs.items()}
    assert networks.weights[0]["heads.0.weight"].dtype == torch.float64
    expected = outputs_of(model.double(), doubled)
    assert all(torch.equal(networks.outputs(doubled)[task], expected[task]) for task in TASKS)


def fitted_tasks():
    frame = pl.DataFrame({"a": [0.0, 1.0, 5.0, 2.0], "a2": [0.0, 2.0, 1.0, 5.0], "b": ["x", "y", "x", "y"]})
    tasks = [Regression("a", columns=["a", "a2"]), Multiclass("b")]
    for task in tasks:
        task.fit(frame)
    return tasks


def test_several_sets_answer_with_the_mean_of_what_they_predict(inputs):
    models, tasks = [network(seed) for seed in (1, 2, 4)], fitted_tasks()
    sets = [copy_weights(model) for model in models]
    networks = FrozenNetworks(network(3), sets, {"a": [0, 2], "b": [0, 1, 2]}, tasks)
    assert networks.weights_of == {"a": (0, 2), "b": (0, 1, 2)}
    found, own = networks.outputs(inputs), [outputs_of(model, inputs) for model in models]
    for task, numbers in zip(tasks, ([0, 2], [0, 1, 2]), strict=True):
        expected = sum(task.scores(own[number][task.name].double()) for number in numbers) / len(numbers)
        torch.testing.assert_close(task.scores(found[task.name]).double(), expected, rtol=1e-5, atol=1e-6)
    batches = list(networks.output_batches(inputs))
    assert torch.equal(torch.cat([outputs["b"] for _, outputs in batches]), found["b"])
    assert list(networks.outputs(inputs, ["b"])) == ["b"]


def test_what_has_no_mean_is_not_averaged_in_silence(inputs):
    sets = [copy_weights(network(seed)) for seed in (1, 2)]
    detection = Detection("a")
    networks = FrozenNetworks(network(3), sets, {"a": [0, 1], "b": [0]}, [detection])
    with pytest.raises(InvalidArgumentError, match="'a' have no mean"):
        networks.outputs(inputs)


def test_rows_of_files_are_decoded_once_for_all_networks():
    read = []
    rows = Lazy([str(i) for i in range(9)], lambda cell: read.append(cell) or torch.full((3,), float(cell)))
    models = [network(seed) for seed in (1, 2, 4)]
    sets = [copy_weights(model) for model in models]
    networks = FrozenNetworks(network(3), sets, {"a": [0, 2], "b": [1]}, fitted_tasks())
    found = networks.outputs({"numbers": rows})
    # One row more, by which it is told how large a row is.
    assert len(read) == 9 + 1
    assert torch.equal(found["b"], outputs_of(models[1], {"numbers": rows})["b"])
