"""The files of a run, none of which can execute anything when it is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from cotrain._base import RunError, remove_leftovers, write_atomically, write_text_atomically
from cotrain.training import Weights

#: Rises when a run folder can no longer be read by older code.
VERSION = 1

CONFIG, SCHEMA, MODEL = "config.yaml", "schema.json", "model.safetensors"
STATE, HISTORY, METRICS = "state.pt", "history.jsonl", "metrics.json"
#: What co-training did, and the folder of its fits while it goes on.
COTRAINING, ROUNDS = "cotraining.json", "rounds"
#: What is known of the learner's confidence, and the cells that it labelled itself.
CONFIDENCE, PSEUDO_LABELS = "confidence.json", "pseudo_labels.parquet"
FILES = (
    *(CONFIG, SCHEMA, MODEL, STATE, HISTORY, METRICS, COTRAINING, CONFIDENCE, PSEUDO_LABELS),
    "report.html",
)


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
    for name in ("tensorboard", ROUNDS):
        if overwrite and (folder / name).is_dir():
            shutil.rmtree(folder / name)
    folder.mkdir(parents=True, exist_ok=True)


def open_run(
    folder: Path, schema: Mapping[str, Any], config: Mapping[str, Any], *, resume: bool, overwrite: bool
) -> None:
    """Make the run folder, or see that the one to resume was begun with the same configuration.

    Raises:
        RunError: it holds another run.
    """
    if resume and (folder / CONFIG).exists():
        before = read_config(folder)
        if before != config:
            keys = [key for key in {**before, **config} if before.get(key) != config.get(key)]
            raise RunError(
                f"{folder} was begun with another configuration ({', '.join(sorted(keys))}): resume it "
                "unchanged, or start anew with --overwrite (overwrite=True)."
            )
        remove_leftovers(folder)
    else:
        prepare_run_folder(folder, overwrite=overwrite)
        write_config(folder, config)
    write_schema(folder, schema)


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the resolved configuration."""
    write_text_atomically(folder / CONFIG, yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


def read_config(folder: Path) -> dict[str, Any]:
    """Read the resolved configuration of a run."""
    try:
        config = yaml.safe_load(_text(folder / CONFIG))
    except yaml.YAMLError as error:
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


def write_weights(folder: Path, weights: list[Weights], weights_of: Mapping[str, int]) -> None:
    """Write the sets of weights, and which task uses which."""
    tensors = {
        f"{i}.{name}": tensor.contiguous() for i, one in enumerate(weights) for name, tensor in one.items()
    }
    # One entry: the format writes several in an order that changes from process to process.
    metadata = {"cotrain": json.dumps({"version": VERSION, "weights_of": weights_of})}
    # Shared memory between names (tied weights) is not allowed in the format: each name gets its own copy.
    unique = {name: tensor.clone() for name, tensor in tensors.items()}
    write_atomically(folder / MODEL, lambda temporary: save_file(unique, temporary, metadata))


def read_weights(folder: Path) -> tuple[list[Weights], dict[str, int]]:
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
            weights_of = json.loads((file.metadata() or {})["cotrain"])["weights_of"]
            weights: list[dict[str, Tensor]] = [{} for _ in range(max(weights_of.values()) + 1)]
            for key in file.keys():  # noqa: SIM118 - not a dict
                number, _, name = key.partition(".")
                weights[int(number)][name] = file.get_tensor(key)
    except (SafetensorError, KeyError, ValueError, IndexError) as error:
        raise RunError(f"{path} is damaged or not of this library ({error}): train again.") from error
    return weights, weights_of


def _text(path: Path) -> str:
    if not path.parent.is_dir():
        raise RunError(f"There is no run folder {path.parent}.")
    if not path.is_file():
        raise RunError(f"{path} does not exist: {path.parent} is not a run folder, or it is damaged.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RunError(f"{path} is damaged ({error}): the run cannot be loaded.") from error
