"""Two objectives in the plane with valleys, a plateau and conflicting gradients (Liu et al., 2021).

    python examples/toys/two_objectives.py                    # every method, five starts, 50,000 steps
    python examples/toys/two_objectives.py --problem cagrad   # the figure of the CAGrad paper
    python examples/toys/two_objectives.py --methods MGDA,NashMTL --plot trajectories.png

All starts run side by side as one batch; each has a balancer of its own.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cotrain import balancing
from cotrain.balancing import Balancer, Needs

FRONT_X2 = -8.3552  # where the Pareto front of both objectives lies, for |x1| up to 7
FLOOR = 5e-6


@dataclass(frozen=True)
class Problem:
    """Objectives scaled by `scales`, and the points that descent starts from."""

    scales: tuple[float, float]
    starts: tuple[tuple[float, float], ...]
    steps: int


PROBLEMS = {
    "plane": Problem((0.1, 1.0), ((-8.5, 7.5), (0.0, 0.0), (9.0, 9.0), (-7.5, -0.5), (9.0, -1.0)), 50_000),
    "cagrad": Problem((1.0, 1.0), ((-8.5, 7.5), (-8.5, -5.0), (9.0, 9.0)), 100_000),
}
METHODS: dict[str, Callable[[], Balancer]] = {
    "Equal": balancing.Equal,
    "MGDA": balancing.MGDA,
    "PCGrad": balancing.PCGrad,
    "GradVac": balancing.GradVac,
    "CAGrad": balancing.CAGrad,
    "IMTLGradient": balancing.IMTLGradient,
    "IMTL": balancing.IMTL,
    "NashMTL": balancing.NashMTL,
    "FairGrad": balancing.FairGrad,
    "AlignedMTL": balancing.AlignedMTL,
    "ConFIG": balancing.ConFIG,
    "DualProj": balancing.DualProj,
    "UPGrad": balancing.UPGrad,
    "UnitNorm": balancing.UnitNorm,
    "FAMO": lambda: balancing.FAMO(weight_decay=0.0, minima=[-2.1, -21.0]),
}


def losses_and_gradients(points_N2: np.ndarray, scales: tuple[float, float]):
    """Return the losses, N×2, and their gradients by the two coordinates, N×2×2."""
    x1_N, x2_N = points_N2.T
    tanh_N, half_N = np.tanh(x2_N), np.tanh(x2_N / 2)
    slope_N, half_slope_N = 1 - tanh_N**2, (1 - half_N**2) / 2
    upper_N, lower_N = np.maximum(half_N, 0.0), np.maximum(-half_N, 0.0)
    # at the kink x2 = 0 half the slope, as automatic differentiation of a maximum gives
    above_N = np.heaviside(x2_N, 0.5)
    upper_slope_N, lower_slope_N = above_N * half_slope_N, (above_N - 1) * half_slope_N
    losses, gradients = [], []
    valleys = (
        (0.5 * (-x1_N - 7) + tanh_N, slope_N),
        (0.5 * (-x1_N + 3) - tanh_N + 2, -slope_N),
    )
    for (valley_N, valley_slope_N), centre, scale in zip(valleys, (7.0, -7.0), scales, strict=True):
        size_N = np.abs(valley_N)
        log_N = np.log(np.maximum(size_N, FLOOR)) + 6
        inverse_N = np.where(size_N > FLOOR, 1 / np.where(size_N > FLOOR, valley_N, 1.0), 0.0)
        bowl_N = ((-x1_N + centre) ** 2 + 0.1 * (-x2_N - 8) ** 2) / 10 - 20
        losses.append(scale * (log_N * upper_N + bowl_N * lower_N))
        by_x1_N = -0.5 * inverse_N * upper_N + 0.2 * (x1_N - centre) * lower_N
        by_x2_N = inverse_N * valley_slope_N * upper_N + log_N * upper_slope_N
        by_x2_N = by_x2_N + 0.02 * (x2_N + 8) * lower_N + bowl_N * lower_slope_N
        gradients.append(scale * np.stack([by_x1_N, by_x2_N], axis=1))
    return np.stack(losses, axis=1), np.stack(gradients, axis=1)


def descend(
    make: Callable[[], Balancer], problem: Problem, steps: int | None = None, learning_rate: float = 1e-3
) -> np.ndarray:
    """Run Adam from every start; return every hundredth point and the last, T×N×2."""
    points_N2 = np.array(problem.starts)
    balancers = [make() for _ in problem.starts]
    first_N2, second_N2 = np.zeros_like(points_N2), np.zeros_like(points_N2)
    path = [points_N2.copy()]
    losses_N2, gradients_N22 = losses_and_gradients(points_N2, problem.scales)
    n_steps = steps or problem.steps
    for step in range(1, n_steps + 1):
        gramians_N22 = gradients_N22 @ gradients_N22.transpose(0, 2, 1)
        weights_N2 = np.stack(
            [
                balancer.weights(losses, None if balancer.needs is Needs.LOSSES else gramian)
                for balancer, losses, gramian in zip(balancers, losses_N2, gramians_N22, strict=True)
            ]
        )
        update_N2 = (weights_N2[:, :, None] * gradients_N22).sum(axis=1)
        if balancers[0].observes_update:  # as its authors do: clipped to length 1
            lengths_N1 = np.linalg.norm(update_N2, axis=1, keepdims=True)
            update_N2 = update_N2 / np.maximum(lengths_N1, 1.0)
        first_N2 = 0.9 * first_N2 + 0.1 * update_N2
        second_N2 = 0.999 * second_N2 + 0.001 * update_N2**2
        root_N2 = np.sqrt(second_N2 / (1 - 0.999**step)) + 1e-8
        points_N2 = points_N2 - learning_rate * first_N2 / (1 - 0.9**step) / root_N2
        losses_N2, gradients_N22 = losses_and_gradients(points_N2, problem.scales)
        if balancers[0].observes_update:
            for balancer, losses in zip(balancers, losses_N2, strict=True):
                balancer.observe_update(losses)
        if step % 100 == 0 or step == n_steps:
            path.append(points_N2.copy())
    return np.stack(path)


def on_front(points_N2: np.ndarray) -> np.ndarray:
    """Say which points have reached the Pareto front."""
    return (np.abs(points_N2[:, 1] - FRONT_X2) < 0.1) & (np.abs(points_N2[:, 0]) <= 7.1)


def draw(paths: dict[str, np.ndarray], problem: Problem, file: str) -> None:
    """Draw the trajectories over the contours of the summed objectives."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    axis = np.linspace(-10.5, 10.5, 200)
    grid_N2 = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    height = losses_and_gradients(grid_N2, problem.scales)[0].sum(axis=1).reshape(200, 200)
    columns = min(len(paths), 4)
    rows = -(-len(paths) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 4 * rows), squeeze=False)
    for axes_one, (name, path) in zip(axes.flat, paths.items(), strict=False):
        axes_one.contour(axis, axis, height, levels=30, linewidths=0.5, cmap="viridis")
        axes_one.plot([-7, 7], [FRONT_X2] * 2, color="0.5", linewidth=4)
        axes_one.plot(path[:, :, 0], path[:, :, 1], linewidth=1.2)
        axes_one.plot(path[-1, :, 0], path[-1, :, 1], "k*")
        axes_one.set_title(name)
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    print(f"drawn: {file}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problem", choices=sorted(PROBLEMS), default="plane")
    parser.add_argument("--methods", default=",".join(METHODS), help="names, separated by commas")
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--plot", default=None, help="file for the trajectories (needs matplotlib)")
    arguments = parser.parse_args()
    problem = PROBLEMS[arguments.problem]
    paths = {}
    for name in arguments.methods.split(","):
        began = time.process_time()
        paths[name] = path = descend(METHODS[name], problem, arguments.steps)
        reached = on_front(path[-1])
        ends = "  ".join(f"({x1:.2f}, {x2:.2f})" for x1, x2 in path[-1])
        seconds = time.process_time() - began
        print(f"{name:14s} {reached.sum()} of {reached.size}   {ends}   {seconds:.0f} s", flush=True)
    if arguments.plot:
        draw(paths, problem, arguments.plot)


if __name__ == "__main__":
    main()
