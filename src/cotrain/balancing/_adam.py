"""Adam on K numbers, one clock per task, without looking at a value."""

from __future__ import annotations

from typing import Any

from cotrain.balancing._arrays import Array


def adam_step(
    xp: Any, gradient_K: Array, moments: tuple[Array, Array, Array], learning_rate: float
) -> tuple[Array, tuple[Array, Array, Array]]:
    """Return the change of K parameters and the new moments.

    Args:
        xp: the arrays' namespace.
        gradient_K: gradient of each parameter.
        moments: first moments, second moments and number of steps, (K,) each.
        learning_rate: step size.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015,
    https://arxiv.org/abs/1412.6980.
    """
    first_K, second_K, steps_K = moments
    first_K = 0.9 * first_K + 0.1 * gradient_K
    second_K = 0.999 * second_K + 0.001 * gradient_K**2
    steps_K = steps_K + 1
    unbiased_first_K = first_K / (1 - xp.exp(steps_K * -0.105360515657826))  # 0.9^t
    unbiased_second_K = second_K / (1 - xp.exp(steps_K * -0.00100050033358353))  # 0.999^t
    change_K = -learning_rate * unbiased_first_K / (xp.sqrt(unbiased_second_K) + 1e-8)
    return change_K, (first_K, second_K, steps_K)
