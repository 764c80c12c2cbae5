"""Columns of y: what is a label, and what says that there is none."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np

from cotrain._base import DataError

#: What a marker of an unlabelled row becomes where an array makes words of everything.
_WORDS_FROM_MARKERS = ("-1", "-1.0", "nan", "NaN", "None", "<NA>", "NaT")


def columns_of(y: Any) -> tuple[np.ndarray, list[str]]:
    """Return y as [N, K], and the names of its columns.

    A list, or a column of pandas' nullable types, is taken value by value, so that −1, NaN, None and pd.NA
    among words, truth values or whole numbers stay what they are, and these too: as floats, whole numbers
    above 2^53 would become others. A masked cell is None.

    Args:
        y: [N] or [N, K] array, list, series or frame.

    Raises:
        DataError: y is of another shape, complex or infinite, or has two columns of one name.

    Example:
        >>> columns_of(["yes", -1, None])[0][:, 0].tolist()
        ['yes', -1, None]
    """
    values = _plain_array(y)
    if values.ndim not in (1, 2):
        raise DataError(f"y has the shape {values.shape}: expected [n], or [n, K] for K tasks.")
    if np.iscomplexobj(values):
        raise DataError("Complex data not supported: y holds complex numbers.")
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise DataError(
            f"Input y contains infinity in {int(np.isinf(values).sum())} cells: expected labels, and NaN "
            "where unlabelled."
        )
    if values.ndim == 1:
        return values[:, None], ["y"]
    names = [str(name) for name in getattr(y, "column_names", getattr(y, "columns", []))]
    require_distinct(names, "y")
    return values, names or [f"y{i}" for i in range(values.shape[1])]


def require_distinct(names: Sequence[str], what: str) -> None:
    """Refuse two columns of one name, of which one would stand for both.

    Args:
        names: of the columns, as text.
        what: whose columns they are.

    Raises:
        DataError: a name comes twice.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"{what} has several columns named {twice!r}: give each column a name of its own.")


def unlabelled(y: np.ndarray) -> np.ndarray:
    """Return where a column of labels says −1, NaN, NaT, None or pd.NA, bool [n].

    Example:
        >>> unlabelled(np.array(["a", None, -1, float("nan")], dtype=object)).tolist()
        [False, True, True, True]
    """
    if y.dtype.kind == "O":
        return np.array([_is_marker(value) for value in y], dtype=bool)
    if y.dtype.kind == "f":
        return np.isnan(y) | (y == -1)
    if y.dtype.kind in "mM":
        return np.isnat(y)
    return y == -1 if y.dtype.kind == "i" else np.zeros(len(y), dtype=bool)


def units_of(groups: Any, n: int) -> np.ndarray:
    """Return numbers of the groups, int64 [n]; −1: the row has none, and stands for itself.

    Args:
        groups: [n] names or numbers, None or NaN where there is none.
        n: number of rows.

    Raises:
        DataError: there is not one group for each row.

    Example:
        >>> units_of(["a", None, "b", "a"], 4).tolist()
        [0, -1, 1, 0]
    """
    columns, _ = columns_of(groups)
    if columns.shape != (n, 1):
        raise DataError(f"groups has the shape {columns.shape}: expected one group for each of the {n} rows.")
    numbers: dict[Any, int] = {}
    return np.array(
        [-1 if _is_missing(one) else numbers.setdefault(one, len(numbers)) for one in columns[:, 0]],
        dtype=np.int64,
    )


def check_labels(name: str, labels: np.ndarray, *, marked: bool) -> None:
    """Refuse words that were markers once, and warn where −1 seems to be meant as a class.

    Args:
        name: of the task.
        labels: those of the labelled rows.
        marked: whether some rows have the number −1.

    Raises:
        DataError: a label is the word "-1", "nan" or the like, or words stand beside other labels.
    """
    words = sorted({str(one) for one in labels if isinstance(one, str) and one in _WORDS_FROM_MARKERS})
    if words:
        raise DataError(
            f"Task {name!r} has the word {words[0]!r} among its labels, which is what an array of words "
            "makes of a marker: give y with dtype=object and None where a row is unlabelled, or rename the "
            "class."
        )
    known = [isinstance(one, str) for one in labels] if labels.dtype.kind == "O" else []
    if any(known) and not all(known):
        word, other = labels[known.index(True)], labels[known.index(False)]
        raise DataError(
            f"Task {name!r} has words and other values among its labels, such as {word!r} and {other!r}: "
            "give all classes one type."
        )
    if marked and labels.dtype.kind in "if" and set(np.unique(labels).tolist()) == {1}:
        warnings.warn(
            f"Task {name!r} holds only -1 and 1, and -1 means unlabelled: all labelled rows are of class 1, "
            "so that is the answer everywhere. If -1 is a class, name the classes 0 and 1.",
            UserWarning,
            stacklevel=4,
        )


def _plain_array(y: Any) -> np.ndarray:
    if isinstance(y, np.ma.MaskedArray):
        y = y.tolist()
    if isinstance(y, np.ndarray):
        return y
    if hasattr(y, "to_numpy") and _is_plain(y):
        return np.asarray(y)
    values = np.asarray(y.to_numpy(dtype=object) if hasattr(y, "iloc") else _cells(y), dtype=object)
    missing = np.array([_is_missing(one) for one in values.ravel()], dtype=bool).reshape(values.shape)
    present = values[~missing].ravel().tolist()
    if any(isinstance(one, str) for one in present):
        values = values.copy()
        values[missing] = None
        return values
    if not missing.any():
        return np.asarray(values.tolist()) if values.size else values
    if all(isinstance(one, bool | int | np.bool_ | np.integer) for one in present):
        values = values.copy()
        values[missing] = None
        return values
    try:
        return np.where(missing, np.nan, values).astype(np.float64)
    except (TypeError, ValueError):
        return values


def _cells(y: Any) -> Any:
    """Return the values of a series, or of the rows of a frame, as Python has them; all else as it is."""
    table = nw.from_native(y, pass_through=True, eager_only=True, allow_series=True)
    if isinstance(table, nw.Series):
        return table.to_list()
    if isinstance(table, nw.DataFrame):
        return table.rows()
    return y.to_pylist() if hasattr(y, "to_pylist") else y


def _is_plain(y: Any) -> bool:
    """Say whether all columns of a frame or series are NumPy's own and hold no words."""
    kinds = getattr(y, "dtypes", getattr(y, "dtype", None))
    columns = kinds if isinstance(kinds, list) else getattr(kinds, "tolist", lambda: [kinds])()
    return all(isinstance(one, np.dtype) and one.kind != "O" for one in columns)


def _is_missing(value: Any) -> bool:
    """Say whether a value is None, NaN, NaT or pd.NA, which is neither equal nor unequal to anything."""
    return value is None or type(value).__name__ in ("NAType", "NaTType") or bool(value != value)


def _is_marker(value: Any) -> bool:
    if _is_missing(value):
        return True
    # A word never equals a number, and False is a class.
    return not isinstance(value, str | bool | np.bool_) and bool(value == -1)
