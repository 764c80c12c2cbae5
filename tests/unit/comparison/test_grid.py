"""The folder of a comparison: the rows, the jobs, who is told, and what is cleared away."""

import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError
from cotrain.comparison import _grid
from cotrain.comparison._checked_files import write_record
from cotrain.comparison._grid import OLD, PARTS, Grid, GridData
from cotrain.comparison._methods import Method
from cotrain.data import Split, TypedTable
from cotrain.jobs import PoolJob
from cotrain.learner import Configuration, SplitTable


class Noted:
    def __init__(self):
        self.told = []

    def total(self, jobs):
        self.told.append(("total", jobs))

    def done(self, title, reason, where):
        self.told.append((title, reason, where))

    def running(self, jobs):
        self.told.append(("running", [job.title for job in jobs]))


def configuration(folder, n_rows=80, split=None):
    x = np.random.default_rng(0).normal(size=n_rows)
    frame = pl.DataFrame({"x": x, "a": 2 * x, "zip": [f"{i % 7:05d}" for i in range(n_rows)]})
    frame = frame.with_columns(pl.when(pl.int_range(n_rows) % 4 == 0).then(None).otherwise("a").alias("a"))
    frame.write_csv(folder / "t.csv")
    learner = ct.Learner([ct.tasks.Regression("a")], training=ct.Training(epochs=1, batch_size=32))
    return Configuration(learner, str(folder / "t.csv"), split=split or Split(validation=0.2, test=0.2))


def opened(folder, progress=None):
    return Grid.open(configuration(folder), folder / "out", 1, progress or Noted())


def cells_of(grid, n):
    method = Method("joint", grid.configuration.learner, ("a",))
    return [method.cell(0.001 * (1 + rate), 0, grid.data.key) for rate in range(n)]


def test_the_parts_hold_every_row_once_with_the_types_of_the_whole_table(tmp_path):
    split = SplitTable.of(configuration(tmp_path))
    data = GridData.write(split, tmp_path / "parts")
    assert data.folder == tmp_path / "parts" / data.key
    assert list((tmp_path / "parts").iterdir()) == [data.folder]
    parts = {name: TypedTable.read(data.folder / f"{name}.parquet") for name in PARTS}
    whole = TypedTable.read(tmp_path / "t.csv").frame.sort("x")
    assert pl.concat([part.frame for part in parts.values()]).sort("x").equals(whole)
    assert {str(part.types) for part in parts.values()} == {str(split.typed("train").types)}
    assert parts["train"].types["zip"] == "text"
    assert {name: part.height for name, part in parts.items()} == {n: data.n_rows[n] for n in PARTS}
    for part in ("train", "validation", "test"):
        assert data.coverage["a"][part] == parts[part].height - parts[part].frame["a"].null_count()
    assert data.train().equals(parts["train"].frame)


def test_the_key_of_the_rows_depends_on_what_they_hold_and_on_nothing_else(tmp_path):
    def key(name, **options):
        (tmp_path / name).mkdir()
        return GridData.write(SplitTable.of(configuration(tmp_path / name, **options)), tmp_path / name).key

    first = key("one")
    assert key("again") == first
    assert key("longer", n_rows=81) != first
    assert key("parted", split=Split(validation=0.3, test=0.2)) != first
    # The same rows, of which one column more is no input.
    fewer_inputs = replace(SplitTable.of(configuration(tmp_path / "one")), left_out=["x"])
    assert GridData.write(fewer_inputs, tmp_path / "fewer").key != first


def test_the_key_of_the_rows_does_not_depend_on_where_their_files_lie(tmp_path):
    keys = []
    for place in ("here", "elsewhere"):
        (tmp_path / place).mkdir()
        made = configuration(tmp_path / place)
        made.test = made.data
        data = GridData.write(SplitTable.of(made), tmp_path / "parts")
        keys.append(data.key)
        tables = TypedTable.read(data.folder / "test.parquet").tables
        assert {name for name, _ in tables} == {str(tmp_path / place / "t.csv")}
    assert keys[0] == keys[1]


def test_other_pictures_behind_the_same_paths_are_other_rows(tmp_path):
    made = configuration(tmp_path)
    (tmp_path / "p.png").write_bytes(b"one")
    table = pl.read_csv(tmp_path / "t.csv", infer_schema=False).with_columns(file=pl.lit("p.png"))
    table.write_csv(tmp_path / "t.csv")

    def key():
        return GridData.write(SplitTable.of(made), tmp_path / "parts").key

    first = key()
    assert key() == first
    (tmp_path / "p.png").write_bytes(b"two")
    assert key() != first


def test_another_division_that_begins_in_the_folder_leaves_the_rows_of_fits_that_go_on(tmp_path):
    first = opened(tmp_path)
    train = first.data.train()
    other = configuration(tmp_path, split=Split(validation=0.2, test=0.5))
    second = Grid.open(other, tmp_path / "out", 1, Noted())
    assert second.data.train().height < train.height
    assert first.data.train().equals(train)
    for grid in (first, second):
        grid.leases.close()


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_comparison_without_rows_to_choose_or_to_judge_on_is_refused(tmp_path, part):
    shares = {"validation": 0.2, "test": 0.2, part: 0.0}
    with pytest.raises(DataError, match="A comparison needs"):
        Grid.open(configuration(tmp_path, split=Split(**shares)), tmp_path / "out", 1, Noted())


def test_the_best_cell_is_that_with_the_highest_score_and_a_failed_one_is_none(tmp_path):
    grid = opened(tmp_path)
    cells = cells_of(grid, 4)
    assert grid.best(cells) is None
    for cell, score in zip(cells, (0.1, 0.7, None, 0.3), strict=True):
        if score is not None:
            grid.place(cell).mkdir(parents=True)
            write_record(grid.place(cell) / "cell.json", {"score": score})
    assert grid.best(cells) is cells[1]
    assert grid.best(cells[2:]) is cells[3]
    assert grid.record(cells[2]) == {}
    grid.leases.close()


def test_a_network_and_trees_are_jobs_with_their_own_arguments(tmp_path, monkeypatch):
    grid, jobs = opened(tmp_path), []
    monkeypatch.setattr(_grid, "run_jobs", lambda found, *_, **__: jobs.extend(found) or {"x": "why"})
    learner = grid.configuration.learner
    makers = [Method(name, learner, ("a",), name) for name in ("network", "pooled", "trees")]
    grid.train([maker.cell(0.5, 3, grid.data.key) for maker in makers])
    assert [job.function.__name__ for job in jobs] == ["train_cell", "train_cell", "train_trees"]
    assert [job.arguments.get("pooled") for job in jobs] == [False, True, None]
    assert jobs[2].arguments["task"] == "a"
    assert jobs[2].arguments["learning_rate"] == 0.5
    assert len({job.name for job in jobs}) == 3, "what is fitted is part of the key"
    assert all(job.output.parent.is_dir() for job in jobs)
    assert grid.failed == {"x": "why"}
    grid.leases.close()


def test_a_person_is_told_the_title_and_not_the_key(tmp_path, monkeypatch):
    noted = Noted()
    grid = opened(tmp_path, noted)
    (cell,) = cells_of(grid, 1)

    def run_jobs(jobs, workers, leases, observer, old_failures):
        assert leases.claim(jobs[0].lease)
        observer.poll()
        leases.release(jobs[0].lease)
        observer.done(jobs[0], "broke", "here")
        return {}

    monkeypatch.setattr(_grid, "run_jobs", run_jobs)
    grid.train([cell])
    assert noted.told == [("running", [cell.title]), (cell.title, "broke", "here")]
    noted.told.clear()
    grid.run([PoolJob("test of joint", print, tmp_path / "out" / "test" / "t.npz")])
    assert noted.told[0] == ("running", ["test of joint"])
    grid.leases.close()


def test_what_failed_before_does_not_count_and_only_what_is_old_is_cleared_away(tmp_path):
    out = tmp_path / "out" / "cells" / "k"
    out.mkdir(parents=True)
    (out / "cell.json.failed").write_text("why")
    young, old = out / ".cell.json.1.part", out / ".cell.json.2.part"
    for leftover in (young, old):
        leftover.write_text("{")
    rows = tmp_path / "out" / "parts" / ".k.part"
    rows.mkdir(parents=True)
    (rows / "train.parquet").write_text("half")
    before = time.time() - OLD - 1
    for leftover in (old, rows):
        os.utime(leftover, (before, before))
    grid = opened(tmp_path)
    assert young.exists()
    assert not old.exists()
    assert not rows.exists()
    assert grid.old_failures == {out / "cell.json.failed": Path(out / "cell.json.failed").stat().st_mtime_ns}
    grid.leases.close()


def test_another_process_that_takes_its_files_away_meanwhile_stops_nobody(tmp_path, monkeypatch):
    rows, out = tmp_path / "out" / "parts" / ".other.part", tmp_path / "out" / "cells" / "k"
    rows.mkdir(parents=True)
    out.mkdir(parents=True)
    # Named in its folder, and not there when it is looked at.
    (out / "cell.json.failed").symlink_to(tmp_path / "gone")
    scandir = os.scandir

    def scandir_after_removal(path):
        if str(path) == str(rows) and rows.exists():
            rows.rmdir()
        return scandir(path)

    monkeypatch.setattr(os, "scandir", scandir_after_removal)
    grid = opened(tmp_path)
    assert not rows.exists()
    assert grid.old_failures == {}
    grid.leases.close()
