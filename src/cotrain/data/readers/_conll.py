"""Sentences with a line per word: CoNLL-U, and the two to four columns of IOB files."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from cotrain._base import DataError

#: The columns of CoNLL-U behind ID. https://universaldependencies.org/format.html
UNIVERSAL = ("form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
#: Number of columns -> what they are called: words first, the tags that a file is about last.
PLAIN = {2: ("tokens", "tags"), 3: ("tokens", "pos", "tags"), 4: ("tokens", "pos", "chunk", "tags")}
_NOTHING = ("_", "-")
_DOCUMENT = "-DOCSTART-"
#: How a comment begins, or the word #.
_MARKED = re.compile(r"#(\s|$)").match

#: A sentence: (number of its line, cells) of each word.
Sentence = list[tuple[int, list[str]]]


def read_conllu(path: Path) -> pl.DataFrame:
    """Return the sentences of a CoNLL-U file, a row each, with a list column per annotation.

    The columns are form, lemma, upos, xpos, feats, head, deprel, deps and misc. Ranges of words written as
    one (`3-4`), empty nodes (`8.1`) and comments are left out; `_` is null, except for a word that is one.

    Raises:
        DataError: a line has not ten columns, or its number is none; with the number of the line.
    """
    sentences: list[list[list[str]]] = []
    for sentence in _sentences(path, "\t"):
        words = []
        for line, cells in sentence:
            if len(cells) != len(UNIVERSAL) + 1:
                raise DataError(
                    f"Cannot read {path}: line {line} has {_columns(len(cells))}, CoNLL-U has "
                    f"{len(UNIVERSAL) + 1}, separated by tabs."
                )
            number = cells[0]
            if not number.replace("-", "").replace(".", "").isdigit():
                raise DataError(
                    f"Cannot read {path}: line {line} begins with {number!r}, expected the number of a word, "
                    "such as 3, 3-4 or 8.1."
                )
            if number.isdigit():
                words.append(cells[1:])
        if words:
            sentences.append(words)
    columns = {
        name: [[_value(word, place) for word in words] for words in sentences]
        for place, name in enumerate(UNIVERSAL)
    }
    return pl.DataFrame(columns, schema=dict.fromkeys(UNIVERSAL, pl.List(pl.String)))


def read_conll(path: Path) -> pl.DataFrame:
    """Return the sentences of a file with two to four columns per word, a row each; with ten it is CoNLL-U.

    The columns are tokens and tags, with pos, or pos and chunk, between them. They are separated by tabs, or
    by blanks where there are no tabs; a blank line ends a sentence. Left out are `-DOCSTART-`, lines that
    begin with `#` and have another number of columns, or stand before a sentence and end in what is no tag of
    other words, a first column that counts the words of every sentence, and an empty last one. Of two columns
    the tokens may stand behind, if O, B- and I- stand before them. `_` and `-` are null tags. Spans marked
    the old way, with B- only between two neighbours of one kind (IOB1), are marked as IOB2: each begins with
    B-.

    Raises:
        DataError: a line has another number of columns than the first one; with the number of the line.
    """
    rows = _words_first(_without_numbers(_of_one_width(path)))
    width = len(rows[0][0]) if rows else 0
    if width == len(UNIVERSAL) + 1:
        return read_conllu(path)
    if width not in PLAIN:
        raise DataError(
            f"Cannot read {path}: its first word has {_columns(width)}, expected a word, perhaps its part "
            "of speech and chunk, and its tag: two to four, separated by tabs or blanks."
        )
    names = PLAIN[width]
    columns: dict[str, Sequence[Sequence[str | None]]] = {}
    for place, name in enumerate(names):
        values = [[cells[place] for cells in row] for row in rows]
        columns[name] = values if place == 0 else as_iob2([[_tag(tag) for tag in row] for row in values])
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.List(pl.String)))


def _of_one_width(path: Path) -> list[list[list[str]]]:
    """Return the cells of every word of every sentence; each word has as many as the first one."""
    rows: list[list[list[str]]] = []
    width = 0
    for sentence in _sentences(path, None):
        width = width or len(sentence[0][1])
        for line, cells in sentence:
            if len(cells) != width and width != len(UNIVERSAL) + 1:
                raise DataError(
                    f"Cannot read {path}: line {line} has {_columns(len(cells))}, the first word has {width}."
                )
        rows.append([cells for _, cells in sentence])
    while width > 2 and not any(cells[-1] for row in rows for cells in row):
        rows, width = [[cells[:-1] for cells in row] for row in rows], width - 1
    return rows


def _without_numbers(rows: list[list[list[str]]]) -> list[list[list[str]]]:
    """Return words without a first column that counts them in every sentence, from 0 or 1."""
    if not rows or not 3 <= len(rows[0][0]) <= 1 + max(PLAIN) or max(map(len, rows)) < 2:
        return rows
    start = rows[0][0][0]
    counts = start in ("0", "1") and all(
        cells[0] == str(number) for row in rows for number, cells in enumerate(row, int(start))
    )
    return [[cells[1:] for cells in row] for row in rows] if counts else rows


def _words_first(rows: list[list[list[str]]]) -> list[list[list[str]]]:
    """Return the two columns of a file with its tags of spans before the words the other way round."""
    if not rows or len(rows[0][0]) != 2:
        return rows
    first, last = ([cells[place] for row in rows for cells in row] for place in (0, 1))
    if not _are_spans(first) or _are_spans(last):
        return rows
    return [[[word, tag] for tag, word in row] for row in rows]


def _are_spans(cells: Sequence[str]) -> bool:
    marks = {cell if cell == "O" else cell[:2] if len(cell) > 2 else "" for cell in cells}
    return marks <= {"O", "B-", "I-"} and marks != {"O"}


def as_iob2(rows: list[list[str | None]]) -> list[list[str | None]]:
    """Return tags in which every span begins with B-, where these are IOB1; others as they are.

    Example:
        >>> as_iob2([["I-PER", "I-PER", "O", "I-LOC", "B-LOC"]])
        [['B-PER', 'I-PER', 'O', 'B-LOC', 'B-LOC']]
        >>> as_iob2([["B-PER", "I-PER", "O", "I-LOC"]])
        [['B-PER', 'I-PER', 'O', 'I-LOC']]
    """
    begun_by_i = False
    for row in rows:
        for before, tag in zip([None, *row], row, strict=False):
            if tag is None or tag == "O":
                continue
            mark, dash, kind = tag.partition("-")
            if mark not in ("B", "I") or not dash:
                return rows
            goes_on = before is not None and before[1:] == f"-{kind}"
            if mark == "B" and not goes_on:
                return rows  # a B- where no neighbour asks for one: IOB2
            begun_by_i |= mark == "I" and not goes_on
    if not begun_by_i:
        return rows
    return [
        [
            f"B{tag[1:]}" if tag and tag[0] == "I" and (before is None or before[1:] != tag[1:]) else tag
            for before, tag in zip([None, *row], row, strict=False)
        ]
        for row in rows
    ]


def _sentences(path: Path, separator: str | None) -> Iterator[Sentence]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.name.lower().endswith(".gz") else data).decode("utf-8-sig")
    lines = text.split("\n")  # not by `splitlines`, which breaks words at marks that are none of lines
    # Not by lines of blanks, nor by comments, which may hold a tab anywhere.
    if separator is None and any("\t" in line.strip() for line in lines[:1000] if line[:1] != "#"):
        separator = "\t"
    rows = [_cells(line, separator) for line in lines]
    # Of words that are surely ones: the text itself may begin with a word such as #rome.
    width = next((len(cells) for cells in rows if cells and cells[0][:1] != "#"), 0)
    tags = {cells[-1] for cells in rows if cells and len(cells) == width and not _MARKED(cells[0])}
    sentence: Sentence = []
    for number, cells in enumerate(rows, 1):
        first = cells[0] if cells else ""
        other = len(cells) != width or (not sentence and _MARKED(first) and cells[-1] not in tags)
        comment = first[:1] == "#" and other
        if cells and not comment:
            sentence.append((number, cells))
        elif not comment and sentence:
            yield sentence
            sentence = []
    if sentence:
        yield sentence


def _cells(line: str, separator: str | None) -> list[str]:
    """Return the cells of a word; none where a sentence ends: of a blank line, the mark of a document."""
    if line.split(maxsplit=1)[:1] in ([], [_DOCUMENT]):
        return []
    return [cell.strip() for cell in line.split(separator)]


def _columns(count: int) -> str:
    return f"{count} column{'s' * (count != 1)}"


def _value(word: list[str], place: int) -> str | None:
    """Return a cell of CoNLL-U; the word `_` has that form, and that lemma."""
    cell = word[place]
    is_word = place == 0 or (UNIVERSAL[place] == "lemma" and word[0] == "_")
    return None if cell == "_" and not is_word else cell


def _tag(cell: str) -> str | None:
    return None if cell in _NOTHING else cell
