"""From folders on disk to reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from cotrain._base import RunError
from cotrain.reporting._run_report import run_report

REPORT = "report.html"


def report_of_folder(folder: Path) -> str:
    """Return the report on a run folder as one HTML file.

    Raises:
        RunError: the folder is not a finished run, or is damaged.
        MissingExtraError: the extra `report` is not installed.
    """
    metrics = _json(folder / "metrics.json", "The run has not finished: go on with cotrain train --resume.")
    text = _text(folder / "config.yaml", "It is not a run folder.")
    lines = _text(folder / "history.jsonl", "The run has not finished.").splitlines()
    try:
        # The rounds of co-training stand there too; the curves are of epochs.
        history = [record for record in map(json.loads, lines) if "epoch" in record]
        return run_report(folder.resolve().name, metrics, history, yaml.safe_load(text), text)
    except (json.JSONDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
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
