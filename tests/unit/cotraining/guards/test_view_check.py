"""Whether two views know something and err by themselves."""

from __future__ import annotations

import pytest
import torch

from cotrain.cotraining import Prediction
from cotrain.cotraining.guards._held_out import HeldOut
from cotrain.cotraining.guards._view_check import ViewCheck, _agreement_if_independent


def predicted(classes: torch.Tensor, wrong: torch.Tensor) -> Prediction:
    """Return a prediction that is right but for some rows, where it says the next class."""
    said = torch.where(wrong, (classes + 1) % 3, classes)
    return Prediction(probabilities=torch.nn.functional.one_hot(said, 3).float()[:, None] * 0.8 + 0.2 / 3)


def check(task, seed: int, *, n: int = 100, shared: float = 0.0, error: float = 0.2) -> ViewCheck:
    """Return a check of two views of which a share of the errors is common to both."""
    generator = torch.Generator().manual_seed(seed)
    classes = torch.randint(0, 3, (n + 1000,), generator=generator)
    first = torch.rand(len(classes), generator=generator) < error
    own = torch.rand(len(classes), generator=generator) < error
    second = torch.where(torch.rand(len(classes), generator=generator) < shared, first, own)
    held = [
        HeldOut([predicted(classes, one).take(torch.arange(n))], classes[:n, None], torch.ones(n, 1) > 0)
        for one in (first, second)
    ]
    pool = tuple(predicted(classes, one).take(torch.arange(n, n + 1000)) for one in (first, second))
    return ViewCheck(task, held[0], held[1], pool)


def share_refused(task, **more) -> float:
    return sum(bool(check(task, seed, **more).objection(["a", "b"])) for seed in range(20)) / 20


def test_independent_views_pass_and_dependent_ones_do_not(make_problem):
    task = make_problem().tasks[0]
    assert share_refused(task) <= 0.15
    assert share_refused(task, shared=0.9) >= 0.9
    assert "depend on each other given the class" in check(task, 0, shared=1.0).objection(["a", "b"])


def test_either_sign_of_dependence_is_enough(make_problem):
    task = make_problem().tasks[0]
    together = ViewCheck(task, *check(task, 0, shared=1.0).views)
    assert "depend on each other" in together.objection(["a", "b"])
    honest = check(task, 1, error=0.3)
    assert honest.joint_errors() < 2
    assert "depend on each other" in ViewCheck(
        task, *honest.views, (honest.pool[0], honest.pool[0])
    ).objection(["a", "b"])


def test_a_class_that_both_views_find_hard_is_no_dependence(make_problem):
    task = make_problem().tasks[0]
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(300) % 3
    # Of one class both are wrong in two of three rows, each by itself; of the others hardly ever.
    error = torch.where(classes == 0, 0.67, 0.03)
    views = [
        HeldOut(
            [predicted(classes, torch.rand(300, generator=generator) < error)],
            classes[:, None],
            torch.ones(300, 1) > 0,
        )
        for _ in range(2)
    ]
    assert abs(ViewCheck(task, *views).joint_errors()) < 2


def test_errors_together_are_counted_within_the_class(make_problem):
    task = make_problem().tasks[0]
    assert check(task, 0, shared=1.0).joint_errors() > 3
    assert abs(check(task, 0).joint_errors()) < 3


def test_the_pool_shows_a_dependence_that_no_labelled_row_shows(make_problem):
    task = make_problem().tasks[0]
    honest = check(task, 1, error=0.3)
    alike = ViewCheck(task, *honest.views, (honest.pool[0], honest.pool[0]))
    assert alike.agreement_beyond_chance() > 2 > honest.agreement_beyond_chance()
    assert ViewCheck(task, *honest.views).agreement_beyond_chance() == 0.0


def test_a_view_without_information_is_named(make_problem):
    task = make_problem().tasks[0]
    assert "view 'a' knows no more of 'class'" in check(task, 0, error=0.67).objection(["a", "b"])


def test_the_agreement_of_independent_views_is_the_product_of_their_confusions():
    classes = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])
    first = torch.tensor([0, 0, 1, 1, 1, 1, 1, 1])
    second = torch.tensor([0, 0, 0, 1, 1, 1, 0, 0])
    rows = [
        [(2.25 / 4.5, 2.25 / 4.5), (3.25 / 4.5, 1.25 / 4.5)],
        [(0.25 / 4.5, 4.25 / 4.5), (2.25 / 4.5, 2.25 / 4.5)],
    ]
    expected = sum(0.5 * (a[0] * b[0] + a[1] * b[1]) for a, b in rows)
    assert _agreement_if_independent(classes, [first, second], 2) == pytest.approx(expected)
