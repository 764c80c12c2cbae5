"""What reconstruction of all rows brings where 95 % of the labels are missing.

The same network, steps and rows, with and without `Training(reconstruction=...)`, one after the other within
each seed: digits (1,400 training rows of 64 Karhunen-Loève coefficients, 70 with a label) and adult (3,000
rows, of which 150 have their labels of income, hours and three flags). There are no validation rows; the
last weights are kept. The tables give the test figure of the first metric, the mean over seeds, and the mean
paired difference with its standard error.

    python benchmarks/reconstruction.py digits adult --seeds 0 1 2 3 4
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import cotrain as ct
from cotrain.training import Reconstruction

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


def problem(name: str, seed: int, data: Path) -> tuple[pl.DataFrame, pl.DataFrame, list[Any]]:
    """Return training rows of which one in twenty has labels, test rows and the tasks."""
    if name == "digits":
        values = np.loadtxt(data / "mfeat" / "mfeat-kar.csv", delimiter=",", skiprows=1)
        columns = {f"x{i}": values[:, i] for i in range(values.shape[1] - 1)}
        frame = pl.DataFrame({**columns, "digit": [f"d{int(value)}" for value in values[:, -1]]})
        tasks: list[Any] = [ct.tasks.Multiclass("digit")]
        n_train = 1400
    else:
        frame = pl.read_csv(data / "adult" / "three_tasks.csv").drop("split").sample(5000, seed=seed)
        flags = ct.tasks.Multilabel("flags", columns=["married", "capgain", "caploss"])
        tasks = [ct.tasks.Binary("income"), ct.tasks.Regression("hours"), flags]
        n_train = 3000
    order = np.random.default_rng(seed).permutation(frame.height)
    train, test = frame[order[:n_train]], frame[order[n_train:]]
    targets = [column for task in tasks for column in task.columns]
    known = pl.Series(np.arange(n_train) < n_train // 20)
    gaps = [pl.when(known).then(pl.col(column)).otherwise(None).alias(column) for column in targets]
    return train.with_columns(gaps), test, tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=["digits", "adult"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--weights", nargs="+", type=float, default=[1.0], help="of the reconstruction")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings = {"without": None, **{f"weight {w:g}": Reconstruction(weight=w) for w in given.weights}}
    for table in given.tables:
        values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        seconds: dict[str, list[float]] = defaultdict(list)
        for seed in given.seeds:
            train, test, _ = problem(table, seed, given.data)
            for name, reconstruction in settings.items():
                tasks, begun = problem(table, seed, given.data)[2], time.process_time()
                training = ct.Training(select="last", reconstruction=reconstruction)
                learner = ct.Learner(tasks, training=training, seed=seed).fit(train, None, progress=False)
                seconds[name].append(time.process_time() - begun)
                for row in map(learner.evaluate(test).row, [task.name for task in tasks]):
                    values[f"{row.task} {row.metric}"][name].append(row.value)
        print(f"\n{table}: {len(given.seeds)} seeds\n\n| figure | {' | '.join(settings)} |")
        print("|---" * (1 + len(settings)) + "|")
        for figure, of in values.items():
            cells = [f"{statistics.mean(of['without']):.4f}"]
            for name in [name for name in settings if name != "without"]:
                apart = [b - a for a, b in zip(of["without"], of[name], strict=True)]
                error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
                cells.append(f"{statistics.mean(of[name]):.4f} ({statistics.mean(apart):+.4f} ± {error:.4f})")
            print(f"| {figure} | {' | '.join(cells)} |")
        print("| CPU s | " + " | ".join(f"{statistics.mean(seconds[name]):.1f}" for name in settings) + " |")


if __name__ == "__main__":
    main()
