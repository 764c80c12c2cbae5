"""Tables and their schema, partial labels, splits, batches, checks."""

from cotrain.data._batches import Batches
from cotrain.data._coco_results import write_coco_results
from cotrain.data._column_patterns import match_columns
from cotrain.data._dataset import MapDataset, dataset_spec, stack_dataset
from cotrain.data._feature_matrix import FeatureMatrix
from cotrain.data._fold import Fold
from cotrain.data._frames import from_polars_like, to_polars
from cotrain.data._infer_kind import Guess, infer_kind
from cotrain.data._infer_tasks import infer_tasks
from cotrain.data._missing import Missing
from cotrain.data._read import read_cells, read_tables, with_written_paths
from cotrain.data._row_encoder import RowEncoder
from cotrain.data._schema import ColumnChoice, ColumnNote, Schema, kind_names
from cotrain.data._split import Split, split_rows, strata
from cotrain.data._table import MissingWords, TypedTable, lossless, read_table
from cotrain.data._task_guess import TaskGuess
from cotrain.data._tensors import table_tensors
from cotrain.data._term_matrix import TermMatrix
from cotrain.data._write import flat, write_table
from cotrain.data.checks import Problem, check_missing, find_problems

__all__ = [
    "Batches",
    "ColumnChoice",
    "ColumnNote",
    "FeatureMatrix",
    "Fold",
    "Guess",
    "MapDataset",
    "Missing",
    "MissingWords",
    "Problem",
    "RowEncoder",
    "Schema",
    "Split",
    "TaskGuess",
    "TermMatrix",
    "TypedTable",
    "check_missing",
    "dataset_spec",
    "find_problems",
    "flat",
    "from_polars_like",
    "infer_kind",
    "infer_tasks",
    "kind_names",
    "lossless",
    "match_columns",
    "read_cells",
    "read_table",
    "read_tables",
    "split_rows",
    "stack_dataset",
    "strata",
    "table_tensors",
    "to_polars",
    "with_written_paths",
    "write_coco_results",
    "write_table",
]
