"""The code and the configurations of the how-to page run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cotrain.learner import Configuration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "co-training.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_python_blocks_run():
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "side_probability" in done.stdout


@pytest.mark.parametrize("block", re.findall(r"^```yaml\n(.*?)^```", TEXT, re.M | re.S))
def test_the_configurations_are_valid(block: str):
    config = {"data": "table.csv", "tasks": [{"kind": "Binary", "name": "side"}], **yaml.safe_load(block)}
    assert Configuration.from_config(config).learner.cotraining is not None
