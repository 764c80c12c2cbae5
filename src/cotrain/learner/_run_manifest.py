"""Which files a run consists of, and that they are the ones that were written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cotrain._base import RunError, write_text_atomically

MANIFEST = "manifest.json"
#: Rises when a manifest can no longer be read by older code.
VERSION = 1


def seal(folder: Path, files: tuple[str, ...]) -> None:
    """Write down the hashes of the `files` that are there. Written last, it says that a run is whole.

    Args:
        folder: of the run.
        files: names of all files that a run may have.
    """
    found = {name: file_hash(folder / name) for name in sorted(files) if (folder / name).is_file()}
    content = {"version": VERSION, "files": found}
    text = json.dumps({**content, "digest": _digest(content)}, indent=1)
    write_text_atomically(folder / MANIFEST, text + "\n")


def unseal(folder: Path) -> None:
    """Take the manifest away: from now on the files change."""
    (folder / MANIFEST).unlink(missing_ok=True)


def verify(folder: Path, files: tuple[str, ...]) -> None:
    """See that every file of a run is the one that was written with the others.

    This finds damage, and files of two runs that were put together; against somebody who writes a manifest
    of their own it protects nobody.

    Args:
        folder: of the run.
        files: names of all files that a run may have.

    Raises:
        RunError: the run has not ended; a file is absent, has changed or is of another run; the manifest is
            damaged.
    """
    path = folder / MANIFEST
    if not folder.is_dir():
        raise RunError(f"There is no run folder {folder}.")
    if not path.is_file():
        present = [name for name in files if (folder / name).is_file()]
        if not present:
            raise RunError(f"{folder} is not a run folder: it has none of the files of a run.")
        raise RunError(
            f"{folder} has no {MANIFEST}: the run was interrupted, go on with --resume (resume=True); or an "
            "older cotrain made it, then train again."
        )
    listed = _read(path)
    for name in files:
        if name in listed and not (folder / name).is_file():
            raise RunError(
                f"{folder / name} is missing: restore it, or make it again with --resume (resume=True)."
            )
        if name not in listed and (folder / name).is_file():
            raise RunError(
                f"{folder / name} is not of this run: take it away, or if the run was interrupted go on with "
                "--resume (resume=True)."
            )
    for name, expected in listed.items():
        if name not in files:
            raise RunError(f"{path} is damaged or of another version: it lists {name!r}.")
        if file_hash(folder / name) != expected:
            raise RunError(
                f"{folder / name} is damaged or of another run: it has changed since the run was written."
            )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read(path: Path) -> Mapping[str, str]:
    damaged = f"{path} is damaged: the run cannot be loaded."
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        digest, version = content.pop("digest"), content["version"]
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise RunError(damaged) from error
    if digest != _digest(content) or not isinstance(content.get("files"), dict):
        raise RunError(damaged)
    if version > VERSION:
        raise RunError(f"{path} was written by a newer cotrain: upgrade cotrain.")
    return content["files"]


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
