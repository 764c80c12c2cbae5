"""Co-training strategies beside peers on the same rows, with the number of updates each contender had.

    python benchmarks/cotraining.py halves --seeds 10
    python benchmarks/cotraining.py webpages --seeds 5
    python benchmarks/cotraining.py mfeat --seeds 5          (four tasks, one label each)
    python benchmarks/cotraining.py mfeat-views --seeds 5
    python benchmarks/cotraining.py cancer --seeds 10

Test figures are those of what the guards chose; nothing is chosen on test rows. The peers are those of
scikit-learn. Data sets that are not bundled with it are read from --data.
"""

from __future__ import annotations

import argparse
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, r2_score
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import MultinomialNB
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier

from cotrain import tasks as kinds
from cotrain._base import InputSpec, mix_seed
from cotrain.balancing import Equal, ReferenceScaled
from cotrain.cotraining import (
    Agreement,
    CoTraining,
    CrossLabelling,
    Curriculum,
    KBest,
    LeaveOneOut,
    Loop,
    Outcome,
    SelfTraining,
    Strategy,
    TeacherStudent,
    Threshold,
    Toolbox,
    TriTraining,
    View,
)
from cotrain.networks import MLP, HardSharing, MultiTaskModel
from cotrain.tasks import Task
from cotrain.training import Examples, Training

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"


@dataclass
class Problem:
    """Rows of one seed: the inputs, the tasks, who is labelled, the test rows, and the views."""

    tasks: list[Task]
    train: Examples
    truth: Examples
    test: Examples
    views: dict[str, View]
    hidden: tuple[int, ...] = (128,)
    training: Training | None = None
    dropout: float = 0.5


def classes_task(name: str, y: np.ndarray) -> Task:
    task: Task = kinds.Binary(name) if len(np.unique(y)) == 2 else kinds.Multiclass(name)
    task.fit(pl.DataFrame({name: y}))
    return task


def rows_of(x: np.ndarray, tasks: Sequence[Task], frame: pl.DataFrame) -> Examples:
    coded = {task.name: task.encode(frame) for task in tasks}
    return Examples(
        {"inputs": torch.from_numpy(x).float()},
        {name: pair[0] for name, pair in coded.items()},
        {name: pair[1] for name, pair in coded.items()},
    )


def one_task_problem(
    x: np.ndarray,
    y: np.ndarray,
    split: tuple[np.ndarray, np.ndarray, np.ndarray],
    cut: int | None,
    **more: Any,
) -> Problem:
    """Make a problem of one class target; `split` = labelled, unlabelled and test rows."""
    labelled, unlabelled, test = split
    task = classes_task("class", y)
    train_rows = np.concatenate([labelled, unlabelled])
    truth = rows_of(x[train_rows], [task], pl.DataFrame({"class": y[train_rows]}))
    known = torch.arange(len(train_rows))[:, None] < len(labelled)
    train = Examples(truth.inputs, truth.targets, {"class": known})
    views = {}
    if cut is not None:
        first = torch.arange(x.shape[1]) < cut
        views = {"first": View({"inputs": first}), "second": View({"inputs": ~first})}
    return Problem(
        [task], train, truth, rows_of(x[test], [task], pl.DataFrame({"class": y[test]})), views, **more
    )


def few_labelled(rows: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    labelled, rest = train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)
    return labelled, rest


def halves(seed: int) -> Problem:
    digits = load_digits()
    x = digits.images.reshape(-1, 8, 8) / 4.0
    x = np.concatenate([x[:, :, :4].reshape(-1, 32), x[:, :, 4:].reshape(-1, 32)], axis=1)
    y = digits.target
    train, test = train_test_split(np.arange(len(y)), test_size=540, stratify=y, random_state=seed)
    labelled, rest = few_labelled(train, y, 63, seed)
    return one_task_problem(x, y, (labelled, rest, test), 32, training=plain())


def mfeat_table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = pl.read_csv(folder / "mfeat" / f"mfeat-{name}.csv").to_numpy().astype(np.float64)
    return values[:, :-1], values[:, -1].astype(int)


def mfeat_views(seed: int, folder: Path) -> Problem:
    fou, y = mfeat_table(folder, "fou")
    kar, _ = mfeat_table(folder, "kar")
    x = np.concatenate([fou, kar], axis=1)
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    x = (x - x[train].mean(0)) / x[train].std(0)
    labelled, rest = few_labelled(train, y, 70, seed)
    return one_task_problem(x, y, (labelled, rest, test), fou.shape[1], training=plain())


def cancer(seed: int) -> Problem:
    x, y = load_breast_cancer(return_X_y=True)
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    x = (x - x[train].mean(0)) / x[train].std(0)
    labelled, rest = few_labelled(train, y, 20, seed)
    return one_task_problem(x, y, (labelled, rest, test), 15, training=plain())


def webpages(seed: int, folder: Path) -> Problem:
    data = np.load(folder / "webkb_course" / "webkb_course.npz")
    y = data["course"].astype(int)
    x = np.zeros((len(y), 4840), dtype=np.float32)
    x[data["page_row"], data["page_col"]] = data["page_value"]
    x[data["link_row"], 3000 + data["link_col"]] = data["link_value"]
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=seed)
    draw = np.random.RandomState(seed)  # the split that the published figures are of
    labelled = np.concatenate(
        [
            draw.choice(train[y[train] == 1], 3, replace=False),
            draw.choice(train[y[train] == 0], 9, replace=False),
        ]
    )
    rest = np.setdiff1d(train, labelled)
    sizes = {"hidden": (64,), "training": plain(3e-3), "dropout": 0.0}
    return one_task_problem(x, y, (labelled, rest, test), 3000, **sizes)


def four_tasks(seed: int, folder: Path) -> Problem:
    pixels, digit = mfeat_table(folder, "pix")
    mor, _ = mfeat_table(folder, "mor")
    train, test = train_test_split(np.arange(2000), test_size=600, stratify=digit, random_state=seed)
    tasks: list[Task] = [
        kinds.Multiclass("digit"),
        kinds.Multiclass("holes"),
        kinds.Multiclass("ends", rare="merge"),
        kinds.Regression("shape", ["s3", "s4", "s5"], metrics=["r2", "rmse"]),
    ]
    frame = pl.DataFrame(
        {"digit": digit, "holes": mor[:, 0].astype(int), "ends": mor[:, 1].astype(int)}
        | {f"s{i}": mor[:, i] for i in (3, 4, 5)}
    )
    for task in tasks:
        # Some classes are so rare that a split can miss them: their names are known all the same.
        task.fit(frame[train] if task.coding == "number" else frame)
    truth, tested = (
        rows_of(pixels[train] / 6, tasks, frame[train]),
        rows_of(pixels[test] / 6, tasks, frame[test]),
    )
    row = torch.arange(len(train))[:, None]
    masks = {
        task.name: ((row < 280) & (row % 4 == i)).expand_as(truth.masks[task.name])
        for i, task in enumerate(tasks)
    }
    return Problem(
        tasks,
        Examples(truth.inputs, truth.targets, masks),
        truth,
        tested,
        {},
        hidden=(128,),
        training=plain(),
    )


def plain(learning_rate: float = 1e-2) -> Training:
    return Training(1, batch_size=128, learning_rate=learning_rate, select="last", average=0.95)


def run(problem: Problem, settings: CoTraining, strategy: Strategy, seed: int) -> Outcome:
    spec = InputSpec(tensors={"inputs": tuple(problem.train.inputs["inputs"].shape[1:])})

    def build(name: str, tasks: Sequence[Task]) -> MultiTaskModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(mix_seed(seed, name))
            encoder = MLP(problem.hidden, dropout=problem.dropout)
            sharing = HardSharing().build(lambda: encoder.build(spec), [task.name for task in tasks])
            return MultiTaskModel(sharing, {task.name: task.head(problem.hidden[-1]) for task in tasks})

    balancer = Equal() if len(problem.tasks) == 1 else ReferenceScaled()
    training = problem.training or plain()
    shapes = {"inputs": tuple(problem.train.inputs["inputs"].shape[1:])}
    kit = Toolbox(
        problem.tasks, build, balancer, training, settings, shapes=shapes, views=problem.views, seed=seed
    )
    return Loop(
        problem.tasks, problem.train, None, settings, strategy, kit, seed=seed, truth=problem.truth
    ).run()


def figures(problem: Problem, scores: dict[str, np.ndarray]) -> dict[str, float]:
    found = {}
    for task in problem.tasks:
        truth = task.original(problem.test.targets[task.name]).numpy()
        score = scores[task.name]
        if task.coding == "number":
            found[task.name] = float(r2_score(truth, score))
            continue
        predicted = score.argmax(axis=1) if task.coding == "class" else (score[:, 0] > 0.5).astype(int)
        found[task.name] = accuracy_score(truth[:, 0], predicted)
        if task.coding == "label":
            found["F1"] = f1_score(truth[:, 0], predicted)
    return found


def ours(
    strategy: Callable[[Problem], Strategy], rounds: int, updates: int, weight: float
) -> Callable[..., Any]:
    def contender(problem: Problem, seed: int) -> dict[str, tuple[dict[str, float], int]]:
        settings = CoTraining(strategy(problem), rounds, updates=updates, pseudo_weight=weight)
        outcome = run(problem, settings, settings.strategy, seed)  # type: ignore[arg-type]
        result = {}
        for what, chosen in (("", outcome.chosen), (" (its start)", dict.fromkeys(outcome.chosen, 0))):
            answer = Outcome(**{**outcome.__dict__, "chosen": chosen}).beliefs(problem.test.inputs)
            scores = {task.name: answer[task.name].scores(task).numpy() for task in problem.tasks}
            result[what] = (
                figures(problem, scores),
                outcome.updates if not what else outcome.fitted[0][0].updates,
            )
        return result

    return contender


def estimator(make: Callable[[], Any]) -> Callable[..., Any]:
    def contender(problem: Problem, seed: int) -> dict[str, tuple[dict[str, float], int]]:
        known = problem.train.masks["class"][:, 0].numpy()
        x, y = (
            problem.train.inputs["inputs"].numpy(),
            problem.train.targets["class"][:, 0].numpy().astype(int),
        )
        fitted = make().fit(x, np.where(known, y, -1))
        p = fitted.predict_proba(problem.test.inputs["inputs"].numpy())
        score = p if problem.tasks[0].coding == "class" else p[:, 1:]
        return {"": (figures(problem, {"class": score}), 0)}

    return contender


def supervised(make: Callable[[], Any]) -> Callable[..., Any]:
    def contender(problem: Problem, seed: int) -> dict[str, tuple[dict[str, float], int]]:
        known = problem.train.masks["class"][:, 0].numpy()
        x, y = (
            problem.train.inputs["inputs"].numpy(),
            problem.train.targets["class"][:, 0].numpy().astype(int),
        )
        p = make().fit(x[known], y[known]).predict_proba(problem.test.inputs["inputs"].numpy())
        score = p if problem.tasks[0].coding == "class" else p[:, 1:]
        return {"": (figures(problem, {"class": score}), 0)}

    return contender


PROBLEMS: dict[str, Callable[[int, Path], Problem]] = {
    "halves": lambda seed, folder: halves(seed),
    "cancer": lambda seed, folder: cancer(seed),
    "webpages": webpages,
    "mfeat": four_tasks,
    "mfeat-views": mfeat_views,
}


def contenders(name: str, rounds: int, updates: int, weight: float) -> dict[str, Callable[..., Any]]:
    views = ["first", "second"]
    cross = (lambda p: CrossLabelling(views)) if name != "mfeat" else (lambda p: CrossLabelling())
    made: dict[str, Callable[[Problem], Strategy]] = {
        "SelfTraining (textbook)": lambda p: SelfTraining(),
        "SelfTraining(KBest)": lambda p: SelfTraining(KBest(0.8), align=True),
        "SelfTraining(Curriculum)": lambda p: SelfTraining(Curriculum(0.9)),
        "CrossLabelling": cross,
        "LeaveOneOut": lambda p: LeaveOneOut(),
        "LeaveOneOut(Threshold .8)": lambda p: LeaveOneOut(selector=Threshold(0.8)),
        "LeaveOneOut(5)": lambda p: LeaveOneOut(5),
        "TriTraining": lambda p: TriTraining(),
        "Agreement of three": lambda p: LeaveOneOut(selector=Agreement(), align=False),
        "TeacherStudent": lambda p: TeacherStudent(),
        "TeacherStudent(LabelSpreading)": lambda p: TeacherStudent(
            "estimators",
            classifier="sklearn.semi_supervised:LabelSpreading",
            options={"kernel": "knn", "n_neighbors": 7},
            transductive=True,
        ),
    }
    found = {key: ours(strategy, rounds, updates, weight) for key, strategy in made.items()}
    if name == "mfeat":
        return found
    base = MultinomialNB if name == "webpages" else (lambda: LogisticRegression(max_iter=1000))
    found["scikit-learn, supervised"] = supervised(base)
    found["scikit-learn SelfTraining"] = estimator(lambda: SelfTrainingClassifier(base()))
    found["scikit-learn SelfTraining, k best"] = estimator(
        lambda: SelfTrainingClassifier(base(), criterion="k_best", k_best=10, max_iter=None)
    )
    found["scikit-learn LabelSpreading"] = estimator(lambda: LabelSpreading(kernel="knn", n_neighbors=7))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problem", choices=PROBLEMS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--updates", type=int, default=300)
    parser.add_argument("--weight", type=float, default=1.0)
    parser.add_argument("--only", default="", help="regular expression of the contenders to run")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    found: dict[str, list[dict[str, float]]] = {}
    updates: dict[str, list[int]] = {}
    seconds: dict[str, float] = {}
    for seed in range(given.seeds):
        for name, contender in contenders(given.problem, given.rounds, given.updates, given.weight).items():
            if given.only and not re.fullmatch(given.only, name):
                continue
            began = time.process_time()
            for what, (values, steps) in contender(PROBLEMS[given.problem](seed, given.data), seed).items():
                found.setdefault(name + what, []).append(values)
                updates.setdefault(name + what, []).append(steps)
            seconds[name] = seconds.get(name, 0.0) + time.process_time() - began
            print(seed, name, {k: round(v, 3) for k, v in found[name][-1].items()}, flush=True)
    print(f"\n{given.problem}: {given.seeds} seeds, {given.rounds} rounds, {given.updates} updates a fit")
    for name, values in found.items():
        cells = "  ".join(
            f"{key} {np.mean([v[key] for v in values]):.3f} ± {np.std([v[key] for v in values]):.3f}"
            for key in values[0]
        )
        cost = seconds.get(name, float("nan")) / given.seeds
        print(f"{name:44s} {cells}  updates {int(np.mean(updates[name])):5d}  CPU s {cost:.1f}")


if __name__ == "__main__":
    main()
