"""Which kind of task a target column seems to be, and why."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import DataError, did_you_mean
from cotrain.data._doubts import doubt_of
from cotrain.data._infer_dense import infer_dense
from cotrain.data._infer_kind import SEPARATORS, infer_kind, is_picture, is_sound
from cotrain.data._infer_list import annotation_columns, value_lists
from cotrain.data._infer_transcript import infer_transcript
from cotrain.data._task_guess import TaskGuess
from cotrain.data.columns import Tags
from cotrain.data.columns._values import numeric_values, text_values
from cotrain.tasks.table._tags import tag_counts

_ORDERED_NAME = re.compile(
    r"rating|stars?\b|grade|level|severity|stage|rank|score|likert|satisf", re.IGNORECASE
)
#: Numbers beyond this are taken for this, so that their squares stay finite.
_HUGE = 1e100
#: Tags are a few hundred at most; lemmas, spellings and senses are thousands.
_MOST_TAGS = 1000
#: Words in their order; a column that holds only words of one line is ordered.
_ORDERED_WORDS = (
    ("very low", "low", "medium", "high", "very high"),
    ("none", "mild", "moderate", "severe", "critical"),
    ("very bad", "bad", "fair", "good", "very good", "excellent"),
    ("poor", "fair", "good", "very good", "excellent"),
    ("small", "medium", "large"),
    ("never", "rarely", "sometimes", "often", "always"),
)


def infer_tasks(frame: pl.DataFrame, targets: Sequence[str]) -> list[TaskGuess]:
    """Guess the kind of task of each target column.

    Args:
        frame: the table.
        targets: names of the target columns.

    Raises:
        DataError: a target is no column, has no label, or only one value.

    Example:
        >>> frame = pl.DataFrame({"sold": [1, 0, None, 1], "price": [1.5, 2.25, 3.5, None]})
        >>> [(guess.name, guess.kind) for guess in infer_tasks(frame, ["sold", "price"])]
        [('sold', 'Binary'), ('price', 'Regression')]
    """
    for target in targets:
        if target not in frame.columns:
            raise DataError(
                f"Target {target!r} is not a column of the table; {did_you_mean(target, frame.columns)}"
            )
    words = annotation_columns(frame, frame.columns)
    pictures = [name for name in frame.columns if name not in targets and is_picture(frame[name])]
    sounds = [name for name in frame.columns if name not in targets and is_sound(frame[name])]
    texts = [frame[name] for name in frame.columns if name not in targets]
    return [
        _tagging(frame[target], words.get(target))
        or infer_dense(frame[target], pictures, frame.columns)
        or infer_transcript(frame[target], sounds, list(words.values()), texts)
        or _infer(frame[target])
        for target in targets
    ]


def _tagging(values: pl.Series, words: str | None) -> TaskGuess | None:
    """Return the guess for lists that have a tag for each of `words`, or the form of spans."""
    name, lists = values.name, value_lists(values)
    if lists is None:
        return None
    known = lists.drop_nulls()
    tags = known.filter(known.list.len() > 0).explode().drop_nulls()
    spans = tags.dtype == pl.String and bool(tags.str.contains(r"^(O|[BI]-.+)$").all())
    spans = spans and bool(tags.str.contains(r"^[BI]-").any())
    if not len(tags) or (words is None and not spans):
        return None
    distinct = tags.n_unique()
    if distinct == 1:
        raise DataError(
            f"Target {name!r} has only one tag, {tags[0]!r}, in its {len(known)} labelled rows: there is "
            "nothing to tell apart."
        )
    if distinct > _MOST_TAGS:
        raise DataError(
            f"Target {name!r} has {distinct} different values for the words of its rows: that is free text, "
            "which no kind of task predicts."
        )
    options: dict[str, Any] = ({"spans": "BIO"} if spans else {}) | ({"tokens": words} if words else {})
    of = f"a tag for each word of {words!r}" if words else "lists of tags"
    why = f"{of}, {distinct} different" + (", of spans (BIO)" if spans else "")
    return TaskGuess(name, "Tagging", why, len(known), options)


def _infer(values: pl.Series) -> TaskGuess:
    name = values.name
    if values.dtype.is_float():
        values = values.fill_nan(None)
    nested = values.dtype.is_nested()
    known = values.drop_nulls() if nested else values.filter(text_values(values).is_not_null())
    if not len(known):
        raise DataError(
            f"Target {name!r} is missing in all {len(values)} rows: fill in labels, or leave it out."
        )
    if nested:
        options = {"separator": _separator_of(known, ",")}
        return TaskGuess(name, "Multilabel", "lists of values", len(known), options)
    distinct = known.n_unique()
    if distinct == 1:
        raise DataError(
            f"Target {name!r} has only one value, {known[0]!r}, in its {len(known)} labelled rows: "
            "there is nothing to tell apart."
        )
    if distinct == 2:
        shown = " and ".join(str(value) for value in known.unique().sort().to_list())
        return TaskGuess(name, "Binary", f"two values, {shown}", len(known))
    spelled = known.cast(pl.Float64, strict=False) if known.dtype == pl.String else known
    if spelled.dtype.is_numeric() and not spelled.null_count():
        return _infer_numeric(name, numeric_values(spelled), distinct)
    return _infer_text(name, text_values(known), distinct)


def _separator_of(values: pl.Series, usual: str) -> str:
    """Return a separator that is within no tag of lists, the usual one if it can be."""
    try:
        tags = [tag for tag, _ in tag_counts(values, usual)[0]]
    except (DataError, pl.exceptions.PolarsError):
        return usual  # lists of structures, of which the task has more to say
    return next((one for one in (usual, *SEPARATORS) if not any(one in tag for tag in tags)), usual)


def _infer_numeric(name: str, x: np.ndarray, distinct: int) -> TaskGuess:
    levels = np.unique(x)
    whole = bool((levels == np.round(levels)).all())
    consecutive = whole and levels[-1] - levels[0] == distinct - 1
    low, high = levels[0], levels[-1]
    if whole and distinct <= 11 and _ORDERED_NAME.search(name):
        return TaskGuess(name, "Ordinal", f"{distinct} whole numbers and a name of ordered steps", len(x))
    if consecutive and low == 1 and distinct <= 7:
        return TaskGuess(name, "Ordinal", f"whole numbers from 1 to {high:.0f}, like marks or stars", len(x))
    if consecutive and low == 0 and distinct <= 20 and len(x) >= 5 * distinct:
        why = f"whole numbers from 0 to {high:.0f}, like numbered classes; if they count, use Regression"
        return TaskGuess(name, "Multiclass", why, len(x))
    x = np.clip(x, -_HUGE, _HUGE)
    spread = float(x.std())
    skewness = float(np.mean(((x - x.mean()) / spread) ** 3)) if spread > 0 else 0.0
    if low > 0 and skewness > 3:
        why = f"{distinct} different positive numbers with a long tail, so the logarithm"
        return TaskGuess(name, "Regression", why, len(x), {"transform": "log"})
    return TaskGuess(name, "Regression", f"{distinct} different numbers", len(x))


def _infer_text(name: str, known: pl.Series, distinct: int) -> TaskGuess:
    doubt = doubt_of(known)
    if doubt is not None and doubt.exceptions:
        raise DataError(
            f"{doubt.exceptions}, and it is a target: mend or empty such cells, or write the task by hand."
        )
    guess = infer_kind(known, typed=True)
    if isinstance(guess.column, Tags):
        options = {"separator": _separator_of(known, guess.column.separator)}
        return TaskGuess(name, "Multilabel", guess.why, len(known), options)
    words = {value.lower(): value for value in known.unique().to_list()}
    for line in _ORDERED_WORDS:
        if set(words) <= set(line):
            classes = [words[word] for word in line if word in words]
            why = f"{distinct} words in an order: {', '.join(classes)}"
            return TaskGuess(name, "Ordinal", why, len(known), {"levels": classes})
    if distinct > 0.5 * len(known) and len(known) > 20:
        raise DataError(
            f"Target {name!r} has {distinct} different texts in {len(known)} labelled rows: that is free "
            "text, which no kind of task predicts."
        )
    return TaskGuess(name, "Multiclass", f"{distinct} different texts", len(known))
