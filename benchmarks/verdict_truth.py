"""Are the words of `cotrain compare` true? Problems whose answer is known or is measured, judged by it.

    python benchmarks/verdict_truth.py --problems 10 --seeds 3
    python benchmarks/verdict_truth.py --kinds null conflict --problems 50
    python benchmarks/verdict_truth.py --kinds null conflict --problems 50 --folds 3
    python benchmarks/verdict_truth.py --kinds many --problems 5 --defaults
    python benchmarks/verdict_truth.py --kinds many --batch-size 256 --epochs 120

Networks and tables are small: a problem is a dozen short fits, most of whose time is their start. Each
kind is K tasks of 12 numbers:

    null      3 independent tasks on the same rows
    own rows  the same with labels on rows of their own
    groups    rows in groups of 30 whose errors have an intra-class correlation of .3
    same      one task three times, with few labels each: learning together must help
    conflict  4 independent tasks of 3 hidden units each in a trunk of 8: learning together must hurt
    narrow    4 independent tasks in a trunk of 4 units, in which some seeds fail: chance is large
    noise     two tasks, and one of noise, which no network can learn
    many      8 independent tasks on rows of their own: delta_m within a per cent

That tasks are independent does not make the difference nought: networks that share a trunk learn at another
pace. So wherever a word is said, the truth of *this* table is measured: the same comparison of the same
training and validation rows with other seeds (--truth-seeds) and 8,000 other test rows. A word is

    true      its sign is that of the measured difference, whose 95 % interval leaves nought out
    false     the interval leaves nought out on the other side, or lies within .01 of it (delta_m, or rmse)
    open      the measurement cannot tell

Printed for tasks and delta_m: the share with a word in either direction, with a 95 % interval (Wilson's), and
how many of these words are true, false and open.
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

KINDS = ("null", "own rows", "groups", "same", "conflict", "narrow", "noise", "many")
#: Of groups, ten in the test part are the fewest that get a word.
N_ROWS = {"own rows": 1600, "many": 1600, "groups": 1800}
N_TASKS = {"many": 8, "conflict": 4, "narrow": 4}
WIDTH = {"conflict": 8, "narrow": 4}
NOISE = {"conflict": 0.2, "narrow": 0.25}
WORDS, DELTA_M, EFFECT = ("helped", "hurt"), "delta_m", 0.01
N_INPUTS, N_UNITS, N_GROUP, N_OTHER = 12, 3, 30, 7980


def table_of(kind: str, seed: int, n_more: int = 0) -> tuple[pl.DataFrame, int]:
    """Return a table with targets t0, t1, ... and its number of tasks; `n_more` rows stand at its end."""
    rng = np.random.default_rng(seed)
    n_tasks, noise = N_TASKS.get(kind, 3), NOISE.get(kind, 0.5)
    n_rows = N_ROWS.get(kind, 900) + n_more
    x = rng.normal(size=(n_rows, N_INPUTS))
    weights = rng.normal(size=(n_tasks, 2, N_INPUTS)) / math.sqrt(N_INPUTS)
    if kind == "same":
        weights[:] = weights[0]
    who = np.arange(n_rows) // N_GROUP
    frame: dict[str, Any] = {f"x{i}": x[:, i] for i in range(N_INPUTS)} | {"who": who}
    for k in range(n_tasks):
        target = np.tanh(x @ weights[k, 0]) + x @ weights[k, 1]
        if kind == "conflict":
            units = np.tanh(2 * x @ rng.normal(size=(N_INPUTS, N_UNITS)) / math.sqrt(N_INPUTS))
            target = units @ rng.choice([-1.0, 1.0], size=N_UNITS) / math.sqrt(N_UNITS)
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
        frame[f"t{k}"] = pl.Series(target + noise * error).set(pl.Series(~labelled), None)
    return pl.DataFrame(frame), n_tasks


def judge_one(kind: str, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the results of a comparison on one problem; "truth", if a word was said, those of many rows."""
    table, n_tasks = table_of(kind, seed, N_OTHER)
    n_rows = table.height - N_OTHER
    group = "who" if kind == "groups" else None
    # The bounds of parts lie between groups.
    bounds = [0, *(n_rows * share // 100 // N_GROUP * N_GROUP for share in (55, 70)), n_rows]
    parts = {name: table[bounds[i] : bounds[i + 1]] for i, name in enumerate(("train", "validation", "test"))}
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in (parts | {"other": table[n_rows:], "all": table[:n_rows]}).items():
            rows.write_parquet(f"{folder}/{name}.parquet")
        config: dict[str, Any] = {
            "data": f"{folder}/train.parquet",
            "validation": f"{folder}/validation.parquet",
            "test": f"{folder}/test.parquet",
            "tasks": [{"kind": "Regression", "name": f"t{k}"} for k in range(n_tasks)],
            "split": {"group": group} if group else {},
            "encoder": {"kind": "TableEncoder", "width": WIDTH.get(kind, 32)},
            "training": {
                "epochs": arguments.epochs,
                "batch_size": arguments.batch_size or 64,
                "average": 0.9,
                "learning_rate": 0.01,
            },
            "columns": {} if group else {"who": "drop"},
            "seed": seed,
            "compare": {"seeds": arguments.seeds, "learning_rates": [0.01], "references": ["single_task"]},
        }
        if arguments.folds:
            del config["validation"], config["test"]
            config["data"] = f"{folder}/all.parquet"
            config["compare"]["folds"] = arguments.folds
        if arguments.defaults:
            del config["encoder"], config["training"], config["compare"]["learning_rates"]
            if arguments.batch_size:
                config["training"] = {"batch_size": arguments.batch_size}
        said = compare(Configuration.from_config(config), Path(folder) / "said", workers=arguments.workers)
        if arguments.truth_seeds and not arguments.folds and any(word in WORDS for _, word in words_of(said)):
            config |= {"test": f"{folder}/other.parquet", "seed": seed + 100}
            config["compare"]["seeds"] = arguments.truth_seeds
            truth = Configuration.from_config(config)
            said["truth"] = compare(truth, Path(folder) / "truth", workers=arguments.workers)
        return said


def words_of(results: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is judged, tasks and "delta_m", each with its word; without what nothing is known of."""
    found = [(verdict["task"], verdict["word"]) for verdict in results["verdicts"][results["chosen"]]]
    over_all = results["verdicts_over_all"].get(results["chosen"])
    if over_all is not None and over_all["word"] != "unknown":
        found.append((DELTA_M, over_all["word"]))
    return found


def intervals_of(results: dict[str, Any]) -> dict[str, list[float] | None]:
    """Return the interval of each difference: of tasks, in their metric's unit, and of "delta_m"."""
    records = {verdict["task"]: verdict for verdict in results["verdicts"][results["chosen"]]}
    over_all = results["verdicts_over_all"].get(results["chosen"])
    records |= {} if over_all is None else {DELTA_M: over_all}
    return {name: record["interval"] for name, record in records.items()}


def truth_of_word(word: str, interval: list[float] | None) -> str:
    """Return whether a word is "true", "false" or "open" by a measured interval."""
    if interval is None:
        return "open"
    low, high = interval
    if low > 0 or high < 0:
        return "true" if (low > 0) == (word == "helped") else "false"
    return "false" if low > -EFFECT and high < EFFECT else "open"


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
    parser.add_argument("--truth-seeds", type=int, default=8, help="0: the truth is not measured")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, help="rows in a step; default: 64, or the library's")
    parser.add_argument("--defaults", action="store_true", help="of the library: ten times as long")
    parser.add_argument("--folds", type=int, help="cross-validation; default: one test part")
    parser.add_argument("--workers", type=int, default=1)
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        report(kind, arguments)


def report(kind: str, arguments: argparse.Namespace) -> None:
    """Judge the problems of one kind and print what was said of them, and what of it is true."""
    started, gains = time.monotonic(), []
    counts = {title: Counter[str]() for title in ("tasks", DELTA_M)}
    truths = {title: Counter[str]() for title in ("tasks", DELTA_M)}
    for problem in range(arguments.problems):
        results = judge_one(kind, 1000 + problem, arguments)
        measured = intervals_of(results["truth"]) if "truth" in results else {}
        for name, word in words_of(results):
            title = DELTA_M if name == DELTA_M else "tasks"
            counts[title][word] += 1
            if word in WORDS and measured:
                truths[title][truth_of_word(word, measured[name])] += 1
            if name == DELTA_M:
                gains.append(results["verdicts_over_all"][results["chosen"]]["difference"])
    mean, error = np.mean(gains), np.std(gains, ddof=1) / math.sqrt(len(gains)) if gains[1:] else math.nan
    print(f"{kind}: mean delta_m {mean:+.2%} +- {error:.2%}, {time.monotonic() - started:.0f} s")
    for title, of in counts.items():
        n = max(1, sum(of.values()))
        shown = ", ".join(f"{word} {interval(of[word], n)}" for word in WORDS)
        others = ", ".join(f"{word} {number}" for word, number in of.items() if word not in WORDS)
        by_truth = ", ".join(f"{truth} {number}" for truth, number in sorted(truths[title].items()))
        print(f"  {title}: {shown}; {others}{'; of the words ' if by_truth else ''}{by_truth}", flush=True)


if __name__ == "__main__":
    main()
