"""The documentation does what it says: its code runs, its configurations and commands are valid."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from cotrain.cli._app import app
from cotrain.learner import Configuration

DOCS = Path(__file__).resolve().parents[2] / "docs"
#: Pages with tests of their own, and the pages of methods, whose examples are doctests.
ELSEWHERE = (
    "balancing-in-your-loop",
    "co-training",
    "films",
    "keras",
    "pretrained-transformers",
    "scikit-learn",
    "which-sharing",
)
PAGES = [
    page
    for page in sorted(DOCS.rglob("*.md"))
    if page.stem not in ELSEWHERE and "reference" not in page.relative_to(DOCS).parts
]


def blocks(page: Path, language: str) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def with_blocks(language: str) -> list[Path]:
    return [page for page in PAGES if blocks(page, language)]


def named(page: Path) -> str:
    return str(page.relative_to(DOCS))


@pytest.mark.slow
@pytest.mark.parametrize("page", with_blocks("python"), ids=named)
def test_the_code_of_a_page_runs_from_top_to_bottom(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if any("cotrain.tuning" in code for code in blocks(page, "python")):
        pytest.importorskip("optuna", reason="the extra 'hpo' is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for code in blocks(page, "python"):
        exec(compile(code, named(page), "exec"), names)
    assert "print(" not in page.read_text(encoding="utf-8") or capsys.readouterr().out


@pytest.mark.parametrize("page", with_blocks("yaml"), ids=named)
def test_the_configurations_of_a_page_are_valid(page: Path) -> None:
    for block in blocks(page, "yaml"):
        config = yaml.safe_load(block)
        tasks = [{"kind": "Regression", "name": "price"}]
        if "my_package" not in block:
            Configuration.from_config({"data": "table.csv", "tasks": tasks} | config)


@pytest.mark.parametrize("page", with_blocks("bash"), ids=named)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    group = get_command(app)
    for line in "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and words[0] == "cotrain":
            command = group.commands[words[1]]
            command.make_context(words[1], words[2:])


@pytest.mark.slow
def test_two_processes_end_where_one_does(tmp_path: Path) -> None:
    (code,) = blocks(DOCS / "how-to" / "distributed.md", "python")
    (tmp_path / "train.py").write_text(code)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}

    def ends(*command: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, *command, "train.py"],
            cwd=tmp_path, env=environment, capture_output=True, text=True,
        )  # fmt: skip
        found = re.findall(r"rank \d+ of \d+: (\S+?)(?=rank|\s|$)", done.stdout)
        # Now and then a process of gloo aborts after its last line, while it takes its threads down: that is
        # PyTorch's affair, and what it has printed by then is what this is about.
        assert found, done.stderr
        return found

    (one,) = ends()
    assert ends("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2") == [one, one]
