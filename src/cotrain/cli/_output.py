"""How results are printed: tables for people, JSON for scripts."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cotrain._base import safe_console, strict_json, visible, visible_json, visible_line

if TYPE_CHECKING:
    import polars as pl

JSON_OPTION = typer.Option("--json", help="Print machine-readable results on standard output.")
SETTINGS_OPTION = typer.Option(
    "--set",
    metavar="KEY=VALUE",
    help="Override a value; can be repeated. Paths start at the working directory.",
)
TRUST_OPTION = typer.Option(
    "--trust", help="Import the kinds from outside this library that the run names, which runs their code."
)


def console() -> Console:
    """Return the console for results: standard output, wide enough for a table when piped."""
    made = safe_console()
    return made if made.is_terminal else safe_console(width=120, soft_wrap=False)


def status(text: str) -> None:
    """Print a line of what is going on to standard error."""
    safe_console(stderr=True).print(Text(text), soft_wrap=True)


def print_json(value: Any) -> None:
    """Print `value` as strict JSON: what is not a finite number is null, bytes are in hexadecimal."""
    sys.stdout.write(visible_json(strict_json(value, indent=1)) + "\n")


def print_csv(frame: pl.DataFrame) -> None:
    """Print a table as CSV: as it is into a pipe or file, without what would steer it on a terminal."""
    text = frame.write_csv()
    sys.stdout.write(visible(text) if sys.stdout.isatty() else text)


def print_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; names are shown as they are, never read as markup."""
    table = Table(title=Text(visible_line(title)), title_justify="left", header_style="bold")
    rows = [[_shown(value) for value in row] for row in rows]
    for i, name in enumerate(header):
        numeric = all(isinstance(row[i], str) and _is_number(row[i]) for row in rows)
        table.add_column(Text(visible_line(name)), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*[Text(visible(value)) for value in row])
    console().print(table)


def _shown(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float):
        from cotrain.evaluation import figure

        return figure(value, small=True)
    return str(value)


def _is_number(text: str) -> bool:
    digits = re.sub(r"e[+-]\d+$", "", text)
    return text == "–" or digits.replace(".", "").replace("-", "").replace(",", "").replace("%", "").isdigit()
