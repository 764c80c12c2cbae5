"""What a run was begun with: its rows, and all that the last bits of its figures depend on."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from cotrain._base import RunError, versions, write_text_atomically

RECORD = "run.json"
_NAMES = {"train": "training"}
_log = logging.getLogger("cotrain")


def made_with() -> dict[str, Any]:
    """Return what equal runs must have in common to end with equal bits."""
    return {
        "versions": versions(),
        "threads": torch.get_num_threads(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }


def write_record(folder: Path, rows: Mapping[str, str]) -> None:
    """Write down what a run begins with.

    Args:
        folder: of the run.
        rows: part of the data -> a hash of its coded rows.
    """
    record = {"rows": dict(rows), "made_with": made_with()}
    write_text_atomically(folder / RECORD, json.dumps(record, indent=1) + "\n")


def read_record(folder: Path) -> dict[str, Any]:
    """Read what `write_record` wrote.

    Raises:
        RunError: the file is absent or damaged.
    """
    path = folder / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(record[key], dict) for key in ("rows", "made_with")):
            raise TypeError
    except FileNotFoundError as error:
        raise RunError(f"{path} does not exist: the run is of an older version, train again.") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise RunError(f"{path} is damaged: the run cannot be gone on with.") from error
    return record


def require_same_rows(folder: Path, rows: Mapping[str, str]) -> None:
    """See that these rows are those that the run was begun with.

    Args:
        folder: of the run.
        rows: part -> hash; parts that are left out are not looked at.

    Raises:
        RunError: they are others.
    """
    before = read_record(folder)["rows"]
    other = [_NAMES.get(part, part) for part, found in rows.items() if before.get(part) != found]
    if other:
        raise RunError(
            f"{folder} was begun with other {' and '.join(other)} rows: the data, or what divides them, has "
            "changed since. Restore them, or train again with --overwrite (overwrite=True)."
        )


def tell_differences(folder: Path) -> str | None:
    """Say what keeps a resumed run from ending with the bits that it would have had.

    Returns:
        the sentence, which is logged as a warning as well; `None` where nothing is otherwise.
    """
    before, now = _flat(read_record(folder)["made_with"]), _flat(made_with())
    changed = [f"{key} {before.get(key)} -> {now.get(key)}" for key in now if before.get(key) != now.get(key)]
    if not changed:
        return None
    sentence = (
        f"{folder} was begun with other versions, threads or processor ({', '.join(changed)}): it goes on, "
        "but its last digits will not be those of a run that was never interrupted."
    )
    _log.warning(sentence)
    return sentence


def _flat(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {**values, **values.get("versions", {})}
    found.pop("versions", None)
    return found
