"""Folders as NYUv2 and Cityscapes come in, made up here, are read by the recipe and learned from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import cotrain as ct
from cotrain.data import read_table
from cotrain.tasks.dense._fields import read_field
from cotrain.tasks.dense._masks import read_mask

image_module = pytest.importorskip("PIL.Image")
SCRIPT = Path(__file__).parents[2] / "examples" / "vision" / "layouts.py"
HEIGHT, WIDTH = 12, 16


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        image_module.fromarray(array).save(path)


def table_of(layout: str, folder: Path) -> Path:
    table = folder.parent / f"{layout}.csv"
    subprocess.run([sys.executable, str(SCRIPT), layout, str(folder), str(table)], check=True)
    return table


def nyuv2(folder: Path) -> None:
    draw = np.random.default_rng(0)
    (folder / "gt_sets").mkdir(parents=True)
    for part, names in (("train", range(8)), ("val", range(8, 12))):
        (folder / "gt_sets" / f"{part}.txt").write_text("\n".join(f"{name:04}" for name in names))
    for number in range(12):
        name = f"{number:04}"
        save(folder / "images" / f"{name}.png", draw.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))
        save(folder / "depth" / f"{name}.npy", draw.uniform(0.5, 8, (HEIGHT, WIDTH)).astype(np.float32))
        save(folder / "normals" / f"{name}.npy", draw.normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32))
        if number % 2:
            save(
                folder / "segmentation" / f"{name}.png", draw.integers(0, 3, (HEIGHT, WIDTH), dtype=np.uint8)
            )


def test_nyuv2_is_segmentation_depth_and_normals_of_one_network(tmp_path: Path):
    nyuv2(tmp_path / "nyu")
    table = read_table(table_of("nyuv2", tmp_path / "nyu"))
    assert table["mask"].null_count() + (table["mask"] == "").sum() == 6
    learner = ct.Learner(
        [
            ct.tasks.Segmentation("mask"),
            ct.tasks.DenseRegression("depth"),
            ct.tasks.DenseRegression("normals", quantity="normals"),
        ],
        encoder=ct.networks.ConvNet((4, 4), strides=(2, 1)),
        training=ct.Training(epochs=1, batch_size=4),
        columns={"file": "picture"},
    )
    parts = [table.filter(table["split"] == part).drop("split") for part in ("train", "test")]
    learner.fit(parts[0], validation=None, progress=False)
    found = {(row.task, row.metric) for row in learner.evaluate(parts[1])}
    assert {("mask", "miou"), ("depth", "abs_rel"), ("depth", "rmse"), ("normals", "mean_angle")} <= found
    said = learner.predict(parts[1])
    assert read_field(said["depth"][0], 1).shape == (1, HEIGHT, WIDTH)
    assert read_field(said["normals"][0], 3).shape == (3, HEIGHT, WIDTH)
    learner.save(tmp_path / "run")
    assert ct.Learner.load(tmp_path / "run").predict(parts[1]).equals(said)


def test_cityscapes_is_classes_and_disparity_of_16_bits(tmp_path: Path):
    draw, root = np.random.default_rng(0), tmp_path / "city"
    for part, city in (("train", "aachen"), ("train", "bremen"), ("val", "ulm")):
        for number in range(3):
            name = f"{city}_{number:06}_000019"
            picture = draw.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            save(root / "leftImg8bit" / part / city / f"{name}_leftImg8bit.png", picture)
            mask = draw.choice(np.array([0, 1, 18, 255], np.uint8), (HEIGHT, WIDTH))
            save(root / "gtFine" / part / city / f"{name}_gtFine_labelTrainIds.png", mask)
            if number:
                disparity = draw.integers(0, 126 * 256, (HEIGHT, WIDTH)).astype(np.uint16)
                save(root / "disparity" / part / city / f"{name}_disparity.png", disparity)
    table = read_table(table_of("cityscapes", root))
    assert table["city"].to_list() == ["aachen"] * 3 + ["bremen"] * 3 + ["ulm"] * 3
    tasks = [
        ct.tasks.Segmentation("mask", classes=[f"class {number}" for number in range(19)]),
        ct.tasks.DenseRegression("disparity", quantity="values", unit=256, ignore=0),
    ]
    for task in tasks:
        task.fit(table)
    assert tasks[0].encode(table)[1].any(dim=(1, 2)).all()
    targets, labelled = tasks[1].encode(table)
    raw = np.asarray(image_module.open(table["disparity"].to_list()[1]))
    assert np.array_equal(labelled[1].numpy(), raw > 0)
    assert np.allclose(tasks[1].original(targets)[1, 0].numpy()[raw > 0], raw[raw > 0] / 256, atol=1e-3)
    assert not bool(labelled[0].any())
    assert read_mask(table["mask"][0]).shape == (HEIGHT, WIDTH)
