"""Defaults on tables that nobody tuned them for: together, alone, our trees, LightGBM, and whoever answers.

    pip install lightgbm cotrain[demo]
    python benchmarks/table_defaults.py enb adult films --seeds 5 --results defaults.jsonl
    python benchmarks/table_defaults.py --results defaults.jsonl --table

- **enb**: heating and cooling load of 768 buildings (UCI); a seed is also a split.
- **adult**: five targets of the census, half of whose labels are missing in the training rows (UCI).
- **films**: the six targets of the demo, with its configuration.

"together" is `cotrain train` with nothing chosen but tasks; "alone" and "trees" are its references, "answer"
what `answer: auto` says. LightGBM has its own defaults, 1,000 rounds at most, and stops early on the
validation rows (50 rounds without gain); texts and lists of words are beyond it, so that it sees no films.
Intervals are 95 % of Student's t over the seeds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import yaml
from kept_fits import KeptFits, interval, markdown
from sklearn.metrics import roc_auc_score

from cotrain.cli._films import CONFIG, film_table
from cotrain.comparison import train_run
from cotrain.learner import Configuration, SplitTable
from cotrain.tasks import Task

#: Table -> its configuration. Films are written into the folder of the run.
TABLES: dict[str, dict[str, Any]] = {
    "enb": {
        "data": "enb/*.csv",
        "tasks": [{"kind": "Regression", "name": name, "metrics": ["rmse"]} for name in ("Y1", "Y2")],
    },
    "adult": {
        "data": "adult/three_tasks.csv",
        "split": {"column": "split"},
        "tasks": [
            *({"kind": "Binary", "name": name} for name in ("income", "married", "capgain", "caploss")),
            {"kind": "Regression", "name": "hours"},
        ],
    },
    "films": {**yaml.safe_load(CONFIG), "data": "films.parquet"},
}
#: Name in the table -> name in a run.
SHOWN = {
    "together": "model",
    "alone": "single_task",
    "trees": "trees",
    "LightGBM": "LightGBM",
    "answer": "answer",
}


def fit(table: str, seed: int, data: Path) -> dict[str, Any]:
    """Return the test figures of all contenders as plain values."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if table == "films":
            film_table().write_parquet(folder / "films.parquet")
            data = folder
        settings = TABLES[table]
        path = next(data.glob(settings["data"]))
        configuration = Configuration.from_config(
            {**settings, "data": str(path), "references": "full", "answer": "auto", "seed": seed}
        )
        began = time.process_time()
        result = train_run(configuration, folder / "run", progress=False)
        seconds = time.process_time() - began
        figures: dict[str, dict[str, Any]] = {}
        parts = SplitTable.of(configuration)
        for task in configuration.learner.tasks:
            row = result.table.row(task.name)
            values = {"model": row.value, **row.references}
            if table != "films":
                values["LightGBM"] = lightgbm_figure(task, row.metric, parts, configuration, seed)
            figures[task.name] = {"metric": row.metric, "direction": row.direction, "values": values}
    return {"figures": figures, "seconds": seconds}


def lightgbm_figure(
    task: Task, metric: str, parts: SplitTable, configuration: Configuration, seed: int
) -> float:
    """Return the test figure of LightGBM with its defaults, stopped early on the validation rows."""
    import lightgbm

    targets = {one.name for one in configuration.learner.tasks}
    inputs = [name for name in parts.frame.columns if name not in targets and name not in parts.left_out]
    frame = parts.frame.select(
        pl.col(name).cast(pl.Categorical) if dtype == pl.String else pl.col(name)
        for name, dtype in parts.frame.select(inputs).schema.items()
    ).to_pandas()
    target = parts.frame[task.name].cast(pl.Float64).to_numpy()
    rows = {part: own[np.isfinite(target[own])] for part, own in parts.rows.items()}
    kind = lightgbm.LGBMClassifier if metric == "auroc" else lightgbm.LGBMRegressor
    model = kind(n_estimators=1000, random_state=seed, n_jobs=1, verbose=-1)
    train, validation, test = (rows[part] for part in ("train", "validation", "test"))
    model.fit(
        frame.iloc[train],
        target[train],
        eval_set=[(frame.iloc[validation], target[validation])],
        callbacks=[lightgbm.early_stopping(50, verbose=False)],
    )
    if metric == "auroc":
        return float(roc_auc_score(target[test], model.predict_proba(frame.iloc[test])[:, 1]))
    error = model.predict(frame.iloc[test]) - target[test]
    return float(np.sqrt(np.mean(error**2)) if metric == "rmse" else np.mean(np.abs(error)))


def shown(fits: Sequence[dict[str, Any]]) -> str:
    """Return a table of tasks and contenders, and how far whoever is best lies before the others."""
    rows = []
    for table in dict.fromkeys(one["table"] for one in fits):
        own = [one["figures"] for one in fits if one["table"] == table]
        for task, first in own[0].items():
            values = {name: [one[task]["values"].get(key) for one in own] for name, key in SHOWN.items()}
            cells = ["" if None in found else interval(found) for found in values.values()]
            sign = "↑" if first["direction"] == "max" else "↓"
            rows.append([table, f"{task} ({first['metric']} {sign})", str(len(own)), *cells])
    return markdown(["table", "task", "seeds", *SHOWN], rows)


def main() -> None:
    """Fit what is not fitted yet, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="*", choices=list(TABLES))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of enb/ and adult/")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--results", type=Path, help="file of the fits, one a line")
    parser.add_argument("--table", action="store_true", help="print the figures as Markdown")
    given = parser.parse_args()
    torch.set_num_threads(1)
    kept = KeptFits(given.results, ("table", "seed"))
    for seed in range(given.seeds):
        for table in given.tables:
            kept.make(
                {"table": table, "seed": seed},
                lambda table=table, seed=seed: fit(table, seed, given.data),
            )
    if given.table:
        print(shown(kept.fits))


if __name__ == "__main__":
    main()
