"""Small parts that several sections use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any
from unicodedata import bidirectional

from cotrain.evaluation import figure
from cotrain.reporting._document import LegendEntry, TableCell, Verdict
from cotrain.reporting._draw import N_STYLES, dash_attribute

LONGEST_NAME = 60
#: What references are called.
NAMES = {
    "answer": "answer",
    "single_task": "alone",
    "pooled": "pooled network",
    "trees": "boosted trees",
    "constant": "constant",
}


def shown(value: float | None, *, signed: bool = False) -> str:
    """Return a figure with three to four significant digits; what is missing is a dash."""
    if value is None or not math.isfinite(value):
        return "–"
    text = figure(value, small=True)
    return f"+{text}" if signed and value > 0 else text


def short(name: str) -> str:
    """Return a name that fits into a sentence; tables show it whole.

    After letters that run from right to left a mark says that the sentence does not: figures and brackets
    that follow would be turned around.
    """
    name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    turned = any(bidirectional(letter) in ("R", "AL") for letter in name)
    return f"{name}\u200e" if turned else name


def counted(number: int, what: str) -> str:
    """Return a number of things with its thousands apart.

    Example:
        >>> counted(48842, "rows"), counted(1, "rows")
        ('48,842 rows', '1 row')
    """
    return f"{number:,} {what[:-1] if number == 1 and what.endswith('s') else what}"


def rows_of_parts(n_rows: Mapping[str, int]) -> str:
    """Return how many rows each part of the split has.

    Example:
        >>> rows_of_parts({"train": 4000, "validation": 500, "test": 0})
        '4,000 training rows, 500 validation rows, 0 test rows'
        >>> rows_of_parts({"train": 40, "validation": 10, "test": 50, "unlabelled": 900})
        '40 training rows, 10 validation rows, 50 test rows, 900 rows without any label'
    """
    names = {"train": "training rows", "validation": "validation rows", "test": "test rows"}
    if n_rows.get("unlabelled"):
        names["unlabelled"] = "rows without any label"
    return ", ".join(counted(n_rows[part], name) for part, name in names.items())


def named_after(name: str, config: Mapping[str, Any]) -> str:
    """Return a title that names the data, and the folder where it has another name.

    Example:
        >>> named_after("run", {"data": "tables/films.csv"}), named_after("films", {"data": "films.csv"})
        ('films (run)', 'films')
        >>> named_after("run", {"data": {"tags": "a.jsonl", "reviews": "b.csv"}}), named_after("run", {})
        ('tags and reviews (run)', 'run')
    """
    data = config.get("data")
    if isinstance(data, Mapping):
        of = listed([str(source) for source in data])
    elif isinstance(data, list):
        of = listed([PurePath(str(one)).stem for one in data])
    else:
        of = PurePath(data).stem if isinstance(data, str) else ""
    return name if not of or of.casefold() == name.casefold() else f"{of} ({name})"


def listed(names: Sequence[str], most: int = 4) -> str:
    """Return names as a list in a sentence."""
    names = [short(name) for name in names]
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def legend(names: Sequence[str]) -> list[LegendEntry]:
    """Return the legend of lines drawn with `style(0)`, `style(1)`, ..."""
    return [LegendEntry(name, number % N_STYLES, dash_attribute(number)) for number, name in enumerate(names)]


def signed_cell(value: float | None, largest: float) -> TableCell:
    """Return a cell of a heat map: the figure, and a colour for its sign and size."""
    if value is None or not math.isfinite(value):
        return TableCell("–")
    strength = min(1.0, abs(value) / largest) if largest > 0 else 0.0
    return TableCell(shown(value), "plus" if value > 0 else "minus", strength)


def word_verdict(word: str, sentence: str) -> Verdict:
    """Return a line of the verdict with the tone that its word has."""
    if word == "helped" or word.startswith("better"):
        return Verdict(word, sentence, "good", "▲")
    if word == "hurt" or word.startswith("no better"):
        return Verdict(word, sentence, "bad", "▼")
    signs = {"unknown": "?", "not judged": "·", "learns nothing": "∅", "unfinished training": "…"}
    return Verdict(word, sentence, "", signs.get(word, "≈"))


def headline(verdicts: Sequence[Mapping[str, Any]]) -> str:
    """Return the verdict in a title."""
    by_word: dict[str, list[str]] = {}
    for verdict in verdicts:
        by_word.setdefault(verdict["word"], []).append(verdict["task"])
    if not by_word:
        return "No verdict: there are no test rows"
    if "not judged" in by_word:
        return "One seed: not judged"
    compared = {"helped", "hurt", "no clear difference", "no difference that matters"} & set(by_word)
    if not compared:
        parts = [f"{word}: {listed(tasks)}" for word, tasks in by_word.items()]
        return "; ".join(parts)[:1].upper() + "; ".join(parts)[1:]
    parts = [f"{word} {listed(by_word[word])}" for word in ("helped", "hurt") if word in by_word]
    if not parts:
        return "Learning together made no clear difference"
    return f"Learning together {' and '.join(parts)}"
