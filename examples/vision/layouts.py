"""Write a table of the pictures of NYUv2 or Cityscapes, a row each, from the folders that they come in.

    python examples/vision/layouts.py nyuv2 FOLDER nyuv2.csv
    python examples/vision/layouts.py cityscapes FOLDER cityscapes.csv

What is not there for a picture stays empty: it is unlabelled for that task.

nyuv2, as benchmarks of several tasks share it: images/ID.jpg (or .png), segmentation/ID.png (class numbers,
255 = none), depth/ID.npy (metres, 0 = none), normals/ID.npy ([height, width, 3]), and lists of IDs in
gt_sets/train.txt and gt_sets/val.txt.

cityscapes, as it is downloaded: leftImg8bit/PART/CITY/ID_leftImg8bit.png, of the same ID
gtFine/PART/CITY/ID_gtFine_labelTrainIds.png (255 = none) and disparity/PART/CITY/ID_disparity.png (16 bits,
256 times the disparity, 0 = none), with PART train or val.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

#: Column -> folder and endings of NYUv2.
NYUV2 = {
    "mask": ("segmentation", (".png",)),
    "depth": ("depth", (".npy", ".png")),
    "normals": ("normals", (".npy", ".png")),
}


def nyuv2(folder: Path) -> pl.DataFrame:
    """Return the table of NYUv2; its val part is the test."""
    rows = []
    for part, split in (("train", "train"), ("val", "test")):
        for name in (folder / "gt_sets" / f"{part}.txt").read_text().split():
            row = {"file": found(folder / "images", name, (".jpg", ".png"))}
            row |= {column: found(folder / of, name, endings) for column, (of, endings) in NYUV2.items()}
            rows.append(row | {"split": split})
    return pl.DataFrame(rows, schema=dict.fromkeys(["file", *NYUV2, "split"], pl.String))


def cityscapes(folder: Path) -> pl.DataFrame:
    """Return the table of Cityscapes; its val part is the test, whole cities are in one part."""
    rows = []
    for part, split in (("train", "train"), ("val", "test")):
        for picture in sorted((folder / "leftImg8bit" / part).glob("*/*_leftImg8bit.png")):
            city, name = picture.parent.name, picture.name.removesuffix("_leftImg8bit.png")
            row = {"file": str(picture.absolute())}
            row["mask"] = found(folder / "gtFine" / part / city, f"{name}_gtFine_labelTrainIds", (".png",))
            row["disparity"] = found(folder / "disparity" / part / city, f"{name}_disparity", (".png",))
            rows.append(row | {"city": city, "split": split})
    columns = ["file", "mask", "disparity", "city", "split"]
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))


def found(folder: Path, name: str, endings: tuple[str, ...]) -> str | None:
    """Return the path of the file of this name, None where there is none."""
    paths = [folder / f"{name}{ending}" for ending in endings]
    return next((str(path.absolute()) for path in paths if path.is_file()), None)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("layout", choices=["nyuv2", "cityscapes"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("table", type=Path)
    arguments = parser.parse_args()
    table = {"nyuv2": nyuv2, "cityscapes": cityscapes}[arguments.layout](arguments.folder)
    table.write_csv(arguments.table)
    print(f"{table.height} pictures in {arguments.table}")


if __name__ == "__main__":
    main()
