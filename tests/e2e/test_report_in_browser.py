"""The report as a browser shows it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from browser import Facts, chromium, visit

from cotrain.comparison import compare, train_run
from cotrain.learner import Configuration
from cotrain.reporting import report_of_folder

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")

HOSTILE = ["<script>alert(1)</script>", "\"q\" & 'u' \u202eשלום", "🎬 票房", "x" * 300]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a little table with hostile names."""
    chromium()
    folder = tmp_path_factory.mktemp("run")
    rows = range(400)
    yes, kind, size, many = HOSTILE
    pl.DataFrame(
        {
            "x": [(7 * i % 400) / 400 for i in rows],
            yes: [int(7 * i % 400 > 200) if i % 3 else None for i in rows],
            kind: [["<b>bold</b>", "普通", "y" * 200][(7 * i % 400) // 134] for i in rows],
            size: [float(7 * i % 400) if i % 2 else None for i in rows],
            many: ["a;b" if 7 * i % 400 > 100 else "b;<i>" for i in rows],
        }
    ).write_parquet(folder / "t.parquet")
    config = {
        "data": str(folder / "t.parquet"),
        "tasks": [
            {"kind": "Binary", "name": yes},
            {"kind": "Multiclass", "name": kind},
            {"kind": "Regression", "name": size},
            {"kind": "Multilabel", "name": many, "separator": ";"},
        ],
        "training": {"epochs": 3, "batch_size": 32, "monitor": 2},
        "sharing": {"kind": "MMoE", "experts": 2},
        "cotraining": {"max_rounds": 1},
        "references": "full",
    }
    train_run(Configuration.from_config(config), folder / "run", progress=False)
    (folder / "run" / "report.html").write_text(report_of_folder(folder / "run"), encoding="utf-8")
    return folder / "run"


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished comparison of two ways of training on a little table with hostile names."""
    chromium()
    folder = tmp_path_factory.mktemp("comparison")
    rows = range(300)
    pl.DataFrame(
        {
            "x": [(7 * i % 300) / 300 for i in rows],
            HOSTILE[0]: [int(7 * i % 300 > 150) if i % 3 else None for i in rows],
            HOSTILE[1]: [float(7 * i % 300) for i in rows],
            HOSTILE[3]: [["y" * 200, "🎬"][int(7 * i % 300 > 100)] for i in rows],
        }
    ).write_parquet(folder / "t.parquet")
    config = {
        "data": str(folder / "t.parquet"),
        "tasks": [
            {"kind": "Binary", "name": HOSTILE[0]},
            {"kind": "Regression", "name": HOSTILE[1]},
            {"kind": "Multiclass", "name": HOSTILE[3]},
        ],
        "encoder": {"kind": "TableEncoder", "width": 8},
        "training": {"epochs": 2, "batch_size": 64},
        "compare": {
            "balancers": ["Equal", "ReferenceScaled"], "references": ["single_task"], "seeds": 3,
            "learning_rates": [0.01],
        },
    }  # fmt: skip
    compare(Configuration.from_config(config), folder / "out")
    (folder / "out" / "config.yaml").write_text("seed: 0\n", encoding="utf-8")
    (folder / "out" / "report.html").write_text(report_of_folder(folder / "out"), encoding="utf-8")
    return folder / "out"


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_on_a_comparison_opens_in_a_browser(
    comparison: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    results = json.loads((comparison / "results.json").read_text(encoding="utf-8"))
    seen = visit(comparison / "report.html", tmp_path, width, dark=dark)
    chosen = results["chosen"]
    words = [
        verdict["word"] for verdict in [*results["verdicts"][chosen], results["verdicts_over_all"][chosen]]
    ]
    # Intervals are drawn; their sentences wait behind a line.
    check(seen, words, [], dark=dark)
    assert (comparison / "report.html").stat().st_size < 2_000_000


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_report_opens_in_a_browser(run: Path, tmp_path: Path, width: int, dark: bool) -> None:
    seen = visit(run / "report.html", tmp_path, width, dark=dark)
    verdicts = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["verdicts"]
    words, sentences = ([verdict[part] for verdict in verdicts] for part in ("word", "sentence"))
    check(seen, words, sentences, dark=dark)
    assert (run / "report.html").stat().st_size < 2_000_000
    assert list(tmp_path.glob("*.png"))


def check(seen: Facts, words: list[str], sentences: list[str], *, dark: bool) -> None:
    """See that nothing was asked for or complained of, and that words, widths and colours are right."""
    assert seen.console == []
    assert seen.inside["requests"] == []
    assert seen.inside["words"] == words
    for shown, sentence in zip(seen.inside["sentences"], sentences, strict=True):
        assert " ".join(shown.split()) == " ".join(sentence.replace("\u202e", "[U+202E]").split())
    assert seen.inside["scroll"] <= seen.inside["width"]
    assert seen.inside["wide"] == 0
    assert seen.inside["paper"] == ("rgb(15, 19, 25)" if dark else "rgb(255, 255, 255)")
