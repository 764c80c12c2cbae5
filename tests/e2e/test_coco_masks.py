"""A COCO document with outlines: looked at, learned with its boxes, judged, shown and predicted."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

import cotrain as ct
from cotrain._base import CotrainError
from cotrain.cli import main
from cotrain.data import read_table
from cotrain.tasks.dense._masks import read_mask

image_module = pytest.importorskip("PIL.Image")
HEIGHT, WIDTH = 24, 32


def written(folder: Path, n: int = 40) -> tuple[Path, list[np.ndarray]]:
    """Write pictures of a red or a blue square and a document of them; return its path and the masks."""
    draw = np.random.default_rng(0)
    (folder / "images").mkdir()
    images, annotations, masks = [], [], []
    for number in range(n):
        x, y, side = (int(value) for value in draw.integers((1, 1, 6), (18, 10, 12)))
        label = number % 2
        picture = np.full((HEIGHT, WIDTH, 3), draw.integers(0, 60), np.uint8)
        picture[y : y + side, x : x + side, 2 * label] = 255
        image_module.fromarray(picture).save(folder / "images" / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": WIDTH, "height": HEIGHT})
        corners = [x, y, x + side, y, x + side, y + side, x, y + side]
        thing = {"id": number, "image_id": number, "category_id": 3 + label, "bbox": [x, y, side, side]}
        annotations.append({**thing, "segmentation": [corners], "iscrowd": 0})
        masks.append(np.zeros((HEIGHT, WIDTH), int))
        # Sorted, blue comes before red.
        masks[-1][y : y + side, x : x + side] = 1 if label else 2
    categories = [{"id": 3, "name": "red"}, {"id": 4, "name": "blue"}]
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path, masks


def called(*arguments: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["cotrain", *map(str, arguments)])
        with contextlib.suppress(SystemExit):  # what went wrong shows in what is not there
            main()


def test_masks_of_a_document_are_learned_beside_its_boxes_judged_and_predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    document, masks = written(tmp_path)
    job, run = tmp_path / "job.yaml", tmp_path / "run"
    called("init", document, "--targets", "boxes,mask", "-o", job, "--no-probe")
    config = yaml.safe_load(job.read_text())
    assert config["tasks"] == [
        {"kind": "Detection", "name": "boxes"},
        {"kind": "Segmentation", "name": "mask"},
    ]
    config |= {
        "encoder": {"kind": "ConvNet", "channels": [8, 8], "strides": [2, 1]},
        "training": {"epochs": 5, "batch_size": 8, "learning_rate": 0.02},
    }
    config.pop("compare")
    job.write_text(yaml.safe_dump(config))
    called("train", job, "--run", run, "--quiet")
    shown = (run / "report.html").read_text()
    assert all(f"mask: {name}" in shown for name in ("background", "blue", "red"))
    called("predict", run, document, "-o", tmp_path / "said.parquet")
    said = [read_mask(cell) for cell in read_table(tmp_path / "said.parquet")["mask"]]
    overlap = [
        np.sum((one == number) & (true == number)) / max(1, np.sum((one == number) | (true == number)))
        for one, true in zip(said, masks, strict=True)
        for number in np.unique(true)
    ]
    assert np.mean(overlap) > 0.5
    scores = [box["score"] for boxes in read_table(tmp_path / "said.parquet")["boxes"] for box in boxes]
    assert all(score >= 0.3 for score in scores)
    # COCO's results have boxes, and whoever asks for them hears that masks are not among them.
    capsys.readouterr()
    called("predict", run, document, "-o", tmp_path / "said.json")
    status = capsys.readouterr().err
    results = json.loads((tmp_path / "said.json").read_text())
    # Whoever computes figures of them needs boxes of every score, as `evaluate` looks at.
    assert sorted(one["score"] for one in results if one["score"] >= 0.3) == sorted(scores)
    assert len(results) > len(scores)
    assert f"Wrote {len(results)} COCO results of 'boxes' to {tmp_path / 'said.json'}." in status
    assert "Not written: mask, for which COCO results have no place; .jsonl has all." in status
    learner = ct.Learner.load(run)
    found = learner.evaluate(document)
    right = np.mean([(one == true).mean() for one, true in zip(said, masks, strict=True)])
    assert found.value("mask", "pixel_accuracy") == pytest.approx(right, abs=1e-6)


def test_a_picture_that_stands_on_its_side_is_refused(tmp_path: Path):
    document, _ = written(tmp_path, 8)
    path = tmp_path / "images" / "3.png"
    turned = image_module.Exif()
    turned[0x0112] = 6
    with image_module.open(path) as image:
        image.save(path, exif=turned)
    table = read_table(document).drop("boxes", "width", "height")
    learner = ct.Learner([ct.tasks.Segmentation("mask")], training=ct.Training(epochs=1))
    with pytest.raises(CotrainError, match=r"'mask', row 3: the label lies in a picture of 32×24 .* 24×32"):
        learner.fit(table, validation=0.25, progress=False)


def test_documents_and_tables_of_other_forms_are_sources_of_one_task(tmp_path: Path):
    document, masks = written(tmp_path, 8)
    table = read_table(document)
    rows = [
        {"file": row["file"], "mask": {"areas": row["mask"]["areas"], "width": WIDTH, "height": HEIGHT}}
        for row in table.iter_rows(named=True)
    ]
    (tmp_path / "other.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    learner = ct.Learner(
        [ct.tasks.Segmentation("mask", size=[HEIGHT, WIDTH])],
        encoder=ct.networks.ConvNet((4,), strides=(2,)),
        columns={"width": "drop", "height": "drop"},
        training=ct.Training(epochs=1, batch_size=8),
    )
    learner.fit({"document": document, "other": tmp_path / "other.jsonl"}, validation=0.25, progress=False)
    task = learner.fitted.preprocessor.tasks[0]
    assert task.parts == ["background", "blue", "red"]
    targets, _ = task.encode(pl.DataFrame({"mask": table["mask"]}))
    assert all(np.array_equal(one.numpy(), true) for one, true in zip(targets, masks, strict=True))
