"""Draw what one network says of four nuclei pictures beside the truth, for the documentation.

python docs/build_vision_picture.py FOLDER

FOLDER holds the .csv, the COCO files and the pictures that benchmarks/vision.py reads. All tasks are learned
at once, as in the table of docs/explanation/vision-figures.md: 17 epochs of twelve a step, mirrored only,
seed 0; four CPU minutes. The pictures are test pictures, one of every stain: those in the middle of the order
by the number of nuclei, so that none is chosen for what is said of it.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image, ImageDraw

import cotrain as ct
from cotrain.data import read_table
from cotrain.reporting._images import class_colour
from cotrain.training import PictureAugmentation

PICTURE = Path(__file__).parent / "images" / "nuclei.png"
#: Pixels of the page for one of a picture, and between two pictures.
SCALE, GAP = 2, 8
TRUE, SAID = "#56b4e9", "#e69f00"


def learned(folder: Path) -> tuple[ct.Learner, pl.DataFrame]:
    """Return the fitted learner and the test rows."""
    frame = read_table([next(folder.glob("*.csv")), *sorted(folder.glob("instances_*.json"))])
    tasks: list[ct.tasks.Task] = [
        ct.tasks.Multiclass("stain"),
        ct.tasks.Regression("count"),
        ct.tasks.Detection("boxes", picture="file"),
        ct.tasks.Segmentation("mask"),
    ]
    parts = {part: frame.filter(pl.col("split") == part) for part in ("train", "validation", "test")}
    columns = ["file", *(task.name for task in tasks)]
    learner = ct.Learner(
        tasks,
        columns={"file": "picture"},
        augmentation=PictureAugmentation(flip=True, flip_vertical=True, scale=0.0, shift=0.0),
        training=ct.Training(epochs=17, batch_size=12, patience=None),
    )
    learner.fit(parts["train"].select(columns), parts["validation"].select(columns))
    return learner, parts["test"]


def chosen(test: pl.DataFrame) -> pl.DataFrame:
    """Return a row of each stain, that with the median number of nuclei."""
    rows = [
        of.sort("count", "file")[of.height // 2] for of in test.partition_by("stain", maintain_order=True)
    ]
    return pl.concat(sorted(rows, key=lambda row: row["stain"][0]))


def boxed(picture: Image.Image, boxes: list[dict], colour: str) -> Image.Image:
    """Return a picture with boxes over it."""
    drawn = picture.copy()
    pen = ImageDraw.Draw(drawn)
    for box in boxes:
        x, y, width, height = (SCALE * side for side in box["box"])
        pen.rectangle([x, y, x + width, y + height], outline=colour, width=2)
    return drawn


def coloured(mask: Image.Image) -> Image.Image:
    """Return a mask of class numbers in the colours of a report."""
    numbers = np.asarray(mask)
    colours = [
        [int(class_colour(c)[i : i + 2], 16) for i in (1, 3, 5)] for c in range(int(numbers.max()) + 1)
    ]
    return enlarged(Image.fromarray(np.array(colours, np.uint8)[numbers]))


def enlarged(picture: Image.Image) -> Image.Image:
    """Return a picture in the size of the page."""
    return picture.resize((SCALE * picture.width, SCALE * picture.height), Image.Resampling.NEAREST)


def main() -> None:
    """Learn, predict, and write the picture and what was said beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    torch.set_num_threads(1)
    learner, test = learned(parser.parse_args().folder)
    rows = chosen(test)
    said = learner.predict(rows.select("file"))
    panels = []
    for true, found in zip(rows.iter_rows(named=True), said.iter_rows(named=True), strict=True):
        picture = enlarged(Image.open(true["file"]).convert("RGB"))
        panels.append(
            [
                boxed(picture, true["boxes"], TRUE),
                boxed(picture, found["boxes"], SAID),
                coloured(Image.open(true["mask"])),
                coloured(Image.open(io.BytesIO(found["mask"]))),
            ]
        )
        print(true["file"], {name: (true[name], found[name]) for name in ("stain", "count")})
    width, height = panels[0][0].size
    page = Image.new("RGB", (4 * width + 3 * GAP, len(panels) * height + (len(panels) - 1) * GAP), "#ffffff")
    for row, across in enumerate(panels):
        for column, panel in enumerate(across):
            page.paste(panel, (column * (width + GAP), row * (height + GAP)))
    page.quantize(128, dither=Image.Dither.NONE).save(PICTURE, optimize=True)
    print(f"Wrote {PICTURE} ({PICTURE.stat().st_size / 1024:.0f} KiB).")


if __name__ == "__main__":
    main()
