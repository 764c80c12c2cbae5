"""The words of a table's texts and tags as a sparse matrix, for linear models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, final

import numpy as np
import polars as pl

from cotrain.data._schema import Schema
from cotrain.data.columns import Column

#: Most different terms of a column: the most frequent ones.
MOST_TERMS = 300_000
#: Rows that terms are learned from at most, and rows that are looked at together.
MOST_ROWS, ROWS_AT_A_TIME = 100_000, 20_000
#: From how many rows on a term of a single row is left out: it says nothing of any other.
MANY = 1000


@final
class TermMatrix:
    """TF-IDF of the words, pairs of neighbouring words, tags and names that the columns of a table have.

        x[i, w] = (1 + log n[i, w]) (1 + log((1 + N) / (1 + d[w]))),  each row of a column scaled to length 1

    with n[i, w] the times that row i has the term w, d[w] the rows that have it, and N the rows.

    Source: Salton & Buckley, "Term-weighting approaches in automatic text retrieval", 1988, as
    `sklearn.feature_extraction.text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)` has it.

    Args:
        schema: the fitted inputs of the table; columns without terms are left out.

    Example:
        >>> frame = pl.DataFrame({"title": ["the third man", "the birds"], "year": [1949, 1963]})
        >>> schema = Schema.infer(frame, overrides={"title": "text"}).fit(frame)
        >>> matrix = TermMatrix(schema).fit(frame)
        >>> matrix.transform(frame).shape  # the, third, man, birds; the third, third man, the birds
        (2, 7)
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        #: The columns that have terms. Known after `fit`.
        self.columns: list[str] = []
        self._places: dict[str, pl.DataFrame] = {}
        self._weights: dict[str, np.ndarray] = {}

    def fit(self, frame: pl.DataFrame) -> Self:
        """Learn the terms and how many rows have each, and return self.

        Args:
            frame: the training rows.
        """
        frame = frame[:: max(1, -(-frame.height // MOST_ROWS))]
        least = 2 if frame.height >= MANY else 1
        for column in self.schema.columns:
            counts: pl.DataFrame | None = None
            for start in range(0, frame.height, ROWS_AT_A_TIME):
                terms = column.terms(frame[column.name][start : start + ROWS_AT_A_TIME])
                if terms is not None:
                    more = terms.unique().group_by("term").agg(pl.len().alias("rows"))
                    both = more if counts is None else pl.concat([counts, more])
                    counts = both.group_by("term").agg(pl.col("rows").sum())
            if counts is None:
                continue
            kept = counts.filter(pl.col("rows") >= least).sort(["rows", "term"], descending=[True, False])
            kept = kept.head(MOST_TERMS).sort("term")
            if kept.height:
                self.columns.append(column.name)
                self._places[column.name] = kept.select("term").with_row_index("place")
                share = (1 + frame.height) / (1 + kept["rows"].to_numpy())
                self._weights[column.name] = 1 + np.log(share)
        return self

    def transform(self, frame: pl.DataFrame) -> Any:
        """Return the terms of B rows, a sparse array of float64 [B, V] in SciPy's CSR format."""
        from scipy.sparse import csr_matrix, hstack

        parts = [
            self._of_column(column, frame[column.name])
            for column in self.schema.columns
            if column.name in self._places
        ]
        return hstack(parts, format="csr") if parts else csr_matrix((frame.height, 0))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `fit` found, as arrays by name: of each column its terms (UTF-8) and weights."""
        found: dict[str, np.ndarray] = {}
        for column in self.columns:
            encoded = [term.encode() for term in self._places[column]["term"].to_list()]
            found[f"text.{column}"] = np.frombuffer(b"".join(encoded), np.uint8).copy()
            found[f"length.{column}"] = np.array([len(term) for term in encoded], np.int32)
            found[f"weight.{column}"] = self._weights[column]
        return found

    @classmethod
    def from_arrays(cls, schema: Schema, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make what `arrays` was made from.

        Args:
            schema: of the fit.
            arrays: from `arrays`.

        Raises:
            KeyError: an array is absent.
            ValueError: the arrays do not go together.
        """
        found = cls(schema)
        for column in (one.name for one in schema.columns if f"text.{one.name}" in arrays):
            text, lengths = arrays[f"text.{column}"].tobytes(), arrays[f"length.{column}"]
            weights = arrays[f"weight.{column}"]
            ends = np.cumsum(lengths).tolist()
            if len(weights) != len(lengths) or (ends[-1] if ends else 0) != len(text) or (lengths < 0).any():
                raise ValueError(f"the terms of {column} are not whole")
            terms = [text[a:b].decode() for a, b in zip([0, *ends], ends, strict=False)]
            found.columns.append(column)
            found._places[column] = pl.DataFrame({"term": terms}, schema={"term": pl.String}).with_row_index(
                "place"
            )
            found._weights[column] = weights
        return found

    def _of_column(self, column: Column, values: pl.Series) -> Any:
        from scipy.sparse import csr_matrix, vstack

        weights = self._weights[column.name]
        blocks = []
        for start in range(0, max(1, len(values)), ROWS_AT_A_TIME):
            block = values[start : start + ROWS_AT_A_TIME]
            terms = column.terms(block)
            assert terms is not None
            known = terms.join(self._places[column.name], on="term", how="inner")
            counts = known.group_by("row", "place").agg(pl.len().alias("n")).sort("row", "place")
            rows, places = counts["row"].to_numpy(), counts["place"].to_numpy()
            entries = (1 + np.log(counts["n"].to_numpy())) * weights[places]
            squares = np.bincount(rows, weights=entries**2, minlength=len(block))
            entries = entries / np.sqrt(squares)[rows]
            blocks.append(csr_matrix((entries, (rows, places)), shape=(len(block), len(weights))))
        return vstack(blocks, format="csr")
