"""Of what type the label columns of the training frame were, so that predictions come back in it.

Classes have the very type and spelling. Numbers have the width of a column of floats; those of a column of
whole numbers stay floats, since the mean of 2 and 3 is neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, Self, final

import narwhals as nw
import polars as pl

from cotrain.data import TypedTable, to_polars
from cotrain.data._frames import native_columns
from cotrain.tasks import Task
from cotrain.tasks._target_values import key_of

#: A class as JSON holds it.
Plain = str | int | float | bool


@final
@dataclass(frozen=True)
class LabelType:
    """The type of one column of classes or of floats, and how its classes were spelled.

    Args:
        dtype: name of the polars type, such as "Int8", "Categorical" or "Date".
        spellings: class -> the value that stood for it in the frame, the most frequent one where there were
            several; a date as ISO text.
        categories: of an Enum or of a categorical column of pandas; `None` elsewhere.
        ordered: whether these are in order.
        native: what pandas calls the type; "" where the frame was not of pandas.
        unit: of a moment.
        zone: of a moment.
        number: whether it is a column of numbers to predict, not of classes.

    Example:
        >>> raw = pl.Series("grade", [" good", " good", "bad "])
        >>> label = LabelType.of(raw, raw.str.strip_chars())
        >>> label.restored(["bad", "good"]).to_list()
        ['bad ', ' good']
    """

    dtype: str
    spellings: Mapping[str, Plain]
    categories: Sequence[Plain] | None = None
    ordered: bool = False
    native: str = ""
    unit: str = "us"
    zone: str | None = None
    number: bool = False

    @classmethod
    def of_floats(cls, raw: pl.Series, native: Any = None) -> Self:
        """Look at a column of floats.

        Args:
            raw: as the frame has it.
            native: the pandas column, if it is one.
        """
        kept = "" if native is None else str(native.dtype)
        return cls(type(raw.dtype).__name__, {}, native=kept, number=True)

    @classmethod
    def of(cls, raw: pl.Series, settled: pl.Series, native: Any = None) -> Self:
        """Look at a column.

        Args:
            raw: as the frame has it.
            settled: the same rows as the tasks see them.
            native: the pandas column, if it is one.
        """
        values, categories, ordered = raw, None, False
        if isinstance(raw.dtype, pl.Enum):
            categories = raw.dtype.categories.to_list()
        if native is not None and hasattr(native, "cat"):
            known = native.cat.categories
            categories, ordered = [_plain(value) for value in known.tolist()], bool(native.cat.ordered)
            codes = pl.Series(native.cat.codes.to_numpy().astype("int64"))
            names = dict(enumerate(categories))
            pairs = [(names.get(code), value) for code, value in zip(codes, settled, strict=True)]
        else:
            pairs = list(zip(values.to_list(), settled.to_list(), strict=True))
        counts: dict[str, dict[Plain, int]] = {}
        for given, value in pairs:
            if given is not None and value is not None:
                of_class = counts.setdefault(key_of(value), {})
                of_class[_plain(given)] = of_class.get(_plain(given), 0) + 1
        spellings = {key: max(found, key=lambda one: (found[one], str(one))) for key, found in counts.items()}
        return cls(
            type(raw.dtype).__name__ if not isinstance(raw.dtype, type) else raw.dtype.__name__,
            spellings,
            categories,
            ordered,
            "" if native is None else str(native.dtype),
            getattr(raw.dtype, "time_unit", None) or "us",
            getattr(raw.dtype, "time_zone", None),
        )

    def restored(self, classes: Sequence[Any]) -> pl.Series:
        """Return predictions as the column would have held them; as they are where its type has no room."""
        if self.number:
            return pl.Series(classes).cast(getattr(pl, self.dtype))
        known: dict[Any, Any] = {}
        for value in classes:
            if value not in known or isinstance(value, bool):
                known[value] = self.spellings.get(key_of(value), value)
        values = [known[value] for value in classes]
        if self.categories is not None and not all(isinstance(one, str) for one in self.categories):
            return pl.Series(values, strict=False)
        try:
            return self._cast(values)
        except (pl.exceptions.PolarsError, TypeError, OverflowError):
            return pl.Series([str(value) for value in values])

    def as_pandas(self, column: Any) -> Any:
        """Return a pandas column in the type that pandas had, if it has room."""
        if self.categories is not None:
            import pandas as pd

            kept = set(column.dropna().tolist()) <= set(self.categories)
            return column.astype(pd.CategoricalDtype(list(self.categories), self.ordered)) if kept else column
        try:
            return column.astype(self.native) if self.native else column
        except (TypeError, ValueError):
            return column

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {**asdict(self), "spellings": list(self.spellings.items())}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Take over what `to_json` gave."""
        values: dict[str, Any] = {**saved, "spellings": dict(saved["spellings"])}
        return cls(**values)

    def _cast(self, values: list[Any]) -> pl.Series:
        if self.dtype in ("Date", "Datetime"):
            text = pl.Series(values, dtype=pl.String)
            if self.dtype == "Date":
                return text.str.to_date()
            moments = [datetime.fromisoformat(value) for value in text]
            return pl.Series(moments, dtype=pl.Datetime(self.unit, self.zone))  # ty: ignore[invalid-argument-type]
        if self.dtype == "Enum":
            return pl.Series(values, dtype=pl.Enum([str(one) for one in self.categories or []]))
        if self.dtype in ("String", "Categorical"):
            return pl.Series([str(value) for value in values], dtype=getattr(pl, self.dtype))
        found = pl.Series(values, strict=True)
        simple = getattr(pl, self.dtype, None)
        if simple is None or found.dtype.is_nested() or found.dtype == pl.String:
            return found
        return found.cast(simple)


def label_types(data: object, tasks: Sequence[Task], settle: Any) -> dict[str, LabelType]:
    """Return the types of the columns of classes and of floats in a frame of the caller's.

    Args:
        data: what was given to `fit`. Of files, arrays and data sets nothing is kept: their types are ours.
        tasks: fitted.
        settle: frame -> the same as a `TypedTable`.
    """
    if isinstance(data, Mapping):
        return _of_sources([label_types(part, tasks, settle) for part in data.values()])
    wrapped = nw.from_native(data, pass_through=True)
    if isinstance(data, TypedTable) or not isinstance(wrapped, nw.DataFrame | nw.LazyFrame):
        return {}
    raw, natives = to_polars(data), native_columns(data)
    # A list for each row has no class of its own to spell: it comes back as a list.
    single = [task for task in tasks if task.reads == "vector"]
    given = [(task, column) for task in single for column in task.columns if column in raw.columns]
    numbers = [c for task, c in given if not task.has_classes and raw[c].dtype.is_float()]
    found = {c: LabelType.of_floats(raw[c], natives.get(c)) for c in numbers}
    columns = [c for task, c in given if task.has_classes and _alone(task)]
    if columns:
        settled = settle(raw.select(columns)).frame
        for column in columns:
            found[column] = LabelType.of(raw[column], settled[column], natives.get(column))
    return found


def _of_sources(found: Sequence[dict[str, LabelType]]) -> dict[str, LabelType]:
    """Return the types that all sources with a column have in common, spellings of the first one first."""
    joined: dict[str, LabelType] = {}
    apart: set[str] = set()
    for labels in found:
        for column, label in labels.items():
            known = joined.setdefault(column, label)
            if known is not label:
                joined[column] = replace(known, spellings={**label.spellings, **known.spellings})
            if replace(known, spellings={}) != replace(label, spellings={}):
                apart.add(column)
    return {column: label for column, label in joined.items() if column not in apart}


def restore_pandas(frame: Any, labels: Mapping[str, LabelType], names: Mapping[str, str]) -> Any:
    """Return a frame whose predictions have the types that pandas had in training; others are left alone.

    Args:
        frame: of predictions, of any kind.
        labels: label column -> its type.
        names: label column -> what its predictions are called.
    """
    if hasattr(frame, "iloc"):
        for column, name in names.items():
            if column in labels:
                frame[name] = labels[column].as_pandas(frame[name])
    return frame


def _alone(task: Task) -> bool:
    """Whether a cell of each column is one class: a column of separated tags is not."""
    return len(task.labels) == len(task.columns) and getattr(task, "separator", None) is None


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value if isinstance(value, str | int | float | bool) else str(value)
