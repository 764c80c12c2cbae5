"""What every exported balancing method promises, whoever wrote it."""

from __future__ import annotations

import copy
import inspect
import io
import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from cotrain import balancing
from cotrain._base import InvalidArgumentError, numpy_generator, parameters_of
from cotrain.balancing import Balancer, JacobianRule, LossRule, Needs

METHODS = sorted(
    name
    for name in balancing.__all__
    if inspect.isclass(getattr(balancing, name))
    and issubclass(getattr(balancing, name), Balancer)
    and not inspect.isabstract(getattr(balancing, name))
)
#: Arguments of the classes that cannot be made without any; the wrappers stand around a stateless method.
ARGUMENTS = {
    "Static": lambda n_tasks: {"weights_per_task": np.linspace(1, 2, n_tasks).tolist()},
    "Every": lambda n_tasks: {"balancer": balancing.NashMTL(), "k": 3},
    "Smoothed": lambda n_tasks: {"balancer": balancing.NashMTL()},
}
#: Their order of the tasks, a task above the others, or a random order is part of the method.
ORDERED = {"LDC", "PCD", "PCGrad", "GradVac", "RandomWeighting"}
#: Values belong to named tasks, so tasks cannot be renumbered or left out without changing the arguments.
PER_TASK = {"Static", "ReferenceScaled"}
WRAPPERS = {"Every", "Smoothed"}
LOSS_RULES = [name for name in METHODS if issubclass(getattr(balancing, name), LossRule)]
WITH_PREFERENCE = [name for name in METHODS if name not in WRAPPERS]
K, P = 5, 12


def make(name: str, n_tasks: int = K, preference: list[float] | None = None) -> Balancer:
    cls = getattr(balancing, name)
    arguments = ARGUMENTS[name](n_tasks) if name in ARGUMENTS else {}
    if preference is not None:
        arguments["preference"] = preference
    balancer = cls(**arguments)
    balancer.start(n_tasks, reference_losses=np.linspace(0.5, 2, n_tasks).tolist())
    return balancer


def problem(step: int = 0, n_tasks: int = K, n_parameters: int = P):
    """Losses and three Jacobians, the last two for cross-batch methods; moderately conflicting."""
    generator = numpy_generator("problem", n_tasks, step)
    jacobians = generator.normal(size=(3, n_tasks, n_parameters)) * 0.3
    jacobians += generator.normal(size=(n_tasks, n_parameters)) * np.linspace(0.5, 2, n_tasks)[:, None]
    return generator.uniform(0.5, 2, n_tasks), *jacobians


def take(balancer: Balancer, losses, jacobians, active=None, *, observe: bool = True):
    """One step as the training loop does it: the weights (None for entry-wise methods) and the update."""
    first, second, third = jacobians
    if isinstance(balancer, JacobianRule):
        update = np.asarray(balancer.combine(first, losses, active))
        weights = None
    else:
        needs = balancer.needs
        gramian = {Needs.LOSSES: None, Needs.CROSS: first @ second.T}.get(needs, first @ first.T)
        weights = np.asarray(balancer.weights(losses, gramian, active))
        used = third if needs is Needs.CROSS else first
        update = np.where(weights[:, None] == 0, 0.0, weights[:, None] * used).sum(axis=0)
    if observe:
        if balancer.observes_update:
            balancer.observe_update(losses * np.linspace(0.9, 0.99, losses.size))
        if balancer.observes_validation:
            balancer.observe_validation(losses)
    return weights, update


def steps(balancer: Balancer, n_steps: int, *, start: int = 0, n_tasks: int = K):
    results = []
    for step in range(start, start + n_steps):
        losses, *jacobians = problem(step, n_tasks)
        results.append(take(balancer, losses, jacobians))
        if step % 2:
            balancer.end_epoch()
    return results


def assert_same(left, right, tolerance: float = 1e-9) -> None:
    for (weights_a, update_a), (weights_b, update_b) in zip(left, right, strict=True):
        if weights_a is not None:
            np.testing.assert_allclose(weights_a, weights_b, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(update_a, update_b, rtol=tolerance, atol=tolerance)


def direction(update: np.ndarray) -> np.ndarray:
    return update / np.linalg.norm(update)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n_tasks", [1, 2, 40])
def test_works_for_one_task_and_for_forty(name, n_tasks):
    balancer = make(name, n_tasks)
    for weights, update in steps(balancer, 4, n_tasks=n_tasks):
        assert np.isfinite(update).all()
        assert np.linalg.norm(update) > 0
        if weights is not None:
            assert weights.shape == (n_tasks,)
            assert n_tasks > 1 or weights[0] > 0


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ORDERED | PER_TASK])
def test_a_permutation_of_the_tasks_permutes_the_weights(name):
    order = np.array([3, 0, 4, 1, 2])
    plain, permuted = make(name), make(name)
    for step in range(6):
        losses, *jacobians = problem(step)
        weights, update = take(plain, losses, jacobians, observe=False)
        moved = [jacobian[order] for jacobian in jacobians]
        permuted_weights, permuted_update = take(permuted, losses[order], moved, observe=False)
        np.testing.assert_allclose(permuted_update, update, rtol=1e-8, atol=1e-9)
        if weights is not None:
            np.testing.assert_allclose(permuted_weights, weights[order], rtol=1e-8, atol=1e-9)
        if plain.observes_update:
            after = losses * np.linspace(0.7, 0.95, K)
            plain.observe_update(after)
            permuted.observe_update(after[order])
        if plain.observes_validation:
            plain.observe_validation(losses)
            permuted.observe_validation(losses[order])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6])
def test_the_unit_of_the_gradients_does_not_turn_the_direction(name, scale):
    plain, scaled = make(name), make(name)
    for step in range(5):
        losses, *jacobians = problem(step)
        _, update = take(plain, losses, jacobians)
        _, scaled_update = take(scaled, losses, [scale * jacobian for jacobian in jacobians])
        np.testing.assert_allclose(direction(scaled_update), direction(update), atol=1e-9)


def degenerate_jacobians():
    generator = numpy_generator("degenerate")
    row, other = generator.normal(size=(2, P))
    random_rows = generator.normal(size=(K, P))
    low_rank = generator.normal(size=(K, 2)) @ generator.normal(size=(2, P))
    return {
        "all zero": np.zeros((K, P)),
        "one zero": np.vstack([np.zeros(P), random_rows[1:]]),
        "one alive": np.vstack([row, np.zeros((K - 1, P))]),
        "identical": np.tile(row, (K, 1)),
        "duplicates": np.vstack([row, row, other, other, row]),
        "opposite": np.vstack([row, -row, row, -row, row]),
        "opposite pair": np.vstack([row, -2 * row, random_rows[2:]]),
        "rank two": low_rank,
        "sum zero": random_rows - random_rows.mean(axis=0),
        "units": random_rows * np.logspace(-6, 6, K)[:, None],
        "nearly parallel": row + 1e-9 * random_rows,
    }


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("case", sorted(degenerate_jacobians()))
def test_degenerate_gradients_give_finite_updates(name, case):
    jacobian = degenerate_jacobians()[case]
    balancer = make(name)
    losses = np.linspace(0.5, 2, K)
    for _ in range(3):
        weights, update = take(balancer, losses, [jacobian] * 3)
        assert np.isfinite(update).all()
        assert weights is None or np.isfinite(weights).all()
    # and the next ordinary step is in order again
    losses, *jacobians = problem(9)
    _, update = take(balancer, losses, jacobians)
    assert np.isfinite(update).all()
    assert np.linalg.norm(update) > 0


@pytest.mark.parametrize("name", METHODS)
def test_where_all_gradients_are_zero_heads_still_get_a_weight(name):
    weights, _ = take(make(name), np.ones(K), [np.zeros((K, P))] * 3)
    assert weights is None or (weights > 0).all()


#: Methods with options that divide by a loss or take its logarithm.
OF_LOSSES = [("MGDA", {"normalization": "loss"}), ("MGDA", {"normalization": "loss+"})]


@pytest.mark.parametrize(("name", "options"), [*((name, {}) for name in METHODS), *OF_LOSSES])
@pytest.mark.parametrize("when", ["at first", "later", "for all"])
def test_a_loss_that_has_come_to_nothing_stops_nobody(name, options, when):
    """In float32 the loss of a class that a network is sure of is 0, and its gradient next to nothing."""
    balancer = make(name)
    if options:
        balancer = getattr(balancing, name)(**options)
        balancer.start(K, reference_losses=[1.0] * K)
    for step in range(4):
        losses, *jacobians = problem(step)
        if when != "later" or step == 2:
            vanished = range(K) if when == "for all" else [1]
            for task in vanished:
                losses[task] = 0.0
                for jacobian in jacobians:
                    jacobian[task] *= 1e-7
        weights, update = take(balancer, losses, jacobians)
        assert np.isfinite(update).all()
        if weights is not None:
            assert np.isfinite(weights).all()
        if when != "for all":
            # Who still has something to learn goes on.
            assert np.abs(update).max() > 0
        balancer.end_epoch()


@pytest.mark.parametrize("name", [name for name in METHODS if name not in PER_TASK | {"RandomWeighting"}])
@pytest.mark.parametrize("how", ["inactive", "loss nan", "loss inf", "row nan", "row inf"])
def test_an_absent_task_is_as_if_left_out(name, how):
    """Also the trap of the zero row: MGDA and CAGrad would stop everyone for one unlabelled task."""
    absent, rest = 1, [0, 2, 3, 4]
    full, reduced = make(name, K), make(name, K - 1)
    for step in range(4):
        losses, *jacobians = problem(step)
        expected = take(reduced, losses[rest], [jacobian[rest] for jacobian in jacobians], observe=False)
        broken_losses, broken = losses.copy(), [jacobian.copy() for jacobian in jacobians]
        active = None
        if how == "inactive":
            active = np.array([task != absent for task in range(K)])
            broken_losses[absent] = np.nan
            for jacobian in broken:
                jacobian[absent] = 0.0
        elif how.startswith("loss"):
            broken_losses[absent] = np.nan if how == "loss nan" else np.inf
        elif full.needs is Needs.LOSSES and not isinstance(
            full, tuple(getattr(balancing, n) for n in WRAPPERS)
        ):
            pytest.skip("a method on losses never sees the gradients")
        else:
            if full.needs is Needs.LOSSES:  # between two solves: the caller's own check names it inactive
                active = np.array([task != absent for task in range(K)])
            for jacobian in broken:
                jacobian[absent, 3] = np.nan if how == "row nan" else np.inf
        with np.errstate(invalid="ignore"):
            weights, update = take(full, broken_losses, broken, active, observe=False)
        np.testing.assert_allclose(update, expected[1], rtol=1e-9, atol=1e-12)
        if weights is not None:
            np.testing.assert_allclose(weights[rest], expected[0], rtol=1e-9, atol=1e-12)
            assert weights[absent] == 0


def entries_of(state, task: int) -> list:
    """All that a state holds about one task: rows of arrays and lists, and values under its number."""
    found = []
    for key, value in sorted(state.items()):
        if isinstance(value, dict) and key == "balancer":
            found += entries_of(value, task)
        elif isinstance(value, dict):
            found += [(key, k, v) for k, v in sorted(value.items()) if str(task) in k.split(",")]
        elif isinstance(value, list) and value and not np.isscalar(value[0]):
            found += [(key, np.asarray(row)[task].tolist()) for row in value]
        elif isinstance(value, (list, np.ndarray)) and len(value) == K:
            found.append((key, np.asarray(value)[task].tolist()))
    return found


@pytest.mark.parametrize("name", METHODS)
def test_the_state_of_an_absent_task_stays_as_it_is(name):
    balancer = make(name)
    steps(balancer, 4)
    losses, *jacobians = problem(7)
    for _ in range(3):
        before = entries_of(copy.deepcopy(balancer.state), 1)
        losses[1] = 1e9  # the loss of an inactive task must not be looked at
        take(balancer, losses, jacobians, np.array([True, False, True, True, True]), observe=False)
        if balancer.observes_update:
            balancer.observe_update(losses * 0.5)
        after = entries_of(copy.deepcopy(balancer.state), 1)
        # FAMO marks the absent task of the step in what it remembers of that step's losses
        assert [e for e in after if e[0] != "log_before"] == [e for e in before if e[0] != "log_before"]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n_before", [1, 5])
def test_a_loaded_state_continues_to_the_same_next_weights(name, n_before):
    """Traps of libraries that keep state outside: DWA, FAMO, Nash, GradVac, MoCo, DB-MTL, STCH, ..."""
    balancer, fresh = make(name), make(name)
    steps(balancer, n_before)
    fresh.load_state_dict(balancer.state_dict())
    assert_same(steps(balancer, 10, start=n_before), steps(fresh, 10, start=n_before), 0.0)


@pytest.mark.parametrize("name", METHODS)
def test_a_state_survives_a_file_that_is_loaded_without_unpickling(name):
    balancer, fresh = make(name), make(name)
    for step in range(4):
        losses, *jacobians = problem(step)
        take_torch(balancer, losses, jacobians)
    file = io.BytesIO()
    torch.save(balancer.state_dict(), file)
    file.seek(0)
    fresh.load_state_dict(torch.load(file, weights_only=True))
    for step in range(4, 8):
        losses, *jacobians = problem(step)
        assert take_torch(balancer, losses, jacobians) == take_torch(fresh, losses, jacobians)


def take_torch(balancer, losses, jacobians) -> list[float]:
    losses = torch.from_numpy(losses)
    first, second, _ = (torch.from_numpy(jacobian) for jacobian in jacobians)
    if isinstance(balancer, JacobianRule):
        return balancer.combine(first, losses).tolist()
    gramian = {Needs.LOSSES: None, Needs.CROSS: first @ second.T}.get(balancer.needs, first @ first.T)
    weights = balancer.weights(losses, gramian)
    if balancer.observes_update:
        balancer.observe_update(losses * 0.9)
    if balancer.observes_validation:
        balancer.observe_validation(losses)
    return weights.tolist()


@pytest.mark.parametrize("name", METHODS)
def test_a_copy_of_the_state_is_a_copy(name):
    balancer = make(name)
    steps(balancer, 2)
    before = repr(balancer.state_dict())
    kept = balancer.state_dict()
    steps(balancer, 2, start=2)
    assert repr(kept) == before


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_low_precision_comes_in_and_the_work_is_done_wide(name, dtype):
    """Gramian methods: exactly the float64 result of the rounded numbers (float16 would overflow)."""
    narrow, wide = make(name), make(name)
    for step in range(3):
        losses, *jacobians = problem(step)
        losses = torch.from_numpy(losses).to(dtype)
        first, second, _ = (torch.from_numpy(jacobian * 20).to(dtype) for jacobian in jacobians)
        if isinstance(narrow, JacobianRule):
            result, expected = narrow.combine(first, losses), wide.combine(first.double(), losses.double())
            assert result.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
        else:
            other = second if narrow.needs is Needs.CROSS else first
            gramian = None if narrow.needs is Needs.LOSSES else first @ other.T
            on_host = narrow.needs is not Needs.LOSSES
            result = narrow.weights(losses, gramian)
            expected = wide.weights(losses.double(), None if gramian is None else gramian.double())
            if on_host:
                assert isinstance(result, np.ndarray)
                assert result.dtype == np.float64
                np.testing.assert_array_equal(result, expected)
        np.testing.assert_allclose(np.asarray(result), np.asarray(expected), rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", [name for name in WITH_PREFERENCE if name != "PCD"]
)  # where a constraint binds
def test_a_preference_turns_the_direction(name):
    for favoured in (0, 3):
        preference = [8.0 if task == favoured else 1.0 for task in range(K)]
        losses, *jacobians = problem(2)
        _, plain = take(make(name), losses, jacobians)
        _, preferred = take(make(name, preference=preference), losses, jacobians)
        assert direction(plain) @ direction(preferred) < 1 - 1e-6


@pytest.mark.parametrize("name", WITH_PREFERENCE)
def test_only_the_ratios_of_a_preference_matter(name):
    preference = [1.0, 2.0, 3.0, 4.0, 5.0]
    plain, scaled = make(name, preference=preference), make(name, preference=[7 * p for p in preference])
    assert_same(steps(plain, 3), steps(scaled, 3))
    equal, none = make(name, preference=[3.0] * K), make(name)
    assert_same(steps(equal, 3), steps(none, 3))


@pytest.mark.parametrize("name", WITH_PREFERENCE)
def test_a_preference_from_start_counts_unless_one_was_given(name):
    preference = [1.0, 2.0, 3.0, 4.0, 5.0]
    given, started = make(name, preference=preference), make(name)
    given.start(K, preference=[1.0] * K)
    started.start(K, preference=preference)
    assert_same(steps(given, 2), steps(started, 2))


@pytest.mark.parametrize("name", METHODS)
def test_wrong_shapes_are_refused_with_a_sentence(name):
    losses, *jacobians = problem()
    with pytest.raises(InvalidArgumentError, match=r"expected \("):
        take(make(name), losses[:, None], jacobians)
    if make(name).needs is not Needs.LOSSES:
        with pytest.raises(InvalidArgumentError, match=r"losses: expected"):
            take(make(name), losses[:4], jacobians)
    if make(name).needs in (Needs.GRAMIAN, Needs.NORMS, Needs.CROSS):
        with pytest.raises(InvalidArgumentError, match="needs the"):
            make(name).weights(losses)


@pytest.mark.parametrize("name", WITH_PREFERENCE)
@pytest.mark.parametrize("preference", [[1.0, -1.0], [0.0, 1.0], [np.nan, 1.0], [1.0, 2.0]])
def test_bad_preferences_are_refused(name, preference):
    losses, *jacobians = problem()
    with pytest.raises(InvalidArgumentError, match="preference"):
        take(make(name, preference=preference), losses, jacobians)


@pytest.mark.parametrize("name", METHODS)
def test_global_random_state_is_left_alone(name):
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - it is the global state that is watched
    before = random.getstate(), repr(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    steps(make(name), 2)
    after = random.getstate(), repr(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])


@pytest.mark.parametrize("name", METHODS)
def test_two_objects_of_the_same_arguments_agree(name):
    assert_same(steps(make(name), 3), steps(make(name), 3), 0.0)


@pytest.mark.parametrize("name", METHODS)
def test_arguments_are_not_changed(name):
    losses, *jacobians = problem()
    copies = losses.copy(), [jacobian.copy() for jacobian in jacobians]
    take(make(name), losses, jacobians)
    np.testing.assert_array_equal(losses, copies[0])
    for left, right in zip(jacobians, copies[1], strict=True):
        np.testing.assert_array_equal(left, right)


HOST_CALLS = ("item", "cpu", "numpy", "tolist", "__bool__", "__float__", "__int__", "__index__", "__array__")


def on_torch(name: str, device: str) -> None:
    balancer = make(name)
    for step in range(4):
        losses, jacobian, *_ = problem(step)
        losses = torch.tensor(losses, device=device, requires_grad=device == "cpu")
        active = torch.tensor([True, True, step > 1, True, True], device=device)
        if isinstance(balancer, JacobianRule):
            result = balancer.combine(torch.tensor(jacobian, device=device), losses, active)
        else:
            result = balancer.weights(losses, None, active)
        if balancer.observes_update:
            balancer.observe_update(losses.detach() * 0.9)
        if balancer.observes_validation:
            balancer.observe_validation(losses.detach())
        balancer.end_epoch()
        assert result.device.type == device
        assert not result.requires_grad
        for value in balancer.state.values():
            rows = value if isinstance(value, list) else [value]
            assert all(isinstance(row, (int, float)) or row.device.type == device for row in rows)


ON_DEVICE = [name for name in METHODS if issubclass(getattr(balancing, name), (LossRule, JacobianRule))]


@pytest.mark.parametrize("name", ON_DEVICE)
def test_no_value_is_pulled_to_the_host(name, monkeypatch):
    calls = []
    for call in HOST_CALLS:
        original = getattr(torch.Tensor, call)

        def counted(self, *args, _original=original, _call=call, **kwargs):
            calls.append(_call)
            return _original(self, *args, **kwargs)

        monkeypatch.setattr(torch.Tensor, call, counted)
    on_torch(name, "cpu")
    assert calls == []


@pytest.mark.parametrize("name", ON_DEVICE)
def test_the_rule_runs_where_no_values_exist(name):
    """A meta tensor has no data: any branch on a value or copy to the host would raise."""
    on_torch(name, "meta")


@pytest.mark.parametrize("name", METHODS)
def test_constructor_arguments_are_kept_and_shown(name):
    balancer = make(name)
    parameters = parameters_of(balancer)
    assert name in repr(balancer)
    if name not in WRAPPERS:
        assert_same(steps(type(balancer)(**parameters), 2), steps(make(name), 2)) if name != (
            "ReferenceScaled"
        ) else None


@pytest.mark.parametrize("name", METHODS)
def test_docstrings_say_what_a_user_must_know(name):
    text = inspect.getdoc(getattr(balancing, name)) or ""
    wanted = ["preference", "Example:", "Cost"]
    if name not in {"Equal", "Static", "ReferenceScaled"}:
        wanted += ["Source:", "fails"]
    if name not in PER_TASK | {"Equal", "Static"} | WRAPPERS:
        wanted += ["Needs"]
    for word in wanted:
        assert word.lower() in text.lower(), f"{name}: its docstring does not say {word!r}"


def test_every_file_has_an_export_and_a_test():
    folder = Path(balancing.__file__).parent
    tests = Path(__file__).resolve().parents[1] / "unit" / "balancing"
    modules = {getattr(balancing, name).__module__.rsplit(".", 1)[-1] for name in balancing.__all__}
    files = {path.stem for path in folder.glob("_*.py") if path.stem != "__init__"}
    # What methods share is tested through them, so somebody has to use it.
    shared = {stem for stem in files if stem not in modules}
    everything = "".join(path.read_text() for path in folder.parent.rglob("*.py"))
    used = {stem for stem in shared if f"cotrain.balancing.{stem} import" in everything}
    assert shared - used == set()
    untested = {stem for stem in files if stem in modules and not (tests / f"test{stem}.py").exists()}
    assert untested == set()
    assert len(balancing.__all__) == len(set(balancing.__all__))


def test_the_contract_sees_all_methods():
    assert len(METHODS) >= 51
    assert len(list(itertools.chain(LOSS_RULES))) >= 22
