"""How the training went: validation values, losses and weights over epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Drawing, Section
from cotrain.reporting._draw import N_STYLES, Pen, faint, finite, plain_log_axis, style, whole_ticks
from cotrain.reporting._formatting import legend, listed, short, shown

History = Sequence[Mapping[str, Any]]


def curve_section(
    history: History,
    rows: Mapping[str, Mapping[str, Any]],
    best_epoch: Mapping[str, int],
    select: str,
    *,
    pen: Pen,
) -> Section | None:
    """Return a picture per task: its selecting metric on the validation rows, or its loss.

    Args:
        history: records of history.jsonl.
        rows: task -> its selecting row of the test table: name and direction of the metric.
        best_epoch: criterion -> epoch, counted from 1.
        select: "combined", "per_task" or "last": whose best epoch is kept.
        pen: draws.
    """
    if not history:
        return None
    tasks = list(history[-1]["loss"])
    kept = {task: best_epoch.get(task if select == "per_task" else "combined") for task in tasks}
    pictures = [_curve(task, history, rows.get(task, {}), kept[task], pen=pen) for task in tasks]
    early = [task for task in tasks if (epoch := kept[task]) and epoch <= len(history) / 2]
    if select == "last" or not any(kept.values()):
        title = f"{len(history)} epochs; the last one is kept"
    elif select == "per_task":
        title = "Each task keeps its own best epoch" + (
            f"; {listed(early)} got worse in the second half" if early else ""
        )
    else:
        title = f"The best epoch for all tasks together is {next(iter(kept.values()))} of {len(history)}"
    return Section(title, pictures, "The dotted line is the epoch that is kept.")


def _curve(task: str, history: History, row: Mapping[str, Any], kept: int | None, *, pen: Pen) -> Drawing:
    epochs = [record["epoch"] + 1 for record in history]
    validated = [record.get("validation", {}).get(task) for record in history]
    on_validation = any(value is not None and math.isfinite(value) for value in validated)
    values = finite(validated if on_validation else [record["loss"].get(task) for record in history])
    what = row.get("metric", "metric") if on_validation else "loss"
    better = max if on_validation and row.get("direction") == "max" else min
    known = [(value, epoch) for value, epoch in zip(values, epochs, strict=True) if not math.isnan(value)]
    title = f"{short(task)}: no value to show"
    if known:
        best, at = better(known, key=lambda pair: pair[0])
        where = "validation" if on_validation else "training"
        end = shown(known[-1][0])
        title = f"{short(task)}: {where} {what} best in epoch {at} ({shown(best)}), at the end {end}"

    def paint(axes: Any) -> None:
        axes.plot(epochs, values, marker="o", markersize=3, **style(0))
        if kept is not None:
            axes.axvline(kept, **faint())
        unit = " (validation)" if on_validation else " (training)"
        axes.set(xlabel="epoch", ylabel=_plain(what) + unit)
        whole_ticks(axes)

    return Drawing(title, pen.draw(f"{title}. Values by epoch: {', '.join(map(shown, values))}.", paint))


def weight_section(history: History, balancer: str, pen: Pen) -> Section | None:
    """Return how the tasks' weights went; `None` where there are none to tell apart."""
    tasks = list(history[-1]["loss"]) if history else []
    weights = {task: finite([record.get("weights", {}).get(task) for record in history]) for task in tasks}
    weights = {task: values for task, values in weights.items() if any(map(math.isfinite, values))}
    if len(weights) < 2:
        return None
    epochs = [record["epoch"] + 1 for record in history]
    last = {task: [value for value in values if math.isfinite(value)][-1] for task, values in weights.items()}
    heavy, light = max(last, key=lambda task: last[task]), min(last, key=lambda task: last[task])
    if last[heavy] <= 1.02 * last[light]:
        title = f"{balancer} weighs all tasks alike"
    else:
        times = f"{last[heavy] / last[light]:.3g} times " if last[light] > 0 else "more than "
        title = f"{short(heavy)} ends with {times}the weight of {short(light)} ({balancer})"
    pictures = []
    names = list(weights)
    positive = all(value > 0 for values in weights.values() for value in values if math.isfinite(value))
    for first in range(0, len(names), N_STYLES):
        some = names[first : first + N_STYLES]

        def paint(axes: Any, some: list[str] = some) -> None:
            for number, task in enumerate(some):
                axes.plot(epochs, weights[task], **style(number))
            if positive and last[heavy] > 8 * last[light]:
                plain_log_axis(axes)
            axes.set(xlabel="epoch", ylabel="weight (a factor)")
            whole_ticks(axes)

        ends = ", ".join(f"{task} {shown(last[task])}" for task in some)
        svg = pen.draw(f"Weights of the tasks over {len(epochs)} epochs. At the end: {ends}.", paint)
        at_end = sorted(some, key=lambda task: -last[task])
        caption = f"At the end: {listed([f'{short(task)} {shown(last[task])}' for task in at_end], most=3)}"
        pictures.append(Drawing(caption, svg, legend(some)))
    return Section(title, pictures)


def _plain(name: str) -> str:
    """Return the name of a metric if fonts of any machine can draw it."""
    return name if name.isascii() and name.isprintable() and len(name) <= 30 else "value"
