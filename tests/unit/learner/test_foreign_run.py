"""A run folder of somebody else's: data, whatever it says."""

import builtins
import json
import shutil
import socket
import sys

import numpy as np
import polars as pl
import pytest
import yaml

import cotrain as ct
from cotrain._base import ConfigError, CotrainError
from cotrain.learner import Configuration
from cotrain.learner._run_folder import seal_run


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    x = np.random.default_rng(0).normal(size=60)
    table = pl.DataFrame({"x": x, "t": ["a, b", "b"] * 30, "big": x > 0, "price": 3 * x})
    table.write_parquet(folder / "table.parquet")
    tasks = [ct.tasks.Binary("big", when="x > -9"), ct.tasks.Regression("price")]
    learner = ct.Learner(
        tasks,
        encoder=ct.networks.TableEncoder(width=4, depth=1),
        sharing=ct.networks.MMoE(experts=2),
        training=ct.Training(epochs=1, batch_size=32),
    )
    learner.fit(table, 0.2, run=folder / "run", progress=False)
    return folder


@pytest.fixture
def run(whole, tmp_path, monkeypatch):
    shutil.copytree(whole / "run", tmp_path / "run")
    (tmp_path / "hostile.py").write_text(
        "from torch import nn\n"
        f"open({str(tmp_path / 'executed')!r}, 'w').close()\n"
        "class Kind(nn.Module):\n    def __init__(self, *a, **k): super().__init__()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def no_connection(*arguments):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "socket", no_connection)
    return tmp_path / "run"


def change(run, name, edit):
    path = run / name
    read, write = (yaml.safe_load, yaml.safe_dump) if name.endswith("yaml") else (json.loads, json.dumps)
    values = read(path.read_text())
    edit(values)
    path.write_text(write(values))
    seal_run(run)


KINDS = {
    "task": lambda c: c["tasks"][0].update(kind="hostile:Kind"),
    "encoder": lambda c: c.update(encoder={"kind": "hostile:Kind"}),
    "bare encoder": lambda c: c.update(encoder="hostile:Kind"),
    "sharing": lambda c: c.update(sharing="hostile:Kind"),
    "balancer": lambda c: c.update(balancer={"kind": "hostile:Kind"}),
    "output space": lambda c: c.update(output_space="hostile:Kind"),
    "wrap": lambda c: c.update(encoder={"kind": "Wrap", "module": "hostile:Kind", "key": "x", "widths": [4]}),
    "wrapped library": lambda c: c.update(
        encoder={"kind": "Wrap", "module": "torch.nn:Linear", "arguments": {"out_features": 9}}
    ),
    "nested wrap": lambda c: c.update(
        encoder={"kind": "Stems", "trunk": {"kind": "Wrap", "module": "hostile:Kind"}}
    ),
    "strategy": lambda c: c.update(cotraining={"strategy": {"kind": "hostile:Kind"}}),
    "peer": lambda c: c.update(
        cotraining={"strategy": {"kind": "TeacherStudent", "classifier": "hostile:Kind"}}
    ),
    "calibration": lambda c: c.update(cotraining={"calibration": {"kind": "hostile:Kind"}}),
    "inner balancer": lambda c: c.update(balancer={"kind": "UnitNorm", "balancer": {"kind": "hostile:Kind"}}),
}  # fmt: skip


@pytest.mark.parametrize("edit", KINDS.values(), ids=KINDS)
def test_a_kind_from_elsewhere_is_not_imported_without_trust(run, edit):
    change(run, "config.yaml", edit)
    before = set(sys.modules)
    for read in (ct.Learner.load, lambda folder: Configuration.read(folder / "config.yaml")):
        with pytest.raises(ConfigError) as error:
            read(run)
        assert "\n" not in str(error.value)
    assert "hostile" not in set(sys.modules) - before
    assert not (run.parent / "executed").exists()


def test_with_trust_it_is_imported(run):
    change(run, "config.yaml", KINDS["encoder"])
    with pytest.raises(CotrainError):  # it is imported, and is no Encoder
        ct.Learner.load(run, trust=True)
    assert (run.parent / "executed").exists()
    sys.modules.pop("hostile", None)


@pytest.mark.parametrize(
    "condition",
    [
        "x > (SELECT 1 FROM read_csv('/etc/passwd'))",
        "read_csv('/etc/passwd')",
        "x > 1; ATTACH 'a.db'",
        "sum(x) > 1",
        "__import__('os').mkdir('executed')",
    ],
)
def test_a_condition_that_would_read_or_write_is_refused(run, condition, monkeypatch):
    change(run, "config.yaml", lambda c: c["tasks"][0].update(when=condition))
    opened, real = [], builtins.open

    def noted(name, *arguments, **options):
        opened.append(str(name))
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "open", noted)
    rows = pl.DataFrame({"x": [1.0], "t": ["a"], "big": [True], "price": [1.0]})
    with pytest.raises(CotrainError) as error:
        ct.Learner.load(run).evaluate(rows)
    assert "root:" not in str(error.value)
    assert "/etc/passwd" not in opened


SIZES = {
    "wide": ("config.yaml", lambda c: c.update(encoder={"kind": "TableEncoder", "width": 10**9, "depth": 1})),
    "deep": ("config.yaml", lambda c: c.update(encoder={"kind": "TableEncoder", "width": 4, "depth": 10**9})),
    "experts": ("config.yaml", lambda c: c.update(sharing={"kind": "MMoE", "experts": 10**9})),
    "head": ("config.yaml", lambda c: c.update(head=[10**9, 10**9])),
    "buckets": ("schema.json", lambda s: _column(s, "tags")["state"].update(buckets=10**12)),
    "tokens": ("schema.json", lambda s: _column(s, "tags")["state"].update(width=10**12)),
    "negative": ("schema.json", lambda s: _column(s, "tags")["state"].update(buckets=-7)),
}


def _column(schema, kind):
    return next(column for column in schema["columns"]["columns"] if column["kind"] == kind)


@pytest.mark.parametrize(("name", "edit"), SIZES.values(), ids=SIZES)
def test_a_size_that_the_weights_do_not_have_is_refused_before_memory_is_taken(run, name, edit):
    change(run, name, edit)
    with pytest.raises(CotrainError) as error:
        ct.Learner.load(run)
    assert "\n" not in str(error.value)


def test_every_own_kind_can_be_described_without_memory(whole):
    # What `load` asks of a network that is not trusted.
    assert ct.Learner.load(whole / "run").predict(pl.read_parquet(whole / "table.parquet")).height == 60
