from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from scipy.optimize import minimize

from cotrain._base import InvalidArgumentError
from cotrain.tasks import Binary, Multiclass, Multilabel
from cotrain.tasks._focal import focal_factor, focal_probabilities

GAMMAS = [0.3, 1.0, 2.0, 5.0]
FRAME = pl.DataFrame({"y": list("abcabc"), "s": [0, 1, 1, 0, 1, 0], "t": ["a,b", "b", "a"] * 2})


def literal(p: list[float], true: int, gamma: float) -> float:
    """Equation 4 of the paper, of the probabilities of all classes."""
    return -((1 - p[true]) ** gamma) * math.log(p[true])


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_loss_of_classes_is_that_of_the_paper(gamma: float) -> None:
    task = Multiclass("y", focal_gamma=gamma)
    task.fit(FRAME)
    z = torch.randn(6, 3, generator=torch.Generator().manual_seed(0)).double()
    targets, _ = task.encode(FRAME)
    expected = [
        literal(row, true, gamma)
        for row, true in zip(z.softmax(-1).tolist(), targets[:, 0].tolist(), strict=True)
    ]
    assert task.losses(z, targets)[:, 0].tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_the_loss_of_labels_is_that_of_the_paper_with_alpha_as_class_weight(gamma: float) -> None:
    task = Binary("s", focal_gamma=gamma, class_weight={1: 0.25, 0: 0.75})
    task.fit(FRAME)
    z = torch.tensor([[-2.0], [0.0], [0.5], [3.0], [1.0], [-9.0]]).double()
    targets, _ = task.encode(FRAME)
    expected = []
    for logit, true in zip(z[:, 0].tolist(), targets[:, 0].tolist(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        expected.append((0.25 if true else 0.75) * literal([1 - p, p], int(true), gamma))
    assert task.losses(z, targets)[:, 0].tolist() == pytest.approx(expected, rel=1e-12)


def test_gamma_of_zero_is_cross_entropy_to_the_bit_and_a_small_one_near_it() -> None:
    for make, name in ((Binary, "s"), (Multiclass, "y")):
        plain, zero, small = make(name), make(name, focal_gamma=0.0), make(name, focal_gamma=1e-9)
        for task in (plain, zero, small):
            task.fit(FRAME)
        z = torch.randn(6, plain.n_outputs, generator=torch.Generator().manual_seed(1))
        targets, mask = plain.encode(FRAME)
        assert torch.equal(plain.losses(z, targets), zero.losses(z, targets))
        assert torch.equal(plain.reference_output(targets, mask), zero.reference_output(targets, mask))
        assert torch.allclose(plain.losses(z, targets), small.losses(z, targets), rtol=1e-5)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_gradients_are_finite_where_the_network_is_sure_and_right_elsewhere(gamma: float) -> None:
    task = Multilabel("t", separator=",", min_count=1, focal_gamma=gamma)
    task.fit(FRAME)
    targets, mask = task.encode(FRAME)
    for size in (0.0, 5.0, 60.0, 1e4):
        z = (torch.tensor([[1.0, -1.0]]) * size).expand(len(FRAME), 2).clone().requires_grad_()
        task.loss(z, targets, mask).backward()
        assert z.grad is not None
        assert torch.isfinite(z.grad).all()
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(2)).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: task.losses(z, targets.double()), z)


@pytest.mark.parametrize("gamma", GAMMAS)
def test_no_other_probabilities_have_less_loss(gamma: float) -> None:
    rng = np.random.default_rng(0)
    for n_classes in (2, 3, 7):
        counts = rng.gamma(0.5, 20, n_classes)

        def loss(z: np.ndarray, counts: np.ndarray = counts) -> float:
            p = np.exp(z - z.max())
            p /= p.sum()
            return float((counts * (1 - p) ** gamma * -np.log(np.clip(p, 1e-300, 1))).sum())

        p = focal_probabilities(torch.from_numpy(counts), gamma)
        assert float(p.sum()) == pytest.approx(1)
        least = min(
            minimize(loss, start, method="BFGS").fun for start in (np.zeros(n_classes), np.log(counts))
        )
        assert loss(p.log().numpy()) <= least * (1 + 1e-7) + 1e-12


def test_a_class_without_labels_gets_nothing() -> None:
    assert focal_probabilities(torch.tensor([0.0, 2.0, 2.0]).double(), 2.0).tolist() == pytest.approx(
        [0, 0.5, 0.5]
    )


def test_the_factor_is_exact_where_the_probability_is_nearly_one() -> None:
    log_p = torch.tensor([-1e-9]).double()
    assert float(focal_factor(log_p, 1.0)) == pytest.approx(1e-9, rel=1e-8)


@pytest.mark.parametrize("bad", [-1.0, 11.0, float("nan"), True])
@pytest.mark.parametrize("make", [Binary, Multiclass, lambda name, **o: Multilabel(name, separator=",", **o)])
def test_bad_values_are_refused(make: type, bad: float) -> None:
    with pytest.raises(
        InvalidArgumentError, match=r"^\w+\('y', focal_gamma=.*\): expected a number in \[0, 10\]\.$"
    ):
        make("y", focal_gamma=bad)
    with pytest.raises(InvalidArgumentError, match="set one of the two to 0"):
        make("y", focal_gamma=2.0, label_smoothing=0.1)
