"""What removing the class prior from pseudo-labels does where 2 % of the rows are positive.

    python benchmarks/cotraining_rare.py --seeds 20

The family "rare-positives" of `cotraining_guards.py`, linear peers, `Committee`, three rounds, unguarded: the
last round answers. For each strength of `logit_adjustment` the mean on 1,000 test rows over the seeds, and
the mean paired difference from the supervised start with its standard error.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import torch
from cotraining_guards import FAMILIES, first_and_last, run_of, score
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score

from cotrain.cotraining.rounds._strategy_selection import run_rounds

STRENGTHS = (0.0, 0.25, 0.5, 1.0)
METRICS = ("balanced accuracy", "F1", "average precision")


def values(truth: np.ndarray, scores: np.ndarray) -> list[float]:
    """Return the metrics of scores, cut at one half where there are decisions."""
    said = scores > 0.5
    return [
        float(balanced_accuracy_score(truth, said)),
        float(f1_score(truth, said, zero_division=0)),
        float(average_precision_score(truth, scores)),
    ]


def outcome(n_labels: int, seed: int, strength: float) -> tuple[list[float], list[float]]:
    """Return the metrics of the start and of the last round."""
    problem = FAMILIES["rare-positives"](seed, n_labels)
    run = run_of(problem, seed, None, named=False)
    run.settings.logit_adjustment = strength
    # Rounds are not chosen among here, so that none has to be cross-fitted.
    run.settings.margin = 0.0
    first, last = first_and_last(problem, run_rounds(run))
    return tuple(values(problem.truth, score(problem, said["y0"])) for said in (first, last))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--labels", type=int, nargs="+", default=[100, 200])
    parser.add_argument("--seeds", type=int, default=20)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"| labels | logit_adjustment | {' | '.join(METRICS)} |")
    print("|---|---|---|---|---|")
    for n_labels in given.labels:
        for strength in STRENGTHS:
            found = np.array([outcome(n_labels, seed, strength) for seed in range(given.seeds)])
            if not strength:
                start = " | ".join(f"{value:.3f}" for value in found[:, 0].mean(axis=0))
                print(f"| {n_labels} | supervised start | {start} |")
            gap = found[:, 1] - found[:, 0]
            error = gap.std(axis=0, ddof=1) / np.sqrt(given.seeds)
            cells = [
                f"{m:.3f} ({d:+.3f} ± {e:.3f})"
                for m, d, e in zip(found[:, 1].mean(axis=0), gap.mean(axis=0), error, strict=True)
            ]
            print(f"| {n_labels} | {strength:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
