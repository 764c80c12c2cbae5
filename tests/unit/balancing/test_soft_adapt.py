"""SoftAdapt."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import SoftAdapt


def literal(history, order, beta, normalized, loss_weighted):
    """Slopes by the polynomial through the last points, and the softmax of the paper."""
    points = history[-order - 1 :]
    places = np.arange(-order, 1.0)
    slopes = np.array([np.polyder(np.poly1d(np.polyfit(places, losses, order)))(0.0) for losses in points.T])
    if normalized:
        slopes = slopes / np.abs(slopes).sum()
    raised = np.exp(beta * slopes) * (history[-1] if loss_weighted else 1.0)
    return len(slopes) * raised / raised.sum()


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("loss_weighted", [False, True])
def test_is_the_formula_of_the_paper(order, normalized, loss_weighted):
    history = np.random.default_rng(order).uniform(0.5, 2, (12, 4))
    balancer = SoftAdapt(0.7, order, normalized, loss_weighted)
    for step in range(12):
        weights = balancer.weights(history[step])
        if step >= order:
            expected = literal(history[: step + 1], order, 0.7, normalized, loss_weighted)
            np.testing.assert_allclose(weights, expected, rtol=1e-7)
        elif not loss_weighted:
            np.testing.assert_allclose(weights, 1.0)


def test_a_positive_beta_favours_the_loss_that_rises_and_a_negative_one_the_loss_that_falls():
    for beta, favoured in ((1.0, 1), (-1.0, 0)):
        balancer = SoftAdapt(beta, 1)
        balancer.weights(np.array([1.0, 1.0]))
        assert balancer.weights(np.array([0.5, 1.5])).argmax() == favoured


def test_slopes_skip_the_batches_without_a_label():
    balancer, plain = SoftAdapt(order=2), SoftAdapt(order=2)
    history = np.random.default_rng(0).uniform(0.5, 2, (4, 2))
    for losses in history:
        balancer.weights(np.array([np.nan, 1.0]))
        balancer.weights(losses)
        expected = plain.weights(losses)
    slopes = balancer.state["loss_1"][0], balancer.state["loss_2"][0]
    assert slopes == (plain.state["loss_1"][0], plain.state["loss_2"][0])
    assert expected.sum() == pytest.approx(2)


def test_bad_arguments_are_refused():
    for order in (0, 6):
        with pytest.raises(InvalidArgumentError, match="order"):
            SoftAdapt(order=order)
