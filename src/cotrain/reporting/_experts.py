"""How gates and experts fare, for architectures that have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Block, Drawing, Section, Table, TableCell
from cotrain.reporting._draw import N_STYLES, Pen, finite, style, whole_ticks
from cotrain.reporting._formatting import legend, listed, short, shown

#: From here on so many of an expert's units do nothing that a smaller expert would do.
IDLE = 0.5
#: Below this entropy a gate has settled on one expert.
SETTLED = 0.1
ALL_USED = "Every expert is used, and none by one task alone."


def expert_section(history: Sequence[Mapping[str, Any]], pen: Pen) -> Section | None:
    """Return load, shares and dead units of the experts in the last epoch, and the gates over the epochs."""
    health = health_of(history)
    if health is None:
        return None
    several = len(health["entropy"]) > 1
    tasks = list(dict.fromkeys(task for record in health["records"] for task in record["share"]))
    rows = []
    for record in health["records"]:
        place = f"level {record['level']}" if several else ""
        tone = "bad" if record["dead"] else ""
        rows.append(
            [
                TableCell(f"expert {record['expert']}", detail=place),
                TableCell(shown(record["load"]), tone, detail=f"even {shown(record['even'])}"),
                TableCell(f"{record['dead_units']:.0%}", "bad" if record["dead_units"] >= IDLE else ""),
                *(_share(record["share"].get(task)) for task in tasks),
            ]
        )
    note = (
        "Load: mean gate over the tasks that may use the expert. Dead units: part of its units whose output "
        "does not vary. The other columns: which part of the weight that the expert gets is each task's."
    )
    blocks: list[Block] = [
        Table(["expert", "load", "dead units", *tasks], rows, "Experts in the last epoch", note)
    ]
    blocks += [
        _gates(history, level, several, first, pen=pen)
        for level, found in enumerate(health["entropy"])
        for first in range(0, len(found), N_STYLES)
    ]
    return Section(expert_sentences(history)[0], blocks)


def health_of(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return what the last epoch counted; `None` where nothing was."""
    found = [record["health"] for record in history if record.get("health")]
    return found[-1] if found else None


def expert_sentences(history: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with experts and gates and what to try, the gravest first."""
    health = health_of(history)
    if health is None:
        return []
    several = len(health["entropy"]) > 1

    def named(record: Mapping[str, Any]) -> str:
        return f"{record['expert']} of level {record['level']}" if several else str(record["expert"])

    dead = [named(record) for record in health["records"] if record["dead"]]
    captured = [record for record in health["records"] if record["captured_by"] is not None]
    idle = [named(r) for r in health["records"] if r["dead_units"] >= IDLE and not r["dead"]]
    settled = [task for level in health["entropy"] for task, entropy in level.items() if entropy < SETTLED]
    sentences = []
    if dead:
        sentences.append(f"Dead experts, which no gate opens: {listed(dead)}. Take fewer experts.")
    if captured:
        who = listed([f"{named(record)} by {short(record['captured_by'])}" for record in captured])
        sentences.append(
            f"Shared experts captured by one task: {who}. CGC gives each task experts of its own."
        )
    if idle:
        sentences.append(f"Half or more of the units do nothing in {listed(idle)}: take smaller experts.")
    if settled:
        sentences.append(
            f"The gates of {listed(list(dict.fromkeys(settled)))} have settled on one expert: the others "
            "are not shared with these tasks."
        )
    return sentences or [ALL_USED]


def _share(share: float | None) -> TableCell:
    return TableCell("–") if share is None else TableCell(f"{share:.0%}", "bar", share)


def _gates(
    history: Sequence[Mapping[str, Any]], level: int, several: bool, first: int, *, pen: Pen
) -> Drawing:
    records = [record for record in history if record.get("health")]
    epochs = [record["epoch"] + 1 for record in records]
    tasks = list(records[-1]["health"]["entropy"][level])[first : first + N_STYLES]
    lines = {
        task: finite([record["health"]["entropy"][level].get(task) for record in records]) for task in tasks
    }
    sharp = min(tasks, key=lambda task: lines[task][-1])
    place = f"Level {level}: " if several else ""
    title = f"{place}{short(sharp)} has the sharpest gate (entropy {shown(lines[sharp][-1])} at the end)"

    def paint(axes: Any) -> None:
        for number, values in enumerate(lines.values()):
            axes.plot(epochs, values, **style(number))
        axes.set(xlabel="epoch", ylabel="entropy (1 = even, 0 = one)", ylim=(0, 1.03))
        whole_ticks(axes)

    said = "; ".join(f"{task}: {', '.join(map(shown, values))}" for task, values in lines.items())
    return Drawing(title, pen.draw(f"Entropy of the gates by epoch. {said}.", paint), legend(tasks))
