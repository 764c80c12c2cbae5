"""Co-training of texts and molecules with few labels, beside scikit-learn's own, on the same rows.

    python benchmarks/cotraining_texts.py sst2 snips tox21 --data DATA --seeds 5 --results texts.jsonl --table

- **sst2**: the sentiment of sentences, 40 and 200 labels (Socher et al. 2013, stsa.binary.*).
- **snips**: which of seven things a command asks for, 40 and 200 labels (Coucke et al. 2018, train/, test/).
- **tox21**: twelve assays of molecules learned together, of whose labels one in ten is kept (tox21.csv.gz).

2,000 rows without labels. All contenders see the same features: TF-IDF of words and pairs of words, of the
letters of a formula for molecules, learned from the training rows and reduced to 100 columns without a look
at labels. Peers are linear (`estimator=LogisticRegression`), so that a run takes seconds, or the networks of
`CoTrainingClassifier`; nothing is held out but what a strategy holds out itself. What is in the results file
already is not run again.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from cotraining_tables import mean_and_error
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier

from cotrain.cotraining import CoTrainingClassifier, KBest, MeanTeacher, SelfTraining

POOL, COLUMNS = 2000, 100
LINEAR = LogisticRegression(max_iter=1000)


def sst2(folder: Path) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    parts = []
    for part in ("train", "test"):
        lines = (folder / "sst2" / f"stsa.binary.{part}").read_text().splitlines()
        parts += [[line[2:] for line in lines], np.array([int(line[0]) for line in lines])]
    return tuple(parts)


def snips(folder: Path) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    parts, names = [], {}
    for part in ("train", "test"):
        labels = [line.strip() for line in (folder / "snips" / part / "label").read_text().splitlines()]
        for label in labels:
            names.setdefault(label, len(names))
        parts += [(folder / "snips" / part / "seq.in").read_text().splitlines()]
        parts += [np.array([names[label] for label in labels])]
    return tuple(parts)


def tox21(folder: Path) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    table = pl.read_csv(io.BytesIO(gzip.decompress((folder / "tox21" / "tox21.csv.gz").read_bytes())))
    y = table.drop("mol_id", "smiles").fill_null(-1).to_numpy()
    # The same molecules for every seed are kept for the test.
    test = np.random.default_rng(0).random(len(y)) < 0.3
    texts = np.array(table["smiles"].to_list(), dtype=object)
    return list(texts[~test]), y[~test], list(texts[test]), y[test]


READ = {"sst2": sst2, "snips": snips, "tox21": tox21}
LABELS = {"sst2": (40, 200), "snips": (40, 200), "tox21": (0,)}


def problem(name: str, folder: Path, n_labels: int, seed: int) -> tuple[np.ndarray, ...]:
    """Return features and partly unlabelled targets [N] or [N, K], and those of the test rows."""
    texts, y, test_texts, truth = READ[name](folder)
    draw = np.random.default_rng([seed, n_labels])
    rows = draw.permutation(len(texts))[: POOL + n_labels]
    y = y[rows].copy()
    if y.ndim == 2:
        y[draw.random(y.shape) > 0.1] = -1
    else:
        y[n_labels:] = -1
    letters = name == "tox21"
    features = make_pipeline(
        TfidfVectorizer(
            sublinear_tf=True,
            min_df=2,
            analyzer="char" if letters else "word",
            ngram_range=(1, 4 if letters else 2),
        ),
        TruncatedSVD(COLUMNS, random_state=seed),
        StandardScaler(),
    )
    x = features.fit_transform([texts[row] for row in rows])
    return x, y, features.transform(test_texts), truth


def ours(strategy: Any = None, *, linear: bool = True, **settings: Any) -> Callable[[int], Any]:
    """Return the maker of an estimator, by seed."""
    settings = {"max_rounds": 3} | settings
    peer = LINEAR if linear else None
    return lambda seed: CoTrainingClassifier(strategy, estimator=peer, random_state=seed, **settings)


#: What keeps every task at its start: no task has so many labels.
START = {"min_labels": 10**9, "max_rounds": 1}
#: Contender -> its maker; None learns from the labelled rows alone.
CONTENDERS: dict[str, Callable[[int], Any] | None] = {
    "logistic regression, supervised": None,
    "scikit-learn SelfTraining": lambda seed: SelfTrainingClassifier(clone(LINEAR)),
    "Committee, linear (its start)": ours(**START),
    "Committee, linear": ours(),
    "Committee, linear, unguarded": ours(margin=0.0, min_labels=0),
    "SelfTraining(KBest(0.8), align), linear": ours(SelfTraining(KBest(0.8), align=True)),
    "auto, linear": ours("auto"),
    "Committee, networks (its start)": ours(linear=False, **START),
    "Committee, networks": ours(linear=False),
    "MeanTeacher, networks": ours(MeanTeacher(), linear=False),
}


def supervised(x: np.ndarray, y: np.ndarray) -> Any:
    return clone(LINEAR).fit(x[y >= 0], y[y >= 0])


def fitted(name: str, x: np.ndarray, y: np.ndarray, seed: int) -> list[Any]:
    """Return what answers: one model, or one for each of K tasks that a contender cannot learn together."""
    make = CONTENDERS[name]
    columns = [y] if y.ndim == 1 else list(y.T)
    if make is None:
        return [supervised(x, column) for column in columns]
    if isinstance(make(seed), CoTrainingClassifier):
        return [make(seed).fit(x, y)]
    return [make(seed).fit(x, column) for column in columns]


def figure(models: list[Any], x: np.ndarray, truth: np.ndarray) -> float:
    """Return the accuracy, or the mean AUROC of several tasks."""
    if truth.ndim == 1:
        return float(np.mean(models[0].predict(x) == truth))
    found = [model.predict_proba(x) for model in models]
    scores = found[0] if isinstance(found[0], list) else found
    values = []
    for column, p in zip(truth.T, scores, strict=True):
        known = column >= 0
        values.append(roc_auc_score(column[known], p[known, 1]))
    return float(np.mean(values))


def run(name: str, folder: Path, n_labels: int, seed: int, contender: str) -> dict[str, Any]:
    x, y, test, truth = problem(name, folder, n_labels, seed)
    began = time.process_time()
    models = fitted(contender, x, y, seed)
    record = {"problem": name, "labels": n_labels, "seed": seed, "contender": contender}
    return record | {"value": figure(models, test, truth), "seconds": time.process_time() - began}


def print_table(path: Path) -> None:
    """Print mean ± standard error over the seeds, and the mean difference from the same peers' start."""
    found: dict[tuple[str, int], dict[str, dict[int, dict[str, Any]]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in map(json.loads, path.read_text().splitlines()):
        found[row["problem"], row["labels"]][row["contender"]][row["seed"]] = row
    for (name, n_labels), contenders in found.items():
        heads = f"{name}, {n_labels} labels" if n_labels else f"{name}, a tenth of the labels"
        print(f"\n### {heads}\n\n| contender | value | − start | seeds | CPU s |\n|---|---|---|---|---|")
        for contender, seeds in contenders.items():
            kind = "networks" if "networks" in contender else "linear"
            starts = contenders.get(f"Committee, {kind} (its start)", {})
            gaps = [row["value"] - starts[s]["value"] for s, row in seeds.items() if s in starts]
            own = "linear" in contender or "networks" in contender
            cells = [
                mean_and_error([row["value"] for row in seeds.values()]),
                mean_and_error(gaps, sign="+") if own and "start" not in contender else "",
            ]
            seconds = np.mean([row["seconds"] for row in seeds.values()])
            print(f"| {contender} | {' | '.join(cells)} | {len(seeds)} | {seconds:.1f} |")


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("problems", nargs="*", default=list(READ), help=f"of {', '.join(READ)}")
    parser.add_argument("--data", type=Path, help="a folder with sst2/, snips/ and tox21/")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--contenders", nargs="+", default=list(CONTENDERS))
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = map(json.loads, given.results.read_text().splitlines()) if given.results.exists() else ()
    done = {(row["problem"], row["labels"], row["seed"], row["contender"]) for row in rows}
    for seed in range(given.seeds):
        for name in given.problems if given.data else ():
            for n_labels in LABELS[name]:
                for contender in given.contenders:
                    if (name, n_labels, seed, contender) not in done:
                        row = run(name, given.data, n_labels, seed, contender)
                        with given.results.open("a") as file:
                            file.write(json.dumps(row) + "\n")
                        print(row, flush=True)
    if given.table:
        print_table(given.results)


if __name__ == "__main__":
    main()
