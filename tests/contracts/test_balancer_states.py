"""A state is taken over by the method, arguments and number of tasks that it was saved from, or refused."""

from __future__ import annotations

import copy
import inspect
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from cotrain import balancing
from cotrain._base import CotrainError, InvalidArgumentError, parameters_of
from cotrain.balancing import Balancer, JacobianRule, Needs, from_callable

K = 3
ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "Static": lambda: {"weights_per_task": [1.0, 2.0, 3.0]},
    "Every": lambda: {"balancer": balancing.UPGrad()},
    "Smoothed": lambda: {"balancer": balancing.UPGrad()},
}
#: Another value, of the parameters that are neither numbers nor empty by default.
OTHER_VALUES: dict[str, Any] = {
    "weights_per_task": [1.0, 2.0, 4.0],
    "distribution": "dirichlet",
    "length": "max",
    "normalization": "l2",
    "balancer": None,
    "n_selected": 2,
}


def exported() -> list[str]:
    values = {name: getattr(balancing, name) for name in balancing.__all__}
    return sorted(
        name
        for name, value in values.items()
        if inspect.isclass(value) and issubclass(value, Balancer) and not inspect.isabstract(value)
    )


def scaled_by(factor: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda gramian: factor / np.sqrt(np.diagonal(gramian))


def makers() -> dict[str, Callable[[], Balancer]]:
    """Every method, wrappers around several, and functions that differ in code or in what they close over."""
    found: dict[str, Callable[[], Balancer]] = {
        name: lambda name=name: getattr(balancing, name)(**ARGUMENTS.get(name, dict)()) for name in exported()
    }
    for name in ("FAMO", "PCGrad", "UnitNorm"):
        inner = getattr(balancing, name)
        found[f"Every({name})"] = lambda inner=inner: balancing.Every(inner(), k=2)
        found[f"Smoothed({name})"] = lambda inner=inner: balancing.Smoothed(inner())
        found[f"Smoothed(Every({name}))"] = lambda inner=inner: balancing.Smoothed(
            balancing.Every(inner(), k=2)
        )
    found["callable 1"] = lambda: from_callable(scaled_by(1.0))
    found["callable 2"] = lambda: from_callable(scaled_by(2.0))
    found["callable ones"] = lambda: from_callable(lambda gramian: np.ones(len(gramian)))
    found["callable twos"] = lambda: from_callable(lambda gramian: 2 * np.ones(len(gramian)))
    found["Every(callable)"] = lambda: balancing.Every(from_callable(scaled_by(1.0)))
    return found


MAKERS = makers()


def used(balancer: Balancer, n_tasks: int = K, n_steps: int = 3) -> Balancer:
    """The method after a few steps, so that it has all the state that it will have."""
    if balancer.state_dict()["n_tasks"] is None:
        balancer.start(n_tasks, reference_losses=[1.0] * n_tasks)
    generator = np.random.default_rng(0)
    for _ in range(n_steps):
        losses, rows = generator.uniform(0.5, 2, n_tasks), generator.normal(size=(n_tasks, 7))
        if isinstance(balancer, JacobianRule):
            balancer.combine(rows, losses)
        else:
            balancer.weights(losses, None if balancer.needs is Needs.LOSSES else rows @ rows.T)
        balancer.observe_update(losses) if balancer.observes_update else None
        balancer.observe_validation(losses) if balancer.observes_validation else None
        balancer.end_epoch()
    return balancer


def assert_refused(balancer: Balancer, state: Any, *words: str) -> None:
    before = repr(balancer.state_dict())
    with pytest.raises(CotrainError) as refusal:
        balancer.load_state_dict(state)
    message = str(refusal.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    assert repr(balancer.state_dict()) == before


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_is_taken_over_by_its_like_and_refused_by_all_others(name):
    state = used(MAKERS[name]()).state_dict()
    for other, make in MAKERS.items():
        for balancer in (make(), used(make())):
            if other == name or {name, other} == {"Every", "Every(UPGrad)"}:
                balancer.load_state_dict(copy.deepcopy(state))
                assert repr(balancer.state_dict()) == repr(state)
            else:
                assert_refused(balancer, copy.deepcopy(state), "cannot be taken over")


def other_value(name: str, value: Any) -> list[Any]:
    if name in OTHER_VALUES:
        return [OTHER_VALUES[name] or balancing.MGDA()]
    if value is None:
        return [[1.0, 2.0, 3.0]]
    return [other for other in (value + 1, value / 2, value + 0.25, value * 2) if other != value]


@pytest.mark.parametrize("name", exported())
def test_the_state_of_other_arguments_is_refused_whichever_argument_it_is(name):
    state = used(MAKERS[name]()).state_dict()
    given = parameters_of(MAKERS[name]())
    for parameter, value in given.items():
        tried = 0
        for changed in other_value(parameter, value):
            try:
                other = type(MAKERS[name]())(**{**given, parameter: changed})
            except InvalidArgumentError:
                continue
            tried += 1
            assert_refused(other, state, "cannot be taken over", f"{parameter}=")
        assert tried, f"no other value of {parameter} was found"


@pytest.mark.parametrize("name", [name for name in exported() if name != "Static"])
def test_a_preference_from_start_counts_as_an_argument(name):
    state = used(MAKERS[name]()).state_dict()
    other = MAKERS[name]()
    other.start(K, reference_losses=[1.0] * K, preference=[1.0, 2.0, 3.0])
    assert_refused(other, state, "cannot be taken over")
    same = MAKERS[name]()
    same.start(K, reference_losses=[1.0] * K, preference=[1.0, 2.0, 3.0])
    same.load_state_dict(other.state_dict())


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "Static"])
def test_the_state_of_another_number_of_tasks_is_refused(name):
    state = used(MAKERS[name]()).state_dict()
    assert_refused(used(MAKERS[name](), 2), state, "3 tasks")
    fresh = MAKERS[name]()
    fresh.load_state_dict(state)
    with pytest.raises(InvalidArgumentError, match="the state of 3 tasks and got 2"):
        used(fresh, 2)


def paths(state: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The places of all keys that every state of the method has, in the states of wrapped methods too."""
    found = [(*at, key) for key in state]
    found += [(*at, "state", key) for key in state["state"]]
    inner = state["state"].get("balancer")
    return found if inner is None else found + paths(inner, (*at, "state", "balancer"))


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_that_is_not_whole_is_refused(name):
    whole = used(MAKERS[name]()).state_dict()
    for path in paths(whole):
        state = copy.deepcopy(whole)
        holder = state
        for key in path[:-1]:
            holder = holder[key]
        del holder[path[-1]]
        assert_refused(MAKERS[name](), state, path[-1])
    for nonsense in ({}, {"step": 3}, None, [], 3, whole["state"], {**whole, "state": None}):
        assert_refused(MAKERS[name](), nonsense)
    assert_refused(MAKERS[name](), {**whole, "version": 2}, "version 2")
    assert_refused(MAKERS[name](), {**whole, "arguments": None}, "cannot be taken over")
    assert_refused(MAKERS[name](), {**whole, "state": {**whole["state"], "other": 1}}, "other")


@pytest.mark.parametrize("name", MAKERS)
def test_a_state_comes_back_from_a_file_that_is_loaded_without_unpickling(name):
    from cotrain.gradients._state_dict import from_plain, to_plain  # as `Balance` writes it

    state = used(MAKERS[name]()).state_dict()
    file = io.BytesIO()
    torch.save(to_plain(state), file)
    file.seek(0)
    fresh = MAKERS[name]()
    fresh.load_state_dict(from_plain(torch.load(file, weights_only=True)))
    assert repr(fresh.state_dict()) == repr(state)
