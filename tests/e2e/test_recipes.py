"""Every code block of the how-to page runs, in a process of its own."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "balancing-in-your-loop.md"
OPTIONAL = ("accelerate", "transformers", "pytorch_lightning")
BLOCKS = dict(
    re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```", PAGE.read_text(), re.M | re.S)
)


def test_all_recipes_are_found():
    assert set(BLOCKS) == {
        "A plain loop",
        "A batch and a forward pass of each task's own",
        "A network with nothing but shared parameters",
        "Two optimisers",
        "LBFGS",
        "Mixed precision",
        "Several processes",
        "Accelerate",
        "Hugging Face Trainer",
        "Lightning",
    }


@pytest.mark.slow
@pytest.mark.parametrize("title", BLOCKS)
def test_recipe_runs(title, tmp_path):
    code = BLOCKS[title]
    for package in OPTIONAL:
        if (
            re.search(rf"^(from|import) {package}\b", code, re.M)
            and importlib.util.find_spec(package) is None
        ):
            pytest.skip(f"the recipe {title!r} needs the package {package}")
    script = tmp_path / "recipe.py"
    script.write_text(code)
    done = subprocess.run([sys.executable, script.name], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
