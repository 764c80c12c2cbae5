"""What the cells of a comparison were like: learning curves of every fit, and confusions of every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from cotrain.reporting._diagnosis import mistakes
from cotrain.reporting._document import Block, Drawing, Section
from cotrain.reporting._draw import N_STYLES, Pen, style, whole_ticks
from cotrain.reporting._formatting import NAMES, counted, legend, short, shown

Methods = Sequence[Mapping[str, Any]]


def cells_curve_section(results: Mapping[str, Any], pen: Pen) -> Section | None:
    """Return a picture per task with the learning curve of every fit; `None` where no cell has kept one.

    Args:
        results: content of results.json.
        pen: draws.
    """
    methods = [method for method in _in_order(results) if method.get("curves")]
    if not methods:
        return None
    pictures = [
        _curves(task, [method for method in methods if task["name"] in method["curves"]], pen)
        for task in results["tasks"]
        if any(task["name"] in method["curves"] for method in methods)
    ]
    lengths = [
        curve[-1][0]
        for method in methods
        for of_seeds in method["curves"].values()
        for curve in of_seeds
        if curve
    ]
    least, most = min(lengths), max(lengths)
    title = f"Every fit took {counted(most, 'epochs')}" if least == most else (
        f"Fits took {least:,} to {counted(most, 'epochs')}"
    )  # fmt: skip
    text = (
        "Values on the validation rows; a line is a fit at one seed, with the learning rate that was chosen."
    )
    return Section(title, pictures, text)


def _curves(task: Mapping[str, Any], methods: Methods, pen: Pen) -> Drawing:
    name, choose = task["name"], max if task["direction"] == "max" else min
    best = {
        _called(method): _mean(
            [choose(value for _, value in curve) for curve in method["curves"][name] if curve]
        )
        for method in methods
    }
    leader = choose(best, key=lambda method: best[method])
    title = (
        f"{short(name)}: at its best epochs {short(leader)} has the best validation {task['metric']}, "
        f"{shown(best[leader])} in the mean"
    )
    # More lines than there are colours cannot be told apart: the leader's is always among them.
    drawn = [method for method in methods if _called(method) == leader]
    drawn = [*methods[: N_STYLES - 1], *drawn] if drawn[0] not in methods[:N_STYLES] else methods[:N_STYLES]
    left = len(methods) - len(drawn)
    title += f"; {counted(left, 'methods')} not drawn" if left else ""

    def paint(axes: Any) -> None:
        for number, method in enumerate(drawn):
            for curve in method["curves"][name]:
                axes.plot([epoch for epoch, _ in curve], [v for _, v in curve], **style(number), alpha=0.8)
        axes.set(xlabel="epoch", ylabel="validation value")
        whole_ticks(axes)

    ends = "; ".join(f"{method} {shown(value)}" for method, value in best.items())
    alternative = f"Learning curves of {name}, {task['metric']} on the validation rows. Best epochs: {ends}."
    return Drawing(title, pen.draw(alternative, paint), legend([_called(method) for method in drawn]))


def cells_confusion_section(results: Mapping[str, Any]) -> Section | None:
    """Return what every method mistakes for what on the test rows; `None` where no task has classes.

    Args:
        results: content of results.json.
    """
    n_seeds, tables = len(results["seeds"]), []
    for task in results["tasks"]:
        for number, method in enumerate(_in_order(results)):
            found = method.get("confusions", {}).get(task["name"])
            if found:
                seeds = 1 if method["name"] == "trees" else n_seeds
                named = mistakes(f"{short(task['name'])}, {_called(method)}", _over(found, seeds))
                tables += [replace(table, folded=number > 0) for table in named]
    if not tables:
        return None
    text = "Counts add up over the seeds, each of which has all labelled test rows. Other methods are folded."
    blocks: list[Block] = list(tables)
    return Section("What each method mistakes for what", blocks, text)


def _over(found: Mapping[str, Any], seeds: int) -> Mapping[str, Any]:
    """Return a diagnosis whose counts say over how many seeds they are."""
    if "confusion" not in found or seeds == 1:
        return found
    confusion = found["confusion"]
    of = f"{confusion.get('of', 'rows')} over {seeds} seeds"
    return {**found, "confusion": {**confusion, "of": of}}


def _in_order(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the methods, the one that was chosen first and the networks for single tasks next."""
    order = {results["chosen"]: 0, "single_task": 1}
    return sorted(results["methods"], key=lambda method: order.get(method["name"], 2))


def _called(method: Mapping[str, Any]) -> str:
    return NAMES.get(method["name"], method["name"])


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
