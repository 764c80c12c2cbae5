"""From folders on disk to reports."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from cotrain._base import RunError
from cotrain.reporting._analysis import analysis_of
from cotrain.reporting._compare_report import comparison_report
from cotrain.reporting._run_report import run_report

REPORT = "report.html"
COTRAINING, EXAMPLES = "cotraining.json", "examples.json"


def report_of_folder(folder: Path, *, rows: bool = True) -> str:
    """Return the report on a run folder, or on the folder of a comparison, as one HTML file.

    Args:
        folder: of the run or comparison.
        rows: whether some rows of the test part are shown, with all that they have.

    Raises:
        RunError: the folder is not a finished run, or is damaged.
        MissingExtraError: the extra `report` is not installed.

    Example:
        >>> import tempfile
        >>> import polars as pl
        >>> from cotrain.comparison import train_run
        >>> from cotrain.learner import Configuration
        >>> frame = pl.DataFrame({"x": [i % 7 for i in range(80)], "price": [i % 7 + 0.5 for i in range(80)]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.write_csv(f"{folder}/table.csv")
        ...     task = {"kind": "Regression", "name": "price"}
        ...     values = {"data": f"{folder}/table.csv", "tasks": [task], "training": {"epochs": 1}}
        ...     configuration = Configuration.from_config(values)
        ...     _ = train_run(configuration, Path(folder) / "run", progress=False)
        ...     page = report_of_folder(Path(folder) / "run")
        >>> page[:15]
        '<!doctype html>'
    """
    if (folder / "results.json").is_file():
        results = _json(folder / "results.json", "")
        text = _text(folder / "config.yaml", "It is not the folder of a comparison.")
        with _explained(folder):
            return comparison_report(folder.resolve().name, results, text)
    metrics, history, config, text, cotraining = _read_run(folder)
    examples = _json(folder / EXAMPLES, "") if rows and (folder / EXAMPLES).is_file() else None
    with _explained(folder):
        return run_report(
            folder.resolve().name,
            metrics,
            history,
            config,
            config_text=text,
            cotraining=cotraining,
            examples=examples,
        )


def analysis_of_folder(folder: Path) -> dict[str, Any]:
    """Return what can be said of a run: see `analysis_of`.

    Raises:
        RunError: the folder is not a finished run, or is damaged.

    Example:
        >>> import tempfile
        >>> import polars as pl
        >>> from cotrain.comparison import train_run
        >>> from cotrain.learner import Configuration
        >>> frame = pl.DataFrame({"x": [i % 7 for i in range(80)], "price": [i % 7 + 0.5 for i in range(80)]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.write_csv(f"{folder}/table.csv")
        ...     task = {"kind": "Regression", "name": "price"}
        ...     values = {"data": f"{folder}/table.csv", "tasks": [task], "training": {"epochs": 1}}
        ...     configuration = Configuration.from_config(values)
        ...     _ = train_run(configuration, Path(folder) / "run", progress=False)
        ...     analysis = analysis_of_folder(Path(folder) / "run")
        >>> analysis["tasks"]
        ['price']
    """
    if (folder / "results.json").is_file() and not (folder / "metrics.json").is_file():
        raise RunError(
            f"{folder} holds a comparison, which keeps no gradients: train the way that you want to analyze "
            "with cotrain train, or read the comparison with cotrain report."
        )
    metrics, history, config, _, cotraining = _read_run(folder)
    with _explained(folder):
        return analysis_of(history, metrics, config, cotraining)


def _read_run(folder: Path) -> tuple[Any, list[Any], Any, str, Any]:
    metrics = _json(folder / "metrics.json", "The run has not finished: go on with cotrain train --resume.")
    text = _text(folder / "config.yaml", "It is not a run folder.")
    lines = _text(folder / "history.jsonl", "The run has not finished.").splitlines()
    cotraining = _json(folder / COTRAINING, "") if (folder / COTRAINING).is_file() else None
    with _explained(folder):
        # The rounds of co-training stand there too; the curves are of epochs.
        history = [record for record in map(json.loads, lines) if "epoch" in record]
        return metrics, history, yaml.safe_load(text) or {}, text, cotraining


@contextmanager
def _explained(folder: Path) -> Generator[None]:
    try:
        yield
    except (yaml.YAMLError, LookupError, ValueError, TypeError, AttributeError) as error:
        raise RunError(
            f"{folder} is damaged or of another version ({type(error).__name__}: {error}): train again."
        ) from error


def _json(path: Path, hint: str) -> Any:
    try:
        return json.loads(_text(path, hint))
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is damaged ({error}): make it again.") from error


def _text(path: Path, hint: str) -> str:
    if not path.parent.is_dir():
        raise RunError(f"There is no folder {path.parent}.")
    if not path.is_file():
        raise RunError(f"{path} does not exist. {hint}")
    return path.read_text(encoding="utf-8")
