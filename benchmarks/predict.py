"""Time to predict one row and 10,000 rows, beside a scikit-learn pipeline for the same targets.

    python benchmarks/predict.py

Two tables: six numbers and four categories; and seven text and tag columns. Two targets each. The pipeline is
what scikit-learn offers for them: scaled numbers, one-hot categories or TF-IDF words, and a linear model per
target. Both sides are asked in turn, and the least time of many counts. `network` is the share of the network
by itself, on inputs that are coded: its default has some 80,000 weights for six numbers and four categories,
where a linear model has 30.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import cotrain as ct

MANY = 10_000
FIRST, LAST = ("red", "old", "far", "new", "wet"), ("house", "tree", "road", "king", "sea")
WORDS = [f"{a}{b}" for a in FIRST for b in LAST]


def plain(n: int, generator: np.random.Generator) -> pd.DataFrame:
    numbers = {f"x{i}": generator.normal(size=n) for i in range(6)}
    return pd.DataFrame(numbers | {f"c{i}": generator.choice(list("abcdef"), n) for i in range(4)})


def texts(n: int, generator: np.random.Generator) -> pd.DataFrame:
    def joined(mark: str, most: int) -> list[str]:
        return [mark.join(generator.choice(WORDS, generator.integers(1, most))) for _ in range(n)]

    columns = {f"text{i}": joined(" ", 8) for i in range(4)}
    return pd.DataFrame(columns | {f"tags{i}": joined(", ", 4) for i in range(3)})


def pipelines(frame: pd.DataFrame, targets: dict[str, np.ndarray]) -> list:
    words = [name for name in frame.columns if name.startswith("t")]
    parts = [(TfidfVectorizer(), name) for name in words]
    if not words:
        numbers, categories = ([name for name in frame.columns if name.startswith(mark)] for mark in "xc")
        parts = [(StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), categories)]
    models = [LogisticRegression(max_iter=200), Ridge()]
    made = [make_pipeline(make_column_transformer(*parts), model) for model in models]
    return [one.fit(frame, target) for one, target in zip(made, targets.values(), strict=True)]


def least(calls: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """Return the least time of each call in milliseconds, the calls taking turns."""
    found = dict.fromkeys(calls, float("inf"))
    for _ in range(times):
        for name, call in calls.items():
            begun = time.perf_counter()
            call()
            found[name] = min(found[name], 1e3 * (time.perf_counter() - begun))
    return found


def main() -> None:
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    print(f"{'table':<8}{'rows':>7}{'cotrain ms':>12}{'network ms':>12}{'scikit-learn ms':>17}{'ratio':>8}")
    for name, make in (("plain", plain), ("texts", texts)):
        train, many = make(1000, generator), make(MANY, generator)
        targets = {"y": generator.choice(["p", "q"], 1000), "z": generator.normal(size=1000)}
        tasks = [ct.tasks.Binary("y"), ct.tasks.Regression("z")]
        learner = ct.Learner(tasks, training=ct.Training(epochs=1))
        model = learner.fit(train.assign(**targets), 0.2, progress=False).fitted
        others = pipelines(train, targets)
        row, one = many.iloc[0].to_dict(), many.iloc[:1]
        for given, asked, times in ((row, one, 300), (many, many, 5)):
            coded = model.preprocessor.inputs(asked)
            calls = {
                "mine": partial(model.predict, given),
                "network": partial(model.networks.outputs, coded),
                "theirs": partial(_answers, others, asked),
            }
            found = least(calls, times)
            times_ms = f"{found['mine']:>12.2f}{found['network']:>12.2f}{found['theirs']:>17.2f}"
            print(f"{name:<8}{len(asked):>7}{times_ms}{found['theirs'] / found['mine']:>8.1f}")


def _answers(models: list, frame: pd.DataFrame) -> list[np.ndarray]:
    return [model.predict(frame) for model in models]


if __name__ == "__main__":
    main()
