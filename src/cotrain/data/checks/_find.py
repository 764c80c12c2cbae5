"""Every check in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cotrain.data._schema import Schema
from cotrain.data.checks._base import Problem, read_labels
from cotrain.data.checks._classes import check_classes
from cotrain.data.checks._columns import check_columns
from cotrain.data.checks._coverage import check_coverage
from cotrain.data.checks._cut import check_cut
from cotrain.data.checks._drift import check_drift
from cotrain.data.checks._duplicates import check_duplicates
from cotrain.data.checks._groups import check_groups
from cotrain.data.checks._leakage import check_leakage
from cotrain.data.checks._sources import check_sources
from cotrain.data.checks._weights import check_weights
from cotrain.tasks import Task

_ORDER = ("error", "warning", "note")


def find_problems(
    frame: pl.DataFrame,
    tasks: Sequence[Task],
    schema: Schema,
    parts: Mapping[str, np.ndarray] | None = None,
    *,
    sources: Mapping[str, np.ndarray] | None = None,
) -> list[Problem]:
    """Return what deserves attention in a table, the gravest first.

    Args:
        frame: the whole table.
        tasks: they are not changed.
        schema: the columns that go in; need not be fitted.
        parts: from `split_rows`; without it nothing is compared between the parts.
        sources: source -> its row numbers, where there are several.

    Example:
        >>> from cotrain.tasks import Binary
        >>> frame = pl.DataFrame({"x": [1.5, 2.5, 3.5, 4.5] * 30, "sold": [0, 1, 1, None] * 30})
        >>> problems = find_problems(frame, [Binary("sold")], Schema.infer(frame, exclude=["sold"]))
        >>> sorted({problem.check for problem in problems})
        ['classes', 'coverage', 'leakage']
    """
    labels, problems = read_labels(frame, tasks)
    inputs = [column.name for column in schema.columns]
    problems += check_coverage(labels)
    problems += check_classes(labels)
    problems += check_columns(schema.describe())
    problems += check_cut(frame, schema.columns)
    problems += check_weights(frame, inputs)
    problems += check_leakage(frame, labels, inputs)
    problems += check_sources(frame, labels, inputs, sources or {})
    if parts is not None:
        problems += check_duplicates(frame, inputs, parts)
        problems += check_drift(frame, inputs, parts)
        problems += check_groups(frame, labels, parts)
    return sorted(problems, key=lambda problem: _ORDER.index(problem.severity))
