"""The plan of a fit whose time is limited, by a clock of our own."""

from __future__ import annotations

import math

import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.networks import InputSpec
from cotrain.training import Examples, Fit, _time_plan
from cotrain.training._time_plan import TimePlan, seconds_of


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(_time_plan, "time", found)
    return found


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2, 2),
        (0.5, 0.5),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5H", 5400),
        (" 45 ", 45),
        ("1m5s", 65),
    ],
)
def test_a_time_is_read(given: float | str, expected: float) -> None:
    assert seconds_of(given) == expected
    assert ct.Training(time_limit=given).time_limit == given


@pytest.mark.parametrize(
    "given", [0, -1, math.inf, math.nan, "", "soon", "10x", "m", "0s", "-5m", True, "5m10"]
)
def test_what_is_no_time_is_refused_in_a_sentence(given: float | str) -> None:
    with pytest.raises(InvalidArgumentError, match="time_limit is .*: expected seconds, or a time such as"):
        ct.Training(time_limit=given)


def test_epochs_that_fit_stay_planned(clock: Clock) -> None:
    plan = TimePlan(100, 10)
    for done in range(1, 11):
        clock.now += 10
        assert plan.end_epoch(done) == ""
    assert plan.epochs == 10


def test_a_plan_is_shortened_to_what_fits_and_not_again_for_epochs_as_long(clock: Clock) -> None:
    plan = TimePlan(100, 40)
    clock.now += 10
    said = plan.end_epoch(1)
    assert said.startswith("An epoch takes 10 s: 9 of 40 fit into the time limit of 100 s")
    for done in range(2, 10):
        clock.now += 10.4
        assert plan.end_epoch(done) == ""
    assert plan.epochs == 9
    assert plan.seconds < 100


def test_slower_epochs_shorten_it_again_and_faster_ones_do_not_lengthen_it(clock: Clock) -> None:
    plan = TimePlan(100, 40)
    clock.now += 10
    plan.end_epoch(1)
    clock.now += 30
    plan.end_epoch(2)
    assert plan.epochs == 4
    clock.now += 0.1
    plan.end_epoch(3)
    assert plan.epochs == 4


def test_one_epoch_is_run_whatever_it_takes(clock: Clock) -> None:
    plan = TimePlan(1, 40)
    clock.now += 500
    plan.end_epoch(1)
    assert plan.epochs == 1


def test_what_was_used_before_an_interruption_counts_and_the_time_between_does_not(clock: Clock) -> None:
    first = TimePlan(100, 40)
    clock.now += 10
    first.end_epoch(1)
    state = first.state_dict()
    clock.now += 5000
    second = TimePlan(100, 40)
    second.load_state_dict(state)
    second.start()
    assert (second.epochs, second.seconds) == (9, 10)
    clock.now += 40
    second.end_epoch(2)
    assert second.epochs == 2 + ((95 - 50) // 25)


def fit(clock: Clock | None, seconds: float = 0.0, **settings: object) -> Fit:
    task = ct.tasks.Regression("a")
    task.fit(pl.DataFrame({"a": [-1.0, 0.0, 1.0]}))
    x = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))
    rows = Examples({"numbers": x}, {"a": x[:, :1]}, {"a": torch.ones(40, 1, dtype=torch.bool)})
    encoder = ct.networks.TableEncoder(width=4, depth=0, numbers="plain")
    sharing = ct.networks.HardSharing().build(lambda: encoder.build(InputSpec(n_numbers=3)), ["a"])
    model = ct.networks.MultiTaskNetwork(sharing, {"a": torch.nn.Linear(4, 1)})
    given = {"epochs": 20, "batch_size": 8, "patience": None} | settings

    def slow(batch, generator):
        if clock is not None:
            clock.now += seconds / 5  # five batches an epoch
        return dict(batch)

    training = ct.Training(**given)  # ty: ignore[invalid-argument-type]
    return Fit(model, [task], ct.balancing.Equal(), training, train=rows, validation=None, augment=slow)


def test_a_fit_ends_in_time_with_a_learning_rate_of_zero(clock: Clock) -> None:
    made = fit(clock, 10, time_limit=95)
    result = made.run()
    assert len(result.history) == 9
    assert result.budget is not None
    assert result.budget.epochs == 9
    assert result.seconds == pytest.approx(90)
    assert made.optimizer.param_groups[0]["lr"] < 0.01 * made.budget.learning_rate


def test_a_fit_with_time_enough_is_the_same_to_the_bit(clock: Clock) -> None:
    torch.manual_seed(0)
    limited = fit(clock, 1, time_limit=10_000).run()
    torch.manual_seed(0)
    free = fit(None).run()
    assert limited.history == free.history
    assert all(torch.equal(one, free.weights[0][name]) for name, one in limited.weights[0].items())


def test_a_fit_that_goes_on_keeps_its_plan_and_the_time_it_has_used(clock: Clock) -> None:
    first = fit(clock, 10, time_limit=95)
    first.run_epoch()
    assert first.plan.epochs == 9
    state = first.state_dict()
    clock.now += 100_000
    second = fit(clock, 10, time_limit=95)
    second.load_state_dict(state)
    result = second.run()
    assert len(result.history) == first.plan.epochs == 9


def test_a_checkpoint_of_before_has_no_plan(clock: Clock) -> None:
    first = fit(clock, 1)
    first.run_epoch()
    state = {key: value for key, value in first.state_dict().items() if key != "plan"}
    second = fit(clock, 1)
    second.load_state_dict(state)
    assert len(second.run().history) == 20
