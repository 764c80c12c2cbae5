"""The example of three corpora, each with labels of its own, on made-up sentences."""

import json
import re
import runpy
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from cotrain.cli._app import app

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "language"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "language.md"
#: The configuration of two sources in a few lines, and nothing else.
BRIEF = """
data:
  tags: zh_gsd/train.jsonl
  reviews: sst2/train.csv
columns: {tokens: words}
tasks:
  - {kind: Tagging, name: upos}
  - {kind: Tagging, name: ner, spans: BIO}
  - {kind: Multiclass, name: sentiment}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("language")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["prepare.py", str(folder)])
        runpy.run_path(str(EXAMPLE / "prepare.py"), run_name="__main__")
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


SMALL = ["--set", "training.epochs=2", "--set", "encoder={kind: WordEncoder, width: 16}"]


def test_the_example_runs_from_check_to_predict(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    found = json.loads(run("check", EXAMPLE / "language.yaml", *_data(), "--json"))
    assert {source: set(tasks) for source, tasks in found["by_source"].items()} == {
        "news": {"upos", "ner"},
        "reviews": {"sentiment"},
        "commands": {"intent", "slots"},
    }
    result = json.loads(run("train", EXAMPLE / "language.yaml", *_data(), *SMALL, "--run", "run", "--json"))
    figures = {row["task"]: row for row in result["rows"] if row["part"] is None}
    assert set(figures) == {"upos", "ner", "sentiment", "intent", "slots"}
    assert "single_task" in figures["slots"]["references"]
    assert set(result["by_source"]) == {"news", "reviews", "commands"}
    run("predict", "run", "commands=snips/test.jsonl", "--output", "tags.parquet")
    sentences, found_tags = pl.read_ndjson("snips/test.jsonl"), pl.read_parquet("tags.parquet")
    assert found_tags["slots"].list.len().to_list() == sentences["tokens"].list.len().to_list()
    assert (folder / "run" / "report.html").exists()


def test_two_sources_need_nothing_but_their_tables_and_tasks(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "brief.yaml").write_text(BRIEF)
    result = json.loads(run("train", "brief.yaml", *SMALL, "--references", "constant", "--json"))
    assert {verdict["task"] for verdict in result["verdicts"]} == {"upos", "ner", "sentiment"}


def test_the_tutorial_shows_the_configuration_of_the_example() -> None:
    example = (EXAMPLE / "language.yaml").read_text(encoding="utf-8")
    assert f"```yaml\n{example}```" in PAGE.read_text(encoding="utf-8")


def test_low_tasks_can_read_low_stages_as_the_tutorial_has_it(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    *_, block = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    low = yaml.safe_load(block)
    low["encoder"]["width"] = 16
    settings = [part for key, value in low.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    settings += ["--set", "training.epochs=1", "--references", "constant", "--run", "low"]
    result = json.loads(run("train", EXAMPLE / "language.yaml", *_data(), *settings, "--json"))
    assert {row["task"] for row in result["rows"]} == {"upos", "ner", "sentiment", "intent", "slots"}


def _data() -> list[str]:
    """The paths of the example start at its own folder: those of the made-up tables instead."""
    config = yaml.safe_load((EXAMPLE / "language.yaml").read_text())
    return [
        part
        for key in ("data", "validation", "test")
        for name, path in config[key].items()
        for part in ("--set", f"{key}.{name}={Path(path).absolute()}")
    ]
