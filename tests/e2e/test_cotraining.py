"""Co-training from a table: the learner, the configuration, the run folder, and the completed table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import cotrain as ct
from cotrain._base import ConfigError
from cotrain.cli._app import app
from cotrain.data._row_hash import row_keys
from cotrain.learner import Configuration
from cotrain.training import Fit, Reconstruction


def table(n: int = 240, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 4))
    side = x[:, 0] + x[:, 1] > 0
    known = generator.random((n, 2)) < 0.35
    size = x[:, 2] + x[:, 3] + 0.1 * generator.normal(size=n)
    return pl.DataFrame(
        {
            **{f"x{i}": x[:, i] for i in range(4)},
            "side": [
                ("right" if s else "left") if k else None for s, k in zip(side, known[:, 0], strict=True)
            ],
            "size": [float(v) if k else None for v, k in zip(size, known[:, 1], strict=True)],
        }
    )


def learner(**more) -> ct.Learner:
    settings = ct.CoTraining(ct.cotraining.Committee(2), 2, updates=30)
    return ct.Learner(
        [ct.tasks.Binary("side"), ct.tasks.Regression("size")],
        encoder=ct.networks.TableEncoder(16, 1, numbers="plain"),
        cotraining=more.pop("cotraining", settings),
        training=ct.Training(
            epochs=6, batch_size=64, select="combined", reconstruction=more.pop("reconstruction", None)
        ),
        **more,
    )


def test_a_learner_co_trains_and_comes_back_from_its_folder(tmp_path: Path):
    frame = table()
    fitted = learner().fit(frame, 0.25, run=tmp_path / "run", progress=False)
    loaded = ct.Learner.load(tmp_path / "run")
    assert fitted.predict(frame).equals(loaded.predict(frame))
    record = json.loads((tmp_path / "run" / "cotraining.json").read_text())
    assert record["peers"] == ["network 1", "network 2"]
    assert set(record["verdicts"]) == {"side", "size"}
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    rounds = [record["cotraining"] for record in history if "cotraining" in record]
    assert [record["round"] for record in rounds] == list(range(1, len(rounds) + 1))
    assert rounds
    assert rounds[0]["tasks"]["side"]["accepted"] > 0
    assert not (tmp_path / "run" / "rounds").exists()


def test_no_task_is_worse_on_validation_than_without(tmp_path: Path):
    frame, held = table(), table(80, seed=1)
    alone = learner(cotraining=None).fit(frame, held, progress=False)
    together = learner().fit(frame, held, progress=False)
    for task, better in (("side", max), ("size", min)):
        values = [
            next(row.value for row in one.evaluate(held) if row.task == task) for one in (alone, together)
        ]
        assert better(values) == values[1]


def test_the_configuration_says_the_same():
    config = {
        "data": "table.csv",
        "tasks": [{"kind": "Binary", "name": "side"}],
        "cotraining": {
            "strategy": {
                "kind": "TwoViewCoTraining",
                "views": ["a", "b"],
                "selector": {"kind": "KBest", "share": 0.5},
            },
            "max_rounds": 3,
            "views": {"a": ["x0"], "b": ["x1"]},
        },
    }
    configuration = Configuration.from_config(config)
    resolved = configuration.config()
    assert {key: resolved["cotraining"][key] for key in config["cotraining"]} == config["cotraining"]
    assert Configuration.from_config(resolved).config() == resolved
    configuration = Configuration.from_config({**config, "cotraining": {"strategy": "auto"}})
    assert configuration.learner.cotraining is not None
    assert configuration.learner.cotraining.strategy == "auto"
    assert configuration.config()["cotraining"]["strategy"] == "auto"


def test_a_view_of_no_column_is_an_error():
    settings = ct.CoTraining(
        ct.cotraining.TwoViewCoTraining(["a", "b"]), views={"a": ["x0", "x1"], "b": ["x9"]}
    )
    with pytest.raises(ConfigError, match="'b' names 'x9', which is no input column"):
        learner(cotraining=settings).fit(table(), progress=False)


def test_views_of_a_table_and_auto_run():
    settings = ct.CoTraining("auto", 1, updates=10, views={"a": ["x0", "x2"], "b": ["x1", "x3"]})
    fitted = learner(cotraining=settings).fit(table(), 0.3, progress=False)
    assert fitted.predict(table()).height == 240


class Killed(Exception):
    pass


def ends_the_same(monkeypatch, tmp_path: Path, after: int, fit) -> None:
    """Fit in peace, and killed in the third epoch of a fit and resumed, and compare all that is kept."""
    fit(run=tmp_path / "whole")
    fits = []
    end_epoch = Fit._end_epoch

    def dying(self: Fit) -> None:
        end_epoch(self)
        self.checkpoints.write(self.state_dict())
        if self.epoch == 2:
            fits.append(self)
            if len(fits) == after:
                raise Killed

    monkeypatch.setattr(Fit, "_end_epoch", dying)
    with pytest.raises(Killed):
        fit(run=tmp_path / "killed")
    monkeypatch.undo()
    fit(run=tmp_path / "killed", resume=True)
    for name in ("history.jsonl", "cotraining.json", "confidence.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "killed" / name).read_bytes()
    labels = [tmp_path / name / "pseudo_labels.parquet" for name in ("whole", "killed")]
    assert labels[0].exists() == labels[1].exists()
    assert not labels[0].exists() or pl.read_parquet(labels[0]).equals(pl.read_parquet(labels[1]))
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 3, 5, 7])
def test_a_run_killed_between_or_within_rounds_ends_the_same(tmp_path: Path, monkeypatch, after: int):
    ends_the_same(
        monkeypatch,
        tmp_path,
        after,
        lambda **options: learner().fit(table(), 0.25, progress=False, **options),
    )


def co_training(strategy, **more) -> ct.CoTraining:
    return ct.CoTraining(strategy, 1, updates=20, folds=2, **more)


#: Parts of co-training -> the settings that have them.
PARTS = {
    "label noise": lambda: co_training(ct.cotraining.SelfTraining(), label_noise="confident"),
    "density": lambda: co_training(ct.cotraining.SelfTraining(ct.cotraining.DensityAware())),
    "soft weights": lambda: co_training(ct.cotraining.MeanTeacher(ct.cotraining.SoftWeight())),
    "own thresholds": lambda: co_training(ct.cotraining.MeanTeacher(ct.cotraining.SelfAdaptiveThreshold())),
    "trees": lambda: co_training(ct.cotraining.TeacherStudent("estimators")),
    "adjustment": lambda: co_training(ct.cotraining.Committee(2), logit_adjustment=0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_co_training_outlives_a_kill(tmp_path: Path, monkeypatch, part: str):
    def fit(**options) -> None:
        learner(cotraining=PARTS[part]()).fit(table(120), 0.25, progress=False, **options)

    ends_the_same(monkeypatch, tmp_path, 2, fit)


@pytest.mark.slow
def test_rounds_beside_a_reconstruction_outlive_a_kill(tmp_path: Path, monkeypatch):
    def fit(**options) -> None:
        parts = {"cotraining": co_training(ct.cotraining.SelfTraining()), "reconstruction": Reconstruction()}
        learner(**parts).fit(table(120), 0.25, progress=False, **options)

    ends_the_same(monkeypatch, tmp_path, 2, fit)


def test_co_training_leaves_the_global_random_state_alone():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    learner().fit(table(), progress=False)
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_command_line_trains_and_completes_a_table(tmp_path: Path):
    frame = table()
    frame.write_csv(tmp_path / "table.csv")
    (tmp_path / "job.yaml").write_text(
        "data: table.csv\n"
        "tasks:\n  - {kind: Binary, name: side}\n  - {kind: Regression, name: size}\n"
        "encoder: {kind: TableEncoder, width: 16, depth: 1}\n"
        "training: {epochs: 4, batch_size: 64}\n"
        "cotraining: {strategy: {kind: Committee, networks: 2}, max_rounds: 2, updates: 60}\n"
        "references: constant\n"
    )
    run = tmp_path / "run"
    runner = CliRunner()
    done = runner.invoke(app, ["train", str(tmp_path / "job.yaml"), "--run", str(run)])
    assert done.exit_code == 0, done.output
    assert "round 1  side:" in done.output
    assert "co-training ended:" in done.output
    record = json.loads((run / "cotraining.json").read_text())
    without = frame.filter(pl.col("side").is_null() & pl.col("size").is_null()).height
    # Rows without any label are in the pool: more cells are free than the labelled rows leave open.
    assert record["rounds"][0]["tasks"]["side"]["accepted"] > 0
    assert record["pool"] >= without
    output = tmp_path / "full.csv"
    done = runner.invoke(app, ["complete", str(run), str(tmp_path / "table.csv"), "-o", str(output)])
    assert done.exit_code == 0, done.output
    full = pl.read_csv(output)
    assert full["side"].null_count() == full["size"].null_count() == 0
    assert (full["side_source"] == "given").sum() == frame["side"].count()


def test_further_unlabelled_rows_join_the_pool():
    frame = table()
    labelled = frame.filter(pl.col("side").is_not_null() | pl.col("size").is_not_null())
    more = frame.filter(pl.col("side").is_null() & pl.col("size").is_null()).select(
        pl.exclude("side", "size")
    )
    a = learner().fit(labelled, labelled[:50], unlabelled=more, progress=False)
    b = learner().fit(labelled, labelled[:50], progress=False)
    assert not a.predict(frame).equals(b.predict(frame))


def test_no_row_of_validation_or_test_gets_a_pseudo_label(tmp_path: Path):
    frame = table(400)
    parts = ["train", "validation", "test", "train"] * 100
    # The first rows of the pool are copies of validation rows: they are left alone as well.
    copies = frame[1:200:4].with_columns(side=pl.lit(None, pl.String), size=pl.lit(None, pl.Float64))
    whole = pl.concat([frame.with_columns(part=pl.Series(parts)), copies.with_columns(part=pl.lit("train"))])
    whole.write_csv(tmp_path / "table.csv")
    (tmp_path / "job.yaml").write_text(
        "data: table.csv\nsplit: {column: part}\nreferences: constant\n"
        "tasks:\n  - {kind: Binary, name: side}\n  - {kind: Regression, name: size}\n"
        # Plain numbers, which leave something to gain: what gains nothing is not kept, and no label with it.
        "encoder: {kind: TableEncoder, width: 16, depth: 1, numbers: plain}\n"
        "training: {epochs: 6, batch_size: 64, select: combined}\n"
        "cotraining:\n"
        "  strategy: {kind: Committee, networks: 2, selector: {kind: Curriculum, share: 1.0}}\n"
        "  max_rounds: 1\n  updates: 40\n  margin: 0\n  min_labels: 0\n"
    )
    run = tmp_path / "run"
    done = CliRunner().invoke(app, ["train", str(tmp_path / "job.yaml"), "--run", str(run)])
    assert done.exit_code == 0, done.output
    labelled = set(pl.read_parquet(run / "pseudo_labels.parquet")["row"])
    assert len(labelled) > 30
    preprocessor = ct.Learner.load(run).preprocessor
    for part in ("validation", "test"):
        rows = pl.read_csv(tmp_path / "table.csv").filter(pl.col("part") == part)
        rows = rows.filter(pl.col("side").is_not_null() | pl.col("size").is_not_null())
        assert rows.height > 30
        assert not labelled & set(row_keys(preprocessor.inputs(rows)))
