"""Points of COCO's files beside classes of other pictures: learned, moved, mirrored, predicted and judged."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.data import read_table, write_coco_results
from cotrain.training import PictureAugmentation

image_module = pytest.importorskip("PIL.Image")
SIDE = 32


def written(folder: Path, n: int = 96) -> tuple[pl.DataFrame, Path]:
    """Write pictures of a red dot on the left of a blue one; two of three have points, the others a class."""
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    places = np.mgrid[:SIDE, :SIDE] + 0.5
    images, annotations, lower = [], [], []
    for number in range(n):
        red, blue = (draw.uniform(low, (high, SIDE - 4)) for low, high in ((4, 14), ((18, 4), 28)))
        picture = np.full((SIDE, SIDE, 3), draw.integers(0, 60), np.uint8)
        for (x, y), channel in ((red, 0), (blue, 2)):
            picture[(places[1] - x) ** 2 + (places[0] - y) ** 2 < 9, channel] = 255
        image_module.fromarray(picture).save(folder / "images" / f"{number}.png")
        images.append({"id": 10 + number, "file_name": f"{number}.png", "width": SIDE, "height": SIDE})
        of_row = [*red.tolist(), 2, *blue.tolist(), 1 if number % 2 else 0]
        thing = {"image_id": 10 + number, "category_id": 7, "bbox": [0, 0, SIDE, SIDE], "area": SIDE**2}
        if number % 3:
            n_known = 1 + number % 2
            annotations.append(
                {**thing, "id": 1 + number, "keypoints": of_row, "num_keypoints": n_known, "iscrowd": 0}
            )
        lower.append(None if number % 3 else "red" if red[1] > blue[1] else "blue")
    category = {"id": 7, "name": "pair", "keypoints": ["red", "blue"]}
    document = {"images": images, "annotations": annotations, "categories": [category]}
    path = folder / "points.json"
    path.write_text(json.dumps(document))
    table = read_table(path).with_columns(lower=pl.Series(lower)).drop("boxes")
    return table, path


@pytest.mark.parametrize("sharing", [None, ct.networks.MTAN()], ids=["hard", "MTAN"])
def test_points_and_classes_of_different_pictures_are_learned_together(tmp_path: Path, sharing: Any):
    table, document = written(tmp_path)
    assert table["keypoints"].null_count() == 32
    learner = ct.Learner(
        [ct.tasks.Keypoints("keypoints"), ct.tasks.Multiclass("lower")],
        encoder=ct.networks.ConvNet((8, 16), strides=(2, 2)),
        sharing=sharing,
        columns={"file": "picture", "width": "drop", "height": "drop"},
        training=ct.Training(epochs=16, batch_size=8, learning_rate=0.01),
        augmentation=PictureAugmentation(shift=0.1, mixup=0.2),
    )
    learner.fit(table, validation=0.2, progress=False)
    found = learner.evaluate(table)
    assert found.value("keypoints", "distance") < 2.5
    assert found.value("keypoints", "pck20") > 0.9
    said = learner.predict(table.drop("keypoints", "lower"))
    assert {point["label"] for point in said["keypoints"][0]} == {"red", "blue"}
    assert write_coco_results(said.select("keypoints"), document, tmp_path / "said.json") == 96


def test_the_true_points_as_results_are_perfect_to_coco(tmp_path: Path):
    evaluator = pytest.importorskip("faster_coco_eval")
    table, path = written(tmp_path, 12)
    said = [[{**point, "score": 0.9} for point in cell or []] for cell in table["keypoints"].to_list()]
    dtype = pl.List(pl.Struct({"point": pl.List(pl.Float64), "label": pl.String, "score": pl.Float64}))
    results = tmp_path / "said.json"
    write_coco_results(pl.DataFrame({"keypoints": pl.Series(said, dtype=dtype)}), path, results)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = evaluator.COCO(str(path))
        judged = evaluator.COCOeval_faster(
            truth, truth.loadRes(str(results)), "keypoints", kpt_oks_sigmas=[0.05, 0.05]
        )
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    assert judged.stats[0] == pytest.approx(1.0)
