"""The files of a run, none of which can execute anything when it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, final

import polars as pl
import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cotrain._base import ConfigError, RunError, remove_leftovers, write_atomically, write_text_atomically
from cotrain.configuration import read_yaml
from cotrain.data._row_hash import row_keys
from cotrain.learner._ensemble import MEMBERS, MOST, member_folder
from cotrain.learner._run_manifest import MANIFEST, seal, unseal, verify
from cotrain.learner._run_record import RECORD, require_same_rows, tell_differences, write_record
from cotrain.training import Examples
from cotrain.training._best_weights import Weights

#: Rises when a run folder can no longer be read by older code.
VERSION = 1

CONFIG, SCHEMA, MODEL = "config.yaml", "schema.json", "model.safetensors"
STATE, HISTORY, METRICS = "state.pt", "history.jsonl", "metrics.json"
#: What co-training did, and the folder of its fits while it goes on.
COTRAINING, ROUNDS = "cotraining.json", "rounds"
#: What is known of the learner's confidence, and the cells that it labelled itself.
CONFIDENCE, PSEUDO_LABELS = "confidence.json", "pseudo_labels.parquet"
#: Who answers for which task, the trees that do, and the folder of the networks for single tasks.
ANSWERS, ANSWER_TREES, ALONE_FOLDER = "answers.json", "trees.safetensors", "alone"
#: Hashes of the inputs of the rows that the run has seen.
ROWS = "rows.parquet"
#: Some rows of the test part with what was predicted, for the report.
EXAMPLES = "examples.json"
_ROW_KEYS = {"key": pl.UInt64, "part": pl.String}
#: What networks of an ensemble after the first one leave.
_OF_MEMBERS = tuple(
    (member_folder(Path(), number) / name).as_posix()
    for number in range(1, MOST)
    for name in (STATE, HISTORY)
)
#: What the manifest answers for.
SEALED = (
    CONFIG, SCHEMA, RECORD, ROWS, MODEL, STATE, HISTORY, METRICS, EXAMPLES, COTRAINING, CONFIDENCE,
    PSEUDO_LABELS, ANSWERS, ANSWER_TREES, *_OF_MEMBERS,
)  # fmt: skip
FILES = (MANIFEST, *SEALED, "report.html")


def prepare_run_folder(folder: Path, *, overwrite: bool) -> None:
    """Make an empty run folder; files of an earlier run go only with `overwrite`.

    Raises:
        RunError: there is something that must not be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise RunError(f"{folder} is a file: name a folder for the run.")
    present = [name for name in FILES if (folder / name).exists()]
    if present and not overwrite:
        if MODEL not in present and STATE in present:
            raise RunError(
                f"{folder} holds a run that was interrupted: go on with --resume (resume=True), or "
                "start anew with --overwrite (overwrite=True)."
            )
        raise RunError(
            f"{folder} already holds a run ({', '.join(present)}): choose another folder, or replace it with "
            "--overwrite (overwrite=True)."
        )
    for name in present:
        (folder / name).unlink()
    for name in ("tensorboard", ROUNDS, ALONE_FOLDER, MEMBERS):
        if overwrite and (folder / name).is_dir():
            shutil.rmtree(folder / name)
    folder.mkdir(parents=True, exist_ok=True)


@final
@dataclass(frozen=True)
class RunOptions:
    """Where a fit keeps what it does.

    Args:
        folder: of the run, whose `write_lock` is held.
        config: to write as the run's configuration.
        resume: go on with the run there.
        overwrite: replace the run there.
    """

    folder: Path
    config: Mapping[str, Any]
    _: KW_ONLY
    resume: bool = False
    overwrite: bool = False


def begin_run(run: RunOptions, schema: Mapping[str, Any], rows: Mapping[str, Examples | None]) -> None:
    """Make the run folder, or see that the one to resume was begun with the same configuration and rows.

    Args:
        run: where and how.
        schema: of the table and the tasks.
        rows: part of the data -> its rows, coded; `None`: there are none.

    Raises:
        RunError: the folder holds another run.
    """
    folder, config = run.folder, run.config
    hashes = {part: "none" if of is None else of.fingerprint() for part, of in rows.items()}
    if run.resume and (folder / CONFIG).exists():
        before = read_config(folder)
        if before != config:
            keys = [key for key in {**before, **config} if before.get(key) != config.get(key)]
            raise RunError(
                f"{folder} was begun with another configuration ({', '.join(sorted(keys))}): resume it "
                "unchanged, or start anew with --overwrite (overwrite=True)."
            )
        begun = (folder / RECORD).exists() or (folder / STATE).exists()
        if begun:
            require_same_rows(folder, hashes)
            tell_differences(folder)
        remove_leftovers(folder)
        unseal(folder)
        if not begun:
            write_record(folder, hashes)
    else:
        prepare_run_folder(folder, overwrite=run.overwrite)
        write_config(folder, config)
        write_record(folder, hashes)
    write_schema(folder, schema)
    _write_row_keys(folder, rows)


def _write_row_keys(folder: Path, rows: Mapping[str, Examples | None]) -> None:
    """Keep a hash of the inputs of every row that the fit sees, so that it is known again."""
    parts = [
        pl.DataFrame({"key": _short_keys(of), "part": [part] * len(of)}, schema=_ROW_KEYS)
        for part, of in rows.items()
        if of is not None and part != "test"
    ]
    write_atomically(folder / ROWS, pl.concat(parts).write_parquet)


def count_seen_rows(folder: Path, rows: Examples) -> dict[str, int]:
    """Return part -> how many of the `rows` have inputs of a row of that part of the run's own data.

    Args:
        folder: of the run, verified; one that was saved and not fitted in a folder knows of none.
        rows: coded by the run's own preprocessing.
    """
    if not (folder / ROWS).is_file():
        return {}
    known = pl.read_parquet(folder / ROWS)
    keys = pl.DataFrame({"key": _short_keys(rows)}, schema={"key": pl.UInt64})
    return {
        part: keys.join(known.filter(pl.col("part") == part), on="key", how="semi").height
        for part in ("train", "validation")
    }


def _short_keys(rows: Examples) -> list[int]:
    return [int(key[:16], 16) for key in row_keys(rows.inputs)]


def seal_run(folder: Path) -> None:
    """Say that the run is whole: from now on it can be loaded, and no file of it may change."""
    seal(folder, SEALED)


def verify_run(folder: Path) -> None:
    """See that a run is whole, undamaged and of one piece.

    Raises:
        RunError: it is not; the sentence names the file.
    """
    verify(folder, SEALED)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved configuration."""
    write_text_atomically(folder / CONFIG, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def read_config(folder: Path) -> dict[str, Any]:
    """Read the resolved configuration of a run."""
    try:
        config = read_yaml(_text(folder / CONFIG))
    except ConfigError as error:
        raise RunError(f"{folder / CONFIG} is damaged ({error}): the run cannot be loaded.") from error
    if not isinstance(config, dict):
        raise RunError(f"{folder / CONFIG} is damaged (not a mapping): the run cannot be loaded.")
    return config


def write_schema(folder: Path, schema: Mapping[str, Any]) -> None:
    """Write the schema of the table and the codings of the tasks."""
    text = json.dumps({"version": VERSION, **schema}, ensure_ascii=False, indent=1)
    write_text_atomically(folder / SCHEMA, text + "\n")


def read_schema(folder: Path) -> dict[str, Any]:
    """Read what `write_schema` wrote.

    Raises:
        RunError: the file is absent, damaged or of a newer version.
    """
    path = folder / SCHEMA
    try:
        schema = json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise RunError(f"{path} is damaged ({error}): the run cannot be loaded.") from error
    if not isinstance(schema, dict) or not isinstance(schema.get("version"), int):
        raise RunError(f"{path} is damaged (it has no version): the run cannot be loaded.")
    if schema["version"] > VERSION:
        raise RunError(
            f"{folder} was made by a newer cotrain (run version {schema['version']}, this one reads up to "
            f"{VERSION}): upgrade cotrain."
        )
    return schema


def write_weights(folder: Path, weights: list[Weights], weights_of: Mapping[str, Sequence[int]]) -> None:
    """Write the sets of weights, and which task uses which, several of them in an ensemble.

    What a set has as the first one has it, such as weights that did not learn, is written once.
    """
    tensors = {
        f"{i}.{name}": tensor.contiguous()
        for i, one in enumerate(weights)
        for name, tensor in one.items()
        if i == 0 or name not in weights[0] or not _same_bits(weights[0][name], tensor)
    }
    # One entry: the format writes several in an order that changes from process to process.
    metadata = {"cotrain": json.dumps({"version": VERSION, "weights_of": weights_of})}
    # Shared memory between names (tied weights) is not allowed in the format: each name gets its own copy.
    unique = {name: tensor.clone() for name, tensor in tensors.items()}
    write_atomically(folder / MODEL, lambda temporary: save_file(unique, temporary, metadata))


def read_weights(folder: Path) -> tuple[list[Weights], dict[str, Sequence[int]]]:
    """Read what `write_weights` wrote.

    Raises:
        RunError: the file is absent (the run did not finish) or damaged.
    """
    path = folder / MODEL
    if not path.is_file():
        hint = " The run was interrupted: go on with --resume." if (folder / STATE).exists() else ""
        raise RunError(f"{path} does not exist.{hint}")
    try:
        with safe_open(path, framework="pt") as file:
            saved = json.loads((file.metadata() or {})["cotrain"])["weights_of"]
            # Runs of before have a number in place of a list.
            weights_of: dict[str, Sequence[int]] = {
                task: [of] if isinstance(of, int) else [int(number) for number in of]
                for task, of in saved.items()
            }
            if not all(of and min(of) >= 0 for of in weights_of.values()):
                raise ValueError(f"sets of weights {saved}")
            n = 1 + max(number for of in weights_of.values() for number in of)
            weights: list[dict[str, Tensor]] = [{} for _ in range(n)]
            for key in file.keys():  # noqa: SIM118 - not a dict
                number, _, name = key.partition(".")
                weights[int(number)][name] = file.get_tensor(key)
            weights = [{**weights[0], **one} for one in weights]
    except (SafetensorError, KeyError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise RunError(f"{path} is damaged or not of this library ({error}): train again.") from error
    return weights, weights_of


def _same_bits(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors have the same bits, so that 0 and -0 are told apart."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(*(tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)))


def _text(path: Path) -> str:
    if not path.parent.is_dir():
        raise RunError(f"There is no run folder {path.parent}.")
    if not path.is_file():
        raise RunError(f"{path} does not exist: {path.parent} is not a run folder, or it is damaged.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is damaged ({error}): the run cannot be loaded.") from error
