"""Is anybody left behind by `answer: auto`? Problems of known kind, judged on many rows of their own.

    python benchmarks/answer_truth.py --problems 30
    python benchmarks/answer_truth.py --kinds null conflict --problems 10

The kinds are those of `verdict_truth.py`. Of each problem the joint network, the networks for single tasks,
the trees and the answer that the validation rows have chosen are compared on test rows. Printed: who
answered; for everybody the mean over problems of the relative loss in root mean squared error beside the best
single one *of that very task on those test rows* (which nobody can know before, and which is flattered by
being the best of three), with its standard error; and on how many tasks the answer is worse than that one by
more than one standard error of their paired difference.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter

import numpy as np
from verdict_truth import KINDS, table_of

import cotrain as ct
from cotrain.evaluation import paired_bootstrap
from cotrain.evaluation._padded_scores import scores_of, truth_of
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner

NAMES = ("joint", "alone", "trees", "answer")
#: Level of an interval that is one standard error wide on either side.
ONE_SIGMA = 0.6827


def judged(kind: str, seed: int, epochs: int) -> list[dict[str, float | str]]:
    """Return a record for each task of one problem: rmse of everybody, and who answered."""
    frame, n_tasks = table_of(kind, seed)
    # Whole groups of 30 rows to each part: the first rows learn, the next ones choose, the last ones judge.
    n = frame.height
    train, held, test = frame[: n // 2], frame[n // 2 : n * 7 // 10], frame[n * 7 // 10 :]
    columns = {} if kind == "groups" else {"who": "drop"}
    learner = ct.Learner(
        [ct.tasks.Regression(f"t{k}") for k in range(n_tasks)],
        encoder=ct.networks.TableEncoder(width=4 if kind == "conflict" else 32),
        training=ct.Training(epochs=epochs, batch_size=64, average=0.9, learning_rate=0.01),
        columns=columns | {"who": "drop"},
        answer="auto",
        seed=seed,
    )
    groups = {"groups": held["who"].to_numpy()} if kind == "groups" else {}
    fit_learner(learner, train, held, FitOptions(progress=False, dependence=groups))
    examples, typed = learner.preprocessor.examples(test), learner.preprocessor.table(test)
    joint, answered = learner.fitted.joint.outputs(test), learner.fitted.outputs(test)
    records = []
    for task in learner.preprocessor.tasks:
        name, scores = task.name, {}
        scores["joint"], scores["answer"] = (scores_of(task, of[name]) for of in (joint, answered))
        single, trees = learner._contenders.singles.get(name), learner._contenders.trees
        if single is not None and trees is not None:
            scores["alone"] = scores_of(task, single.fitted.outputs(test)[name])
            scores["trees"] = trees.scores(task, typed)
        targets, mask = truth_of(task, examples.targets[name], examples.masks[name])
        metric = task.chosen_metrics()[0]
        values = {who: metric.compute(of, targets, mask) for who, of in scores.items()}
        best = min((who for who in scores if who != "answer"), key=lambda who: values[who])
        found = paired_bootstrap(
            metric,
            [scores[best]],
            [scores["answer"]],
            targets,
            mask=mask,
            level=ONE_SIGMA,
            groups=test["who"].to_numpy() if kind == "groups" else None,
        )
        below = float(found.value > (found.high - found.low) / 2)
        records.append({**values, "best": values[best], "below": below, "by": learner.answers[name]})
    return records


def main() -> None:
    """Judge the problems of each kind and print what they come to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["null"])
    parser.add_argument("--problems", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=30)
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        started, by, of_problems, below, n_tasks = time.process_time(), Counter[str](), [], 0.0, 0
        for problem in range(arguments.problems):
            records = judged(kind, 2000 + problem, arguments.epochs)
            by.update("blend" if "+" in str(one["by"]) else str(one["by"]) for one in records)
            below += sum(float(record["below"]) for record in records)
            n_tasks += len(records)
            of_problems.append(
                [
                    np.mean([float(r.get(who, math.nan)) / float(r["best"]) - 1 for r in records])
                    for who in NAMES
                ]
            )
        losses = np.array(of_problems)
        error = losses.std(axis=0, ddof=min(1, len(losses) - 1)) / math.sqrt(len(losses))
        shown = ", ".join(
            f"{who} {mean:+.2%} ± {e:.2%}"
            for who, mean, e in zip(NAMES, losses.mean(axis=0), error, strict=True)
        )
        took = time.process_time() - started
        print(f"{kind}: {len(losses)} problems, {took:.0f} CPU s; who answers {dict(by)}")
        print(f"  beside the best single one of each task: {shown}")
        print(f"  below it by more than a standard error: {below:.0f} of {n_tasks} tasks", flush=True)


if __name__ == "__main__":
    main()
