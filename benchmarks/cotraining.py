"""Co-training strategies beside peers on the same rows, with the number of updates each contender had.

    python benchmarks/cotraining.py halves --seeds 0-9 --results cotraining.jsonl
    python benchmarks/cotraining.py webpages mfeat mfeat-views cancer --seeds 0-4 --results cotraining.jsonl
    python benchmarks/cotraining.py halves --seeds 0-9 --results cotraining.jsonl --auto
    python benchmarks/cotraining.py webpages mfeat mfeat-views --seeds 0-4 --results cotraining.jsonl --auto
    python benchmarks/cotraining.py mfeat --seeds 0-4 --results cotraining.jsonl --permuted
    python benchmarks/cotraining.py --results cotraining.jsonl --table

What is in the results file already is not run again; `--table` prints it as Markdown. The figures are test
figures of what the guards chose at the end; nothing is chosen on test rows, and without `--auto` there are no
validation rows either. Data sets that are not bundled with scikit-learn are read from --data.

Peers that are not installed are left out with a sentence. They want old versions of what they need, so they
go without it:

    pip install --no-deps sslearn==1.1.0 mvlearn==0.5.0 statsmodels patsy seaborn matplotlib graphviz
"""

from __future__ import annotations

import argparse
import importlib
import json
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cotraining_problems import PROBLEMS, Problem
from cotraining_tables import PERMUTED, print_losses, print_table, results
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.naive_bayes import MultinomialNB
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from cotrain._base import mix_seed
from cotrain.balancing import Equal, ReferenceScaled
from cotrain.cotraining import (
    Committee,
    CoTraining,
    CoTrainingResult,
    CrossPseudoSupervision,
    KBest,
    MeanTeacher,
    SelfTraining,
    Strategy,
    TeacherStudent,
    Threshold,
    TriTraining,
    TwoViewCoTraining,
)
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.rounds._strategy_selection import candidates, together
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, Training

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
ROUNDS, UPDATES = 6, 300
#: contender -> (figure -> value, optimiser steps from the initial weights to the answer, at most)
Found = dict[str, tuple[dict[str, float], int]]


# -- ours -----------------------------------------------------------------------------------------------


def factory_of(problem: Problem, settings: CoTraining, seed: int) -> NetworkFactory:
    shapes = {"inputs": tuple(problem.train.inputs["inputs"].shape[1:])}

    def build(name: str, tasks: Sequence[Task]) -> MultiTaskNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(seed, name))
            encoder = MLP(problem.hidden, dropout=problem.dropout)
            names = [task.name for task in tasks]
            sharing = HardSharing().build(lambda: encoder.build(InputSpec(tensors=shapes)), names)
            return MultiTaskNetwork(sharing, {task.name: task.head(problem.hidden[-1]) for task in tasks})

    training = Training(1, batch_size=128, learning_rate=problem.learning_rate, select="last", average=0.95)
    balancer = Equal() if len(problem.tasks) == 1 else ReferenceScaled()
    return NetworkFactory(
        problem.tasks,
        build=build,
        balancer=balancer,
        training=training,
        settings=settings,
        shapes=shapes,
        views=problem.views,
        seed=seed,
    )


def settings_of(strategy: Strategy, rounds: int, problem: Problem) -> CoTraining:
    views = {name: [name] for name in problem.views}
    return CoTraining(
        strategy, rounds, updates=UPDATES, pseudo_weight=1.0, views=views, margin=0.0, min_labels=0
    )


def outcome_of(
    problem: Problem, strategy: Strategy, seed: int, rounds: int, *, validation: Examples | None = None
) -> CoTrainingResult:
    settings = settings_of(strategy, rounds, problem)
    return CoTrainingLoop(run_of(problem, settings, seed, validation=validation)).run()


def run_of(
    problem: Problem, settings: CoTraining, seed: int, *, validation: Examples | None
) -> CoTrainingRun:
    return CoTrainingRun(
        tasks=problem.tasks,
        examples=problem.train,
        validation=validation,
        settings=settings,
        factory=factory_of(problem, settings, seed),
        seed=seed,
        truth=problem.truth,
    )


def figures(problem: Problem, answer: Any) -> dict[str, float]:
    scores = {task.name: answer[task.name].scores(task).numpy() for task in problem.tasks}
    return figures_of_scores(problem, scores)


def figures_of_scores(problem: Problem, scores: dict[str, np.ndarray]) -> dict[str, float]:
    found = {}
    for task in problem.tasks:
        truth, score = task.original(problem.test.targets[task.name]).numpy(), scores[task.name]
        if not task.has_classes:
            found[task.name] = float(r2_score(truth, score))
            continue
        predicted = score.argmax(axis=1) if task.class_names else (score[:, 0] > 0.5).astype(int)
        found[task.name] = float(accuracy_score(truth[:, 0], predicted))
        if task.has_classes and not task.class_names:
            found["F1"] = float(f1_score(truth[:, 0], predicted))
    return found


def start_of(outcome: CoTrainingResult) -> CoTrainingResult:
    return replace(outcome, chosen=dict.fromkeys(outcome.chosen, 0))


def ours(strategy: Callable[[Problem], Strategy], rounds: int = ROUNDS) -> Callable[[Problem, int], Found]:
    def contender(problem: Problem, seed: int) -> Found:
        outcome = outcome_of(problem, strategy(problem), seed, rounds)
        inputs = problem.test.inputs
        return {
            "": (figures(problem, outcome.predictions(inputs)), outcome.updates),
            " (its start)": (
                figures(problem, start_of(outcome).predictions(inputs)),
                outcome.fitted[0][0].updates,
            ),
        }

    return contender


def network(times: int) -> Callable[[Problem, int], Found]:
    """Return the joint network on true labels alone, with so many times the updates."""

    def contender(problem: Problem, seed: int) -> Found:
        settings = CoTraining(updates=UPDATES * times)
        peer = factory_of(problem, settings, seed).network("network")
        fitted = peer.fit(problem.train, None, "start", FitCache())
        return {"": (figures(problem, fitted.predictions(problem.test.inputs)), fitted.updates)}

    return contender


def separate(problem: Problem, seed: int) -> Found:
    """Return a network per task."""
    factory = factory_of(problem, CoTraining(updates=UPDATES), seed)
    answer = {}
    for task in problem.tasks:
        fitted = factory.network(f"network of {task.name}", [task]).fit(
            problem.train, None, task.name, FitCache()
        )
        answer |= fitted.predictions(problem.test.inputs)
    return {"": (figures(problem, answer), UPDATES)}


def auto(problem: Problem, seed: int) -> Found:
    """Return what the validation rows choose, and each candidate with the same validation rows."""
    smaller, validation = problem.validated()
    settings = settings_of(Committee(), ROUNDS, smaller)
    run = run_of(smaller, settings, seed, validation=validation)
    outcomes = {
        type(one).__name__: outcome_of(smaller, one, seed, ROUNDS, validation=validation)
        for one in candidates(run)
    }
    outcomes["auto"] = together(smaller.tasks, outcomes)
    found = {
        f" {name}": (figures(smaller, outcome.predictions(smaller.test.inputs)), outcome.updates)
        for name, outcome in outcomes.items()
    }
    start = start_of(outcomes["Committee"]).predictions(smaller.test.inputs)
    found[" start of Committee"] = (figures(smaller, start), UPDATES)
    return found


def permuted(strategy: Strategy, rounds: int) -> Callable[[Problem, int], Found]:
    """Return what the other tasks have with one task's labels in disorder, without and with co-training."""

    def contender(problem: Problem, seed: int) -> Found:
        found: Found = {}
        for name in ("", *(task.name for task in problem.tasks)):
            broken = problem.permuted(name, seed) if name else problem
            outcome = outcome_of(broken, strategy, seed, rounds)
            label = f" {name or 'nothing'} permuted"
            for what, one in ((", start", start_of(outcome)), ("", outcome)):
                found[label + what] = (figures(broken, one.predictions(broken.test.inputs)), outcome.updates)
        return found

    return contender


# -- peers ----------------------------------------------------------------------------------------------


def rows_of(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs, classes and who is labelled."""
    known = problem.train.masks["class"][:, 0].numpy()
    return (
        problem.train.inputs["inputs"].numpy(),
        problem.train.targets["class"][:, 0].numpy().astype(int),
        known,
    )


def estimator(make: Callable[[], Any], *, unlabelled: bool = True) -> Callable[[Problem, int], Found]:
    def contender(problem: Problem, seed: int) -> Found:
        x, y, known = rows_of(problem)
        fitted = make().fit(x, np.where(known, y, -1)) if unlabelled else make().fit(x[known], y[known])
        return peer_found(problem, fitted.predict_proba(problem.test.inputs["inputs"].numpy()))

    return contender


def peer_found(problem: Problem, p: np.ndarray) -> Found:
    score = p if problem.tasks[0].class_names else p[:, 1:]
    return {"": (figures_of_scores(problem, {"class": score}), 0)}


def sslearn_cotraining(base: Callable[[], Any]) -> Callable[[Problem, int], Found]:
    def contender(problem: Problem, seed: int) -> Found:
        x, y, known = rows_of(problem)
        first = problem.views["first"].seen["inputs"].numpy()
        parts = [np.flatnonzero(first), np.flatnonzero(~first)]
        wrapper = importlib.import_module("sslearn.wrapper")
        model = wrapper.CoTraining(base(), base(), random_state=seed)
        model.fit(x, np.where(known, y, -1), features=parts)
        return peer_found(problem, model.predict_proba(problem.test.inputs["inputs"].numpy()))

    return contender


def sslearn_tritraining(base: Callable[[], Any]) -> Callable[[Problem, int], Found]:
    def contender(problem: Problem, seed: int) -> Found:
        x, y, known = rows_of(problem)
        model = importlib.import_module("sslearn.wrapper").TriTraining(base(), random_state=seed)
        model.fit(x, np.where(known, y, -1))
        return peer_found(problem, model.predict_proba(problem.test.inputs["inputs"].numpy()))

    return contender


def mvlearn_cotraining(base: Callable[[], Any]) -> Callable[[Problem, int], Found]:
    def contender(problem: Problem, seed: int) -> Found:
        x, y, known = rows_of(problem)
        first = problem.views["first"].seen["inputs"].numpy()
        peer = importlib.import_module("mvlearn.semi_supervised").CTClassifier
        # p and n as published with these rows: by default the package takes the whole pool at once.
        model = peer(base(), base(), p=1, n=3, random_state=seed)
        model.fit([x[:, first], x[:, ~first]], np.where(known, y, np.nan))
        test = problem.test.inputs["inputs"].numpy()
        return peer_found(problem, model.predict_proba([test[:, first], test[:, ~first]]))

    return contender


def peers(name: str) -> dict[str, Callable[[Problem, int], Found]]:
    if name == "mfeat":
        return {}
    # With its usual smoothing naive Bayes calls every page "other" here.
    bayes = name == "webpages"
    base = (lambda: MultinomialNB(alpha=0.1)) if bayes else (lambda: LogisticRegression(max_iter=1000))
    found = {
        "scikit-learn, supervised": estimator(base, unlabelled=False),
        "scikit-learn SelfTraining": estimator(lambda: SelfTrainingClassifier(base())),
        "scikit-learn SelfTraining, k best": estimator(
            lambda: SelfTrainingClassifier(base(), criterion="k_best", k_best=10, max_iter=None)
        ),
        "scikit-learn LabelSpreading": estimator(lambda: LabelSpreading(kernel="knn", n_neighbors=7)),
    }
    if is_there("sslearn.wrapper"):
        found["sslearn CoTraining"] = sslearn_cotraining(base)
        found["sslearn TriTraining"] = sslearn_tritraining(base)
    if is_there("mvlearn.semi_supervised") and name in ("webpages", "cancer"):
        found["mvlearn CTClassifier"] = mvlearn_cotraining(base)
    return found


def is_there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError as error:
        print(f"{module.split('.')[0]} takes no part: {error}", flush=True)
        return False
    return True


# -- running --------------------------------------------------------------------------------------------


def contenders(name: str) -> dict[str, Callable[[Problem, int], Found]]:
    two_views = name != "mfeat"
    made: dict[str, Callable[[Problem], Strategy]] = {
        "TwoViewCoTraining": lambda p: TwoViewCoTraining(["first", "second"] if two_views else None),
        "Committee": lambda p: Committee(),
        "MeanTeacher": lambda p: MeanTeacher(),
        "SelfTraining": lambda p: SelfTraining(),
        "SelfTraining(KBest(0.8), align=True)": lambda p: SelfTraining(KBest(0.8), align=True),
        "TeacherStudent": lambda p: TeacherStudent(),
        "TeacherStudent(LabelSpreading)": lambda p: TeacherStudent(
            "estimators",
            classifier="sklearn.semi_supervised:LabelSpreading",
            options={"kernel": "knn", "n_neighbors": 7},
            transductive=True,
        ),
        "MeanTeacher(Threshold(0.8))": lambda p: MeanTeacher(Threshold(0.8)),
        "CrossPseudoSupervision": lambda p: CrossPseudoSupervision(),
        "TriTraining": lambda p: TriTraining(),
    }
    found = {"one network": network(1), "one network, as many updates": network(1 + ROUNDS)}
    if name == "mfeat":
        found["one network per task"] = separate
        found["MeanTeacher(Threshold(0.8)), 12 rounds"] = ours(lambda p: MeanTeacher(Threshold(0.8)), 12)
    found |= {key: ours(strategy) for key, strategy in made.items()}
    return {**found, **peers(name)}


def chosen(given: argparse.Namespace, name: str) -> dict[str, Callable[[Problem, int], Found]]:
    if given.auto:
        return {"auto:": auto}
    if given.permuted:
        return {
            f"{PERMUTED}MeanTeacher": permuted(MeanTeacher(), ROUNDS),
            f"{PERMUTED}Committee": permuted(Committee(), 3),
        }
    return contenders(name)


def run(given: argparse.Namespace) -> None:
    path: Path = given.results
    done = {(row["problem"], row["seed"], row["run"]) for row in results(path)}
    for seed in range(given.seeds[0], given.seeds[1] + 1):
        for problem in given.problem:
            for name, contender in chosen(given, problem).items():
                if (problem, seed, name) in done or (given.only and not re.fullmatch(given.only, name)):
                    continue
                began = time.process_time()
                found = contender(PROBLEMS[problem](seed, given.data), seed)
                seconds = time.process_time() - began
                rows = [
                    {"problem": problem, "seed": seed, "run": name, "contender": name + what}
                    | {"figures": values, "updates": updates, "seconds": seconds}
                    for what, (values, updates) in found.items()
                ]
                with path.open("a") as file:
                    file.write("".join(json.dumps(row) + "\n" for row in rows))
                values = next(iter(found.values()))[0]
                print(
                    problem,
                    seed,
                    name,
                    {k: round(v, 3) for k, v in values.items()},
                    f"{seconds:.1f} s",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problem", nargs="*", help=f"of {', '.join(PROBLEMS)}")
    parser.add_argument("--seeds", type=lambda text: [int(part) for part in text.split("-")], default=[0, 2])
    parser.add_argument("--only", default="", help="regular expression of the contenders to run")
    parser.add_argument("--auto", action="store_true", help="the choice by validation rows")
    parser.add_argument("--permuted", action="store_true", help="each task's labels in disorder")
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    run(given)
    if given.table:
        print_table(given.results)
        print_losses(given.results)


if __name__ == "__main__":
    main()
