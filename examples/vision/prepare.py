"""Make pictures of digits in which three things are to be found, from what scikit-learn brings along.

    python examples/vision/prepare.py scenes

writes scenes/scenes.csv, scenes/images/ and scenes/masks/. A picture of 48×48 pixels holds none to three
digits of scikit-learn's and some clutter. Every training picture says its highest digit; a quarter has
boxes, another quarter a mask, half have neither; those for validation and test have everything. Digits for
training and for the test are of other hands. Equal arguments give equal files.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

SIDE, DIGIT = 48, 16
ROWS = {"train": 800, "validation": 120, "test": 240}
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def scene(
    draw: np.random.Generator, images: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list]:
    """Return a picture, its mask (0 = ground, digit + 1) and its boxes."""
    picture = draw.integers(0, 40, (SIDE, SIDE)).astype(np.float64)
    mask, boxes = np.zeros((SIDE, SIDE), np.uint8), []
    for _ in range(6):
        x, y = draw.integers(0, SIDE - 4, 2)
        picture[y : y + 4, x : x + 4] += images[draw.integers(len(images))][2:6, 2:6] * 5
    places = draw.permutation(9)[: draw.choice(4, p=[0.1, 0.4, 0.3, 0.2])]
    for place in places:
        number = draw.integers(len(images))
        ink = np.kron(images[number], np.ones((2, 2))) * draw.uniform(11, 16)
        x, y = (int(third * DIGIT + draw.integers(-1, 2)) for third in (place % 3, place // 3))
        x, y = max(0, min(SIDE - DIGIT, x)), max(0, min(SIDE - DIGIT, y))
        part = picture[y : y + DIGIT, x : x + DIGIT]
        np.maximum(part, ink, out=part)
        drawn = ink > 60
        of_mask = mask[y : y + DIGIT, x : x + DIGIT]
        of_mask[drawn & (of_mask == 0)] = labels[number] + 1
        rows, columns = np.nonzero(drawn)
        box = [x + columns.min(), y + rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        boxes.append({"box": [float(v) for v in box], "label": WORDS[labels[number]]})
    return np.clip(picture, 0, 255).astype(np.uint8), mask, boxes


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true", help="a tenth of the pictures, to try it out")
    arguments = parser.parse_args()
    for name in ("images", "masks"):
        (arguments.folder / name).mkdir(parents=True, exist_ok=True)
    digits, rows, number = load_digits(), [], 0
    draw = np.random.default_rng(0)
    for split, n_rows in ROWS.items():
        own = slice(0, 1300) if split != "test" else slice(1300, None)
        for i in range(n_rows // (10 if arguments.small else 1)):
            picture, mask, boxes = scene(draw, digits.images[own], digits.target[own])
            Image.fromarray(picture).save(arguments.folder / "images" / f"{number:04}.png")
            has_mask, has_boxes = (split != "train" or i % 4 == wanted for wanted in (0, 1))
            if has_mask:
                Image.fromarray(mask).save(arguments.folder / "masks" / f"{number:04}.png")
            named = [WORDS.index(box["label"]) for box in boxes]
            rows.append(
                {
                    "file": f"images/{number:04}.png",
                    "highest": WORDS[max(named)] if named else "none",
                    "digits": json.dumps(boxes) if has_boxes else "",
                    "mask": f"masks/{number:04}.png" if has_mask else "",
                    "width": SIDE,
                    "height": SIDE,
                    "split": split,
                }
            )
            number += 1
    with (arguments.folder / "scenes.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} pictures in {arguments.folder / 'scenes.csv'}")


if __name__ == "__main__":
    main()
