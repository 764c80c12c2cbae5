"""Are the words of `cotrain compare` true? Problems whose answer is known, judged by it.

    python benchmarks/verdict_truth.py --problems 10 --seeds 3
    python benchmarks/verdict_truth.py --kinds null conflict --problems 50
    python benchmarks/verdict_truth.py --kinds null conflict --problems 50 --folds 3
    python benchmarks/verdict_truth.py --kinds many --problems 5 --defaults

Networks and tables are small: a problem is a dozen short fits, most of whose time is their start. Each
kind is K tasks of 12 numbers:

    null      independent tasks on the same rows: no word should be said
    own rows  the same with labels on rows of their own
    groups    rows in groups of 30 whose errors have an intra-class correlation of .3; no word should be said
    same      one task K times, with few labels each: learning together must help
    conflict  independent tasks in a trunk of 4 units. Look at the mean delta_m before the words: the vectors
              of numbers before the trunk are wide, and five problems had -1.0 +- 1.0 %, no conflict yet
    noise     two tasks, and one of noise, which no network can learn
    many      8 independent tasks on rows of their own: delta_m within a per cent

Printed: the share of tasks and of delta_m with a word in either direction, with a 95 % interval (Wilson's).
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cotrain.comparison import compare
from cotrain.learner import Configuration

KINDS = ("null", "own rows", "groups", "same", "conflict", "noise", "many")
N_INPUTS, NOISE = 12, 0.5


def table_of(kind: str, seed: int) -> tuple[pl.DataFrame, int]:
    """Return a table with targets t0, t1, ... and its number of tasks."""
    rng = np.random.default_rng(seed)
    n_tasks = 8 if kind == "many" else 3
    # Of groups, ten in the test part are the fewest that get a word.
    n_rows = {"own rows": 1600, "many": 1600, "groups": 1800}.get(kind, 900)
    x = rng.normal(size=(n_rows, N_INPUTS))
    weights = rng.normal(size=(n_tasks, 2, N_INPUTS)) / math.sqrt(N_INPUTS)
    if kind == "same":
        weights[:] = weights[0]
    who = np.arange(n_rows) // 30
    frame: dict[str, Any] = {f"x{i}": x[:, i] for i in range(N_INPUTS)} | {"who": who}
    for k in range(n_tasks):
        target = np.tanh(x @ weights[k, 0]) + x @ weights[k, 1]
        error = rng.normal(size=n_rows)
        if kind == "groups":
            error = math.sqrt(0.3) * rng.normal(size=who.max() + 1)[who] + math.sqrt(0.7) * error
        if kind == "noise" and k == 2:
            target = 0.0 * target
        labelled = np.ones(n_rows, bool)
        if kind in ("own rows", "many"):
            labelled = np.arange(n_rows) % n_tasks == k
        if kind == "same":
            labelled = rng.random(n_rows) < 0.3
        frame[f"t{k}"] = pl.Series(target + NOISE * error).set(pl.Series(~labelled), None)
    return pl.DataFrame(frame), n_tasks


def judge_one(kind: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the results of a comparison on one problem."""
    table, n_tasks = table_of(kind, seed)
    with tempfile.TemporaryDirectory() as folder:
        table.write_parquet(Path(folder) / "t.parquet")
        config = {
            "data": f"{folder}/t.parquet",
            "tasks": [{"kind": "Regression", "name": f"t{k}"} for k in range(n_tasks)],
            "split": {"validation": 0.15, "test": 0.3, **({"group": "who"} if kind == "groups" else {})},
            "encoder": {"kind": "TableEncoder", "width": 4 if kind == "conflict" else 32},
            "training": {"epochs": arguments.epochs, "batch_size": 64, "average": 0.9, "learning_rate": 0.01},
            "seed": seed,
            "compare": {"seeds": arguments.seeds, "learning_rates": [0.01], "references": ["single_task"]},
        }
        if arguments.defaults:
            del config["encoder"], config["training"], config["compare"]["learning_rates"]
        config["compare"]["folds"] = arguments.folds
        if kind != "groups":
            config["columns"] = {"who": "drop"}
        return compare(Configuration.from_config(config), Path(folder) / "out", workers=arguments.workers)


def interval(k: int, n: int) -> str:
    """Return a share with Wilson's interval."""
    z = 1.96
    centre = (k + z * z / 2) / (n + z * z)
    half = z * math.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    return f"{k}/{n} [{max(0.0, centre - half):.2f}, {min(1.0, centre + half):.2f}]"


def main() -> None:
    """Run the problems and print what was said of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--problems", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--defaults", action="store_true", help="of the library: ten times as long")
    parser.add_argument("--folds", type=int, help="cross-validation; default: one test part")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        started, words, of_all, gains = time.monotonic(), Counter[str](), Counter[str](), []
        for problem in range(arguments.problems):
            results = judge_one(kind, 1000 + problem, arguments)
            words.update(verdict["word"] for verdict in results["verdicts"][results["chosen"]])
            over_all = results["verdicts_over_all"].get(results["chosen"])
            if over_all is not None and over_all["word"] != "unknown":
                of_all[over_all["word"]] += 1
                gains.append(over_all["difference"])
        took = time.monotonic() - started
        mean, error = np.mean(gains), np.std(gains, ddof=1) / math.sqrt(len(gains)) if gains[1:] else math.nan
        print(f"{kind}: mean delta_m {mean:+.2%} +- {error:.2%}, {took:.0f} s")
        for title, counts in (("tasks", words), ("delta_m", of_all)):
            n = max(1, sum(counts.values()))
            shown = ", ".join(f"{word} {interval(counts[word], n)}" for word in ("helped", "hurt"))
            others = ", ".join(f"{word} {n}" for word, n in counts.items() if word not in ("helped", "hurt"))
            print(f"  {title}: {shown}; {others}", flush=True)


if __name__ == "__main__":
    main()
