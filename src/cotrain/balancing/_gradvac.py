"""Gradient vaccine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import check_number, numpy_generator
from cotrain.balancing._gramian_rule import GramianRule
from cotrain.balancing._random_task_orders import random_orders


class GradVac(GramianRule):
    """Gradients turned towards each other until their cosines reach a running target, then the sum.

    Like `PCGrad`, but where the cosine c between the gradient so far gᵢ′ and gⱼ is below the target φᵢⱼ, so
    much of gⱼ is added that it reaches φᵢⱼ:
    Cᵢⱼ ← Cᵢⱼ + ‖gᵢ′‖(φ√(1−c²) − c√(1−φ²)) / (‖gⱼ‖√(1−φ²)), and then φᵢⱼ ← (1−β)φᵢⱼ + βc.
    Cost: the Gramian, and K − 1 rounds on K×K numbers. Needs: `GRAMIAN`.

    It fails when targets come close to 1 (nearly parallel tasks): the correction then grows without
    bound, so targets are kept within ±0.999.

    A preference p multiplies the gradients that are turned and summed: row i starts as pᵢ.

    Args:
        beta: β, speed of the targets, in [0, 1].
        seed: names the stream of random orders; the order is a pure function of (seed, step).
        preference: see `Balancer`.

    Raises:
        InvalidArgumentError: if β is outside of [0, 1].

    Example:
        >>> import numpy as np
        >>> GradVac().weights(np.ones(2), np.array([[4.0, -1.0], [-1.0, 1.0]])).tolist()
        [1.25, 2.0]

    Source: Wang et al., "Gradient Vaccine: Investigating and Improving Multi-task Optimization in
    Massively Multilingual Models", 2021, https://arxiv.org/abs/2010.05874. Different here: β is .5 as in
    the common implementations (the paper: .01), one set of targets for all parameters, bounded targets.
    """

    def __init__(
        self, beta: float = 0.5, seed: int = 0, *, preference: Sequence[float] | None = None
    ) -> None:
        super().__init__(preference=preference)
        check_number(self, 0.0, 1.0, beta=beta)
        self.beta = beta
        self.seed = seed
        self.state["step"] = 0
        self.state["targets"] = {}

    def _solve(
        self, gramian_AA: np.ndarray, losses_A: np.ndarray, preference_A: np.ndarray, index_A: np.ndarray
    ) -> np.ndarray:
        n_tasks = losses_A.size
        step = self.state["step"]
        self.state["step"] = step + 1
        orders_AO = random_orders(n_tasks, lambda: numpy_generator(self.seed, "gradvac", step))
        kept = self.state["targets"]
        targets_AA = np.array([[kept.get(f"{i},{j}", 0.0) for j in index_A] for i in index_A])
        rows_A = np.arange(n_tasks)
        norms_A = np.sqrt(np.diagonal(gramian_AA))
        coefficients_AA = np.diag(preference_A)
        products_AA = preference_A[:, None] * gramian_AA
        for others_A in orders_AO.T:
            lengths_A = np.sqrt(np.maximum((coefficients_AA * products_AA).sum(axis=1), 0.0))
            scale_A = lengths_A * norms_A[others_A]
            overlap_A = products_AA[rows_A, others_A]
            cosine_A = np.clip(overlap_A / np.where(scale_A > 0, scale_A, 1.0), -1.0, 1.0)
            target_A = targets_AA[rows_A, others_A]
            sine_A = np.sqrt(1 - target_A**2)
            turn_A = lengths_A * (target_A * np.sqrt(1 - cosine_A**2) - cosine_A * sine_A)
            turn_A = np.where(cosine_A < target_A, turn_A / (norms_A[others_A] * sine_A), 0.0)
            coefficients_AA[rows_A, others_A] += turn_A
            products_AA += turn_A[:, None] * gramian_AA[others_A]
            moved_A = (1 - self.beta) * target_A + self.beta * cosine_A
            targets_AA[rows_A, others_A] = np.clip(moved_A, -0.999, 0.999)
        for row, i in enumerate(index_A):
            kept.update({f"{i},{j}": float(targets_AA[row, column]) for column, j in enumerate(index_A)})
        return coefficients_AA.sum(axis=0)
