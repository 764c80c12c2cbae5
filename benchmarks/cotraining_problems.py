"""The data sets of benchmarks/cotraining.py: rows, tasks, labels and views of one seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import torch
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split

from cotrain import tasks as kinds
from cotrain.cotraining import View
from cotrain.tasks import Task
from cotrain.training import Examples


@dataclass
class Problem:
    """Rows of one seed, and the network that fits them.

    Args:
        tasks: fitted tasks.
        train: training rows; the masks say who is labelled.
        truth: the same rows with all labels.
        test: test rows.
        views: named views.
        more: as many further labelled rows of the pool as there are labelled ones, for validation.
        hidden: widths of the network.
        dropout: of the network.
        learning_rate: of the network.
    """

    tasks: list[Task]
    train: Examples
    truth: Examples
    test: Examples
    views: dict[str, View]
    more: torch.Tensor
    hidden: tuple[int, ...] = (128,)
    dropout: float = 0.5
    learning_rate: float = 1e-2

    def validated(self) -> tuple[Problem, Examples]:
        """Return the problem without the further labelled rows, and these."""
        kept = torch.ones(len(self.train), dtype=torch.bool)
        kept[self.more] = False
        rows = torch.nonzero(kept).flatten()
        smaller = replace(self, train=self.train.take(rows), truth=self.truth.take(rows))
        return smaller, self._labelled(self.more)

    def _labelled(self, rows: torch.Tensor) -> Examples:
        """Return rows with a true label each, of the task whose turn it is."""
        held = self.truth.take(rows)
        turn = torch.arange(len(rows))[:, None] % len(self.tasks)
        masks = {task.name: held.masks[task.name] & (turn == i) for i, task in enumerate(self.tasks)}
        return Examples(held.inputs, held.targets, masks)

    def permuted(self, name: str, seed: int) -> Problem:
        """Return the problem with the labels of one task in disorder."""
        known = self.train.masks[name].any(dim=1)
        rows = torch.nonzero(known).flatten()
        order = torch.from_numpy(np.random.default_rng(seed).permutation(len(rows)))
        targets = self.train.targets[name].clone()
        targets[rows] = targets[rows[order]]
        train = Examples(self.train.inputs, {**self.train.targets, name: targets}, self.train.masks)
        return replace(self, train=train)


def coded(x: np.ndarray, tasks: Sequence[Task], frame: pl.DataFrame) -> Examples:
    pairs = {task.name: task.encode(frame) for task in tasks}
    return Examples(
        {"inputs": torch.from_numpy(x).float()},
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
    )


def one_task(
    x: np.ndarray,
    y: np.ndarray,
    labelled: np.ndarray,
    rest: np.ndarray,
    test: np.ndarray,
    cut: int,
    seed: int,
) -> Problem:
    """Make a problem of one class target whose views are the columns before and after `cut`."""
    two = len(np.unique(y)) == 2
    task: Task = kinds.Binary("class", metrics=["f1", "accuracy"]) if two else kinds.Multiclass("class")
    task.fit(pl.DataFrame({"class": y}))
    rows = np.concatenate([labelled, rest])
    truth = coded(x[rows], [task], pl.DataFrame({"class": y[rows]}))
    known = torch.arange(len(rows))[:, None] < len(labelled)
    first = torch.arange(x.shape[1]) < cut
    more, _ = few(np.arange(len(labelled), len(rows)), y[rows], len(labelled), seed)
    return Problem(
        [task],
        Examples(truth.inputs, truth.targets, {"class": known}),
        truth,
        coded(x[test], [task], pl.DataFrame({"class": y[test]})),
        {"first": View({"inputs": first}), "second": View({"inputs": ~first})},
        torch.from_numpy(more),
    )


def few(rows: np.ndarray, y: np.ndarray, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Divide rows into n with the class shares of all, and the rest."""
    labelled, rest = train_test_split(rows, train_size=n, stratify=y[rows], random_state=seed)
    return labelled, rest


def halves(seed: int, folder: Path) -> Problem:
    """Left and right half of an 8×8 digit, pixels / 4, 63 labels."""
    digits = load_digits()
    x = np.concatenate(
        [digits.images[:, :, :4].reshape(-1, 32), digits.images[:, :, 4:].reshape(-1, 32)], axis=1
    )
    y = digits.target
    train, test = train_test_split(np.arange(len(y)), test_size=540, stratify=y, random_state=seed)
    labelled, rest = few(train, y, 63, seed)
    return one_task(x / 4, y, labelled, rest, test, 32, seed)


def table(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = pl.read_csv(folder / "mfeat" / f"mfeat-{name}.csv").to_numpy().astype(np.float64)
    return values[:, :-1], values[:, -1].astype(int)


def mfeat_views(seed: int, folder: Path) -> Problem:
    """76 Fourier and 64 Karhunen-Loève features of a digit, 70 labels."""
    (fou, y), (kar, _) = table(folder, "fou"), table(folder, "kar")
    x = np.concatenate([fou, kar], axis=1)
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    x = (x - x[train].mean(0)) / x[train].std(0)
    labelled, rest = few(train, y, 70, seed)
    return one_task(x, y, labelled, rest, test, fou.shape[1], seed)


def cancer(seed: int, folder: Path) -> Problem:
    """Breast cancer, 20 labels; the views are the first and the second 15 columns."""
    x, y = load_breast_cancer(return_X_y=True)
    train, test = train_test_split(np.arange(len(y)), test_size=0.3, stratify=y, random_state=seed)
    x = (x - x[train].mean(0)) / x[train].std(0)
    labelled, rest = few(train, y, 20, seed)
    return one_task(x, y, labelled, rest, test, 15, seed)


def webpages(seed: int, folder: Path) -> Problem:
    """Words on a page and words of the links to it; 3 course pages and 9 others are labelled."""
    data = np.load(folder / "webkb_course" / "webkb_course.npz")
    y = data["course"].astype(int)
    x = np.zeros((len(y), 4840), dtype=np.float32)
    x[data["page_row"], data["page_col"]] = data["page_value"]
    x[data["link_row"], 3000 + data["link_col"]] = data["link_value"]
    train, test = train_test_split(np.arange(len(y)), test_size=0.25, random_state=seed)
    draw = np.random.RandomState(seed)  # the split that the published figures are of
    positive = draw.choice(train[y[train] == 1], 3, replace=False)
    labelled = np.concatenate([positive, draw.choice(train[y[train] == 0], 9, replace=False)])
    made = one_task(x, y, labelled, np.setdiff1d(train, labelled), test, 3000, seed)
    return replace(made, hidden=(64,), dropout=0.0, learning_rate=3e-3)


def four_tasks(seed: int, folder: Path) -> Problem:
    """240 pixel averages / 6 of a digit; four tasks, and each of 280 rows has a label of one of them."""
    pixels, digit = table(folder, "pix")
    mor, _ = table(folder, "mor")
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
        task.fit(frame[train[3:280:4]] if not task.has_classes else frame)
    truth = coded(pixels[train] / 6, tasks, frame[train])
    row = torch.arange(len(train))[:, None]
    masks = {
        task.name: ((row < 280) & (row % 4 == i)).expand_as(truth.masks[task.name])
        for i, task in enumerate(tasks)
    }
    return Problem(
        tasks,
        Examples(truth.inputs, truth.targets, masks),
        truth,
        coded(pixels[test] / 6, tasks, frame[test]),
        {},
        torch.arange(280, 560),
        hidden=(256, 128),
        dropout=0.2,
    )


PROBLEMS: dict[str, Callable[[int, Path], Problem]] = {
    "halves": halves,
    "webpages": webpages,
    "mfeat": four_tasks,
    "mfeat-views": mfeat_views,
    "cancer": cancer,
}
