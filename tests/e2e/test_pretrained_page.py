"""The code of the page on pre-trained transformers runs, and its configuration reads what that has made."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cotrain.learner import Configuration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "pretrained-transformers.md"


def blocks(language):
    return re.findall(
        rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


@pytest.mark.slow
def test_the_code_runs_and_the_configuration_is_valid(tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers", reason="the extra 'text' is not installed")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for code in blocks("python"):
        exec(compile(code, PAGE.name, "exec"), names)
    out = capsys.readouterr().out
    assert "span_f1" in out
    assert "mood_probability" in out
    configurations = [yaml.safe_load(block) for block in blocks("yaml")]
    assert configurations
    for config in configurations:
        (tmp_path / "train.yaml").write_text(yaml.safe_dump(config))
        encoder = Configuration.read(tmp_path / "train.yaml").learner.encoder
        assert encoder.folder == str(tmp_path / "models" / "tiny")
