"""The report on one training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cotrain.evaluation import unseen_sentences
from cotrain.reporting._analysis import analysis_of
from cotrain.reporting._analysis_section import advice_section, analysis_section
from cotrain.reporting._class_figures import class_tables
from cotrain.reporting._columns_section import columns_section, importance_section
from cotrain.reporting._curves import curve_section, weight_section
from cotrain.reporting._diagnosis import diagnosis_sections
from cotrain.reporting._document import Block, Page, Paragraph, Section, Table, TableCell, render
from cotrain.reporting._draw import Pen
from cotrain.reporting._examples_section import example_sections
from cotrain.reporting._experts import expert_section
from cotrain.reporting._formatting import (
    NAMES,
    counted,
    headline,
    listed,
    named_after,
    rows_of_parts,
    short,
    shown,
    word_verdict,
)
from cotrain.reporting._rounds import rounds_section

#: What is said of the history of an ensemble.
OF_FIRST = "Of the first network of the ensemble."
#: Rows of the folded table; the rest stays in metrics.json.
MOST_ROWS = 80


def run_report(
    name: str,
    metrics: Mapping[str, Any],
    history: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    *,
    config_text: str,
    cotraining: Mapping[str, Any] | None = None,
    examples: Mapping[str, Any] | None = None,
) -> str:
    """Return the report on a run as one HTML file.

    Args:
        name: what the run is called.
        metrics: content of its metrics.json.
        history: records of its history.jsonl.
        config: its resolved configuration.
        config_text: the same as it stands in config.yaml.
        cotraining: content of its cotraining.json; `None` for a run without co-training.
        examples: content of its examples.json; `None` for a run without.

    Raises:
        MissingExtraError: the extra `report` is not installed.

    Example:
        >>> import json
        >>> from pathlib import Path
        >>> def page_of(folder: Path, config: dict) -> str:
        ...     metrics = json.loads((folder / "metrics.json").read_text())
        ...     history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        ...     return run_report("films", metrics, history, config, config_text="")
    """
    pen = Pen()
    balancer = config.get("balancer", {"kind": "ReferenceScaled"})["kind"]
    analysis = analysis_of(history, metrics, config, cotraining)
    of_history = [
        curve_section(history, metrics.get("curves", {}), pen),
        weight_section(history, balancer, pen),
        analysis_section(analysis),
        expert_section(history, pen),
    ]
    if metrics.get("ensemble"):
        of_history = [
            section and replace(section, text=f"{OF_FIRST} {section.text}") for section in of_history
        ]
    sections = [
        _figures(metrics["rows"], metrics["verdicts"]),
        advice_section(analysis),
        *of_history,
        rounds_section(cotraining, pen),
        coverage_section(metrics["coverage"], metrics["n_rows"]),
        columns_section(examples["columns"]) if examples else None,
        importance_section(metrics.get("diagnostics", {})),
        source_section(metrics.get("by_source", {})),
        *example_sections(examples),
        *diagnosis_sections(metrics.get("diagnostics", {}), pen),
        settings_section(config_text, metrics.get("versions", {}), metrics["seconds"]),
    ]
    # Without a word the table of figures says the same in less room.
    judged = any(verdict["word"] != "not judged" for verdict in metrics["verdicts"])
    verdicts = [word_verdict(of["word"], of["sentence"]) for of in metrics["verdicts"] if judged]
    notes = unseen_sentences(metrics.get("unseen", {}))
    notes += [answer["sentence"] for answer in metrics.get("answers", [])]
    notes += [*metrics.get("thresholds", []), *filter(None, [metrics.get("ensemble")])]
    notes += [metrics["delta_m_sentence"]] if metrics["delta_m_sentence"] else []
    if any(verdict["difference"] is not None for verdict in metrics["verdicts"]):
        notes.append(
            "One seed cannot tell learning together from luck. A verdict takes several: cotrain compare with "
            "the config.yaml of this folder repeats, and judges."
        )
    notes += [
        f"{task} was left out of {steps} steps, because its loss or gradient was not finite."
        for task, steps in metrics["skipped"].items()
    ]
    n_rows = metrics["n_rows"]
    lead = f"{counted(len(metrics['coverage']), 'tasks')}, {rows_of_parts(n_rows)}."
    page = Page(
        title=named_after(name, config),
        lead=lead,
        verdict_title=headline(metrics["verdicts"]),
        verdicts=verdicts,
        notes=notes,
        sections=[section for section in sections if section is not None],
    )
    return render(page)


def selecting_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return each task's row by which its best epoch was chosen: the first without a part."""
    found: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        if row["part"] is None:
            found.setdefault(row["task"], row)
    return found


def _figures(rows: Sequence[Mapping[str, Any]], verdicts: Sequence[Mapping[str, Any]]) -> Section | None:
    if not rows:
        return None
    present = list(dict.fromkeys(name for row in rows for name in row["references"]))
    references = [*(name for name in NAMES if name in present), *(n for n in present if n not in NAMES)]
    against = {verdict["task"]: verdict for verdict in verdicts if verdict["difference"] is not None}
    header = ["task", "together", *(NAMES.get(name, name) for name in references)]
    selecting = selecting_rows(rows)
    main = []
    for task, row in selecting.items():
        cells = _figure_cells(row, task, references)
        main.append([*cells, _difference_cell(against.get(task))] if against else cells)
    beaten = beaten_by_trees(rows)
    title = f"Boosted trees are ahead on {listed(beaten)}" if beaten else "Test figures of every task"
    note = "↑ larger is better, ↓ smaller is better; the best of a row is bold. On labelled test rows."
    if against:
        note += (
            " The last column: by how much together is better than alone on this seed, and whether these rows"
        )
        note += " tell the two networks apart; not judged."
    shown_header = [*header, "better than alone by"] if against else header
    blocks: list[Block] = [Table(shown_header, main, note=note)]
    blocks += class_tables(rows)
    others = [row for row in rows if row["part"] is None and row not in selecting.values()]
    if others:
        more = [_figure_cells(row, row["task"], references) for row in others]
        left = len(more) - MOST_ROWS
        note = f"{left} more are in metrics.json." if left > 0 else ""
        table = Table(header, more[:MOST_ROWS], "Other metrics", note, folded=True)
        blocks.append(table)
    return Section(title, blocks)


def _figure_cells(row: Mapping[str, Any], name: str, references: Sequence[str]) -> list[TableCell]:
    values = [row["value"], *(row["references"].get(reference) for reference in references)]
    numbers = [value for value in values if value is not None]
    best = (max if row["direction"] == "max" else min)(numbers) if numbers else None
    arrow = "↑" if row["direction"] == "max" else "↓"
    task = TableCell(name, detail=f"{row['metric']} {arrow} · {counted(row['n_labelled'], 'rows')}")
    # What the value of a calibration error would be if probabilities were right.
    chance = row.get("by_chance")
    details = ["" if chance is None else f"chance alone: {shown(chance)}", *[""] * len(references)]
    return [
        task,
        *(
            TableCell(shown(value), "good" if value is not None and value == best else "", detail=detail)
            for value, detail in zip(values, details, strict=True)
        ),
    ]


def _difference_cell(verdict: Mapping[str, Any] | None) -> TableCell:
    if verdict is None:
        return TableCell("–")
    detail = verdict["word"]
    if detail == "not judged":
        detail = f"leaning to {verdict['leaning']}" if verdict.get("leaning") else "no leaning"
    return TableCell(shown(verdict["difference"], signed=True), detail=detail)


def beaten_by_trees(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the tasks on which boosted trees are ahead, by the figure that chose the best epoch."""
    beaten = []
    for task, row in selecting_rows(rows).items():
        trees, value = row["references"].get("trees"), row["value"]
        sign = 1 if row["direction"] == "max" else -1
        if trees is not None and value is not None and sign * (trees - value) > 0:
            beaten.append(task)
    return beaten


def coverage_section(coverage: Mapping[str, Mapping[str, int]], n_rows: Mapping[str, int]) -> Section:
    """Return how many rows of each part of the split have a label."""
    parts = [part for part in ("train", "validation", "test") if n_rows.get(part)]
    # Of rows without any label co-training and reconstruction learn too.
    to_learn = max(1, n_rows["train"] + n_rows.get("unlabelled", 0))
    share = {task: counts.get("train", 0) / to_learn for task, counts in coverage.items()}
    least = min(share, key=lambda task: share[task])
    rows = []
    for task, counts in coverage.items():
        cells = []
        for part in parts:
            filled = counts.get(part, 0) / n_rows[part]
            cells.append(TableCell(f"{counts.get(part, 0):,}", "bar", filled, detail=f"{filled:.0%}"))
        rows.append([TableCell(task), *cells])
    header = ["task", *(f"{part} ({counted(n_rows[part], 'rows')})" for part in parts)]
    if share[least] > 0.995:
        title = "Every task has labels on all training rows"
    else:
        title = f"{short(least)} has the fewest labels: {share[least]:.0%} of {to_learn:,} training rows"
        title += ", unlabelled ones among them" if n_rows.get("unlabelled") else ""
    return Section(title, [Table(header, rows, note="Labelled rows in each part of the split.")])


def source_section(by_source: Mapping[str, Mapping[str, Any]]) -> Section | None:
    """Return which source has labels for which task, and its figures; `None` where there is one source."""
    if not by_source:
        return None
    rows = []
    for source, found in by_source.items():
        figures = selecting_rows(found["rows"])
        for task, counts in found["coverage"].items():
            row = figures.get(task)
            value = "–" if row is None else shown(row["value"])
            cells = [TableCell(f"{counts.get(part, 0):,}") for part in ("train", "validation", "test")]
            detail = "" if row is None else f"{row['metric']} {'↑' if row['direction'] == 'max' else '↓'}"
            rows.append([TableCell(source), TableCell(task), *cells, TableCell(value, detail=detail)])
    tasks = [task for found in by_source.values() for task in found["coverage"]]
    alone = len(set(tasks)) == len(tasks)
    title = "Every task has a source of its own" if alone else "Some tasks have labels in several sources"
    header = ["source", "task", "train", "validation", "test", "together"]
    return Section(title, [Table(header, rows, note="Labelled rows of each source, and its test figures.")])


def settings_section(config_text: str, versions: Mapping[str, str], seconds: Mapping[str, float]) -> Section:
    """Return what was asked for, with what it was made, and how long it took."""
    total = sum(seconds.values())
    laps = ", ".join(f"{name.replace('_', ' ')} {value:.1f} s" for name, value in seconds.items())
    made = ", ".join(f"{name} {version}" for name, version in versions.items())
    blocks: list[Block] = [Paragraph("Configuration (YAML)", config_text)]
    origin = f" Made with {made}." if made else ""
    return Section("Configuration and versions", blocks, f"Took {total:.0f} s ({laps}).{origin}")
