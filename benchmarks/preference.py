"""What a preference does for many labels that share one loss: the genres of the film table.

    python benchmarks/preference.py --seeds 100 101 102 103 104

The six tasks of the film table are learned together with the default balancer, the genres with each
preference, and each task alone; six epochs at a learning rate of .002, each task with its own best epoch.
Printed are means and standard errors of the selecting metrics on the test rows, and delta_m of the means.
Needs the extra `demo`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np
import polars as pl
import torch

import cotrain as ct
from cotrain.cli._films import film_table

GENRES = "genres"


def tasks_of(preference: float) -> list[ct.tasks.Task]:
    """Return the tasks of the film table, the genres with a preference."""
    return [
        ct.tasks.Multilabel(GENRES, separator=", ", preference=preference),
        ct.tasks.Multiclass("certificate"),
        *(ct.tasks.Regression(name) for name in ("meter", "metacritic", "box_office")),
        ct.tasks.Binary("oscar"),
    ]


def figures(tasks: Sequence[ct.tasks.Task], parts: Sequence[pl.DataFrame], seed: int) -> dict[str, float]:
    """Return task -> its selecting metric on the test rows of one fit."""
    train, validation, test = parts
    left_out = {task.name for task in tasks_of(1.0)} - {task.name for task in tasks}
    learner = ct.Learner(
        list(tasks),
        training=ct.Training(epochs=6, select="per_task", learning_rate=0.002),
        columns=dict.fromkeys(sorted(left_out), "drop"),
        seed=seed,
    ).fit(train, validation, progress=False)
    selecting = {task.name: task.chosen_metrics()[0].name for task in tasks}
    rows = [row for row in learner.evaluate(test) if row.part is None]
    return {row.task: float(row.value) for row in rows if row.metric == selecting[row.task]}


def main() -> None:
    """Fit and print a line for each preference, and one for the tasks alone."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[100, 101, 102, 103, 104])
    parser.add_argument("--preferences", type=float, nargs="+", default=[1, 4.58, 10, 21])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    films = film_table()
    parts = [films.filter(split=part).drop("split") for part in ("train", "validation", "test")]
    directions = {task.name: task.chosen_metrics()[0].direction for task in tasks_of(1.0)}
    alone = {
        task.name: [figures([task], parts, seed)[task.name] for seed in arguments.seeds]
        for task in tasks_of(1.0)
    }
    show("alone", alone, alone, directions)
    for preference in arguments.preferences:
        fits = [figures(tasks_of(preference), parts, seed) for seed in arguments.seeds]
        found = {name: [fit[name] for fit in fits] for name in directions}
        show(f"preference {preference:g}", found, alone, directions)


def show(
    title: str, found: dict[str, list[float]], alone: dict[str, list[float]], directions: dict[str, str]
) -> None:
    """Print means, standard errors, and the mean relative gain over the tasks alone."""
    gains, cells = [], []
    for name, values in found.items():
        mean, base = float(np.mean(values)), float(np.mean(alone[name]))
        error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if values[1:] else math.nan
        gains.append((mean - base) / abs(base) * (1 if directions[name] == "max" else -1))
        cells.append(f"{name} {mean:.4f} ± {error:.4f}")
    print(f"{title}: {', '.join(cells)}; delta_m {np.mean(gains):+.2%}", flush=True)


if __name__ == "__main__":
    main()
