"""A first configuration for a table, and why it looks as it does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, final

import polars as pl
import yaml

from cotrain.data import Schema, infer_tasks, read_table

_SPLIT_NAMES = ("split", "fold", "part", "set")
_SPLIT_VALUES = {"train", "training", "val", "valid", "validation", "dev", "test"}


@final
@dataclass(frozen=True)
class Proposal:
    """What `cotrain init` found.

    Args:
        config: a complete configuration as plain values.
        tasks: one record per target: name, kind, why, labelled rows and their share.
        columns: one record per other column: column, kind, why, distinct, missing, example.
    """

    config: dict[str, Any]
    tasks: list[dict[str, Any]]
    columns: list[dict[str, Any]]

    @classmethod
    def of_table(
        cls, data: str, targets: Sequence[str], *, query: str | None = None, relative_to: Path = Path()
    ) -> Self:
        """Look at a table.

        Args:
            data: path to it.
            targets: names of the target columns.
            query: for a database: a SELECT statement or the name of a table.
            relative_to: folder of the configuration file, from which it will name the table.

        Raises:
            DataError: the table cannot be read, or a target cannot be learned.
        """
        frame = read_table(data, query)
        guesses = infer_tasks(frame, targets)
        split = next(
            (
                name
                for name in frame.columns
                if name.lower() in _SPLIT_NAMES
                and set(frame[name].drop_nulls().cast(pl.String, strict=False).str.to_lowercase())
                <= _SPLIT_VALUES
            ),
            None,
        )
        left_out = [*targets, *([split] if split else [])]
        notes = Schema.infer(frame, exclude=left_out).describe()
        config: dict[str, Any] = {"data": os.path.relpath(data, relative_to)}
        if query is not None:
            config["query"] = query
        config["split"] = {"column": split} if split else {"validation": 0.1, "test": 0.2}
        config["tasks"] = [{"kind": guess.kind, "name": guess.name, **guess.options} for guess in guesses]
        config["columns"] = {note.column: note.kind for note in notes}
        config |= {"sharing": "HardSharing", "balancer": "ReferenceScaled"}
        config |= {"training": {"epochs": 20}, "references": "trees", "seed": 0}
        tasks = [
            {
                "name": guess.name,
                "kind": guess.kind,
                "why": guess.why,
                "labelled": guess.labelled,
                "share": guess.labelled / frame.height,
            }
            for guess in guesses
        ]
        return cls(config, tasks, [asdict(note) for note in notes])

    def to_yaml(self) -> str:
        """Return the configuration file, with a comment beside every task."""
        lines = ["# Made by cotrain init. Change what is wrong; cotrain check looks at the data.", ""]
        rest = dict(self.config)
        tasks = rest.pop("tasks")
        head = {key: rest.pop(key) for key in ("data", "query", "split") if key in rest}
        lines.append(_dump(head))
        lines.append("tasks:")
        for task, record in zip(tasks, self.tasks, strict=True):
            inline = yaml.safe_dump(
                task, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
            )
            why = " ".join(record["why"].split())
            lines.append(f"  - {inline.strip()}  # {record['share']:.0%} labelled; {why}")
        lines.append("")
        lines.append(
            "# Kinds of input columns: number, category, tags, text, date, boolean; drop leaves one out."
        )
        lines.append(_dump({"columns": rest.pop("columns")}))
        lines.append(_dump(rest))
        return "\n".join(lines)


def _dump(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
