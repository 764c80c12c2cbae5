"""For the same weights and batch, Keras and PyTorch must give the same Gramian and the same update."""

import inspect

import keras
import numpy as np
import pytest
import torch
from torch import nn

from cotrain import balancing
from cotrain.balancing import Balancer, Needs, Static
from cotrain.gradients import Balance
from cotrain.keras import MultiTaskModel

TASKS = ["a", "b", "c"]
ABSTRACT = {c for c in vars(balancing).values() if inspect.isclass(c) and inspect.isabstract(c)}


def made(cls):
    if cls is balancing.Every:  # between its solves PyTorch's Balance weighs the heads as well
        return cls(balancing.UPGrad(), k=1)
    if "balancer" in inspect.signature(cls).parameters:
        return cls(balancing.UPGrad())
    if cls is Static:
        return cls([1.0, 2.0, 0.5])
    return cls()


EXPORTED = [
    cls
    for name, cls in sorted(vars(balancing).items())
    if inspect.isclass(cls) and issubclass(cls, Balancer) and cls not in ABSTRACT
]
METHODS = [cls for cls in EXPORTED if made(cls).needs is not Needs.CROSS]
REFERENCES = {"a": 1.0, "b": 2.0, "c": 3.0}


class Recorder(Balancer):
    """Remembers the Gramian that another method gets."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner
        self.seen = []

    @property
    def needs(self):
        return self.inner.needs

    def start(self, n_tasks, *, reference_losses=None, preference=None):
        self.inner.start(n_tasks, reference_losses=reference_losses, preference=preference)

    def weights(self, losses, gramian=None, active=None):
        self.seen.append(np.array(gramian))
        return self.inner.weights(losses, gramian, active)


def keras_model(balancer, source="auto", dtype="float64", eager=True):
    inputs = keras.Input((5,), dtype=dtype)
    x = keras.layers.Dense(7, activation="relu", dtype=dtype)(inputs)
    x = keras.layers.Dense(6, activation="tanh", dtype=dtype)(x)
    outputs = {task: keras.layers.Dense(1, dtype=dtype)(x) for task in TASKS}
    model = MultiTaskModel(inputs, outputs, balancer=balancer, source=source, reference_losses=REFERENCES)
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=eager)
    return model


def data(seed=0):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(24, 5)), rng.normal(size=(24, 3)) * [1.0, 3.0, 0.5]
    y[rng.random((24, 3)) < 0.4] = np.nan
    return x, y


def torch_network(model):
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    linears = []
    for layer in layers:
        kernel, bias = (torch.from_numpy(np.array(w)) for w in layer.get_weights())
        linear = nn.Linear(*kernel.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(kernel.T)
            linear.bias.copy_(bias)
        linears.append(linear)
    heads = {model.output[task].name: task for task in TASKS}
    # The layers of a functional model are in the order of depth, the heads in any order among themselves.
    order = [heads[layer.output.name] for layer in layers[2:]]
    trunk = nn.Sequential(linears[0], nn.ReLU(), linears[1], nn.Tanh())
    return trunk, dict(zip(order, linears[2:], strict=True)), layers


def torch_losses(trunk, heads, x, y):
    z, losses = trunk(torch.from_numpy(x)), {}
    for k, task in enumerate(TASKS):
        there = torch.from_numpy(~np.isnan(y[:, k]))
        wanted = torch.from_numpy(np.nan_to_num(y[:, k]))
        losses[task] = (heads[task](z)[:, 0] - wanted)[there].square().mean()
    return losses


def fit_step(model, x, y):
    model.train_on_batch(x, {task: y[:, k] for k, task in enumerate(TASKS)})


def compare_updates(cls, source, steps=3, eager=True):
    model = keras_model(made(cls), source, eager=eager)
    trunk, heads, layers = torch_network(model)
    balancer = made(cls)
    balancer.start(3, reference_losses=list(REFERENCES.values()))
    balance = Balance(balancer, trunk.parameters(), tasks=TASKS, source="exact")
    parameters = [*trunk.parameters(), *(p for head in heads.values() for p in head.parameters())]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    for step in range(steps):
        x, y = data(step)
        fit_step(model, x, y)
        optimizer.zero_grad()
        balance.backward(torch_losses(trunk, heads, x, y))
        optimizer.step()
        if balancer.observes_update:
            with torch.no_grad():
                balance.observe_update(torch_losses(trunk, heads, x, y))
    linears = [trunk[0], trunk[2], *heads.values()]
    for layer, linear in zip(layers, linears, strict=True):
        kernel, bias = layer.get_weights()
        np.testing.assert_allclose(kernel, linear.weight.detach().numpy().T, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(bias, linear.bias.detach().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("source", ["exact", "ghost"])
@pytest.mark.parametrize("cls", [cls for cls in METHODS if made(cls).needs is Needs.GRAMIAN])
def test_every_gramian_method_makes_the_same_update(cls, source):
    compare_updates(cls, source)


@pytest.mark.parametrize("source", ["exact", "ghost"])
@pytest.mark.parametrize("cls", [balancing.UPGrad, balancing.Uncertainty, balancing.FAMO])
def test_the_graph_does_what_the_eager_step_does(cls, source):
    compare_updates(cls, source, eager=False)


@pytest.mark.parametrize(
    "cls", [c for c in METHODS if made(c).needs in (Needs.NORMS, Needs.LOSSES)], ids=lambda c: c.__name__
)
def test_every_other_method_with_weights_makes_the_same_update(cls):
    compare_updates(cls, "auto")


@pytest.mark.parametrize("source", ["exact", "ghost"])
def test_the_gramian_is_the_same(source):
    recorder, other = Recorder(balancing.UPGrad()), Recorder(balancing.UPGrad())
    model = keras_model(recorder, source)
    trunk, heads, _ = torch_network(model)
    x, y = data()
    balance = Balance(other, trunk.parameters(), tasks=TASKS, source="exact")
    balance.backward(torch_losses(trunk, heads, x, y))
    fit_step(model, x, y)
    np.testing.assert_allclose(recorder.seen[0], other.seen[0], rtol=1e-6)
    assert np.abs(recorder.seen[0]).min() > 0


@pytest.mark.parametrize(
    "cls", [c for c in METHODS if made(c).needs is Needs.JACOBIAN], ids=lambda c: c.__name__
)
def test_entrywise_methods_train_and_stay_finite(cls):
    model = keras_model(made(cls))
    for step in range(3):
        fit_step(model, *data(step))
    assert all(np.isfinite(w).all() for w in model.get_weights())
