"""Errors that a user can act on: one sentence with what came, what was expected and what to do."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from types import ModuleType


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
