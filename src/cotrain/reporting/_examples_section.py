"""Rows with their pictures and sounds, true beside predicted, and the worst rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain.reporting._document import (
    Block,
    Example,
    Line,
    Panel,
    Section,
    Swatch,
    Swatches,
    Table,
    TableCell,
    TextPart,
)
from cotrain.reporting._formatting import listed, short, shown
from cotrain.reporting._images import (
    NOT_LABELLED,
    UNLABELLED,
    boxes_over,
    class_colour,
    field_image,
    in_range,
    mask_image,
    unpacked,
)
from cotrain.reporting._word_edits import word_edits

#: Characters beyond which an input is read as a text, over several lines; and those that are shown of it
#: where several stand beside each other: a row is as high as its longest cell.
LONG, MOST_SHOWN = 24, 60
Row = Mapping[str, Any]
Tasks = Mapping[str, Mapping[str, Any]]


def example_sections(examples: Mapping[str, Any] | None) -> list[Section]:
    """Return the sections of rows that a run keeps, see its examples.json; none for a run without."""
    if not examples:
        return []
    sections = []
    rows, tasks, part = examples["rows"], examples["tasks"], examples["part"]
    if rows:
        about = list(dict.fromkeys(row["task"] for row in rows))
        title = f"{len(rows)} {part} rows: where {listed(about)} {'is' if len(about) == 1 else 'are'} worst"
        text = (
            "Of each task the rows that it has the worst figure on, and typical ones, near the median. "
            f"They are drawn from at most 400 {part} rows; a row stands where it comes first."
        )
        blocks: list[Block] = [_example(row, tasks) for row in rows]
        legend = _legend(rows, tasks)
        sections.append(Section(f"{title}, and typical", [*legend, *blocks], text))
    table = examples.get("table", "")
    worst = [_worst(task, found, n, table) for n, (task, found) in enumerate(examples["worst"].items())]
    if worst:
        text = (
            f"By the figure of the row alone, or its loss, of at most 400 {part} rows: look for wrong labels."
        )
        sections.append(Section("The rows that each task is worst on", worst, text))
    return sections


def _example(row: Row, tasks: Tasks) -> Example:
    which = "one of the worst" if row["which"] == "worst" else "a typical one"
    value = "" if row["value"] is None else f" ({row['metric']} {shown(row['value'])})"
    panels = _inputs(row)
    lines = [Line(name, [TextPart(text)]) for name, text in row["beside"].items()]
    for task, answer in row["tasks"].items():
        true, said = answer["true"], answer["predicted"]
        kind = (said or true or {"kind": ""})["kind"]
        if kind == "mask":
            panels += _masks(task, answer, tasks[task]["classes"], row["row"])
        elif kind == "field":
            panels += _fields(task, answer, row["row"])
        elif kind == "sound":
            panels += _sounds(task, answer, row["row"])
        elif kind not in ("boxes", "points"):
            lines += _texts(task, answer, kind)
        if true is None:
            lines.append(Line(task, [TextPart("no label on this row: only what is predicted")]))
        elif said is None:
            lines.append(Line(task, [TextPart("nothing is predicted of this row")]))
    return Example(f"Row {_called(row)}: {which} for {short(row['task'])}{value}", panels, lines)


def _inputs(row: Row) -> list[Panel]:
    """Return the pictures and sounds that are inputs; boxes are drawn over the picture."""
    boxes = {
        task: answer
        for task, answer in row["tasks"].items()
        if (answer["predicted"] or answer["true"] or {"kind": ""})["kind"] in ("boxes", "points")
    }
    panels = []
    for name, found in row["inputs"].items():
        if found is None:
            panels.append(Panel(f"{name}: there is none"))
        elif found["kind"] == "sound":
            about = f"Spectrogram of {name}, row {row['row']}, {found['seconds']:.1f} seconds."
            panels.append(
                Panel(f"{name}, {found['seconds']:.1f} s", field_image(unpacked(found["map"])), about,
                      sound=_wav(found), wide=True)
            )  # fmt: skip
        elif boxes:
            panels += [_boxed(task, answer, found, row["row"]) for task, answer in boxes.items()]
        else:
            about = f"{name} of row {row['row']}, {found['width']} by {found['height']} pixels."
            small = max(found["width"], found["height"]) <= 128
            address = f"data:{found['type']};base64,{found['data']}"
            # On a phone a true map then stands beside the predicted one, below their picture.
            panels.append(Panel(name, address, about, sharp=small, wide=_has_maps(row)))
    return panels


def _has_maps(row: Row) -> bool:
    seen = [answer["predicted"] or answer["true"] for answer in row["tasks"].values()]
    return any(one is not None and one["kind"] in ("mask", "field") for one in seen)


def _boxed(task: str, answer: Row, picture: Row, number: int | str) -> Panel:
    true = None if answer["true"] is None else answer["true"]["boxes"]
    said = [] if answer["predicted"] is None else answer["predicted"]["boxes"]
    kind = (answer["predicted"] or answer["true"])["kind"]
    told = f"no {kind} are labelled" if true is None else f"true: {_names(true)}"
    about = f"Picture of row {number} with {kind} of {task}; {told}; predicted: {_names(said)}."
    labelled = "no label" if true is None else f"{len(true)} true (blue, solid)"
    caption = f"{task}: {labelled}, {len(said)} predicted (orange, dashed)"
    return Panel(caption, svg=boxes_over(picture, true, said, about), wide=True)


def _names(boxes: Sequence[Mapping[str, Any]]) -> str:
    names = [
        box["label"] if box["score"] is None else f"{box['label']} {box['score']:.2f}" for box in boxes[:8]
    ]
    more = f" and {len(boxes) - 8} more" if len(boxes) > 8 else ""
    return (", ".join(names) or "none") + more


def _masks(task: str, answer: Row, classes: Sequence[str], number: int | str) -> list[Panel]:
    panels = []
    for which in ("true", "predicted"):
        found = answer[which]
        if found is not None:
            mask = unpacked(found["map"])
            about = f"{which.capitalize()} mask of {task}, row {number}: {_shares(mask, classes)}."
            panels.append(Panel(f"{task}, {which}", mask_image(mask), about, sharp=max(mask.shape) <= 128))
    return panels


def _shares(mask: np.ndarray, classes: Sequence[str]) -> str:
    """Return how much of a mask each class covers, the largest first."""
    numbers, counts = np.unique(mask, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:8]
    return ", ".join(
        f"{_class_name(int(numbers[i]), classes)} {counts[i] / mask.size:.0%}" for i in order.tolist()
    )


def _class_name(number: int, classes: Sequence[str]) -> str:
    if number == NOT_LABELLED:
        return "not labelled"
    return classes[number] if number < len(classes) else f"{number} (not in training)"


def _fields(task: str, answer: Row, number: int | str) -> list[Panel]:
    """Return the true and the predicted field in colours of one range."""
    there = {which: answer[which] for which in ("true", "predicted") if answer[which] is not None}
    low = min(found["low"] for found in there.values())
    high = max(found["high"] for found in there.values())
    panels = []
    for which, found in there.items():
        numbers = unpacked(found["map"])
        directions = numbers.ndim == 3
        if not directions:
            numbers = in_range(numbers, (found["low"], found["high"]), (low, high))
        ends = f"{shown(found['low'])} to {shown(found['high'])}"
        scale = (
            "directions as red, green and blue"
            if directions
            else f"{ends}; dark {shown(low)}, bright {shown(high)}"
        )
        about = f"{which.capitalize()} {task} of row {number}, {ends}."
        panels.append(
            Panel(f"{task}, {which}: {scale}", field_image(numbers), about, sharp=max(numbers.shape) <= 128)
        )
    return panels


def _sounds(task: str, answer: Row, number: int | str) -> list[Panel]:
    panels = []
    for which in ("true", "predicted"):
        found = answer[which]
        # A recording that is an input is shown once, there.
        if found is not None and found["wav"]:
            about = f"Log-mel energies of {task}, {which}, row {number}, {found['seconds']:.1f} seconds."
            caption = f"{task}, {which}, {found['seconds']:.1f} s"
            panels.append(
                Panel(caption, field_image(unpacked(found["map"])), about, sound=_wav(found), wide=True)
            )
    return panels


def _wav(found: Row) -> str:
    return f"data:audio/wav;base64,{found['wav']}" if found["wav"] else ""


def _texts(task: str, answer: Row, kind: str) -> list[Line]:
    """Return what is true and what is predicted as lines; of transcripts every word that is wrong."""
    true, said = answer["true"], answer["predicted"]
    sure = "" if answer.get("sure") is None else f" ({answer['sure']:.0%} sure)"
    if said is None:
        return []
    if true is None:
        return [Line(f"{task}, predicted", [TextPart(f"{said['text'] or '(nothing)'}{sure}")])]
    if kind != "transcript":
        sign = " ✓" if true["text"] == said["text"] else ""
        return [
            Line(f"{task}, true", [TextPart(true["text"])]),
            Line(f"{task}, predicted", [TextPart(f"{said['text']}{sure}{sign}")]),
        ]
    edits = word_edits(true["text"].split(), said["text"].split())
    wrong = [edit for edit in edits if edit.kind != "right"]
    counts = ", ".join(
        f"{number} {name}"
        for name in ("substituted", "deleted", "inserted")
        if (number := sum(edit.kind == name for edit in wrong))
    )
    parts: list[TextPart] = []
    for edit in edits:
        if edit.kind == "right":
            parts.append(TextPart(edit.said))
            continue
        parts += [TextPart(f"−{edit.true}", "deleted")] if edit.true else []
        parts += [TextPart(f"+{edit.said}", "inserted")] if edit.said else []
    parts.append(TextPart(f"({counts})" if counts else "✓"))
    return [
        Line(f"{task}, true", [TextPart(true["text"] or "(nothing)")]),
        Line(f"{task}, predicted", parts),
    ]


def _legend(rows: Sequence[Row], tasks: Tasks) -> list[Swatches]:
    """Return the colours of the classes that the shown masks have, a legend a task."""
    found = []
    for task, about in tasks.items():
        numbers: set[int] = set()
        for row in rows:
            for seen in row["tasks"][task].values():
                if isinstance(seen, Mapping) and seen["kind"] == "mask":
                    numbers |= set(np.unique(unpacked(seen["map"])).tolist())
        entries = [
            Swatch(
                f"{short(task)}: {short(_class_name(number, about['classes']))}",
                UNLABELLED if number == NOT_LABELLED else class_colour(number),
            )
            for number in sorted(numbers)
        ]
        if entries:
            found.append(Swatches(entries))
    return found


def _called(row: Row) -> str:
    """Return a row's number, or what it is called where there are several tables."""
    return f"{row['row']:,}" if isinstance(row["row"], int) else row["row"]


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _worst(task: str, rows: Sequence[Row], place: int, table: str) -> Table:
    """Return the worst rows of a task as a table: true, predicted, and what they were predicted from."""
    beside = list(dict.fromkeys(name for row in rows for name in row["beside"]))
    widths = {name: max(len(row["beside"].get(name, "")) for row in rows) for name in beside}
    long = {name: "long" if width > LONG else "" for name, width in widths.items()}
    most = MOST_SHOWN if sum(map(bool, long.values())) > 1 else max(widths.values(), default=0)
    cells = []
    for row in rows:
        answer = row["tasks"][task]
        sure = "" if answer.get("sure") is None else f"{answer['sure']:.0%} sure"
        true, said = (
            "–" if answer[which] is None else answer[which].get("text", "–")
            for which in ("true", "predicted")
        )
        cells.append(
            [
                TableCell(_called(row)),
                TableCell(true),
                TableCell(said, detail=sure),
                *(TableCell(_cut(row["beside"].get(name, "–"), most), long[name]) for name in beside),
            ]
        )
    return Table(
        ["row", "true", "predicted", *beside],
        cells,
        title=f"{short(task)}: the {len(rows)} worst rows",
        note=f"Rows are counted from 0 in {table or 'the table'}." if place == 0 else "",
        folded=place > 0,
    )
