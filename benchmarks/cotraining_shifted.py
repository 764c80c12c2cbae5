"""What density-aware confidence does where half of the unlabelled rows are of another kind.

    python benchmarks/cotraining_shifted.py --seeds 20

The family "views-independent" of `cotraining_guards.py` with 60 labels and 500 unlabelled rows, of which half
are replaced by rows without any class, around a point so many standard deviations away in a random direction.
Linear peers, `Committee`, three rounds, unguarded: the last round answers. Mean paired differences of the
accuracy on 1,000 test rows, of the usual kind, with their standard errors.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import numpy as np
import torch
from cotraining_guards import POOL, Problem, first_and_last, metric, run_of, score, two_views

from cotrain.cotraining import Committee, DensityAware, Selector
from cotrain.cotraining.rounds._strategy_selection import run_rounds

LABELS = 60
DISTANCES = (0.0, 4.0, 8.0)


def shifted(seed: int, distance: float) -> Problem:
    """Return a problem with half of its unlabelled rows moved; at distance 0 as it was."""
    problem = two_views(seed, LABELS)
    if not distance:
        return problem
    generator = np.random.default_rng([seed, LABELS, 7])
    rows = LABELS + generator.permutation(POOL)[: POOL // 2]
    direction = generator.normal(size=problem.x.shape[1])
    x = problem.x.copy()
    x[rows] = generator.normal(size=x[rows].shape) + distance * direction / np.linalg.norm(direction)
    return replace(problem, x=x)


def gains(seed: int, distance: float, selector: Selector | None) -> float:
    """Return by how much the last round is better than the supervised start."""
    problem = shifted(seed, distance)
    run = run_of(problem, seed, Committee(selector=selector), named=False)
    # Rounds are not chosen among here, so that none has to be cross-fitted.
    run.settings.margin = 0.0
    start, end = (
        metric(problem, problem.truth, score(problem, said["y0"]))
        for said in first_and_last(problem, run_rounds(run))
    )
    return end - start


def mean(found: np.ndarray) -> str:
    return f"{found.mean():+.3f} ± {found.std(ddof=1) / np.sqrt(len(found)):.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print("| distance | default − start | density-aware − start | density-aware − default |")
    print("|---|---|---|---|")
    for distance in DISTANCES:
        usual, aware = (
            np.array([gains(seed, distance, selector) for seed in range(given.seeds)])
            for selector in (None, DensityAware())
        )
        print(f"| {distance:g} | {mean(usual)} | {mean(aware)} | {mean(aware - usual)} |", flush=True)


if __name__ == "__main__":
    main()
