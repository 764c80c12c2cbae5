"""The schema of a table: which columns go in, as what, and with which statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, final

import polars as pl

from cotrain._base import (
    DataError,
    InputSpec,
    InvalidArgumentError,
    constructor_parameters,
    did_you_mean,
    parameters_of,
)
from cotrain._base._inputs import BAG, CHARACTERS, FIRSTS, PICTURE, PIECES, SOUND, WORDS
from cotrain.data import columns as kinds
from cotrain.data._infer_kind import Guess, infer_kind
from cotrain.data._infer_list import annotation_columns
from cotrain.data._input_tensors import code_offsets, input_tensors
from cotrain.data._row_numbers import WHY
from cotrain.data.columns import Column
from cotrain.data.columns._values import text_values

VERSION = 1
DROP = "drop"


#: What a user may say about a column: a kind, or a mapping of `kind` and its options.
ColumnChoice = str | Mapping[str, Any]
#: What an encoder may say: column -> kind and options as they are, to column -> what takes their place.
Coding = Callable[[Mapping[str, Mapping[str, Any]]], Mapping[str, ColumnChoice]]


@dataclass(frozen=True)
class ColumnNote:
    """What is known about a column of the training table, for printing.

    Args:
        column: its name.
        kind: "number", "category", ..., or "drop".
        why: what the choice of the kind rests on.
        distinct: number of different values.
        missing: share of missing values, in [0, 1].
        example: one of the values.
        doubt: whether `why` is a question that training will ask.

    Example:
        >>> ColumnNote("price", "number", "numbers with 812 different values", 812, 0.05, "9.5", False).kind
        'number'
    """

    column: str
    kind: str
    why: str
    distinct: int
    missing: float
    example: str
    doubt: bool = False


@final
class Schema:
    """The input columns of a table, learned from training rows and used again at prediction time.

    Args:
        columns: the columns that go in, in order.
        notes: what is known about every column, those left out included.

    Example:
        >>> frame = pl.DataFrame({"age": [31.5, 42.0, None, 25.0], "city": ["Rome", "Oslo", "Rome", "Oslo"]})
        >>> schema = Schema.infer(frame).fit(frame)
        >>> schema.spec().n_numbers, schema.spec().cardinalities
        (2, (4,))
        >>> {name: tuple(tensor.shape) for name, tensor in schema.encode(frame).items()}
        {'numbers': (4, 2), 'categories': (4, 1)}
    """

    def __init__(self, columns: Sequence[Column], notes: Sequence[ColumnNote] = ()) -> None:
        self.columns = list(columns)
        self.notes = list(notes)

    @classmethod
    def infer(
        cls,
        frame: pl.DataFrame,
        exclude: Iterable[str] = (),
        overrides: Mapping[str, ColumnChoice] | None = None,
        *,
        bins: int = 0,
        types: Mapping[str, str] | None = None,
        numbered: Sequence[str] = (),
        ask: bool = True,
    ) -> Self:
        """Choose a kind for every column of the training rows.

        Args:
            frame: the labelled training rows.
            exclude: columns that are no inputs: targets, the split and the group column.
            overrides: column -> "number", "category", "tags", "text", "words", "date", "boolean", "picture",
                "sound", "vector" or "drop"; or a mapping of `kind` and the options of that kind.
            bins: bins per number column that are coded as a category as well, 0 = none, otherwise ≥ 2.
            types: column -> type, where more rows than these have settled it, see `TypedTable`.
            numbered: columns that number the rows of the whole table, see `TypedTable`: they are left out.
            ask: whether to raise an error where the values leave open what a column is, such as 01/02/2020;
                otherwise the question is the column's note.

        Raises:
            DataError: an override or an exclusion names no column, or a column is in doubt.
            InvalidArgumentError: an override names no kind, or an option that the kind does not have.
        """
        made, left_out = _made(overrides or {}, frame.columns, bins), set(exclude)
        free = [name for name in frame.columns if name not in left_out]
        noted = annotation_columns(frame, free, [name for name in frame.columns if name in left_out])
        of_words = {words: noted_column for noted_column, words in noted.items()}
        columns, notes, doubts = [], [], []
        for series in frame.iter_columns():
            if series.name in left_out:
                continue
            guess = infer_kind(series, bins=bins, typed=(types or {}).get(series.name, "empty") != "empty")
            if series.name in numbered:
                guess = Guess(None, WHY)
            if series.name in noted:
                guess = Guess(None, f"a value for each word of {noted[series.name]!r}, so a label of it")
            elif series.name in of_words and not isinstance(guess.column, kinds.Words):
                why = f"lists of words in order: {of_words[series.name]!r} has a value for each of them"
                guess = Guess(kinds.Words(series.name), why)
            column, why = guess.column, guess.doubt or guess.why
            kind = DROP if column is None else type(column).__name__.lower()
            if series.name in made:
                wanted = made[series.name]
                # A bare kind that would have been chosen anyway keeps what was read off the values.
                bare = not isinstance((overrides or {})[series.name], Mapping)
                if not bare or guess.doubt or type(wanted) is not type(column):
                    column, why = wanted, "declared by the user"
                kind = DROP if wanted is None else type(wanted).__name__.lower()
            elif guess.doubt:
                doubts.append(guess.doubt)
            if column is not None:
                columns.append(column)
            asked = bool(guess.doubt) and series.name not in made
            notes.append(replace(_note(series, kind, why), doubt=asked))
        if doubts and ask:
            more = f" ({len(doubts) - 1} more in doubt: see cotrain check.)" if len(doubts) > 1 else ""
            raise DataError(doubts[0] + more)
        return cls(columns, notes)

    def recoded(self, coding: Coding | None) -> Self:
        """Return the same with those columns coded otherwise that an encoder asks for; before `fit`.

        Args:
            coding: of the encoder; `None`: as it is.
        """
        if coding is None:
            return self
        choices = coding({column.name: _choice_of(column) for column in self.columns})
        made = _made(choices, [column.name for column in self.columns], 0)
        columns = [made.get(column.name) or column for column in self.columns]
        kinds_now = {column.name: type(column).__name__.lower() for column in columns}
        notes = [
            replace(note, kind=kinds_now[note.column], why="the encoder has a tokenizer of its own")
            if note.column in choices
            else note
            for note in self.notes
        ]
        return type(self)(columns, notes)

    def fit(self, frame: pl.DataFrame) -> Self:
        """Learn every column's statistics from the training rows and return self."""
        self._require(frame)
        for column in self.columns:
            column.agree(self.columns, frame)
        for column in self.columns:
            column.fit(frame[column.name])
        return self

    def spec(self) -> InputSpec:
        """Return the sizes of the tensors that `encode` gives."""
        return InputSpec(
            n_numbers=sum(column.n_numbers + column.n_indicators for column in self.columns),
            cardinalities=tuple(size for column in self.columns for size in column.cardinalities),
            bags={BAG + column.name: column.n_tokens for column in self.columns if column.n_tokens},
            words={WORDS + column.name: column.n_words for column in self.columns if column.n_words},
            characters={
                CHARACTERS + column.name: column.n_characters
                for column in self.columns
                if column.n_characters
            },
            subwords={
                PIECES + column.name: column.subwords
                for column in self.columns
                if column.subwords is not None
            },
            of_words=tuple(FIRSTS + column.name for column in self.columns if column.of_words),
            pictures={
                PICTURE + column.name: column.picture for column in self.columns if column.picture is not None
            },
            sounds={SOUND + column.name: column.sound_rate for column in self.columns if column.sound_rate},
            n_indicators=sum(column.n_indicators for column in self.columns),
            edges=tuple(edges for column in self.columns for edges in column.edges),
        )

    def encode(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Code B rows as the tensors and ragged rows that `InputSpec` describes.

        Columns that the schema does not know are left aside; targets need not be there.

        Raises:
            DataError: columns are missing, of another type, or infinite.
        """
        self._require(frame)
        parts = [column.encode(frame[column.name]) for column in self.columns]
        return input_tensors(self.columns, parts, code_offsets(self.columns))

    def describe(self) -> list[ColumnNote]:
        """Return one note per column of the training table, in order."""
        return list(self.notes)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        saved = [{"kind": type(column).__name__.lower(), **column.to_json()} for column in self.columns]
        # A cell of the table is shown where a person looks at it, and not kept with every model.
        notes = [asdict(replace(note, example="")) for note in self.notes]
        return {"version": VERSION, "columns": saved, "notes": notes}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Make the schema that `to_json` described.

        Raises:
            DataError: it is damaged or from a newer version.
        """
        version = saved.get("version")
        if not isinstance(version, int) or version > VERSION:
            raise DataError(
                f"The schema is of version {version!r}, this reads versions up to {VERSION}: update cotrain."
            )
        try:
            columns = [_kind(item["kind"]).from_json(item) for item in saved["columns"]]
            return cls(columns, [ColumnNote(**note) for note in saved["notes"]])
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"The schema is damaged: {type(error).__name__}: {error}") from error

    def _require(self, frame: pl.DataFrame) -> None:
        absent = [column.name for column in self.columns if column.name not in frame.columns]
        if absent:
            names = ", ".join(repr(name) for name in absent)
            plural = "s" * (len(absent) > 1)
            spare = [name for name in frame.columns if name not in {column.name for column in self.columns}]
            hint = did_you_mean(absent[0], spare)
            raise DataError(
                f"The table lacks {len(absent)} input column{plural} of {len(self.columns)}: {names}"
                + (f"; {hint}" if hint.startswith("did you mean") else ".")
            )


def kind_names() -> list[str]:
    """Return the names of the kinds of column, "drop" included.

    Example:
        >>> "number" in kind_names()
        True
    """
    exported = [getattr(kinds, name) for name in kinds.__all__]
    found = [k for k in exported if issubclass(k, Column) and k is not Column]
    return [*sorted(kind.__name__.lower() for kind in found), DROP]


def _choice_of(column: Column) -> dict[str, Any]:
    """Return a column's kind, and those of its options that are not the default."""
    defaults = {name: one.default for name, one in constructor_parameters(type(column)).items()}
    options = {name: value for name, value in parameters_of(column).items() if value != defaults[name]}
    return {"kind": type(column).__name__.lower(), **{k: v for k, v in options.items() if k != "name"}}


def _kind(name: str) -> type[Column]:
    return getattr(kinds, name.capitalize())


def _made(choices: Mapping[str, ColumnChoice], names: Sequence[str], bins: int) -> dict[str, Column | None]:
    """Return the columns that the user has chosen the kind of."""
    made: dict[str, Column | None] = {}
    for name, choice in choices.items():
        if name not in names:
            raise DataError(f"A kind is given for {name!r}, which is no column; {did_you_mean(name, names)}")
        options = dict(choice) if isinstance(choice, Mapping) else {"kind": choice}
        kind = options.pop("kind", None)
        if kind not in kind_names():
            raise InvalidArgumentError(
                f"Column {name!r} cannot be of the kind {kind!r}: {did_you_mean(str(kind), kind_names())}"
            )
        if kind == DROP:
            made[name] = None
            continue
        cls = _kind(kind)
        known = [key for key in constructor_parameters(cls) if key != "name"]
        for option in options:
            if option not in known:
                raise InvalidArgumentError(
                    f"Column {name!r}: {kind} has no option {option!r}: {did_you_mean(str(option), known)}"
                )
        if cls is kinds.Number:
            options = {"bins": bins, **options}
        try:
            made[name] = cls(name, **options)
        except TypeError as error:
            raise InvalidArgumentError(f"Column {name!r}: an option of {kind} is wrong: {error}.") from error
    return made


def _note(series: pl.Series, kind: str, why: str) -> ColumnNote:
    values = series.fill_nan(None) if series.dtype.is_float() else series
    if values.dtype == pl.String:
        values = text_values(values)
    known = values.drop_nulls()
    plain_list = isinstance(series.dtype, pl.List) and not isinstance(series.dtype.inner, pl.Struct | pl.List)
    hashable = plain_list or not (series.dtype.is_nested() or series.dtype == pl.Object)
    example = _example(known[0]) if len(known) else ""
    return ColumnNote(
        column=series.name,
        kind=kind,
        why=why,
        distinct=known.n_unique() if hashable else 0,
        missing=1 - len(known) / max(1, len(series)),
        example=example if len(example) <= 40 else example[:39] + "…",
    )


def _example(value: Any) -> str:
    if isinstance(value, pl.Series):
        return " ".join("" if item is None else str(item) for item in value.head(40))
    return str(value)
