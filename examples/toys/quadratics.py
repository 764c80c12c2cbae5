"""Descend on quadratics whose Pareto set is known, in units from 1/1000 to 1000.

    python examples/toys/quadratics.py
    python examples/toys/quadratics.py --plot quadratics.png

L_k = 10^(s_k) * |theta - c_k|^2 / 2: the Pareto set is the triangle of the three centres c_k.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from cotrain import balancing
from cotrain.balancing import Balancer, Needs

CENTRES = np.array([[0.0, 0.0], [4.0, 0.0], [1.0, 3.0]])
STARTS = np.array([[-4.0, -3.0], [6.0, 5.0], [2.0, -5.0], [-3.0, 4.0]])
EXPONENTS = {"same": (0.0, 0.0, 0.0), "scaled": (-3.0, 0.0, 3.0)}
METHODS: dict[str, Callable[[], Balancer]] = {
    "Equal": balancing.Equal,
    "LogLoss": balancing.LogLoss,
    "FAMO": lambda: balancing.FAMO(weight_decay=0.0),
    "UnitNorm": balancing.UnitNorm,
    "MGDA": balancing.MGDA,
    "MGDA l2": lambda: balancing.MGDA("l2"),
    "PCGrad": balancing.PCGrad,
    "CAGrad": balancing.CAGrad,
    "IMTLGradient": balancing.IMTLGradient,
    "NashMTL": balancing.NashMTL,
    "FairGrad": balancing.FairGrad,
    "AlignedMTL": balancing.AlignedMTL,
    "ConFIG": balancing.ConFIG,
    "DualProj": balancing.DualProj,
    "UPGrad": balancing.UPGrad,
}


def losses_and_gradients(point: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the three losses and their gradients, 3×2."""
    gaps = point - CENTRES
    return scales * (gaps**2).sum(axis=1) / 2, scales[:, None] * gaps


def descend(
    make: Callable[[], Balancer], start: np.ndarray, exponents: tuple[float, ...], steps: int = 2000
) -> np.ndarray:
    """Run descent with steps of a fixed, falling length along the method's direction; return all points."""
    point, balancer, scales = start.copy(), make(), 10.0 ** np.array(exponents)
    path = [point.copy()]
    for step in range(steps):
        losses, rows = losses_and_gradients(point, scales)
        weights = balancer.weights(losses, None if balancer.needs is Needs.LOSSES else rows @ rows.T)
        update = weights @ rows
        length = np.linalg.norm(update)
        # the length says nothing across methods (a hundredfold between them): only directions are compared
        if length > 1e-3 * np.abs(weights) @ np.linalg.norm(
            rows, axis=1
        ):  # else gradients cancel: stationary
            point = point - 0.05 * (1 - step / steps) * update / length
        if balancer.observes_update:
            balancer.observe_update(losses_and_gradients(point, scales)[0])
        path.append(point.copy())
    return np.stack(path)


def distance_to_front(point: np.ndarray) -> float:
    """Return the distance to the triangle of the centres."""
    gaps = CENTRES - point
    weights = balancing.MGDA().weights(np.ones(3), gaps @ gaps.T)
    return float(np.linalg.norm(weights @ gaps))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plot", default=None, help="file for the trajectories (needs matplotlib)")
    arguments = parser.parse_args()
    paths = {}
    print(f"{'method':14s} {'units':8s} largest distance to the Pareto set, and where the four starts end")
    for name, make in METHODS.items():
        for units, exponents in EXPONENTS.items():
            runs = [descend(make, start, exponents) for start in STARTS]
            paths[name, units] = runs
            worst = max(distance_to_front(run[-1]) for run in runs)
            ends = "  ".join(f"({run[-1][0]:.2f}, {run[-1][1]:.2f})" for run in runs)
            print(f"{name:14s} {units:8s} {worst:.4f}   {ends}", flush=True)
    if arguments.plot:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(2, len(METHODS), figsize=(2.5 * len(METHODS), 5), squeeze=False)
        for row, units in enumerate(EXPONENTS):
            for column, name in enumerate(METHODS):
                axes[row, column].fill(*CENTRES.T, color="0.85")
                for run in paths[name, units]:
                    axes[row, column].plot(*run.T)
                axes[row, column].set_title(f"{name}, {units}", fontsize=8)
        figure.tight_layout()
        figure.savefig(arguments.plot, dpi=100)


if __name__ == "__main__":
    main()
