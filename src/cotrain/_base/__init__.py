"""The vocabulary that every layer shares: errors, names, parameters, seeds, whole files."""

from cotrain._base._argument_checks import (
    check_choice,
    check_entries,
    check_number,
    check_whole,
    expected_number,
)
from cotrain._base._atomic_files import (
    paths_below,
    remove_leftovers,
    write_atomically,
    write_text_atomically,
)
from cotrain._base._errors import (
    ConfigError,
    CotrainError,
    DataError,
    InvalidArgumentError,
    MissingExtraError,
    RowError,
    RunError,
    Tables,
    did_you_mean,
    require_extra,
    row_called,
    row_in_its_table,
    rows_counted_in,
)
from cotrain._base._inputs import InputSpec, PictureSpec, SubwordSpec
from cotrain._base._parameters import constructor_parameters, parameters_of
from cotrain._base._random import mix_seed, numpy_generator
from cotrain._base._strict_json import strict_json
from cotrain._base._ties import ROUNDING, at_least, beyond, first_largest, tie_groups
from cotrain._base._versions import versions
from cotrain._base._visible import safe_console, visible, visible_json, visible_line
from cotrain._base._write_lock import write_lock

__all__ = [
    "ROUNDING",
    "ConfigError",
    "CotrainError",
    "DataError",
    "InputSpec",
    "InvalidArgumentError",
    "MissingExtraError",
    "PictureSpec",
    "RowError",
    "RunError",
    "SubwordSpec",
    "Tables",
    "at_least",
    "beyond",
    "check_choice",
    "check_entries",
    "check_number",
    "check_whole",
    "constructor_parameters",
    "did_you_mean",
    "expected_number",
    "first_largest",
    "mix_seed",
    "numpy_generator",
    "parameters_of",
    "paths_below",
    "remove_leftovers",
    "require_extra",
    "row_called",
    "row_in_its_table",
    "rows_counted_in",
    "safe_console",
    "strict_json",
    "tie_groups",
    "versions",
    "visible",
    "visible_json",
    "visible_line",
    "write_atomically",
    "write_lock",
    "write_text_atomically",
]
