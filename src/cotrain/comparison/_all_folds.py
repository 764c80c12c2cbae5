"""What the folds of a cross-validation say of all rows together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cotrain.comparison._checked_files import read_arrays, read_record, write_arrays, write_record
from cotrain.comparison._entry import Entry
from cotrain.comparison._grid import short_key


def of_all_folds(by_fold: Sequence[Sequence[Entry]], folder: Path) -> list[Entry]:
    """Return each method once, with its scores on the test rows of all folds one after the other.

    Args:
        by_fold: the methods as each fold knows them, in the same order.
        folder: of the comparison.
    """
    return [_joined(entries, folder) for entries in zip(*by_fold, strict=True)]


def _joined(entries: Sequence[Entry], folder: Path) -> Entry:
    first = entries[0]
    if len(entries) == 1:
        return first
    joined = Entry(first.method, first.is_reference, n_folds=len(entries))
    for number, entry in enumerate(entries, start=1):
        if entry.failed is not None and joined.failed is None:
            joined.failed = f"fold {number}: {entry.failed}"
        joined.seconds += entry.seconds
        for name in ("learning_rates", "unfinished", "curves"):
            for key, values in getattr(entry, name).items():
                getattr(joined, name).setdefault(key, []).extend(values)
        for of, tried in entry.sweeps.items():
            for rate, scores in tried.items():
                joined.sweeps.setdefault(of, {}).setdefault(rate, []).extend(scores)
        for seed, scores in entry.scores.items():
            joined.scores.setdefault(seed, []).extend(scores)
    joined.models = first.models
    if joined.failed is None:
        joined.arrays = _written([entry.arrays for entry in entries], folder / "test")
        joined.answers = _answers([entry.answers for entry in entries], folder / "answers")
    return joined


def _written(paths: Sequence[Path | None], folder: Path) -> Path | None:
    """Write the scores of all folds below one another; nothing where the test rows are not yet read."""
    known = [path for path in paths if path is not None]
    if len(known) < len(paths):
        return None
    joined = folder / f"{short_key([path.name for path in known], folder)}.npz"
    if not joined.exists():
        arrays = [read_arrays(path) for path in known]
        write_arrays(joined, {key: np.concatenate([of[key] for of in arrays]) for key in arrays[0]})
    return joined


def _answers(paths: Sequence[Path | None], folder: Path) -> Path | None:
    """Write who answers at each seed of each fold; nothing where nobody was chosen."""
    known = [path for path in paths if path is not None]
    if len(known) < len(paths):
        return None
    joined = folder / f"{short_key([path.name for path in known], folder)}.json"
    if not joined.exists():
        write_record(joined, {"seeds": [seed for path in known for seed in read_record(path)["seeds"]]})
    return joined
