"""The tutorial with few labels can be followed, in short."""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cotrain.cli._app import app

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "tutorial" / "few-labels.md"
#: What makes a command quick; the rest of it stays as the page has it. Without guards one round answers.
QUICKER = {
    "init": ["--no-probe"],
    "train": ["--set", "training.epochs=2", "--set", "encoder.width=8", "--references", "constant"],
}
UNGUARDED = [
    "--set",
    "cotraining.max_rounds=1",
    "--set",
    "cotraining.margin=0",
    "--set",
    "cotraining.min_labels=0",
]


def commands() -> list[list[str]]:
    blocks = re.findall(r"^```bash\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line]


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> pl.DataFrame:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["prepare.py", "digits"])
    runpy.run_path(str(ROOT / "examples" / "few_labels" / "prepare.py"), run_name="__main__")
    return pl.read_csv("digits/digits.csv")


def test_a_digit_that_is_learned_from_has_one_label_or_none(tmp_path, monkeypatch):
    frame = prepared(tmp_path, monkeypatch)
    train, test = (frame.filter(pl.col("split") == part) for part in ("train", "test"))
    known = train.select(pl.col("digit", "loops").is_not_null())
    assert (train.height, test.height) == (1198, 599)
    assert known.sum().row(0) == (60, 60)
    assert not known.select(pl.all_horizontal(pl.all())).to_series().any()
    assert test.select(pl.col("digit", "loops").null_count()).row(0) == (0, 0)


@pytest.mark.slow
def test_the_tutorial_can_be_followed(tmp_path, monkeypatch):
    prepared(tmp_path, monkeypatch)
    done = []
    for words in commands():
        if words[0] != "cotrain":
            continue
        unguarded = UNGUARDED if any("cotraining" in word for word in words) else []
        result = CliRunner().invoke(app, [*words[1:], *QUICKER.get(words[1], []), *unguarded])
        assert result.exit_code == 0, (words, result.output, result.exception)
        done.append(words[1])
    assert done == ["init", "train", "train", "complete"]
    table = pl.read_csv("completed.csv")
    assert table.height == 1797
    sources = set(table["digit_source"].drop_nulls())
    assert {"given"} < sources <= {"given", "pseudo", "predicted", "open"}
