"""The report on a comparison of ways of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from cotrain.reporting._cells_section import cells_confusion_section, cells_curve_section
from cotrain.reporting._document import (
    Block,
    Drawing,
    Page,
    Paragraph,
    Section,
    Table,
    TableCell,
    Verdict,
    render,
)
from cotrain.reporting._draw import Pen, faint, style
from cotrain.reporting._formatting import (
    NAMES,
    counted,
    headline,
    listed,
    named_after,
    rows_of_parts,
    short,
    shown,
)
from cotrain.reporting._run_report import coverage_section
from cotrain.reporting._verdict_plot import verdict_lines

Results = Mapping[str, Any]
#: Words that say which side is better; who answers is better or worse than alone, and helps nobody.
_TONES = {"helped": "good", "hurt": "bad", "better": "good", "worse": "bad"}


def comparison_report(name: str, results: Results, config_text: str) -> str:
    """Return the report on a comparison as one HTML file.

    Args:
        name: what the comparison is called.
        results: content of its results.json.
        config_text: its configuration as it stands in config.yaml.

    Raises:
        MissingExtraError: the extra `report` is not installed.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> def page_of(folder: Path) -> str:
        ...     results = json.loads((folder / "results.json").read_text())
        ...     return comparison_report("films", results, (folder / "config.yaml").read_text())
    """
    pen = Pen()
    chosen, n_seeds = results["chosen"], len(results["seeds"])
    verdicts = results["verdicts"].get(chosen, [])
    n_rows = results["n_rows"]
    joint = [method["name"] for method in results["methods"] if method["name"] in results["verdicts"]]
    ways = len([name for name in joint if name != "answer"])
    folds = results.get("folds")
    rows = f"{counted(n_rows['test'], 'rows')} in {folds} folds" if folds else rows_of_parts(n_rows)
    lead = (
        f"{counted(ways, 'ways')} of learning {counted(len(results['tasks']), 'tasks')} together, "
        f"{counted(n_seeds, 'seeds')}, {rows}."
    )
    alone = {
        task["name"]: (task["figures"].get("single_task") or {}).get("mean") for task in results["tasks"]
    }
    lines, reach = verdict_lines(verdicts, results["verdicts_over_all"].get(chosen), alone)
    sections = [
        _figures(results),
        _differences(results, joint, pen),
        _summary(results),
        cells_curve_section(results, pen),
        cells_confusion_section(results),
        coverage_section(results["coverage"], n_rows),
        _fairness(results, config_text),
    ]
    page = Page(
        title=named_after(name, _config(config_text)),
        lead=lead,
        verdict_title=headline(verdicts) if verdicts else "No verdict",
        scale=_scale(reach),
        verdicts=lines
        or [Verdict("unknown", "There is nothing to compare with: see the failures below.", "", "?")],
        notes=_notes(results, chosen),
        sections=[section for section in sections if section is not None],
    )
    return render(page)


def _config(config_text: str) -> Mapping[str, Any]:
    config = yaml.safe_load(config_text)
    return config if isinstance(config, Mapping) else {}


def _scale(reach: float) -> str:
    if not reach > 0:
        return ""
    ends = f"{reach:.0%}" if reach >= 0.095 else f"{100 * reach:.2g}%"
    return (
        "By how much learning together is better (right) or worse (left) than a network for the task alone, "
        f"with 95 % intervals: the dotted line is no difference, the ends are ±{ends} of what alone "
        "reaches, figures are in the unit of the metric. ▲ helped, ▼ hurt, ● neither is clear."
    )


def _notes(results: Results, chosen: str | None) -> list[str]:
    notes = [f"The verdict is on {chosen}, which is the best on the validation rows."] if chosen else []
    behind = [one["task"] for one in results["verdicts_on_trees"] if one["word"] == "worse"]
    if behind:
        notes.append(f"Boosted trees are better on {listed(behind)}.")
    notes += [f"Who answers for {answer['sentence']}" for answer in results.get("answers", [])]
    notes += [
        f"Who answers, beside together: {one['sentence']}" for one in results.get("verdicts_on_answer", [])
    ]
    notes.append(
        "All words on this page are judged together (Holm): without any true difference, one or more would "
        "appear in at most 5 % of comparisons. Intervals are those of each task by itself."
    )
    notes += [results[key] for key in ("definition_per_metric",) if results.get(key)]
    notes += results.get("notes", [])
    failed = [method for method in results["methods"] if method["failed"]]
    notes += [f"{method['name']} has failed and has no figures: {method['failed']}" for method in failed]
    return notes


def _figures(results: Results) -> Section:
    """Return the table task × method, a method in a row, so that it fits a narrow screen."""
    rows = []
    best = {task["name"]: _best(task) for task in results["tasks"]}
    for method in results["methods"]:
        name = method["name"]
        words = {verdict["task"]: verdict for verdict in results["verdicts"].get(name, [])}
        chosen = "best on validation" if name == results["chosen"] else ""
        cells = [TableCell(NAMES.get(name, name), detail=chosen)]
        for task in results["tasks"]:
            found = task["figures"].get(name)
            if found is None:
                cells.append(TableCell("–"))
                continue
            mark = " ★" if best[task["name"]] == name else ""
            cells.append(_figure(found, words.get(task["name"]), mark))
        rows.append(cells)
    header = ["method"]
    for task in results["tasks"]:
        header.append(f"{task['name']} ({task['metric']}\u00a0{'↑' if task['direction'] == 'max' else '↓'})")
    ahead = [task for task, name in best.items() if name == "trees"]
    title = f"Boosted trees are the best on {listed(ahead)}" if ahead else _leader(best)
    note = (
        "Mean over the seeds on labelled test rows; below it the difference to alone with its 95 % interval, "
        "positive = better than alone. ▲ helped or better, ▼ hurt or worse, ★ best of the column."
    )
    return Section(title, [Table(header, rows, note=note)])


def _figure(found: Mapping[str, Any], verdict: Mapping[str, Any] | None, mark: str) -> TableCell:
    text = shown(found["mean"]) + mark
    if verdict is None or not verdict["interval"]:
        return TableCell(text, detail="" if found["deviation"] is None else f"± {shown(found['deviation'])}")
    tone = _TONES.get(verdict["word"], "")
    sign = {"good": " ▲", "bad": " ▼"}.get(tone, "")
    low, high = (shown(end, signed=True) for end in verdict["interval"])
    return TableCell(
        text + sign, tone, detail=f"{shown(verdict['difference'], signed=True)} [{low},\u00a0{high}]"
    )


def _best(task: Mapping[str, Any]) -> str | None:
    means = {name: found["mean"] for name, found in task["figures"].items() if found["mean"] is not None}
    choose = max if task["direction"] == "max" else min
    return choose(means, key=lambda name: means[name]) if means else None


def _leader(best: Mapping[str, str | None]) -> str:
    names = [name for name in best.values() if name is not None]
    if not names:
        return "Test figures"
    leader = max(names, key=names.count)
    if len(names) > 1 and names.count(leader) == 1:
        return "Every task has a leader of its own"
    return f"{capital(NAMES.get(leader, leader))} leads on {names.count(leader)} of {len(names)} tasks"


def _differences(results: Results, joint: Sequence[str], pen: Pen) -> Section | None:
    """Return a picture per task: every method's difference to alone with its interval."""
    pictures: list[Block] = []
    clear = 0
    for task in results["tasks"]:
        found = {}
        for name in joint:
            of_task = [v for v in results["verdicts"][name] if v["task"] == task["name"] and v["interval"]]
            if of_task:
                found[name] = of_task[0]
        if found:
            pictures.append(_forest(task, joint, found, pen))
            clear += any(v["word"] in _TONES for v in found.values())
    if not pictures:
        return None
    title = f"A clear difference to alone on {clear} of {len(pictures)} tasks"
    title = title if clear else "No clear difference to alone on any task"
    names = ", ".join(f"{number} {name}" for number, name in enumerate(joint, start=1))
    return Section(title, pictures, f"Right of the dotted line is better than alone. Methods: {names}.")


def _forest(
    task: Mapping[str, Any], joint: Sequence[str], found: Mapping[str, Mapping[str, Any]], pen: Pen
) -> Drawing:
    words = [verdict["word"] for verdict in found.values()]
    counts = [f"{words.count(word)} {word}" for word in _TONES if word in words]
    summary = " and ".join(counts) if counts else "no clear difference"
    title = f"{short(task['name'])}: {summary} of {len(words)} methods" if counts else (
        f"{short(task['name'])}: {summary} with any of {len(words)} methods"
    )  # fmt: skip

    def paint(axes: Any) -> None:
        axes.axvline(0, **faint())
        for place, name in enumerate(joint, start=1):
            if name in found:
                verdict = found[name]
                tone = _TONES.get(verdict["word"], "")
                colour = style({"good": 0, "bad": 1}.get(tone, 6))["color"]
                axes.plot(verdict["interval"], [place, place], color=colour)
                marker = {"good": "^", "bad": "v"}.get(tone, "o")
                axes.plot([verdict["difference"]], [place], marker=marker, color=colour, markersize=6)
        axes.set_yticks(range(1, len(joint) + 1))
        axes.set_ylim(len(joint) + 0.6, 0.4)
        axes.locator_params(axis="x", nbins=5)
        axes.set(xlabel="difference to alone (unit of the metric)", ylabel="method")

    alternative = "; ".join(f"{name}: {verdict['sentence']}" for name, verdict in found.items())
    height = max(2.0, 0.9 + 0.25 * len(joint))
    return Drawing(title, pen.draw(alternative, paint, height=height))


def _summary(results: Results) -> Section:
    rows = []
    for method in results["methods"]:
        rates = list(method["learning_rates"].values())
        shown_rates = ", ".join(f"{rate:g}" for rate in sorted(set(rates))) or "–"
        rows.append(
            [
                TableCell(NAMES.get(method["name"], method["name"])),
                TableCell(shown_share(method["delta_m"])),
                TableCell(shown_share(method.get("delta_m_per_metric"))),
                TableCell("–" if method["worst_task"] is None else short(method["worst_task"])),
                TableCell(shown(method["mean_rank"])),
                TableCell(shown(method["validation"])),
                TableCell(shown_rates),
                TableCell(f"{method['seconds']:.0f} s" if method["seconds"] else "–"),
            ]
        )
    header = [
        "method",
        "delta_m",
        "per metric",
        "worst task",
        "mean rank",
        "validation score",
        "learning rate",
        "took",
    ]
    ranked = [method for method in results["methods"] if method["mean_rank"] is not None]
    least = min((method["mean_rank"] for method in ranked), default=None)
    leaders = [NAMES.get(m["name"], m["name"]) for m in ranked if m["mean_rank"] == least]
    note = "Mean rank over the tasks, 1 = best. Validation score: mean gain over a constant, 1 = perfect."
    has = "have" if len(leaders) > 1 else "has"
    title = f"{listed(leaders)} {has} the best mean rank" if leaders else "No method could be ranked"
    return Section(capital(title), [Table(header, rows, note=note)])


def _fairness(results: Results, config_text: str) -> Section:
    made = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    rates = ", ".join(f"{rate:g}" for rate in results["learning_rates"])
    where = "at the first seed" if results.get("sweep") == "first_seed" else "at each seed"
    text = (
        "Every network got as many steps at most, the same split and seeds "
        f"({', '.join(map(str, results['seeds']))}), the best epoch of each task's own (a pooled network "
        "has one for all), and "
        f"of the learning rates {rates} the one that was best on the validation rows {where}. Boosted trees "
        "have one seed and as many learning rates of their own, stop on the validation rows, and are told of "
        "words and tags what a linear model of TF-IDF says, out of fold. The test rows were read "
        f"once, after all fits. Took {results['seconds']:.0f} s in all. Made with {made}."
    )
    return Section("The same budget for all", [Paragraph("Configuration (YAML)", config_text)], text)


def capital(text: str) -> str:
    """Return a title with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def shown_share(value: float | None) -> str:
    """Return a share as a signed percentage."""
    return "–" if value is None else f"{value:+.2%}"
