"""Whether a row has as many tags as the words that they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import RowError
from cotrain._base._ragged import Ragged
from cotrain.data.columns import Column
from cotrain.tasks import Task


def require_entry_a_word(
    tasks: Sequence[Task],
    columns: Sequence[Column],
    frame: pl.DataFrame,
    coded: Mapping[str, tuple[Any, Any]],
) -> None:
    """Raise `DataError` if a row has more or fewer entries than words, for tasks that have one a word.

    What is too much would be left out, and the rest be learned of the wrong words. How a text is split is
    known here alone: a task sees its own column.

    Args:
        tasks: of which those count that have an entry for each position of a column of words.
        columns: fitted input columns.
        frame: the rows.
        coded: task -> targets and mask; rows without a label are not looked at.
    """
    tasks = [task for task in tasks if task.reads == "positions" and task.per_position]
    tasks = [task for task in tasks if task.prenet(1) is None and isinstance(coded[task.name][0], Ragged)]
    counts: dict[str, np.ndarray] = {}
    for column in columns if tasks else []:
        found = column.word_counts(frame[column.name])
        if found is not None:
            counts[column.name] = found
    for task in tasks:
        name = task.position_column or (next(iter(counts)) if len(counts) == 1 else "")
        if name not in counts:
            continue
        targets, mask = coded[task.name]
        known = np.zeros(len(targets), bool)
        known[targets.row_of_entry[mask.values > 0].numpy()] = True
        n_words, n_entries = counts[name], targets.lengths.numpy()
        wrong = np.flatnonzero(known & (n_words != n_entries)).tolist()
        if wrong:
            row, more = wrong[0], len(wrong) - 1
            raise RowError(
                f"Task {task.name!r}: row {{row}} has {int(n_entries[row])} entries in {task.columns[0]!r} "
                f"for {int(n_words[row])} words in {name!r}"
                + (f", and {more} more rows differ" if more else "")
                + ": give one a word, null where it is not known"
                + ("." if isinstance(frame.schema[name], pl.List) else _how_to_split(name)),
                row,
            )


def _how_to_split(name: str) -> str:
    return (
        f", or say how the text is split: columns: {{{name}: {{kind: words, split: spaces}}}} does it at "
        "blanks alone."
    )
