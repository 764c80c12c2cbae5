"""Errors that a user can act on: one sentence with what came, what was expected and what to do."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class CotrainError(Exception):
    """Anything that the user can mend. The command line prints it as one sentence, exit status 2.

    Example:
        >>> issubclass(DataError, CotrainError)
        True
    """


class InvalidArgumentError(CotrainError, ValueError):
    """An argument of a constructor or function is out of range or of the wrong kind.

    Example:
        >>> import cotrain as ct
        >>> ct.Learner([])
        Traceback (most recent call last):
            ...
        cotrain._base._errors.InvalidArgumentError: A Learner needs at least one task, got none.
    """


class DataError(CotrainError, ValueError):
    """The data cannot be used as asked: a file, a column or a label is wrong.

    Example:
        >>> import cotrain as ct
        >>> import polars as pl
        >>> try:
        ...     ct.tasks.Binary("sold").fit(pl.DataFrame({"x": [1.0]}))
        ... except ct.errors.DataError as error:
        ...     print(error)
        Task 'sold': target 'sold' is not a column of the table; expected one of 'x'.
    """


class ConfigError(CotrainError, ValueError):
    """A configuration file or a command-line setting is wrong.

    Example:
        >>> issubclass(ConfigError, ValueError)
        True
    """


class RunError(CotrainError, RuntimeError):
    """A run folder is missing, damaged, finished, or of another version.

    Example:
        >>> import cotrain as ct
        >>> try:
        ...     ct.Learner.load("no such folder")
        ... except RunError as error:
        ...     print(type(error).__name__)
        RunError
    """


class RowError(DataError):
    """A cell is wrong; the message says in which row.

    Rows are counted from 0, as those of whoever looks at them: of a part of a table, or of rows that were
    sorted out. On its way up the error is told where these rows lie in the table that was given, see
    `rows_counted_in`.

    Args:
        message: with "{row}" in the place of the number.
        row: the number; or how the row is called, which nothing on the way up changes any more.

    Example:
        >>> str(RowError("Task 'mask', row {row}: the file is damaged.", 3))
        "Task 'mask', row 3: the file is damaged."
    """

    def __init__(self, message: str, row: int | str) -> None:
        super().__init__(message.replace("{row}", str(row), 1))
        self.message = message
        self.row = row

    def __reduce__(self) -> tuple[type[RowError], tuple[str, int | str]]:
        """Survive the way back from another process."""
        return type(self), (self.message, self.row)


#: (name, number of rows) of tables that lie below one another.
Tables = Sequence[tuple[str, int]]


def row_in_its_table(row: int, tables: Tables) -> tuple[int, str]:
    """Return the number of a row within its own table, and the name of that.

    Args:
        row: its number in all tables together, from 0.
        tables: that lie below one another; none: there is one, whose name is "".

    Example:
        >>> row_in_its_table(12, [("train.csv", 10), ("test.csv", 5)])
        (2, 'test.csv')
    """
    first = 0
    for name, n_rows in tables:
        if row < first + n_rows:
            return row - first, name
        first += n_rows
    return row, ""


def row_called(row: int, tables: Tables) -> int | str:
    """Return what a row is called: its number, and where there are several tables of which it is one.

    Args:
        row: its number in all tables together, from 0.
        tables: that lie below one another.

    Example:
        >>> row_called(12, [("train.csv", 10), ("test.csv", 5)]), row_called(12, [])
        ('2 of test.csv', 12)
    """
    number, name = row_in_its_table(row, tables)
    return f"{number} of {name}" if name else number


@contextmanager
def rows_counted_in(rows: Sequence[int] | np.ndarray | None, tables: Tables = ()) -> Generator[None]:
    """Let errors tell rows by their numbers in the table that they were taken from.

    Args:
        rows: of each row its number there; `None`: they are told as they are.
        tables: that lie below one another there; an error then tells of which of them the row is.

    Example:
        >>> with rows_counted_in([10, 11, 14], [("a.csv", 12), ("b.csv", 9)]):
        ...     raise RowError("Row {row} is wrong.", 2)
        Traceback (most recent call last):
            ...
        cotrain._base._errors.RowError: Row 2 of b.csv is wrong.
    """
    try:
        yield
    except RowError as error:
        if isinstance(error.row, str) or (rows is None and not tables):
            raise
        row = error.row if rows is None else int(rows[error.row])
        raise RowError(error.message, row_called(row, tables)) from error


class MissingExtraError(CotrainError, ImportError):
    """An optional part of the library is not installed.

    Example:
        >>> issubclass(MissingExtraError, ImportError)
        True
    """


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """End a sentence about an unknown `name` with the nearest of the `options`, or with all of them.

    Args:
        name: what the user wrote.
        options: what would have been right.

    Example:
        >>> did_you_mean("incme", ["income", "hours"])
        "did you mean 'income'?"
        >>> did_you_mean("x", ["income", "hours"])
        "expected one of 'income', 'hours'."
        >>> did_you_mean("x", [])
        'there are none to choose from.'
    """
    choices = list(options)
    by_lower_case = {choice.lower(): choice for choice in choices}
    near = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.6)
    if near:
        return f"did you mean {by_lower_case[near[0]]!r}?"
    if not choices:
        return "there are none to choose from."
    shown = ", ".join(repr(choice) for choice in choices[:20])
    more = f" and {len(choices) - 20} more" if len(choices) > 20 else ""
    return f"expected one of {shown}{more}."


def require_extra(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional `module`, or say which pip line brings it.

    Args:
        module: dotted name of the module to import.
        extra: the extra of `cotrain` that installs it; "" for a package that is installed by its own name.
        purpose: what it is needed for, as the subject of the sentence.

    Raises:
        MissingExtraError: if the module is not installed.

    Example:
        >>> require_extra("json", "demo", "The demo").__name__
        'json'
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        wanted = f"'cotrain[{extra}]'" if extra else package
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed: run pip install {wanted}."
        ) from error
