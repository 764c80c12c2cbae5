"""The documentation site builds without a warning, loads nothing from elsewhere, and is complete."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "comparison", "cotraining", "data", "evaluation", "gradients", "learner", "networks", "reporting",
    "tasks", "training", "tuning",
]  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` does."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        if importlib.util.find_spec(module) is None:
            pytest.skip("the site needs pip install 'cotrain[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text):
            if 'rel="canonical"' not in tag:
                assert not re.search(r'(?:src|href)="(?:https?:)?//', tag), (page.name, tag)


@pytest.mark.parametrize("package", PACKAGES)
def test_every_exported_class_and_function_has_its_place_in_the_reference(site: Path, package: str) -> None:
    text = (site / "reference" / f"{package}.html").read_text(encoding="utf-8")
    module = importlib.import_module(f"cotrain.{package}")
    for name in module.__all__:
        if inspect.isclass(getattr(module, name)) or inspect.isfunction(getattr(module, name)):
            assert f'id="cotrain.{package}.{name}"' in text, name


def test_examples_are_code_and_every_command_has_its_options(site: Path) -> None:
    assert "&gt;&gt;&gt;" in (site / "reference" / "learner.html").read_text(encoding="utf-8")
    commands = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    for name in ("init", "check", "train", "compare", "analyze", "report", "predict"):
        assert f'id="{name}"' in commands
    assert "<code>--by</code>" in commands


def test_every_page_is_in_the_navigation_or_linked_from_a_table(site: Path) -> None:
    written = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    assert all((site / page).is_file() for page in written)
    assert not list(site.rglob("*.py"))
