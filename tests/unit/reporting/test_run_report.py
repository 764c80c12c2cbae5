from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from cotrain._base import RunError
from cotrain.reporting import report_of_folder, run_report
from cotrain.reporting._run_report import _figure_cells

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")
pytest.importorskip("jinja2", reason="the extra 'report' is not installed")

HOSTILE = [
    "<script>alert(1)</script>",
    "\"quoted\" & 'so' </title>",
    "\u202eright to left\u202c שלום",
    "x" * 300,
    "🎬🍿",
    "票房收入",
    "{{ 7 * 7 }} $\\frac{1}{2}$ url(http://example.invalid/x)",
]


def metrics(names: list[str]) -> dict[str, Any]:
    words = ["not judged", "learns nothing", "unfinished training", "unknown"]
    bins = [{"confidence": 0.3, "right": 0.1, "n": 10}, {"confidence": 0.9, "right": 0.7, "n": 30}]
    kinds = [
        {"confusion": {"names": names, "counts": [[3] * len(names)] * len(names)}, "calibration": bins},
        {"labels": [{"name": name, "true_positive": 3, "false_positive": 0, "false_negative": 2,
                     "true_negative": 9} for name in names], "calibration": bins},
        {"residuals": [{"name": names[0], "n": 9, "mean_error": -0.2, "half_within": 0.5,
                        "true": [1.0, 2.0, 3.0], "predicted": [1.5, 2.0, 2.0]}]},
    ]  # fmt: skip
    return {
        "rows": [
            {"task": name, "metric": "auroc", "direction": "max", "part": None, "n_labelled": 9, "value": 0.7,
             "references": {"constant": 0.5, "trees": 0.8, "single_task": None}}
            for name in names
        ] + [
            {"task": names[0], "metric": "f1", "direction": "max", "part": name, "n_labelled": 9,
             "value": None, "references": {"constant": None}} for name in names
        ],
        "verdicts": [
            {"task": name, "metric": "auroc", "word": words[i % 4],
             "sentence": f"{name}: {words[i % 4]} (so).", "leaning": "together",
             "difference": 0.1 if i % 4 < 3 else None}
            for i, name in enumerate(names)
        ],
        "delta_m": 0.01,
        "delta_m_sentence": "delta_m = +1.00% over 7 tasks.",
        "coverage": {name: {"train": 5 + i, "validation": 1, "test": 9} for i, name in enumerate(names)},
        "n_rows": {"train": 20, "validation": 4, "test": 9, "unlabelled": 0, "unused": 0},
        "best_epoch": {"combined": 2},
        "curves": {name: {"metric": "auroc", "direction": "max", "kept": 2} for name in names},
        "seconds": {"train": 1.0},
        "skipped": {names[0]: 3},
        "diagnostics": {name: kinds[i % 3] for i, name in enumerate(names)},
        "versions": {"python": "3.11"},
    }  # fmt: skip


def history(names: list[str], n_epochs: int = 3) -> list[dict[str, Any]]:
    return [
        {"epoch": i, "loss": dict.fromkeys(names, 1.0 - 0.1 * i),
         "weights": {n: k + 1 for k, n in enumerate(names)},
         "validation": dict.fromkeys(names, 0.5 + 0.1 * i)}
        for i in range(n_epochs)
    ]  # fmt: skip


def report(names: list[str]) -> str:
    config = {"tasks": [{"kind": "Binary", "name": name} for name in names]}
    return run_report(names[0], metrics(names), history(names), config, config_text=yaml.safe_dump(config))


class Reader(HTMLParser):
    """Collects tags, attributes and text as a browser would see them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> Reader:
    reader = Reader()
    reader.feed(markup)
    return reader


def test_hostile_names_are_text() -> None:
    page = read(report(HOSTILE))
    for name in HOSTILE:
        assert name.replace("\u202e", "[U+202E]").replace("\u202c", "[U+202C]") in page.text
    tags = [tag for tag, _ in page.tags]
    assert "script" not in tags
    assert tags.count("title") == 1
    assert "{{ 7 * 7 }}" in page.text


def test_nothing_is_loaded_and_nothing_runs() -> None:
    for tag, attributes in read(report(HOSTILE)).tags:
        assert tag not in ("script", "iframe", "img", "object", "embed", "base")
        for name, value in attributes.items():
            assert not name.startswith("on")
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("#", "data:"))
    style = re.search(r"<style>(.*?)</style>", report(["a", "b"]), re.DOTALL)
    assert style is not None
    assert "url(" not in style[1]
    assert "@import" not in style[1]


def test_the_verdict_comes_first_in_the_words_of_the_figures() -> None:
    names = ["a", "b", "c", "d"]
    markup = report(names)
    found = re.findall(r'<span class="word [^"]*">. ([^<]+)</span>', markup)
    assert found == [verdict["word"] for verdict in metrics(names)["verdicts"]]
    assert markup.index('id="verdict"') < markup.index("<table") < markup.index("<svg")
    assert "One seed: not judged" in markup
    assert "A verdict takes several: cotrain compare" in markup


def test_where_no_task_is_judged_the_table_alone_says_where_each_leans() -> None:
    found = metrics(["a", "b"])
    for verdict, leaning in zip(found["verdicts"], ("alone", ""), strict=True):
        verdict |= {"word": "not judged", "leaning": leaning, "difference": 0.1}
    markup = run_report("run", found, history(["a", "b"]), {}, config_text="")
    assert 'class="verdicts"' not in markup
    assert "One seed: not judged" in markup
    assert "<small>leaning to alone</small>" in markup
    assert "<small>no leaning</small>" in markup


def test_an_ensemble_is_named_and_its_curves_are_those_of_its_first_network() -> None:
    names, said = ["a", "b"], "The network is an ensemble: 3 networks from different seeds."
    found = metrics(names) | {"ensemble": said}
    page = read(run_report("run", found, history(names), {}, config_text=""))
    assert said in page.text
    assert page.text.count("Of the first network of the ensemble. The dotted line") == 1
    assert "ensemble" not in read(report(names)).text


def test_every_picture_has_a_title_and_a_text_alternative_and_ids_of_its_own() -> None:
    page = read(report(["a", "b", "c"]))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg" and "role" in attributes]
    assert len(pictures) >= 5
    assert all(len(attributes["aria-label"] or "") > 20 for attributes in pictures)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_colours_follow_the_page() -> None:
    markup = report(["a", "b", "c"])
    svg = "".join(re.findall(r"<svg role.*?</svg>", markup, re.DOTALL))
    assert not re.findall(
        r"#[0-9a-f]{6}\b(?![^<]*>.*clip)", re.sub(r'(id|href)="[^"]*"|url\([^)]*\)', "", svg)
    )
    assert "prefers-color-scheme:dark" in markup
    assert "@media print" in markup


@pytest.mark.slow
def test_equal_results_give_equal_files_and_many_tasks_stay_small() -> None:
    names = [f"task {i}" for i in range(25)]
    first, second = report(names), report(names)
    assert first == second
    assert len(first.encode()) < 2_000_000


def test_a_run_without_test_rows_or_references_has_a_report() -> None:
    found = metrics(["a", "b"]) | {"rows": [], "verdicts": [], "delta_m_sentence": "", "diagnostics": {}}
    found["n_rows"] = found["n_rows"] | {"test": 0}
    markup = run_report("r", found, [{"epoch": 0, "loss": {"a": 1.0}, "weights": {}}], {}, config_text="")
    assert "No verdict: there are no test rows" in markup


def test_a_folder_that_is_no_finished_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"metrics\.json does not exist\. The run has not finished"):
        report_of_folder(tmp_path)
    with pytest.raises(RunError, match="There is no folder"):
        report_of_folder(tmp_path / "nothing")
    (tmp_path / "metrics.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        report_of_folder(tmp_path)


def test_a_folder_becomes_a_report(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps(metrics(["a", "b"])))
    (tmp_path / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in history(["a", "b"])))
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    assert "seed: 1" in report_of_folder(tmp_path)


def test_a_logarithmic_axis_is_labelled_with_plain_numbers() -> None:
    # Mathematical markup such as 10^{1} would stand in the picture as it is written.
    apart = [{"epoch": 0, "loss": {"a": 1.0, "b": 1.0}, "weights": {"a": 100.0, "b": 1.0}}] * 3
    html = run_report(
        "r",
        metrics(["a", "b"]),
        [record | {"epoch": i} for i, record in enumerate(apart)],
        {},
        config_text="",
    )
    assert ">100<" in html.replace("\n", "").replace(" ", "")
    assert "mathdefault" not in html


def test_what_stands_out_is_a_list_above_the_pictures() -> None:
    names = ["a", "<i>b</i>"]
    rare = metrics(names) | {"n_rows": {"train": 1000, "validation": 4, "test": 9}}
    markup = run_report("r", rare, history(names), {}, config_text="")
    assert "things stand out, and what to try" in markup
    assert "&lt;i&gt;b&lt;/i&gt; has labels on 0.6% of the training rows only" in markup
    assert markup.index('class="points"') < markup.index("<svg role")


def test_a_name_from_right_to_left_does_not_turn_the_figures_behind_it() -> None:
    from cotrain.reporting._formatting import short

    assert short("שלום") == "שלום\u200e"
    assert short("y" * 300) == "y" * 59 + "…"
    assert short("票房 <b>") == "票房 <b>"


def test_who_answers_is_said_and_stands_beside_the_figures() -> None:
    told = metrics(["sold", "price"])
    for row in told["rows"]:
        row["references"]["answer"] = 0.5
    told["answers"] = [{"task": "sold", "sentence": "sold: trees answers, the best on the validation rows."}]
    config = {"tasks": [{"kind": "Binary", "name": name} for name in ("sold", "price")]}
    shown = read(run_report("films", told, history(["sold", "price"]), config, config_text="")).text
    assert "sold: trees answers, the best on the validation rows." in shown
    assert shown.count("answer") >= 2


def test_labels_that_training_did_not_have_are_said() -> None:
    told = metrics(["sold"]) | {"unseen": {"sold": {"sold=1": 3}}}
    shown = read(run_report("films", told, history(["sold"]), {"tasks": []}, config_text="")).text
    assert "sold: 3 labels are of a value that training did not have (sold=1 3 times)" in shown


def test_a_calibration_error_stands_above_what_chance_alone_makes_of_it() -> None:
    row = {"metric": "calibration_error", "direction": "min", "n_labelled": 9, "value": 0.08}
    plain = row | {"references": {"constant": 0.02}}
    task, own, constant = _figure_cells(plain | {"by_chance": 0.061}, "a", ["constant"])
    assert (own.text, own.detail) == ("0.080", "chance alone: 0.061")
    assert constant.detail == _figure_cells(plain, "a", ["constant"])[1].detail == ""
    assert task.text == "a"


def test_rows_without_any_label_are_counted_among_those_that_are_learned_from() -> None:
    found = metrics(["a", "b"])
    found["n_rows"] = {"train": 20, "validation": 4, "test": 9, "unlabelled": 80, "unused": 0}
    found["coverage"] = {name: {"train": n, "validation": 1, "test": 9} for name, n in (("a", 5), ("b", 20))}
    markup = run_report("run", found, history(["a", "b"]), {}, config_text="")
    assert "9 test rows, 80 rows without any label." in markup
    assert "a has the fewest labels: 5% of 100 training rows, unlabelled ones among them" in markup
