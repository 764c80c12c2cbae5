"""Named points and a class of pictures: together beside each alone, at the same number of steps.

    python benchmarks/keypoints.py mnist.npz [--rows 400] [--epochs 20] [--seeds 0-2] [--keep FILE]

MNIST digits of 28×28 somewhere in pictures of 40×40. Half of them have their ends, the middles of the
stroke's uppermost, lowermost, leftmost and rightmost pixels, and half say which digit they are. mnist.npz has
x_train, y_train, x_test and y_test. A step takes 16 pictures together and 8 alone, so that each task sees as
many of its labels; the last epoch is kept; figures are of 1,000 test pictures. Intervals: 95 % of Student's
t over the seeds, which choose pictures, labels and weights; differences are seed by seed.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from kept_fits import KeptFits, interval, seeds_of
from PIL import Image

import cotrain as ct
from cotrain.training import FitStart, Logger

SIDE = 40
#: Names of the runs -> the tasks that are learned.
RUNS = {"together": ("ends", "digit"), "ends alone": ("ends",), "digit alone": ("digit",)}


def ends(picture: np.ndarray) -> list[dict[str, Any]]:
    """Return the ends of what is light in a picture."""
    rows, columns = np.nonzero(picture > 127)
    found = {
        "top": (columns[rows == rows.min()].mean(), rows.min()),
        "bottom": (columns[rows == rows.max()].mean(), rows.max()),
        "left": (columns.min(), rows[columns == columns.min()].mean()),
        "right": (columns.max(), rows[columns == columns.max()].mean()),
    }
    # The middle of a pixel.
    return [{"point": [float(x) + 0.5, float(y) + 0.5], "label": name} for name, (x, y) in found.items()]


def table(pictures: np.ndarray, digits: np.ndarray, draws: np.random.Generator, n: int) -> pl.DataFrame:
    """Return n pictures with all labels."""
    rows = []
    for number in draws.choice(len(digits), n, replace=False):
        canvas, (x, y) = np.zeros((SIDE, SIDE), np.uint8), draws.integers(0, SIDE - 28, 2)
        canvas[y : y + 28, x : x + 28] = pictures[number]
        file = io.BytesIO()
        Image.fromarray(canvas).save(file, "PNG")
        rows.append({"file": file.getvalue(), "ends": ends(canvas), "digit": str(digits[number])})
    return pl.DataFrame(rows).with_columns(width=SIDE, height=SIDE)


class Steps(Logger):
    """Takes note of the number of steps."""

    n = 0

    def start(self, fit: FitStart) -> None:
        self.n = fit.n_steps


def fit(file: Path, run: str, seed: int, n_rows: int, epochs: int) -> dict[str, Any]:
    """Return the test figures and the CPU seconds of one fit."""
    torch.set_num_threads(1)
    data, draws = np.load(file), np.random.default_rng(seed)
    train = table(data["x_train"], data["y_train"], draws, n_rows)
    test = table(data["x_test"], data["y_test"], draws, 1000)
    first = pl.int_range(n_rows) < n_rows // 2
    train = train.with_columns(ends=pl.when(first).then("ends"), digit=pl.when(~first).then("digit"))
    tasks = {"ends": ct.tasks.Keypoints("ends"), "digit": ct.tasks.Multiclass("digit", rare="drop")}
    learner = ct.Learner(
        [tasks[name] for name in RUNS[run]],
        encoder=ct.networks.ConvNet((12, 24, 48), strides=(2, 2, 2)),
        columns={name: "drop" for name in ("width", "height", *tasks) if name not in RUNS[run]}
        | {"file": "picture"},
        training=ct.Training(epochs=epochs, batch_size=8 * len(RUNS[run]), select="last"),
        seed=seed,
    )
    began, steps = time.process_time(), Steps()
    learner.fit(train, validation=None, progress=False, loggers=[steps])
    seconds = time.process_time() - began
    found = {f"{row.task} {row.metric}": row.value for row in learner.evaluate(test) if row.part is None}
    shown = ("ends distance", "ends pck10", "digit accuracy")
    return {name: found[name] for name in shown if name in found} | {"steps": steps.n, "cpu": seconds}


def main() -> None:
    """Fit what is not fitted yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=seeds_of, default=range(3))
    parser.add_argument("--keep", type=Path, help="file of the fits, one a line")
    arguments = parser.parse_args()
    kept = KeptFits(arguments.keep, ("run", "seed", "rows", "epochs"))
    of = {"rows": arguments.rows, "epochs": arguments.epochs}
    for seed in arguments.seeds:
        for run in RUNS:
            kept.make(
                {"run": run, "seed": seed, **of},
                lambda r=run, s=seed: fit(arguments.file, r, s, *of.values()),
            )
    fits = [one for one in kept.fits if of.items() <= one.items()]
    by_run = {run: {one["seed"]: one for one in fits if one["run"] == run} for run in RUNS}
    names = ("ends distance", "ends pck10", "digit accuracy")
    print(f"| run | steps | {' | '.join(names)} | CPU s |\n|{'---|' * 6}")
    for run, ones in by_run.items():
        cells = [interval([one[name] for one in ones.values()]) if name in next(iter(ones.values())) else ""
                 for name in names]  # fmt: skip
        steps, cpu = (np.mean([one[name] for one in ones.values()]) for name in ("steps", "cpu"))
        print(f"| {run} | {steps:.0f} | {' | '.join(cells)} | {cpu:.0f} |")
    for name, alone in zip(names, ("ends alone", "ends alone", "digit alone"), strict=True):
        pairs = [by_run["together"][seed][name] - one[name] for seed, one in by_run[alone].items()]
        print(f"{name}, together less alone: {interval(pairs)}")


if __name__ == "__main__":
    main()
