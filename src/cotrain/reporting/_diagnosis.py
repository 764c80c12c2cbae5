"""Calibration, confusion matrices, residuals and tagged sentences as pictures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.evaluation import calibration_by_chance
from cotrain.reporting._document import Block, Drawing, Section, Table, TableCell
from cotrain.reporting._draw import Pen, faint, style
from cotrain.reporting._formatting import short, shown

#: Mean distance between probabilities and what comes true below which it does not matter.
CLOSE = 0.03


def diagnosis_sections(diagnostics: Mapping[str, Mapping[str, Any]], pen: Pen) -> list[Section]:
    """Return the sections about where predictions go wrong, those that there are figures for."""
    calibrations = [
        _calibration(task, found["calibration"], pen, of_yes="labels" in found)
        for task, found in diagnostics.items()
        if found.get("calibration")
    ]
    residuals: list[Block] = [
        _residuals(task, part, len(found["residuals"]), pen)
        for task, found in diagnostics.items()
        for part in found.get("residuals", [])
    ]
    tables: list[Block] = [table for task, found in diagnostics.items() for table in mistakes(task, found)]
    sections = []
    if calibrations:
        text = (
            "A point on the dotted line comes true as often as the network says. Chance alone: how far off "
            "probabilities would be with as many labels if they were right."
        )
        sections.append(Section(_calibration_title(diagnostics), calibrations, text))
    if tables:
        sections.append(Section("What is mistaken for what on the test rows", tables))
    if residuals:
        sections.append(Section("Predicted and true values on the test rows", residuals))
    sentences = [
        _sentence(task, found["sentences"], place)
        for task, found in diagnostics.items()
        for place in range(len(found.get("sentences", [])))
    ]
    if sentences:
        text = "Of each task the test rows with the largest share of wrong words, and some typical ones."
        sections.append(Section("Sentences with their true and predicted tags", sentences, text))
    return sections


def mistakes(name: str, found: Mapping[str, Any]) -> list[Table]:
    """Return the tables of what is mistaken for what.

    Args:
        name: of the task, or whatever the tables are about.
        found: of its diagnosis.
    """
    tables = [_confusion(name, found["confusion"])] if "confusion" in found else []
    return [*tables, _labels(name, found["labels"])] if "labels" in found else tables


def calibration_gap(bins: Sequence[Mapping[str, Any]]) -> float:
    """Return by how much confidence exceeds the share that came true, over all rows; negative = too shy."""
    rows = sum(part["n"] for part in bins)
    return sum(part["n"] * (part["confidence"] - part["right"]) for part in bins) / rows if rows else 0.0


def is_off(bins: Sequence[Mapping[str, Any]], least: float = CLOSE) -> bool:
    """Return whether probabilities are so far off on average, and further than chance explains.

    Args:
        bins: of a calibration.
        least: mean distance between confidence and the share that came true from which on it matters.
    """
    distance = calibration_distance(bins)
    return distance >= least and distance > calibration_by_chance(bins)[1]


def calibration_distance(bins: Sequence[Mapping[str, Any]]) -> float:
    """Return the mean distance between confidence and the share that came true."""
    rows = sum(part["n"] for part in bins)
    return sum(part["n"] * abs(part["confidence"] - part["right"]) for part in bins) / rows if rows else 0.0


def _calibration_title(diagnostics: Mapping[str, Mapping[str, Any]]) -> str:
    distances = {
        task: calibration_distance(found["calibration"])
        for task, found in diagnostics.items()
        if found.get("calibration")
    }
    if max(distances.values()) < CLOSE:
        return "Probabilities come true: every task is within 3 points of what it says"
    beyond = {task: off for task, off in distances.items() if is_off(diagnostics[task]["calibration"])}
    if not beyond:
        return "Probabilities come true as far as so few labels can tell"
    worst = max(beyond, key=lambda task: beyond[task])
    return f"Trust probabilities least for {short(worst)}: they are {distances[worst]:.0%} off on average"


def calibration_manner(bins: Sequence[Mapping[str, Any]], *, of_yes: bool) -> str:
    """Return in which way probabilities do not come true, if they do not.

    Args:
        bins: of a calibration.
        of_yes: whether they are of yes, so that one below a half is sure of no; otherwise of what is
            predicted.
    """
    distance, gap = calibration_distance(bins), calibration_gap(bins)
    if distance < CLOSE:
        return "well calibrated"
    if not is_off(bins):
        return "not further off than chance"
    if of_yes and abs(gap) >= distance / 2:
        return f"yes comes true {'less' if gap > 0 else 'more'} often than said"
    if of_yes:
        gap = calibration_gap([part if part["confidence"] >= 0.5 else _of_no(part) for part in bins])
    if abs(gap) < distance / 2:
        return "too sure here, not sure enough there"
    return "too sure" if gap > 0 else "not sure enough"


def _of_no(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "confidence": 1 - part["confidence"], "right": 1 - part["right"]}


def _calibration(task: str, bins: Sequence[Mapping[str, Any]], pen: Pen, *, of_yes: bool) -> Drawing:
    distance, manner = calibration_distance(bins), calibration_manner(bins, of_yes=of_yes)
    chance = calibration_by_chance(bins)[0]
    title = f"{short(task)}: {manner} ({distance:.1%} off on average, chance alone: {chance:.1%})"
    confidence, right = [part["confidence"] for part in bins], [part["right"] for part in bins]
    largest = max(part["n"] for part in bins)

    def paint(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], **faint())
        axes.plot(confidence, right, **style(0))
        sizes = [12 + 60 * part["n"] / largest for part in bins]
        axes.scatter(confidence, right, s=sizes, color=style(0)["color"], zorder=3)
        axes.set(
            xlim=(0, 1),
            ylim=(0, 1),
            xlabel=f"predicted probability{' of yes' * of_yes}",
            ylabel="share that came true",
        )

    points = "; ".join(f"said {part['confidence']:.2f}, came true {part['right']:.2f}" for part in bins)
    return Drawing(title, pen.draw(f"Calibration of {task}. {points}.", paint))


def _confusion(task: str, confusion: Mapping[str, Any]) -> Table:
    names, counts = confusion["names"], confusion["counts"]
    rows = []
    worst, most = None, 0
    for i, name in enumerate(names):
        total = max(1, sum(counts[i]))
        cells = [
            TableCell(str(n), "plus" if i == j else "minus", n / total if n else 0.0)
            for j, n in enumerate(counts[i])
        ]
        rows.append([TableCell(name), *cells])
        for j, n in enumerate(counts[i]):
            if i != j and n > most:
                worst, most = (name, names[j]), n
    # Of what is counted together as "(other)" not all on the diagonal is right.
    right = confusion.get("right", sum(counts[i][i] for i in range(len(names))))
    total = max(1, sum(map(sum, counts)))
    mistake = ""
    if worst is not None:
        counted = f"{most:,} {confusion.get('of', 'rows')}"
        mistake = f"; most often {short(worst[0])} is taken for {short(worst[1])} ({counted})"
    return Table(
        ["true \\ predicted", *names],
        rows,
        title=f"{short(task)}: {right / total:.0%} right{mistake}",
        note="Rows are true classes, columns predicted ones; colours are shares of the row.",
    )


def _labels(task: str, labels: Sequence[Mapping[str, Any]]) -> Table:
    rows = []
    thresholds = {label.get("threshold", 0.5) for label in labels}
    alike = len(thresholds) == 1
    misses: dict[str, float] = {}
    for label in labels:
        found, missed = label["true_positive"], label["false_negative"]
        false, total = label["false_positive"], found + missed
        recall = found / total if total else None
        precision = found / (found + false) if found + false else None
        if recall is not None:
            misses[label["name"]] = 1 - recall
        counts = [TableCell(str(n)) for n in (total, found, missed, false)]
        name = TableCell(
            label["name"], detail="" if alike else f"yes above {label.get('threshold', 0.5):.3g}"
        )
        rows.append([name, *counts, TableCell(shown(precision)), TableCell(shown(recall))])
    title = f"{short(task)}: found and missed"
    if misses:
        worst = max(misses, key=lambda name: misses[name])
        which = "" if len(labels) == 1 else f" of {short(worst)}"
        title = f"{short(task)}: {misses[worst]:.0%} of the positive rows{which} are missed"
    header = ["label", "positive", "found", "missed", "false alarms", "precision", "recall"]
    at = f"At probability {min(thresholds):.3g}" if alike else "Each label at a threshold of its own"
    return Table(header, rows, title=title, note=f"{at}, on labelled test rows.")


def _sentence(task: str, sentences: Sequence[Mapping[str, Any]], place: int) -> Table:
    """Return the words of a row above its true and its predicted tags; what is wrong is marked."""
    found = sentences[place]
    pairs = list(zip(found["true"], found["predicted"], strict=True))
    true = [TableCell(t) for t, _ in pairs]
    # A star too: nothing is said by colour alone.
    predicted = [TableCell(f"{p} *", "minus", 0.6) if t and t != p else TableCell(p) for t, p in pairs]
    number = 1 + sum(other["which"] == found["which"] for other in sentences[:place])
    kind = "one of the worst rows" if found["which"] == "worst" else "a typical row"
    return Table(
        ["", *found["words"]],
        [[TableCell("true"), *true], [TableCell("predicted"), *predicted]],
        title=f"{short(task)}, {kind} ({number}): {found['wrong']} of {found['labelled']} words wrong",
        note="* another tag than the true one." if found["wrong"] else "",
        folded=place > 0,
    )


def _residuals(task: str, part: Mapping[str, Any], n_parts: int, pen: Pen) -> Drawing:
    name = task if n_parts == 1 else f"{task}, {part['name']}"
    error, unit = part["mean_error"], part.get("unit", "")
    lean = (
        f"{shown(abs(error))} too {'high' if error > 0 else 'low'}"
        if error
        else "neither too high nor too low"
    )
    of_unit = f", in {unit} of the column's values" if unit else ""
    title = (
        f"{short(name)}: half of the predictions are within {shown(part['half_within'])}; on average "
        f"{lean}{of_unit}"
    )
    true, predicted = part["true"], part["predicted"]

    def paint(axes: Any) -> None:
        low, high = min(true + predicted), max(true + predicted)
        axes.plot([low, high], [low, high], **faint())
        axes.scatter(true, predicted, s=10, color=style(0)["color"], alpha=0.55, linewidths=0)
        axes.set(xlabel=f"true value ({unit or 'unit'} of the column)", ylabel="predicted value")

    alternative = f"{len(true)} of {part['n']} test rows of {name}: predicted against true values. {title}."
    return Drawing(title, pen.draw(alternative, paint))
