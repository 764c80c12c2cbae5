"""What a package index shows, and what is written in more than one place, agree with the repository."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
HOME = PROJECT["urls"]["Homepage"]
LINKS = re.findall(r'(?:\]\(|src(?:set)?=")([^)"]+)', (ROOT / "README.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("link", LINKS)
def test_a_link_or_picture_of_the_readme_is_whole_and_leads_to_a_file(link: str) -> None:
    home = HOME.removeprefix("https://github.com/")
    ours = re.fullmatch(
        rf"https://(?:github\.com/{home}/(?:blob|tree)|raw\.githubusercontent\.com/{home})/main/(.+)", link
    )
    assert link.startswith("https://"), "an index has no files beside the page"
    assert ours is None or (ROOT / ours[1]).exists()
    assert ours is not None or HOME not in link


def test_the_citation_names_this_version_and_this_home() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["url"] == citation["repository-code"] == HOME
    assert citation["license"] == PROJECT["license"]


def test_every_version_of_python_that_is_promised_is_tested() -> None:
    promised = {
        found[1]
        for classifier in PROJECT["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", classifier))
    }
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    assert set(workflow["jobs"]["newest"]["strategy"]["matrix"]["python"]) == promised
    lowest = next(name for name in PROJECT["dependencies"] if name.startswith("torch>="))
    assert lowest.replace(">=", "==") in str(workflow["jobs"]["lowest"]["steps"])


def test_the_workflows_run_targets_that_there_are() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = "\n".join(path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    used = set(re.findall(r"\bmake ([a-z-]+)", text))
    assert used
    assert used <= targets
