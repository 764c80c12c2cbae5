"""The film table of the demo: 17,472 films with six half-empty targets."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import polars as pl

from cotrain._base import numpy_generator, require_extra

CERTIFICATES = ("G", "PG", "PG-13", "R")

_QUERY = """
SELECT o.Title AS title, o.Year AS year, o.Runtime AS runtime, o.Director AS director, o.Writer AS writers,
       o."Cast" AS cast, o.Language AS language, o.Country AS country, t.Production AS production,
       t.Reviews AS reviews, o.Genre AS genres, o.Rating AS certificate, t.Meter AS meter,
       o.Metacritic AS metacritic, t.BoxOffice AS box_office, o.Oscars AS oscars
FROM omdb AS o LEFT JOIN tomatoes AS t USING (ID) ORDER BY o.ID
"""

CONFIG = """\
# Six targets of a film, learned together. Most films lack most of them: a missing label is an unlabelled one.
data: films.parquet
split: {column: split}

tasks:
  # 21 labels share one loss: it counts for four tasks, or the others would outvote it.
  - {kind: Multilabel, name: genres, separator: ", ", preference: 4}
  - {kind: Multiclass, name: certificate}
  - {kind: Regression, name: meter}
  - {kind: Regression, name: metacritic}
  - {kind: Regression, name: box_office}
  - {kind: Binary, name: oscar}

sharing: HardSharing
balancer: ReferenceScaled
training: {epochs: 12, select: per_task}
references: full
"""


def film_table() -> pl.DataFrame:
    """Return the films of the bokeh-sampledata package with their inputs, targets and a split.

    The rows are split at random, 70 % train, 10 % validation, 20 % test. Box office is the decimal
    logarithm of US dollars, certificates other than G, PG, PG-13 and R count as missing.

    Raises:
        MissingExtraError: bokeh-sampledata is not installed.
    """
    package = require_extra("bokeh_sampledata", "demo", "The film table")
    path = Path(str(package.__file__)).parent / "_data" / "movies.db"
    with closing(sqlite3.connect(path)) as connection:
        films = pl.read_database(_QUERY, connection, infer_schema_length=None)
    parts = numpy_generator(0, "films", "split").permutation(films.height) / films.height
    empty_to_null = pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep()
    return (
        films.with_columns(empty_to_null)
        .with_columns(
            certificate=pl.when(pl.col("certificate").is_in(CERTIFICATES)).then(pl.col("certificate")),
            box_office=pl.when(pl.col("box_office") > 0).then(pl.col("box_office").log10()),
            oscar=(pl.col("oscars") > 0),
            split=pl.Series(np.where(parts <= 0.7, "train", np.where(parts <= 0.8, "validation", "test"))),
        )
        .drop("oscars")
    )
