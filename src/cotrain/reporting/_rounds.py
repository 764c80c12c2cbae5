"""The rounds of co-training: what was accepted, how right it was, and what it did to each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Block, Drawing, Section, Table, TableCell
from cotrain.reporting._draw import Pen, faint, finite, style, whole_ticks
from cotrain.reporting._formatting import LegendEntry, legend, listed, short, shown

Rounds = Sequence[Mapping[str, Any]]


def rounds_section(cotraining: Mapping[str, Any] | None, pen: Pen) -> Section | None:
    """Return what co-training did; `None` for a run without it.

    Args:
        cotraining: content of cotraining.json.
        pen: draws.
    """
    if cotraining is None:
        return None
    rounds, chosen, kept = cotraining["rounds"], cotraining["chosen"], cotraining["kept"]
    peers = ", ".join(map(short, cotraining["peers"]))
    text = f"{len(rounds)} round{'s' * (len(rounds) != 1)}; who learns and teaches: {peers}. "
    text += f"The rounds ended: {cotraining['stopped']}."
    text += "".join(f" {short(task)}: {said}." for task, said in cotraining.get("unlike", {}).items())
    tried = dict.fromkeys(record.get("strategy", "") for record in rounds)
    if len(tried) == 1:
        text += " The dotted line is the round that was chosen, 0 where the start answers."
    blocks: list[Block] = []
    for task in chosen:
        for strategy in tried:
            # Where several strategies were tried, they answer together, and no round by its number.
            answers = None if len(tried) > 1 else chosen[task] * kept[task]
            own = [record for record in rounds if record.get("strategy", "") == strategy]
            of = f"{short(task)}, {strategy}" if strategy else short(task)
            pictures = (_validation(task, own, answers, pen, of=of), _accuracy(task, own, pen, of=of))
            blocks += [picture for picture in pictures if picture is not None]
    verdicts = [
        [TableCell(task), TableCell(cotraining["verdicts"][task], _tone(kept[task]))] for task in chosen
    ]
    blocks.append(Table(["task", "which network answers"], verdicts, "What became of each task"))
    rows = [
        _row(f"{record.get('strategy', '')} {record['round']}".strip(), task, found)
        for record in rounds
        for task, found in record["tasks"].items()
    ]
    if rows:
        header = ["round", "task", "accepted", "accuracy", "validation", "note"]
        note = (
            "Accepted: pseudo-labels per learner, below it their share of the unlabelled cells. Accuracy: as "
            "the calibrated confidence estimates it, of numbers not at all, below it the true one where the "
            "labels are known. "
            "Validation: after the round, below it the one before."
        )
        blocks.append(Table(header, rows, "Every round", note, folded=True))
    return Section(_title(kept), blocks, text)


def rounds_sentences(cotraining: Mapping[str, Any] | None) -> list[str]:
    """Return what co-training came to and what to try, in sentences."""
    if cotraining is None:
        return []
    sentences = [f"Co-training: {_title(cotraining['kept'])}."]
    for task in cotraining["chosen"]:
        found = [record["tasks"][task] for record in cotraining["rounds"] if task in record["tasks"]]
        gaps = [r["estimated_accuracy"] - r["true_accuracy"] for r in found if _has_truth(r)]
        if gaps and max(gaps) > 0.1:
            sentences.append(
                f"The pseudo-labels of {short(task)} were up to {max(gaps):.0%} less often right than "
                "estimated: accept fewer (selector Agreement, or KBest with a smaller share)."
            )
        # Without any candidate there is no surest one: nothing was unlabelled, or nobody could teach.
        known = [record["surest"] for record in found if "surest" in record]
        if known and not any(record["accepted"] for record in found):
            sentences.append(
                f"No pseudo-label of {short(task)} was accepted (surest {max(known):.2f}): give it more "
                "labels, or a selector with quotas such as KBest."
            )
    return sentences


def _title(kept: Mapping[str, bool]) -> str:
    better = [task for task, is_kept in kept.items() if is_kept]
    if not better:
        return f"{'all tasks keep' if len(kept) > 1 else f'{listed(list(kept))} keeps'} the supervised start"
    others = len(kept) - len(better)
    rest = f"; {others} keep the supervised start" if others > 1 else "; 1 keeps its supervised start"
    return f"{listed(better)} learned from pseudo-labels{rest if others else ''}"


def _validation(task: str, rounds: Rounds, answers: int | None, pen: Pen, *, of: str) -> Drawing | None:
    """Return the validation value over the rounds, the supervised start at 0.

    Args:
        task: its name.
        rounds: of one strategy.
        answers: the round that answers, 0: the start; `None`: no single one does.
        pen: draws.
        of: what the title begins with.
    """
    found = [(record["round"], record["tasks"][task]) for record in rounds if task in record["tasks"]]
    if not any("after" in record for _, record in found):
        return None
    start = next(record["start"] for _, record in found if "start" in record)
    places = [0, *(number for number, _ in found)]
    values = finite([start, *(record.get("after") for _, record in found)])
    last = f"{of}: validation {shown(start)} at the start, {shown(values[-1])} after the last round"
    title = last if not answers else f"{of}: validation {shown(start)} at the start"
    if answers:
        title += f", {shown(values[places.index(answers)])} in round {answers}, which was chosen"
    elif answers == 0:
        title += "; the start answers"

    def paint(axes: Any) -> None:
        axes.plot(places, values, marker="o", markersize=4, **style(0))
        if answers is not None:
            axes.axvline(answers, **faint())
        axes.set(xlabel="round (0 = supervised start)", ylabel="first metric (validation)")
        whole_ticks(axes)

    said = ", ".join(f"round {n} {shown(value)}" for n, value in zip(places, values, strict=True))
    return Drawing(title, pen.draw(f"{title}. {said}.", paint))


def _accuracy(task: str, rounds: Rounds, pen: Pen, *, of: str) -> Drawing | None:
    """Return how many pseudo-labels there were, and how right they were estimated to be and are."""
    found = [(record["round"], record["tasks"][task]) for record in rounds if task in record["tasks"]]
    if not any(record["accepted"] for _, record in found):
        return None
    places = [number for number, _ in found]
    lines = {
        "share of the unlabelled cells": finite([record["coverage"] for _, record in found]),
    }
    if any(record.get("estimated_accuracy") is not None for _, record in found):
        lines["estimated accuracy"] = finite([record.get("estimated_accuracy") for _, record in found])
    if any(_has_truth(record) for _, record in found):
        lines["true accuracy"] = finite([record.get("true_accuracy") for _, record in found])
    last = found[-1][1]
    title = f"{of}: {last['accepted']} pseudo-labels in the last round"
    if last.get("estimated_accuracy") is not None:
        title += f", {last['estimated_accuracy']:.0%} of them right by estimate"
    if _has_truth(last):
        title += f", {last['true_accuracy']:.0%} in truth"

    def paint(axes: Any) -> None:
        for number, values in enumerate(lines.values()):
            axes.plot(places, values, marker="o", markersize=4, **style(number))
        axes.set(xlabel="round", ylabel="share", ylim=(0, 1.03), xlim=(0.5, places[-1] + 0.5))
        whole_ticks(axes)

    entries: list[LegendEntry] = legend(list(lines))
    said = "; ".join(f"{name}: {', '.join(map(shown, values))}" for name, values in lines.items())
    return Drawing(title, pen.draw(f"{title}. By round: {said}.", paint), entries)


def _row(name: str, task: str, found: Mapping[str, Any]) -> list[TableCell]:
    truth = f"{found['true_accuracy']:.3f} in truth" if _has_truth(found) else ""
    return [
        TableCell(name),
        TableCell(task),
        TableCell(str(found["accepted"]), "bar", found["coverage"], detail=f"{found['coverage']:.0%}"),
        TableCell(shown(found.get("estimated_accuracy")), detail=truth),
        TableCell(shown(found.get("after")), detail=shown(found.get("before"))),
        TableCell(found["note"] or "–", "long"),
    ]


def _has_truth(record: Mapping[str, Any]) -> bool:
    return record.get("true_accuracy") is not None and record.get("estimated_accuracy") is not None


def _tone(is_kept: bool) -> str:
    return "good long" if is_kept else "long"
