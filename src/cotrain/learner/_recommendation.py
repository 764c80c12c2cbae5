"""A first configuration for a table, and why it looks as it does."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self, final

import polars as pl
import yaml

from cotrain._base import DataError
from cotrain.data import Schema, TypedTable, infer_tasks, match_columns
from cotrain.learner._configuration import Configuration
from cotrain.learner._gradient_probe import GradientProbe
from cotrain.learner._sizing import sharing, sizes, sizes_sentence

_SPLIT_NAMES = ("split", "fold", "part", "set")
_SPLIT_VALUES = {"train", "training", "val", "valid", "validation", "dev", "test"}


@final
@dataclass(frozen=True)
class Recommendation:
    """What `cotrain init` found.

    Args:
        config: a complete configuration as plain values.
        tasks: one record per target: name, kind, why, labelled rows and their share.
        columns: one record per other column: column, kind, why, distinct, missing, example.
        why: two sentences on the way of sharing and the sizes.

    Example:
        >>> import tempfile
        >>> frame = pl.DataFrame({"x": [i % 7 for i in range(80)], "price": [i % 7 + 0.5 for i in range(80)]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     frame.write_csv(f"{folder}/table.csv")
        ...     found = Recommendation.of_table(f"{folder}/table.csv", ["price"], probe=False)
        >>> found.tasks[0]["name"], found.columns[0]["column"]
        ('price', 'x')
    """

    config: dict[str, Any]
    tasks: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    why: str

    @classmethod
    def of_table(
        cls,
        data: str,
        targets: Sequence[str],
        *,
        query: str | None = None,
        relative_to: Path = Path(),
        probe: bool = True,
    ) -> Self:
        """Look at a table.

        Args:
            data: path to it.
            targets: names of the target columns, or patterns; see `match_columns`.
            query: for a database: a SELECT statement or the name of a table.
            relative_to: folder of the configuration file, from which it will name the table.
            probe: whether to train for some steps, seconds, and see whether the tasks get along.

        Raises:
            DataError: the table cannot be read, or a target cannot be learned.
        """
        table = TypedTable.read(data, query)
        frame = table.frame
        targets = match_columns(targets, frame.columns)
        guesses = infer_tasks(frame, targets)
        split = _split_column(frame)
        left_out = [*targets, *([split] if split else [])]
        notes = Schema.infer(frame, exclude=left_out, types=table.types, ask=False).describe()
        config: dict[str, Any] = {"data": os.path.relpath(data, relative_to)}
        if query is not None:
            config["query"] = query
        config["split"] = {"column": split} if split else {"validation": 0.1, "test": 0.2}
        config["tasks"] = [{"kind": guess.kind, "name": guess.name, **guess.options} for guess in guesses]
        config["columns"] = {note.column: note.kind for note in notes}
        train = (
            frame
            if split is None
            else frame.filter(pl.col(split).str.to_lowercase().str.starts_with("train"))
        )
        n_labelled = train.filter(pl.any_horizontal(pl.col(list(targets)).is_not_null())).height
        options = sizes(n_labelled, words=any(note.kind == "words" for note in notes))
        config |= {"encoder": options["encoder"], "sharing": "HardSharing", "balancer": "ReferenceScaled"}
        config |= {"training": options["training"], "references": "trees", "seed": 0}
        seen = _probed(config, train, [split] if split else []) if probe and len(guesses) > 1 else None
        config["sharing"], why = sharing(guesses, seen)
        why = f"{why} {sizes_sentence(guesses, frame.height, n_labelled, options)}"
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
        return cls(config, tasks, [asdict(note) for note in notes], " ".join(why.split()))

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
        lines += textwrap.wrap(self.why, 108, initial_indent="# ", subsequent_indent="# ")
        lines.append(_dump(rest))
        return "\n".join(lines)


def _split_column(frame: pl.DataFrame) -> str | None:
    """Return the column that says which rows are for training, if there is one."""
    for name in frame.columns:
        named = name.lower() in _SPLIT_NAMES and frame.schema[name] == pl.String
        if named and set(frame[name].drop_nulls().str.to_lowercase()) <= _SPLIT_VALUES:
            return name
    return None


def _probed(config: dict[str, Any], train: pl.DataFrame, left_out: Sequence[str]) -> GradientProbe | None:
    try:
        return GradientProbe.of(Configuration.from_config(config).learner, train, left_out=left_out)
    except DataError:
        # Too few labels in the sample: training, on all rows, will say what is wrong if anything is.
        return None


def _dump(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
