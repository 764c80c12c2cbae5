"""Whether learning together and co-training help where 90 % of the labels of a table are removed.

Of every target's labels in the training and validation rows one in ten is kept, drawn for each target alone;
the test rows keep theirs. All contenders have the same encoder, epochs and seeds: a network per task, one
joint network, and the joint network taught by co-training: with its defaults, with the strategies that
validation prefers ("auto"), and by boosted trees. Every fit of co-training takes as many optimiser steps as
the joint network's. Fits are kept in a file as they come, so that a run that was stopped goes on.

    pip install cotrain[demo]
    python benchmarks/removed_labels.py films adult --seeds 5 --results removed.jsonl
    python benchmarks/removed_labels.py --results removed.jsonl --table
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from cotraining_tables import mean_and_error
from sharing_tables import PARTS, problem

import cotrain as ct
from cotrain.cotraining import TeacherStudent

KEPT = 0.1
#: Contender -> its co-training, if any.
CONTENDERS: dict[str, Callable[[], ct.CoTraining] | None] = {
    "one network per task": None,
    "joint": None,
    "joint + co-training": lambda: ct.CoTraining(max_rounds=3),
    "joint + co-training, auto": lambda: ct.CoTraining("auto", max_rounds=3),
    "joint + co-training, taught by trees": lambda: ct.CoTraining(TeacherStudent("estimators"), max_rounds=1),
}


def with_few_labels(frame: pl.DataFrame, tasks: list[ct.tasks.Task], seed: int) -> pl.DataFrame:
    """Return the rows with most labels of the training and validation rows removed."""
    random = np.random.default_rng(seed)
    for task in tasks:
        kept = pl.Series(random.random(len(frame)) < KEPT) | (frame["split"] == "test")
        frame = frame.with_columns(
            pl.when(kept).then(pl.col(column)).otherwise(None).alias(column) for column in task.columns
        )
    return frame


def fit(table: str, contender: str, seed: int) -> dict[str, Any]:
    """Return the test figures of one contender as plain values."""
    frame, tasks, _ = problem(table)
    frame = with_few_labels(frame, tasks, seed)
    parts = {part: frame.filter(pl.col("split").is_in(keys)) for part, keys in PARTS.items()}
    co_training = CONTENDERS[contender]
    groups = [[task] for task in tasks] if contender == "one network per task" else [tasks]
    figures: dict[str, Any] = {}
    begun = time.process_time()
    for group in groups:
        names = {column for task in group for column in task.columns}
        others = [column for task in tasks for column in task.columns if column not in names]
        learner = ct.Learner(
            group,
            encoder=ct.networks.TableEncoder(width=64),
            training=ct.Training(epochs=20, batch_size=256, select="per_task"),
            cotraining=None if co_training is None else co_training(),
            columns=dict.fromkeys(["split", *others], "drop"),
            seed=seed,
        )
        learner.fit(parts["train"], parts["validation"], progress=False)
        rows = learner.evaluate(parts["test"])
        for task in rows.tasks:
            row = rows.row(task)
            figures[task] = [row.metric, row.direction, row.value]
    return {
        "table": table,
        "contender": contender,
        "seed": seed,
        "seconds": time.process_time() - begun,
        "figures": figures,
    }


def print_table(path: Path) -> None:
    """Print mean ± standard error over the seeds, and how far co-training is from the joint network."""
    rows: dict[str, dict[str, dict[int, dict[str, Any]]]] = defaultdict(lambda: defaultdict(dict))
    for row in map(json.loads, path.read_text().splitlines()):
        rows[row["table"]][row["contender"]][row["seed"]] = row
    for table, of_contender in rows.items():
        first = next(iter(next(iter(of_contender.values())).values()))["figures"]
        heads = [f"{task} ({m} {'↑' if way == 'max' else '↓'})" for task, (m, way, _) in first.items()]
        print(
            f"\n### {table}\n\n| | {' | '.join(heads)} | seeds | CPU s |\n|---|" + "---|" * (len(heads) + 2)
        )
        for contender, seeds in of_contender.items():
            cells = [mean_and_error([row["figures"][task][2] for row in seeds.values()]) for task in first]
            seconds = np.mean([row["seconds"] for row in seeds.values()])
            print(f"| {contender} | {' | '.join(cells)} | {len(seeds)} | {seconds:.0f} |")
        joint = of_contender["joint"]
        for contender, seeds in of_contender.items():
            if contender.startswith("joint + "):
                cells = [
                    mean_and_error(
                        [
                            row["figures"][task][2] - joint[seed]["figures"][task][2]
                            for seed, row in seeds.items()
                        ],
                        sign="+",
                    )
                    for task in first
                ]
                print(
                    f"| {contender.removeprefix('joint ')} − joint | {' | '.join(cells)} | {len(seeds)} | |"
                )


def main() -> None:
    """Fit what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    done = set()
    if given.results.exists():
        rows = [json.loads(line) for line in given.results.read_text().splitlines()]
        done = {(row["table"], row["contender"], row["seed"]) for row in rows}
    for seed in range(given.seeds):
        for table in given.tables:
            for contender in CONTENDERS:
                if (table, contender, seed) in done:
                    continue
                row = fit(table, contender, seed)
                with given.results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                shown = {task: round(value, 3) for task, (*_, value) in row["figures"].items()}
                print(table, seed, contender, shown, f"{row['seconds']:.0f} s", flush=True)
    if given.table:
        print_table(given.results)


if __name__ == "__main__":
    main()
