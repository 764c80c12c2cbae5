"""Rows with their true tags beside the predicted ones, to be read by a person."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from cotrain._base import numpy_generator
from cotrain._base._ragged import Ragged, labelled_rows
from cotrain.cotraining._entries import of_lengths
from cotrain.data.columns import Words
from cotrain.data.columns._word_lists import word_lists
from cotrain.learner import Learner
from cotrain.tasks import EntryLabelling, Task

#: Rows that are looked at, shown of each kind, and words of a row at most: more are not read.
LOOKED_AT, SHOWN, MOST_WORDS = 1000, 3, 40


def sentences_of(learner: Learner, test: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Return for each task of tags some sentences of a table with their true and predicted tags.

    Of up to 1,000 labelled rows drawn by lot, none longer than 40 words, these are the three of which the
    largest share of words is wrong ("worst") and three of which it is nearest to the median ("typical").

    Args:
        learner: fitted.
        test: rows with labels.

    Returns:
        task -> sentences with words, true tags ("" where there is none) and predicted ones; tasks without
        such rows are left out.
    """
    found = {}
    schema = learner.preprocessor.schema
    columns = {} if schema is None else {one.name: one for one in schema.columns if isinstance(one, Words)}
    for task in learner.preprocessor.tasks:
        labelling = task.entry_labelling()
        column = task.position_column or next(iter(columns), "")
        if labelling is not None and task.per_position and column in columns:
            rows = _rows(task, labelling, columns[column], learner, test)
            if rows:
                found[task.name] = _chosen(rows)
    return found


def _rows(
    task: Task, labelling: EntryLabelling, column: Words, learner: Learner, test: pl.DataFrame
) -> list[dict[str, Any]]:
    """Return the rows that are looked at."""
    _, mask = task.encode(test)
    if not isinstance(mask, Ragged):
        return []
    split = "spaces" if column.split == "auto" else column.split
    words = word_lists(test[column.name], split)
    short = (words.list.len().fill_null(0) <= MOST_WORDS).to_numpy()
    labelled = np.flatnonzero(labelled_rows(mask).numpy() & short)
    if not len(labelled):
        return []
    drawn = numpy_generator("sentences", task.name).permutation(labelled)[:LOOKED_AT]
    table = test[np.sort(drawn)]
    output = learner.outputs(table)[task.name]
    targets, mask = task.encode(table)
    if not isinstance(output, Ragged) or not isinstance(targets, Ragged):
        return []
    predicted = iter(task.pseudo_label(output))
    true, known = (iter(of_lengths(leaf, output.lengths)) for leaf in (targets, mask))
    names = [*labelling.classes, "never seen", "never seen"]
    return [
        {
            "words": [word or "" for word in row or []],
            "true": [
                names[min(code, len(names) - 1)] if there else "" for code, there in zip(t, k, strict=True)
            ],
            "predicted": [names[code] for code in p],
        }
        for row, t, k, p in zip(
            words[np.sort(drawn)].to_list(),
            (codes.tolist() for codes in true),
            (codes.tolist() for codes in known),
            (codes.tolist() for codes in predicted),
            strict=True,
        )
        if row and len(row) == len(p)
    ]


def _chosen(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the worst and some typical rows, each saying which it is and how many words are wrong."""
    for row in rows:
        pairs = [(t, p) for t, p in zip(row["true"], row["predicted"], strict=True) if t]
        row["wrong"], row["labelled"] = sum(t != p for t, p in pairs), len(pairs)
    share = np.array([row["wrong"] / max(1, row["labelled"]) for row in rows])
    size = np.array([row["labelled"] for row in rows])
    order = np.lexsort((-size, -share))
    worst = [i for i in order[:SHOWN].tolist() if share[i] > 0]
    rest = [i for i in np.lexsort((-size, np.abs(share - np.median(share)))).tolist() if i not in worst]
    chosen = [("worst", i) for i in worst] + [("typical", i) for i in rest[:SHOWN]]
    return [{"which": which, **rows[i]} for which, i in chosen]
