"""Documentation that is made from the code must be what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build_reference():
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs" / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_pages_are_up_to_date():
    pages = build_reference().pages()
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"run python docs/build_reference.py: {path.name}"
    kept = set((ROOT / "docs" / "reference" / "balancing").glob("*.md"))
    assert kept <= set(pages), "a page of a method that is gone"


@pytest.mark.parametrize(
    "page",
    [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_every_link_between_pages_leads_somewhere(page):
    prose = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s#]+)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target
