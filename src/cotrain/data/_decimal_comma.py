"""Numbers as most of Europe writes them: 1.234,56."""

from __future__ import annotations

import polars as pl

#: Digits, perhaps with points after every third, then perhaps a comma and more digits.
_NUMBER = r"^\s*[+-]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s*$"


def parse_decimal_commas(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the frame with every text column that holds nothing but such numbers as numbers.

    One cell at least must have a comma; beside such a column 1.234 is a thousand and more in any other one
    whose points all stand before three digits. For tables whose columns are not separated by commas: there a
    comma inside of a number needs no quotes, and says so.

    Example:
        >>> frame = pl.DataFrame({"price": ["1.250,50", "7", None], "city": ["Bern", "1,5", "Rom"]})
        >>> parse_decimal_commas(frame)["price"].to_list()
        [1250.5, 7.0, None]
    """
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    numbers = [name for name in texts if _is_number(frame[name])]
    if numbers:
        # Where the comma is the decimal mark of one column the point is that of thousands in all.
        numbers += [name for name in texts if name not in numbers and _has_thousands(frame[name])]
    parsed = [
        pl.col(name)
        .str.strip_chars()
        .str.replace_all(".", "", literal=True)
        .str.replace(",", ".", literal=True)
        .replace("", None)
        .cast(pl.Float64)
        for name in numbers
    ]
    return frame.with_columns(parsed)


def _is_number(column: pl.Series) -> bool:
    cells = column.drop_nulls()
    return len(cells) > 0 and cells.str.contains(_NUMBER).all() and cells.str.contains(",").any()


def _has_thousands(column: pl.Series) -> bool:
    cells = column.drop_nulls().str.strip_chars()
    # No thousands begin with 0, as .5 in three digits does.
    if cells.str.contains(r"^[+-]?0\.").any() or not cells.str.contains(".", literal=True).any():
        return False
    return bool(((cells == "") | cells.str.contains(_NUMBER)).all())
