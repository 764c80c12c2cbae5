"""GO4Align."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GO4Align


def literal(losses, shares, beta, groups):
    """Risks of the paper, and the best clustering in one dimension by trying all cuts into two groups."""
    raised = shares * np.exp(-beta * losses)
    shares = raised / raised.sum()
    risks = losses.sum() / losses * shares
    assert groups == 2
    order = np.argsort(risks)
    splits = []
    for cut in range(1, len(risks)):
        parts = order[:cut], order[cut:]
        splits.append((sum(((risks[part] - risks[part].mean()) ** 2).sum() for part in parts), parts))
    weights = np.empty_like(risks)
    for part in min(splits, key=lambda split: split[0])[1]:
        weights[part] = risks[part].mean()
    return weights, shares


def test_is_the_formula_of_the_paper_on_relative_losses_in_well_separated_groups():
    balancer, shares = GO4Align(beta=0.1), np.full(5, 0.2)
    units = np.array([1.0, 100.0, 1e-3, 2.0, 1e6])
    generator = np.random.default_rng(0)
    assert balancer.weights(units) == pytest.approx(1 / units)
    shares = literal(np.ones(5), shares, 0.1, 2)[1]
    for _ in range(10):
        relative = np.array([1.0, 1.1, 0.9, 5.0, 6.0]) * generator.uniform(0.9, 1.1, 5)
        weights, shares = literal(relative, shares, 0.1, 2)
        np.testing.assert_allclose(balancer.weights(relative * units), weights / units, rtol=1e-9)


def test_as_many_groups_as_tasks_are_the_risks_themselves():
    losses = np.array([1.0, 2.0, 4.0])
    for groups, expected in ((3, losses.sum() / losses / 3), (1, np.full(3, 49 / 36))):
        balancer = GO4Align(groups=groups, beta=0.0)
        balancer.weights(np.ones(3))
        np.testing.assert_allclose(balancer.weights(losses), expected)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("beta", [1e-4, 1.0])
def test_the_unit_of_a_loss_changes_nothing(scale, beta):
    plain, scaled = GO4Align(beta=beta), GO4Align(beta=beta)
    generator = np.random.default_rng(0)
    for _ in range(20):
        losses = generator.uniform(0.5, 2.0, 4)
        weights = scaled.weights(losses * [1, scale, 1, 1])
        np.testing.assert_allclose(weights * [1, scale, 1, 1], plain.weights(losses), rtol=1e-9)


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="groups"):
        GO4Align(groups=0)
