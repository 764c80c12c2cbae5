"""Classes, numbers, boxes and masks of pictures: all at once beside each alone, at the same number of steps.

    python benchmarks/vision.py FOLDER [--balancers] [--seeds 3] [--keep figures.jsonl] [--set epochs=13]
    python benchmarks/vision.py FOLDER --set epochs=19 --set batch=12

FOLDER holds one .csv with the columns `file`, `mask` and `split`, COCO files instances_*.json and the
pictures. `highest`, `stain` and `count` are learned where the table has them. Figures are of the test part
with the defaults of the library, or of the validation part, for whoever tries something. A step holds eight
pictures, or `batch` of them where all is learned at once: alone each of the eight has a label of the task.
Intervals are 95 % of Student's t over the seeds, of differences pair by pair. Fits are kept in a file as they
come, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from kept_fits import KeptFits, interval

import cotrain as ct
from cotrain.data import read_table
from cotrain.training import PictureAugmentation

#: Rows in a step: what asks of every pixel wants steps.
BATCH = 8
#: Balancers beside the default, `ReferenceScaled`, which none should beat by more than a standard error.
BALANCERS = ("Equal", "UPGrad", "FAMO")
#: What is shown of a task, the first one being that which its weights are selected by.
SHOWN = {
    "Multiclass": ["accuracy"],
    "Regression": ["mae"],
    "Detection": ["map", "map50"],
    "Segmentation": ["miou"],
}


def table(folder: Path) -> pl.DataFrame:
    """Return a row a picture, with the boxes of the COCO files; null where nobody has looked."""
    return read_table([next(folder.glob("*.csv")), *sorted(folder.glob("instances_*.json"))])


def tasks_of(frame: pl.DataFrame) -> list[ct.tasks.Task]:
    """Return the tasks that the table has labels for."""
    found: list[ct.tasks.Task] = []
    for column in ("highest", "stain"):
        if column in frame.columns:
            found.append(ct.tasks.Multiclass(column, metrics=["accuracy"]))
    if "count" in frame.columns:
        found.append(ct.tasks.Regression("count", metrics=["mae"]))
    return [*found, ct.tasks.Detection("boxes", picture="file"), ct.tasks.Segmentation("mask")]


def fit(
    folder: Path, seed: int, names: list[str] | None, balancer: str | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Return the test figures of one fit as plain values.

    Args:
        folder: of the pictures.
        seed: of the fit.
        names: tasks; `None`: all.
        balancer: its name; `None`: the default.
        settings: epochs of the joint fit, the pictures in a step of it, the part that figures are of, and
            options of the learner.
    """
    torch.set_num_threads(1)
    frame = table(folder)
    every = tasks_of(frame)
    tasks = [task for task in every if names is None or task.name in names]
    parts = {part: frame.filter(pl.col("split") == part) for part in ("train", "validation", "test")}
    labelled = [
        sum(map(any, zip(*(parts["train"][column].is_not_null() for column in of), strict=True)))
        for of in ([task.name for task in every], [task.name for task in tasks])
    ]
    options = dict(settings)
    part, joint_batch = options.pop("part"), options.pop("batch")
    batch = joint_batch if len(tasks) == len(every) else BATCH
    steps = [math.ceil(rows / size) for rows, size in zip(labelled, (joint_batch, batch), strict=True)]
    if isinstance(options.get("augmentation"), dict):
        options["augmentation"] = PictureAugmentation(**options["augmentation"])
    epochs = max(1, round(options.pop("epochs") * steps[0] / steps[1]))
    learner = ct.Learner(
        tasks,
        balancer=None if balancer is None else getattr(ct.balancing, balancer)(),
        columns={"file": "picture"},
        training=ct.Training(
            epochs=epochs, batch_size=batch, select=options.pop("select", "auto"), patience=None
        ),
        seed=seed,
        **options,
    )
    wanted = ["file", *(task.name for task in tasks)]
    began = time.process_time()
    learner.fit(parts["train"].select(wanted), parts["validation"].select(wanted), progress=False)
    seconds = time.process_time() - began
    found = learner.evaluate(parts[part].select(wanted))
    figures = {
        f"{task.name} {metric}": next(
            row.value for row in found if row.task == task.name and row.metric == metric and row.part is None
        )
        for task in tasks
        for metric in SHOWN[type(task).__name__]
    }
    return {
        "steps": epochs * steps[1],
        "cpu": seconds,
        "figures": figures,
    }


def shown(fits: list[dict[str, Any]]) -> str:
    """Return the table of all fits as Markdown."""
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in fits:
        name = one["run"] if one["balancer"] == "default" else f"{one['run']}, {one['balancer']}"
        by_run[name].append(one)
    names = list(by_run["joint"][0]["figures"]) if "joint" in by_run else []
    names = names or sorted({name for one in fits for name in one["figures"]})
    lines = [f"| run | steps | CPU s | {' | '.join(names)} |", f"|{'---|' * (len(names) + 3)}"]
    for run, ones in by_run.items():
        cells = [
            interval([one["figures"][name] for one in ones]) if name in ones[0]["figures"] else ""
            for name in names
        ]
        cpu = np.mean([one["cpu"] for one in ones])
        lines.append(f"| {run} | {ones[0]['steps']} | {cpu:.0f} | {' | '.join(cells)} |")
    joint = {one["seed"]: one for one in by_run.get("joint", [])}
    for run, ones in by_run.items():
        pairs = [(joint[one["seed"]], one) for one in ones if one["seed"] in joint]
        if run == "joint" or not pairs:
            continue
        cells = [
            interval([a["figures"][name] - b["figures"][name] for a, b in pairs])
            if name in ones[0]["figures"]
            else ""
            for name in names
        ]
        lines.append(f"| joint − {run} | | | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Fit what is not fitted yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--balancers", action="store_true", help="other balancers too")
    parser.add_argument("--joint-only", action="store_true", help="not each task alone")
    parser.add_argument("--part", default="test", choices=["validation", "test"])
    parser.add_argument("--keep", type=Path, help="file of the fits, one a line")
    parser.add_argument("--set", action="append", default=[], help="key=JSON: epochs, batch, or an option")
    arguments = parser.parse_args()
    settings = {"epochs": 14, "part": arguments.part, "batch": BATCH}
    settings |= {key: json.loads(value) for key, value in (one.split("=", 1) for one in arguments.set)}
    alone = [] if arguments.joint_only else [[task.name] for task in tasks_of(table(arguments.folder))]
    plans: list[tuple[list[str] | None, str | None]] = [(names, None) for names in [None, *alone]]
    plans += [(None, balancer) for balancer in BALANCERS if arguments.balancers]
    kept = KeptFits(arguments.keep, ("run", "balancer", "seed", "settings"))
    for seed in range(arguments.seeds):
        for names, balancer in plans:
            run = "joint" if names is None else " ".join(names)
            told = {"run": run, "balancer": balancer or "default", "seed": seed, "settings": settings}
            of = (arguments.folder, seed, names, balancer, settings)
            kept.make(told, lambda of=of: fit(*of))
    print(shown([one for one in kept.fits if one["settings"] == settings]))


if __name__ == "__main__":
    main()
