"""A first configuration for a table, and why it looks as it does."""

from __future__ import annotations

import copy
import os
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self, final

import polars as pl
import yaml

from cotrain._base import DataError
from cotrain.data import Schema, infer_tasks, kind_names, match_columns, read_cells, split_rows, strata
from cotrain.data._schema import DROP
from cotrain.data._task_guess import TaskGuess
from cotrain.data.checks import check_groups, read_labels
from cotrain.data.checks._groups import group_columns
from cotrain.data.checks._weights import sentence as of_weights
from cotrain.data.checks._weights import weight_columns
from cotrain.data.sources import read_sources
from cotrain.learner._configuration import Configuration, Paths, TablePaths, each_path, override
from cotrain.learner._gradient_probe import GradientProbe
from cotrain.learner._sizing import sharing, sizes, sizes_sentence, unlabelled_sentence

_SPLIT_NAMES = ("split", "fold", "part", "set")
_SPLIT_VALUES = {"train", "training", "val", "valid", "validation", "dev", "test"}


@final
@dataclass(frozen=True)
class Recommendation:
    """What `cotrain init` found.

    Args:
        config: a complete configuration as plain values.
        tasks: one record per target: name, kind, why, labelled training rows and their share; where no column
            says which rows are for training, of all rows.
        columns: one record per other column: column, kind, why, distinct, missing, example.
        why: sentences on the way of sharing and the sizes, and what columns to look at before training.

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
        data: Paths,
        targets: Sequence[str],
        *,
        query: str | None = None,
        relative_to: Path = Path(),
        probe: bool = True,
    ) -> Self:
        """Look at a table, or at several.

        Args:
            data: path to it, or those of its files; or source -> that, for several tables with targets of
                their own.
            targets: names of the target columns, or patterns; see `match_columns`.
            query: for a database: a SELECT statement or the name of a table.
            relative_to: folder of the configuration file, from which it will name the table.
            probe: whether to train for some steps, seconds, and see whether the tasks get along.

        Raises:
            DataError: the table cannot be read, or a target cannot be learned.
        """
        if isinstance(data, Mapping) and query is not None:
            raise DataError("A query goes with one database, not with several sources: leave it out.")
        kinds = _words_in_lists_and_text(data) if isinstance(data, Mapping) else {}
        table = read_sources(data, query=query, kinds=kinds)
        frame = table.frame
        targets = match_columns(targets, frame.columns)
        guesses = infer_tasks(frame, targets)
        split = _split_column(frame)
        no_inputs = [name for name in (split, table.source) if name is not None]
        notes = Schema.infer(
            frame,
            exclude=[*targets, *no_inputs],
            overrides=kinds,
            types=table.types,
            numbered=table.numbered,
            ask=False,
        ).describe()
        config: dict[str, Any] = {"data": each_path(data, lambda path: os.path.relpath(path, relative_to))}
        if query is not None:
            config["query"] = query
        config["split"] = {"column": split} if split else {"validation": 0.1, "test": 0.2}
        config["tasks"] = [{"kind": guess.kind, "name": guess.name, **guess.options} for guess in guesses]
        beside = {column for guess in guesses for column in guess.beside}
        notes = [replace(note, kind=DROP) if note.column in beside else note for note in notes]
        config["columns"] = {note.column: note.kind for note in notes}
        train = _training_rows(frame, split)
        n_labelled = train.filter(pl.any_horizontal(pl.col(list(targets)).is_not_null())).height
        # What is labelled for the validation and the test teaches nothing.
        guesses = [replace(one, labelled=train.height - train[one.name].null_count()) for one in guesses]
        kinds_seen = {note.kind for note in notes}
        files = bool(kinds_seen & {"picture", "sound"})
        options = sizes(n_labelled, words="words" in kinds_seen, files=files)
        if table.source is not None:
            config["mixing"] = "Proportional"
        if "encoder" in options:
            config["encoder"] = options["encoder"]
        config |= {"sharing": "HardSharing", "balancer": "ReferenceScaled"}
        # Trees of pixels take minutes and are no opponent.
        trees = [] if "picture" in kinds_seen else ["trees"]
        config |= {"training": options["training"], "references": "trees" if trees else "constant", "seed": 0}
        if len(guesses) > 1:
            # What a verdict needs, at the least cost: the learning rate that is best at the first seed.
            config["compare"] = {"seeds": 5, "references": [*trees, "single_task"], "sweep": "first_seed"}
        seen = _probed(config, train, no_inputs) if probe and len(guesses) > 1 else None
        config["sharing"], why = sharing(guesses, seen)
        read = [note.column for note in notes if note.kind != DROP]
        sentences = [
            why,
            sizes_sentence(guesses, train.height, n_labelled, options),
            unlabelled_sentence(n_labelled, train.height - n_labelled),
            *(of_weights(name) for name in weight_columns(frame, read)),
            *_torn_groups(config, frame, targets),
        ]
        return cls(
            config,
            _task_records(guesses, train.height),
            [asdict(note) for note in notes],
            " ".join(" ".join(sentences).split()),
        )

    def configuration(self, settings: Sequence[str] = ()) -> Configuration:
        """Return the job that the file describes, for a table given relative to the working directory.

        Args:
            settings: "key=value" each, as `Configuration.read` takes them.

        Raises:
            ConfigError: a key is unknown, or a value is wrong.
        """
        config = copy.deepcopy(self.config)
        for setting in settings:
            override(config, setting)
        return Configuration.from_config(config)

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
        kinds = ", ".join(kind for kind in kind_names() if kind != DROP)
        lines.append(f"# Kinds of input columns: {kinds}; drop leaves one out.")
        lines.append(_dump({"columns": rest.pop("columns")}))
        lines += textwrap.wrap(self.why, 108, initial_indent="# ", subsequent_indent="# ")
        compare = rest.pop("compare", None)
        if rest["references"] != "constant":
            lines.append(
                "# Boosted trees are scikit-learn's; with trees: lightgbm LightGBM's (extra 'trees')."
            )
        lines.append(_dump(rest))
        if compare is not None:
            lines.append("# For a verdict on learning together: cotrain compare with this file.")
            lines.append(_dump({"compare": compare}))
        return "\n".join(lines)


def _task_records(guesses: Sequence[TaskGuess], n_rows: int) -> list[dict[str, Any]]:
    """Return what is shown of each inferred task, and which share of so many rows has its label."""
    return [
        {
            "name": guess.name,
            "kind": guess.kind,
            "why": guess.why,
            "labelled": guess.labelled,
            "share": guess.labelled / max(1, n_rows),
        }
        for guess in guesses
    ]


def _words_in_lists_and_text(data: Mapping[str, TablePaths]) -> dict[str, str]:
    """Return column -> "words" for those that are lists in one source and text in another."""
    shapes: dict[str, set[bool]] = {}
    for path in data.values():
        for column in read_cells(path).iter_columns():
            if column.null_count() < len(column):
                shapes.setdefault(column.name, set()).add(column.dtype.is_nested())
    return {column: "words" for column, found in shapes.items() if len(found) > 1}


def _training_rows(frame: pl.DataFrame, split: str | None) -> pl.DataFrame:
    """Return the rows that a column of parts gives to the training; all without one."""
    return frame if split is None else frame.filter(pl.col(split).str.to_lowercase().str.starts_with("train"))


def _split_column(frame: pl.DataFrame) -> str | None:
    """Return the column that says which rows are for training, if there is one."""
    for name in frame.columns:
        named = name.lower() in _SPLIT_NAMES and frame.schema[name] == pl.String
        if named and set(frame[name].drop_nulls().str.to_lowercase()) <= _SPLIT_VALUES:
            return name
    return None


def _torn_groups(config: dict[str, Any], frame: pl.DataFrame, targets: Sequence[str]) -> list[str]:
    """Return a sentence per column of persons or things whose rows the proposed split tears apart."""
    if not group_columns(frame, targets):
        return []
    configuration = Configuration.from_config(config)
    tasks = configuration.learner.tasks
    try:
        parts = split_rows(frame, configuration.split, configuration.learner.seed, strata(frame, tasks))
        labels, _ = read_labels(frame, tasks)
    except DataError:
        # Too few rows for every part, or labels that cannot be read: training will say so.
        return []
    return [problem.sentence for problem in check_groups(frame, labels, parts)]


def _probed(config: dict[str, Any], train: pl.DataFrame, left_out: Sequence[str]) -> GradientProbe | None:
    try:
        return GradientProbe.of(Configuration.from_config(config).learner, train, left_out=left_out)
    except DataError:
        # Too few labels in the sample: training, on all rows, will say what is wrong if anything is.
        return None


def _dump(values: dict[str, Any]) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
