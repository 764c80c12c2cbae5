"""A batched ensemble against the default encoder for tables: `TabM` and `TableEncoder` under one budget.

Both are fitted with the default training (the same steps, rows and rule of selection), one after the other
within each split and seed: energy (768 buildings, two numbers), digits (2,000 handwritten digits by 76
Fourier coefficients, ten classes), diabetes (442 patients, a number) and adult (6,000 rows with income, hours
and three flags, half of the labels of each missing). The tables give the test figure of the metric that
selects, the mean over seeds, the mean difference with its standard error, and CPU seconds.

    python benchmarks/batched_ensemble.py energy digits diabetes adult --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.datasets import load_diabetes

import cotrain as ct
from cotrain.networks import Encoder, TableEncoder, TabM

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
ENCODERS: dict[str, type[Encoder]] = {"TableEncoder": TableEncoder, "TabM": TabM}


def problem(name: str, seed: int, data: Path) -> tuple[list[pl.DataFrame], list[Any]]:
    """Return the training, validation and test rows and the tasks."""
    if name == "energy":
        frame = pl.read_csv(data / "enb" / "enb.csv")
        tasks: list[Any] = [ct.tasks.Regression("Y1"), ct.tasks.Regression("Y2")]
    elif name == "digits":
        values = np.loadtxt(data / "mfeat" / "mfeat-fou.csv", delimiter=",", skiprows=1)
        columns = {f"x{i}": values[:, i] for i in range(values.shape[1] - 1)}
        frame = pl.DataFrame({**columns, "digit": [f"d{int(value)}" for value in values[:, -1]]})
        tasks = [ct.tasks.Multiclass("digit")]
    elif name == "diabetes":
        columns, numbers = load_diabetes(return_X_y=True)
        named = {f"x{i}": columns[:, i] for i in range(columns.shape[1])}
        frame, tasks = pl.DataFrame({**named, "y": numbers}), [ct.tasks.Regression("y")]
    else:
        frame = pl.read_csv(data / "adult" / "three_tasks.csv").drop("split").sample(6000, seed=seed)
        flags = ct.tasks.Multilabel("flags", columns=["married", "capgain", "caploss"])
        tasks = [ct.tasks.Binary("income"), ct.tasks.Regression("hours"), flags]
    order, n = np.random.default_rng(seed).permutation(frame.height), frame.height
    ends = [0, int(0.6 * n), int(0.8 * n), n]
    return [frame[order[a:b]] for a, b in itertools.pairwise(ends)], tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("tables", nargs="+", choices=["energy", "digits", "diabetes", "adult"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for table in given.tables:
        values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        seconds: dict[str, list[float]] = defaultdict(list)
        for seed in given.seeds:
            for name, kind in ENCODERS.items():
                (train, validation, test), tasks = problem(table, seed, given.data)
                begun = time.process_time()
                learner = ct.Learner(tasks, encoder=kind(), seed=seed)
                learner.fit(train, validation, progress=False)
                seconds[name].append(time.process_time() - begun)
                for row in map(learner.evaluate(test).row, [task.name for task in tasks]):
                    values[f"{row.task} {row.metric}"][name].append(row.value)
        print(f"\n{table}: {len(given.seeds)} seeds\n\n| figure | {' | '.join(ENCODERS)} | difference |")
        print("|---|---|---|---|")
        for figure, of in values.items():
            means = " | ".join(f"{statistics.mean(of[name]):.4f}" for name in ENCODERS)
            apart = [b - a for a, b in zip(of["TableEncoder"], of["TabM"], strict=True)]
            error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
            print(f"| {figure} | {means} | {statistics.mean(apart):+.4f} ± {error:.4f} |")
        means = " | ".join(f"{statistics.mean(seconds[name]):.1f}" for name in ENCODERS)
        print(f"| CPU s | {means} | |")


if __name__ == "__main__":
    main()
