"""How much worse each task gets when one column is shuffled among the rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from cotrain._base import numpy_generator
from cotrain.learner import Learner

#: Rows that are looked at, columns that are shuffled, and how often each: at most 30 · 3 · 300 rows go
#: through the networks, some seconds for a table.
ROWS, COLUMNS, REPEATS = 300, 30, 3
#: Larger networks, such as those that read texts with a language model, would take minutes for it.
MOST_PARAMETERS = 5_000_000


def importance_of(learner: Learner, rows: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return the permutation importance of the input columns for each task.

        importance of a column = figure of the rows as they are - figure with the column shuffled,

    with the sign turned so that a positive number says that the task needs the column. It is that of
    what answers, on these rows: of two columns that say the same, either may seem to be of no use, and a
    cause it is not.

    Source: Breiman, "Random Forests", 2001, https://doi.org/10.1023/A:1010933404324; Fisher, Rudin and
    Dominici, "All Models are Wrong, but Many are Useful", 2019, https://arxiv.org/abs/1801.01489.

    Args:
        learner: fitted on a table.
        rows: with labels; up to 300 are drawn by lot.

    Returns:
        task -> metric, and columns: a name and the importance in each of three shuffles, none of words that
        a task has labels for. Empty where there is no such column, or inputs
        are pictures or sounds, come from several sources, or the networks are large.
    """
    schema = learner.preprocessor.schema
    if schema is None or rows.height < 2 or any(one.picture or one.sound_rate for one in schema.columns):
        return {}
    if _n_parameters(learner) > MOST_PARAMETERS:
        return {}
    drawn = numpy_generator("importance").permutation(rows.height)[:ROWS]
    table = rows[np.sort(drawn)]
    if learner.preprocessor.examples(table).sources is not None:
        return {}
    # Words that have labels of their own are not shuffled: the labels would be those of other words.
    tagged = any(task.reads == "positions" and task.per_position for task in learner.preprocessor.tasks)
    names = [
        one.name
        for one in schema.columns
        if one.name in table.columns and not (tagged and one.word_counts(table[one.name]) is not None)
    ][:COLUMNS]
    base = _values(learner, table) if names else {}
    found: dict[str, dict[str, Any]] = {
        task: {"metric": metric, "value": value, "columns": []} for task, (metric, value, _) in base.items()
    }
    for name in names:
        drops: dict[str, list[float]] = {task: [] for task in base}
        for repeat in range(REPEATS):
            order = numpy_generator("importance", name, repeat).permutation(table.height)
            shuffled = _values(learner, table.with_columns(table[name][order]))
            for task, (_, value, sign) in base.items():
                if task in shuffled:
                    drops[task].append(sign * (value - shuffled[task][1]))
        for task, of in drops.items():
            if len(of) == REPEATS:
                found[task]["columns"].append({"column": name, "drops": of})
    return found


def _values(learner: Learner, table: pl.DataFrame) -> dict[str, tuple[str, float, float]]:
    """Return metric, value and sign (1: larger is better) of each task that has a value on these rows."""
    found = {}
    for name, records in learner.fitted.evaluation(table).records.items():
        metric = records.task.chosen_metrics()[0]
        value = records.value(metric)
        if np.isfinite(value):
            found[name] = (metric.name, float(value), 1.0 if metric.direction == "max" else -1.0)
    return found


def _n_parameters(learner: Learner) -> int:
    return sum(tensor.numel() for weights in learner.fitted.networks.weights for tensor in weights.values())
