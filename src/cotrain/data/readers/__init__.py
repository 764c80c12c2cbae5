"""One format of table in one file each: the cells as they lie there, uninterpreted."""

from cotrain.data.readers._conll import read_conll, read_conllu
from cotrain.data.readers._csv import read_csv
from cotrain.data.readers._folder import read_folder
from cotrain.data.readers._json import read_json, read_jsonl
from cotrain.data.readers._ljspeech import is_ljspeech, read_ljspeech
from cotrain.data.readers._parquet import read_parquet
from cotrain.data.readers._sqlite import read_sqlite

__all__ = [
    "is_ljspeech",
    "read_conll",
    "read_conllu",
    "read_csv",
    "read_folder",
    "read_json",
    "read_jsonl",
    "read_ljspeech",
    "read_parquet",
    "read_sqlite",
]
