"""The tutorial can be followed from its first command to its last line, on part of its films."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cotrain.cli import _films
from cotrain.cli._app import app
from cotrain.learner import Configuration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "films.md"
#: What makes a command quick; the rest of it stays as the page has it.
QUICKER = {
    "init": ["--no-probe"],
    "train": ["--set", "training.epochs=1", "--set", "encoder.width=8", "--references", "constant"],
    "compare": [
        "--set", "training.epochs=1", "--set", "encoder.width=8", "--workers", "1",
        "--set", "compare.balancers=[ReferenceScaled]", "--set", "compare.references=[single_task]",
        "--set", "tasks=[{kind: Regression, name: meter}, {kind: Binary, name: oscar}]",
    ],
}  # fmt: skip


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_tutorial_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("bokeh_sampledata", reason="the film table needs pip install 'cotrain[demo]'")
    pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
    films = _films.film_table().sample(600, seed=0)
    quick = re.sub(r"epochs: \d+", "epochs: 1", _films.CONFIG).replace(
        "references: full", "references: constant"
    )
    monkeypatch.setattr(_films, "film_table", lambda: films)
    monkeypatch.setattr(_films, "CONFIG", quick)
    monkeypatch.chdir(tmp_path)
    done = []
    for line in "\n".join(blocks("bash")).replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        if words[:1] == ["cotrain"]:
            result = CliRunner().invoke(app, [*words[1:], *QUICKER.get(words[1], [])])
            assert result.exit_code == 0, (line, result.output, result.exception)
            done.append(words[1])
    assert set(done) == {"demo", "init", "check", "train", "report", "analyze", "compare", "predict"}
    assert (tmp_path / "comparisons" / "films" / "report.html").is_file()
    exec(compile(blocks("python")[0], "tutorial", "exec"), {})
    assert "oscar_probability" in capsys.readouterr().out


def test_the_file_that_init_is_said_to_write_is_one() -> None:
    configuration = Configuration.from_config(yaml.safe_load(blocks("yaml")[0]))
    assert [task.name for task in configuration.learner.tasks][:2] == ["genres", "certificate"]
