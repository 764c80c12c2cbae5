"""Folders of pictures or sounds: a class a folder, or files of one name in folders beside one another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import polars as pl

from cotrain._base import DataError
from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain._base._sounds import SOUND_ENDINGS
from cotrain.data._missing import WORDS

#: What lies in a row: its pictures, sounds and masks, and fields of numbers.
ENDINGS = (*PICTURE_ENDINGS, *SOUND_ENDINGS, ".npy")
#: What says more of the files than their names do.
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson")
#: Folders that are no classes but parts of the data; digits at their ends, as in `train2017`, do not count.
PARTS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
#: Folders of the inputs, beside which others hold what belongs to them.
INPUTS = {"images", "image", "imgs", "img", "pictures", "photos", "jpegimages", "sounds", "audio", "wavs"}
#: Folders of masks, which are the column `mask`; others have the name of their folder.
MASKS = {"masks", "mask", "labels", "annotations", "segmentation", "segmentations", "segmentationclass"}


def read_media_folder(folder: Path) -> pl.DataFrame:
    """Return a table of the pictures, sounds and masks in a folder, in the order of their paths.

    Its columns are `file`, with the path from where the folder lies, and

    - `label`: where every file lies in a folder below this one, as `cats/1.jpg` and `dogs/2.jpg`, the name of
      that;
    - `mask`, or the name of a folder: where one folder is called `images` (or one of `INPUTS`), from each
      folder beside it the file of the same name but for its ending, as `images/1.jpg` and `masks/1.png` or
      `masks/1_mask.png`; null where there is none;
    - `split`: "train", "validation" or "test", where all lies in such folders (or one of `PARTS`), above the
      others or below `images` and `masks`.

    Files and folders whose names begin with a dot, and files of other kinds, are left out.

    Source: the folders of torchvision's ImageFolder and of Hugging Face's `imagefolder`.

    Raises:
        DataError: there is no such file; a table in the folder says more of them; files lie in class folders
            and beside them, or in one with a name that says "missing", such as `NA`; there are parts and
            other folders beside them; or what lies beside the inputs belongs to none of them, or to two.
    """
    files = _with_parts(_media(folder), folder)
    roles = sorted({file.below.parts[0] for file in files if len(file.below.parts) > 1})
    inputs = [role for role in roles if role.lower() in INPUTS]
    if len(inputs) > 1:
        raise DataError(f"{folder} holds {' and '.join(inputs)}: expected one folder of inputs.")
    files, others = _beside(files, inputs[0], folder) if inputs else (files, {})
    columns: dict[str, list[str | None]] = {"file": [_from_above(folder, file.path) for file in files]}
    if not others and (labels := _classes(files, folder)):
        columns["label"] = labels
    for name, of_key in others.items():
        columns[name] = [of_key.get(_key(file)) for file in files]
    if any(file.part for file in files):
        columns["split"] = [file.part for file in files]
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


@dataclass(frozen=True)
class _Media:
    """A picture, sound or field: its path from the folder, what is left of that, and its part of the data."""

    path: PurePath
    below: PurePath
    part: str | None = None


def _key(file: _Media) -> PurePath:
    """Return what files of one row have in common."""
    return PurePath(file.part or "", file.below.with_suffix(""))


def _from_above(folder: Path, path: PurePath) -> str:
    """Return the path from where the folder lies."""
    return str(PurePath(folder.name, path))


def _media(folder: Path) -> list[_Media]:
    """Return all pictures, sounds and fields in the folder, in the order of their paths."""
    found = []
    for file in _files(folder):
        ending = file.suffix.lower()
        if ending in TABLES and len(file.parts) <= 2:
            raise DataError(
                f"{folder} holds the table {file}, which says more of its files than their names: give the "
                "path of that, or of a folder without it."
            )
        if ending == ".txt" and len(file.parts) > 1 and file.parts[0].lower() in MASKS:
            raise DataError(
                f"{folder} holds texts beside its pictures, such as {file}: boxes as YOLO writes them are "
                "not read; make COCO's JSON or a table of them."
            )
        if ending in ENDINGS:
            found.append(_Media(file, file))
    if not found:
        raise DataError(f"{folder} is a folder without a Parquet file, a picture or a sound.")
    return sorted(found, key=lambda file: file.path)


def _files(folder: Path) -> Iterator[PurePath]:
    for place, below, names in os.walk(folder, followlinks=True):
        below[:] = [name for name in below if not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield PurePath(place, name).relative_to(folder)


def _with_parts(files: Sequence[_Media], folder: Path) -> list[_Media]:
    """Return the files with the parts of the data that their folders name, if these do."""
    names = {file.below.parts[0] if len(file.below.parts) > 1 else "" for file in files}
    of_name = {name: PARTS.get(name.lower().rstrip("0123456789")) for name in sorted(names)}
    known = {part for part in of_name.values() if part is not None}
    if None not in of_name.values():
        return [
            replace(file, below=PurePath(*file.below.parts[1:]), part=of_name[file.below.parts[0]])
            for file in files
        ]
    if len(known) > 1:
        others = ", ".join(repr(name) if name else "files" for name, part in of_name.items() if part is None)
        raise DataError(
            f"{folder} holds {others} beside folders of parts ({', '.join(sorted(known))}): give the path of "
            "a folder that holds either parts or classes."
        )
    return list(files)


def _classes(files: Sequence[_Media], folder: Path) -> list[str | None]:
    """Return the names of the folders that the files lie in; none where they lie in none."""
    beside = [file for file in files if len(file.below.parts) == 1]
    if beside and len(beside) < len(files):
        raise DataError(
            f"{folder} holds {len(beside)} files beside the folders of classes, the first being "
            f"{beside[0].path}: move them into a folder, or give the path of one that holds either."
        )
    names = [] if beside else [file.below.parts[0] for file in files]
    nothing = sorted(set(names) & set(WORDS))
    if nothing:
        raise DataError(
            f"{folder} holds the folder {nothing[0]!r}, and a class of that name reads as an empty cell: "
            "give the folder another name, or list the files in a table if they have no class."
        )
    return [*names]


def _beside(
    files: Sequence[_Media], inputs: str, folder: Path
) -> tuple[list[_Media], dict[str, dict[PurePath, str]]]:
    """Return the inputs, and of each folder beside theirs the files by the keys of these."""
    of_role: dict[str, list[_Media]] = {}
    for file in files:
        if len(file.below.parts) == 1:
            raise DataError(
                f"{folder} holds {file.path} beside the folder {inputs!r}: move it, or give that."
            )
        below = PurePath(*file.below.parts[1:])
        of_role.setdefault(file.below.parts[0], []).append(replace(file, below=below))
    if not any(file.part for file in files):
        of_role = {role: _with_parts(own, folder) for role, own in of_role.items()}
    keys = _by_key(of_role.pop(inputs), folder)
    columns = {"mask" if role.lower() in MASKS else role: own for role, own in of_role.items()}
    return list(keys.values()), {name: _of_inputs(own, keys, name, folder) for name, own in columns.items()}


def _by_key(files: Sequence[_Media], folder: Path) -> dict[PurePath, _Media]:
    found: dict[PurePath, _Media] = {}
    for file in files:
        if (other := found.setdefault(_key(file), file)) is not file:
            raise DataError(f"{folder}: {other.path} and {file.path} have one name: keep one of them.")
    return found


def _of_inputs(
    own: Sequence[_Media], inputs: dict[PurePath, _Media], name: str, folder: Path
) -> dict[PurePath, str]:
    """Return the paths of what lies beside the inputs by the keys of these."""
    found: dict[PurePath, str] = {}
    for key, file in _by_key(own, folder).items():
        bare = [key.parent / key.name.removesuffix(end) for end in (f"_{name}", f"-{name}")]
        match = next((one for one in (key, *bare) if one in inputs), None)
        if match is None or match in found:
            why = "belongs to no input" if match is None else "is the second of its input"
            raise DataError(
                f"{folder}: {file.path} {why}: expected the name of the input's file but for the ending."
            )
        found[match] = _from_above(folder, file.path)
    return found
