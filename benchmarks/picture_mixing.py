"""MixUp and CutMix for classes of pictures with few labels, beside pictures that are moved only.

    python benchmarks/picture_mixing.py mnist.npz [--rows 200] [--epochs 40] [--seeds 3] [--keep FILE]

Half of the pictures of each digit say which it is, half whether it is five or more. mnist.npz has x_train,
y_train, x_test and y_test. All runs take the same steps and keep the last epoch;
figures are accuracies on 2,000 test pictures. Intervals are 95 % of Student's t over
the seeds, which choose pictures, labels and weights; differences are seed by seed.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept_fits import KeptFits, interval
from torch.utils.data import Dataset

import cotrain as ct
from cotrain.training import PictureAugmentation

#: What is compared with the first.
RUNS: dict[str, dict[str, float]] = {
    "moved": {},
    "moved, mixup 0.2": {"mixup": 0.2},
    "moved, cutmix 1": {"cutmix": 1.0},
}


class Digits(Dataset):
    """Pictures of digits, and what is told of them."""

    def __init__(self, pictures: np.ndarray, digits: np.ndarray, draws: np.random.Generator, n: int) -> None:
        # Digit after digit, so that the two kinds of label alternate within each.
        of_each = [draws.permutation(np.flatnonzero(digits == digit))[: n // 10] for digit in range(10)]
        self.rows = np.concatenate(of_each)
        self.pictures, self.digits, self.every = pictures, digits, True

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> dict[str, Any]:
        row = self.rows[number]
        return {
            "image": torch.tensor(self.pictures[row] / 255, dtype=torch.float32)[None],
            "digit": str(self.digits[row]) if self.every or number % 2 else None,
            "large": bool(self.digits[row] >= 5) if self.every or not number % 2 else None,
        }


def fit(file: Path, run: str, seed: int, n_rows: int, epochs: int) -> dict[str, Any]:
    """Return the test accuracies and the CPU seconds of one fit."""
    torch.set_num_threads(1)
    data, draws = np.load(file), np.random.default_rng(seed)
    train = Digits(data["x_train"], data["y_train"], draws, n_rows)
    train.every = False
    test = Digits(data["x_test"], data["y_test"], draws, 2000)
    learner = ct.Learner(
        [ct.tasks.Multiclass("digit"), ct.tasks.Binary("large", metrics=["accuracy"])],
        encoder=ct.networks.ConvNet(channels=[12, 24, 48], key="image"),
        training=ct.Training(epochs=epochs, batch_size=16, select="last"),
        augmentation=PictureAugmentation(**RUNS[run]),
        seed=seed,
    )
    began = time.process_time()
    learner.fit(train, validation=None, progress=False)
    seconds = time.process_time() - began
    found = {
        row.task: row.value for row in learner.evaluate(test) if row.metric == "accuracy" and row.part is None
    }
    return {**found, "cpu": seconds}


def main() -> None:
    """Fit what is not fitted yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="file of the fits, one a line")
    arguments = parser.parse_args()
    kept = KeptFits(arguments.keep, ("run", "seed", "rows", "epochs"))
    of = {"rows": arguments.rows, "epochs": arguments.epochs}
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds):
        for run in RUNS:
            told = {"run": run, "seed": seed, **of}
            kept.make(told, lambda r=run, s=seed: fit(arguments.file, r, s, *of.values()))
    fits = [one for one in kept.fits if of.items() <= one.items()]
    by_run = {run: {one["seed"]: one for one in fits if one["run"] == run} for run in RUNS}
    first = by_run[next(iter(RUNS))]
    print(json.dumps(of))
    print(
        "| augmentation | digit | difference | five or more | difference | CPU s |\n|---|---|---|---|---|---|"
    )
    for run, ones in by_run.items():
        cells = []
        for task in ("digit", "large"):
            differences = [one[task] - first[seed][task] for seed, one in ones.items()]
            cells.append(interval([one[task] for one in ones.values()]))
            cells.append(interval(differences) if any(differences) else "")
        cpu = np.mean([one["cpu"] for one in ones.values()])
        print(f"| {run} | {' | '.join(cells)} | {cpu:.0f} |")


if __name__ == "__main__":
    main()
