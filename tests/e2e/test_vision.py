"""Classification, detection and segmentation at once, from files and labels that are disjoint."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import CotrainError
from cotrain.data import read_table, write_coco_results
from cotrain.data.sources import Mixing, Proportional
from cotrain.tasks.dense._masks import read_mask

image_module = pytest.importorskip("PIL.Image")

SIDE, N_TRAIN, N_TEST = 24, 96, 32


def write_picture(folder: Path, number: int) -> tuple[dict, np.ndarray, str]:
    """A bright square or a bright cross on a dark, noisy ground; sometimes nothing at all."""
    draw = np.random.default_rng(number)
    picture = draw.integers(0, 60, (SIDE, SIDE, 3), dtype=np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    boxes = []
    kind = "none"
    if number % 8:
        side = int(draw.integers(6, 11))
        x, y = (int(draw.integers(0, SIDE - side)) for _ in range(2))
        kind = "square" if number % 2 else "cross"
        shape = np.ones((side, side), bool)
        if kind == "cross":
            shape[:] = False
            shape[side // 2 - 1 : side // 2 + 1] = shape[:, side // 2 - 1 : side // 2 + 1] = True
        picture[y : y + side, x : x + side][shape] = draw.integers(190, 256, 3)
        mask[y : y + side, x : x + side][shape] = 1 if kind == "square" else 2
        boxes = [{"box": [float(x), float(y), float(side), float(side)], "label": kind}]
    image_module.fromarray(picture).save(folder / f"{number}.png")
    return boxes, mask, kind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of training pictures, each with one kind of label, and one of test pictures with all."""
    where = tmp_path_factory.mktemp("vision")
    (where / "images").mkdir()
    (where / "masks").mkdir()
    rows = []
    for number in range(N_TRAIN + N_TEST):
        boxes, mask, kind = write_picture(where / "images", number)
        image_module.fromarray(mask).save(where / "masks" / f"{number}.png")
        test = number >= N_TRAIN
        rows.append(
            {
                "file": f"images/{number}.png",
                "kind": kind if test or number % 3 == 0 else None,
                "things": json.dumps(boxes) if test or number % 3 == 1 else None,
                "mask": f"masks/{number}.png" if test or number % 3 == 2 else None,
                "width": SIDE,
                "height": SIDE,
            }
        )
    pl.DataFrame(rows[:N_TRAIN]).write_csv(where / "train.csv")
    pl.DataFrame(rows[N_TRAIN:]).write_csv(where / "test.csv")
    return where


def learner(epochs: int, encoder: ct.networks.Encoder | None = None) -> ct.Learner:
    return ct.Learner(
        [
            ct.tasks.Multiclass("kind"),
            ct.tasks.Detection("things"),
            ct.tasks.Segmentation("mask", classes=["ground", "square", "cross"]),
        ],
        encoder=encoder or ct.networks.ConvNet((12, 24, 24), strides=(2, 1, 1)),
        columns={"width": "drop", "height": "drop"},
        training=ct.Training(epochs=epochs, batch_size=8, learning_rate=5e-3, select="last"),
    )


@pytest.fixture(scope="module")
def trained(folder: Path) -> ct.Learner:
    return learner(20).fit(folder / "train.csv", validation=None, progress=False)


def test_a_transformer_of_patches_learns_all_three(folder: Path) -> None:
    encoder = ct.networks.VisionTransformer(width=32, depth=2, heads=2, patch=4, dropout=0.0)
    made = learner(20, encoder)
    made.training = ct.Training(epochs=20, batch_size=8, learning_rate=3e-3, select="last")
    made.fit(folder / "train.csv", validation=None, progress=False)
    found = made.evaluate(folder / "test.csv")
    figures = [found.value(*of) for of in (("kind", "accuracy"), ("mask", "miou"), ("things", "map50"))]
    # Three seeds gave .91, .73 and .97 at least.
    assert np.all(np.array(figures) > (0.8, 0.6, 0.85)), figures
    said = made.predict(folder / "test.csv")
    again = made.predict(read_table(folder / "test.csv")[:1])
    assert said["kind"][0] == again["kind"][0]


@pytest.mark.parametrize("mixing", [None, Proportional()], ids=["default", "by size"])
def test_every_step_has_pictures_for_every_task_on_maps(
    folder: Path, mixing: Mixing | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All know their kind, a twelfth of them a mask.
    rows = read_table(folder / "train.csv").with_columns(
        pl.Series("kind", ["square", "cross"] * (N_TRAIN // 2)),
        pl.Series("mask", [None if i % 12 else str(folder / f"masks/{i}.png") for i in range(N_TRAIN)]),
    )
    made = learner(2)
    made.mixing = mixing
    steps = []
    plan = ct.training.Fit._active_tasks

    def noted(fit):
        steps.extend(plan(fit))
        return plan(fit)

    monkeypatch.setattr(ct.training.Fit, "_active_tasks", noted)
    made.fit(rows, validation=None, progress=False)
    with_masks = [any(task.name == "mask" for task in step) for step in steps]
    assert all(with_masks) == (mixing is None)


@pytest.mark.parametrize("balancer", [ct.balancing.Equal(), ct.balancing.UPGrad()], ids=["loss", "gradient"])
def test_heads_on_maps_are_computed_for_labelled_rows_alone_and_learn_the_same(
    folder: Path, balancer: ct.balancing.Balancer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = read_table(folder / "train.csv")
    weights, seen = [], []
    for every in (False, True):
        made = learner(1)
        made.balancer, made.mixing = balancer, Proportional()
        if every:
            monkeypatch.setattr(ct.networks.MultiTaskNetwork, "map_tasks", lambda network: ())
        of_heads: dict[str, int] = {}
        forward = ct.networks.MultiTaskNetwork.forward

        def counted(network, inputs, *given, of_heads=of_heads, forward=forward, **options):
            found = forward(network, inputs, *given, **options)
            for task, output in found.items() if network.training else ():
                of_heads[task] = of_heads.get(task, 0) + len(output)
            return found

        with monkeypatch.context() as patch:
            patch.setattr(ct.networks.MultiTaskNetwork, "forward", counted)
            made.fit(rows, validation=None, progress=False)
        seen.append(of_heads)
        weights.append(made.fitted.networks.weights[0])
    assert seen[0] == {"kind": 96, "things": 32, "mask": 32}
    assert min(seen[1].values()) > 64
    for name, mine in weights[0].items():
        torch.testing.assert_close(mine, weights[1][name], rtol=1e-3, atol=1e-4)


def figures(table: ct.evaluation.EvaluationTable) -> dict[tuple[str, str], tuple[float, float]]:
    return {(r.task, r.metric): (r.value, r.references["constant"]) for r in table.rows if r.part is None}


def test_all_three_are_learned_from_disjoint_labels(folder: Path, trained: ct.Learner):
    found = figures(trained.evaluate(folder / "test.csv"))
    assert found["kind", "accuracy"][0] > found["kind", "accuracy"][1] + 0.2
    assert found["things", "map50"][0] > 0.5
    assert found["mask", "miou"][0] > found["mask", "miou"][1] + 0.2


def test_predictions_are_masks_boxes_and_classes_and_are_the_same_after_loading(
    folder: Path, trained: ct.Learner, tmp_path: Path
):
    test = read_table(folder / "test.csv").drop("kind", "things", "mask")
    said = trained.predict(test)
    assert said.height == N_TEST
    assert read_mask(said["mask"][0]).shape == (SIDE, SIDE)
    assert set(said["things"].struct.fields if said["things"].dtype == pl.Struct else []) <= {"box"}
    boxes = said["things"].to_list()
    assert any(boxes)
    assert {key for box in boxes for one in box for key in one} == {"box", "label", "score"}
    trained.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.predict(test).equals(said)
    one = again.predict(test.row(0, named=True))
    assert read_mask(one["mask"]).shape == (SIDE, SIDE)
    assert one["kind"] == said["kind"][0]


def larger(folder: Path, where: Path, factor: int) -> list[str]:
    """Write the test pictures as larger ones of the same content, and return their paths."""
    paths = []
    for file in read_table(folder / "test.csv")["file"]:
        picture = image_module.open(file)
        path = where / f"{factor}_{Path(file).name}"
        picture.resize((SIDE * factor, SIDE * factor), image_module.Resampling.NEAREST).save(path)
        paths.append(str(path))
    return paths


def test_boxes_are_in_pixels_and_masks_as_large_as_the_picture_however_large_it_is(
    folder: Path, trained: ct.Learner, tmp_path: Path
):
    test = read_table(folder / "test.csv").drop("kind", "things", "mask")
    plain = trained.predict(test)
    doubled = trained.predict(test.with_columns(file=pl.Series(larger(folder, tmp_path, 2))))
    row = trained.predict({**test.row(0, named=True), "file": larger(folder, tmp_path, 2)[0]})
    # Alone and in a batch a kernel may round the last digit otherwise.
    for alone, beside in zip(row["things"], doubled["things"].to_list()[0], strict=True):
        assert alone["label"] == beside["label"]
        assert [*alone["box"], alone["score"]] == pytest.approx([*beside["box"], beside["score"]], rel=1e-4)
    n_boxes = 0
    for small, large in zip(plain.rows(named=True), doubled.rows(named=True), strict=True):
        assert read_mask(large["mask"]).shape == (2 * SIDE, 2 * SIDE)
        assert (read_mask(large["mask"])[::2, ::2] != read_mask(small["mask"])).mean() < 0.1
        for one, two in zip(small["things"], large["things"], strict=False):
            if one["label"] == two["label"] and one["score"] > 0.5:
                assert two["box"] == pytest.approx([2 * v for v in one["box"]], abs=4)
                n_boxes += 1
    assert n_boxes > 10


def test_predictions_are_the_same_however_many_rows_are_answered_at_a_time(
    folder: Path, trained: ct.Learner, monkeypatch: pytest.MonkeyPatch
):
    whole = trained.predict(folder / "test.csv")
    monkeypatch.setattr("cotrain.training._predict.ROOM", 5 * 3 * SIDE * SIDE)
    apart = trained.predict(folder / "test.csv")
    assert apart.schema == whole.schema
    assert apart["mask"].equals(whole["mask"])
    assert apart["kind"].equals(whole["kind"])
    assert [len(one) for one in apart["things"]] == [len(one) for one in whole["things"]]


def test_coco_reads_the_results_and_finds_the_figure_that_was_told(
    folder: Path, trained: ct.Learner, tmp_path: Path
):
    coco = pytest.importorskip("faster_coco_eval")
    test = read_table(folder / "test.csv")
    trained.tasks[1].least = trained.fitted.preprocessor.tasks[1].least = 0.0  # figures look at all boxes
    names = ["square", "cross"]
    document = {"info": {}, "images": [], "annotations": [], "categories": []}
    document["categories"] = [{"id": 7 - 3 * i, "name": name} for i, name in enumerate(names)]
    for number, row in enumerate(test.rows(named=True)):
        document["images"].append(
            {"id": 90 - number, "file_name": row["file"], "width": SIDE, "height": SIDE}
        )
        for box in json.loads(row["things"]) if isinstance(row["things"], str) else row["things"]:
            x, y, w, h = box["box"]
            document["annotations"].append(
                {
                    "id": len(document["annotations"]) + 1,
                    "image_id": 90 - number,
                    "category_id": 7 - 3 * names.index(box["label"]),
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    (tmp_path / "pictures.json").write_text(json.dumps(document))
    said = trained.predict(test.drop("kind", "things", "mask"))
    write_coco_results(said, tmp_path / "pictures.json", tmp_path / "said.json")
    truth = coco.COCO(str(tmp_path / "pictures.json"))
    found = coco.COCOeval_faster(truth, truth.loadRes(str(tmp_path / "said.json")), "bbox")
    found.evaluate()
    found.accumulate()
    found.summarize()
    told = figures(trained.evaluate(folder / "test.csv"))
    assert found.stats[0] == pytest.approx(told["things", "map"][0], abs=1e-3)
    assert found.stats[1] == pytest.approx(told["things", "map50"][0], abs=1e-3)


@pytest.mark.parametrize("sharing", ["MMoE", "CrossStitch", "MTAN", "Hierarchical", "NDDR"])
def test_every_way_of_sharing_takes_maps(folder: Path, sharing: str):
    mixed = learner(1)
    mixed.sharing = getattr(ct.networks, sharing)()
    mixed.fit(folder / "train.csv", validation=None, progress=False)
    assert set(mixed.outputs(folder / "test.csv")) == {"kind", "things", "mask"}


def test_a_picture_that_cannot_be_read_is_named(folder: Path, trained: ct.Learner, tmp_path: Path):
    (tmp_path / "images").mkdir()
    for number in range(3):
        data = (folder / "images" / f"{number}.png").read_bytes()
        (tmp_path / "images" / f"{number}.png").write_bytes(data if number != 1 else data[:60])
    files = [f"images/{number}.png" for number in range(3)]
    pl.DataFrame({"file": files}).write_csv(tmp_path / "t.csv")
    with pytest.raises(CotrainError, match=r"Column 'file', row 1: The picture '.*1\.png' is damaged"):
        trained.predict(tmp_path / "t.csv")


def test_the_command_line_trains_evaluates_and_predicts(folder: Path, tmp_path: Path):
    config = {
        "data": str(folder / "train.csv"),
        "columns": {"file": "picture", "width": "drop", "height": "drop"},
        "tasks": [
            {"kind": "Multiclass", "name": "kind"},
            {"kind": "Detection", "name": "things"},
            {"kind": "Segmentation", "name": "mask"},
        ],
        "encoder": {"kind": "ConvNet", "channels": [8, 8], "strides": [2, 1]},
        "training": {"epochs": 1, "batch_size": 16},
        "references": "constant",
    }
    (tmp_path / "job.yaml").write_text(json.dumps(config))
    for arguments in (
        ["train", "job.yaml", "--run", "run", "--quiet"],
        ["evaluate", "run", str(folder / "test.csv"), "--json"],
        ["predict", "run", str(folder / "test.csv"), "-o", "said.jsonl"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", "from cotrain.cli import main; main()", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    said = read_table(tmp_path / "said.jsonl")
    assert said.height == N_TEST
    assert read_mask(said["mask"][0]).shape == (SIDE, SIDE)


@pytest.mark.slow
def test_the_example_prepares_its_pictures_and_trains_on_them(tmp_path: Path):
    example = Path(__file__).parents[2] / "examples" / "vision"
    commands = [
        [sys.executable, str(example / "prepare.py"), "scenes", "--small"],
        [
            *[
                sys.executable,
                "-c",
                "from cotrain.cli import main; main()",
                "train",
                str(example / "vision.yaml"),
            ],
            *["--set", f"data={tmp_path / 'scenes' / 'scenes.csv'}", "--set", "training.epochs=1"],
            *["--set", "references=constant", "--run", "run", "--quiet"],
        ],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "report.html").is_file()
