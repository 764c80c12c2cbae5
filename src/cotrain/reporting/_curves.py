"""How the training went: validation values, losses and weights over epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from cotrain.reporting._document import Drawing, Section
from cotrain.reporting._draw import N_STYLES, Pen, faint, finite, plain_log_axis, style, whole_ticks
from cotrain.reporting._formatting import counted, legend, listed, short, shown

History = Sequence[Mapping[str, Any]]


def curve_section(history: History, curves: Mapping[str, Mapping[str, Any]], pen: Pen) -> Section | None:
    """Return a picture per task: its selecting metric on the validation rows, or its loss.

    Args:
        history: records of history.jsonl.
        curves: task -> `metric`, `direction` and `kept`, the epoch that is kept, counted from 1.
        pen: draws.
    """
    if not history:
        return None
    tasks = list(history[-1]["loss"])
    pictures = [_curve(task, history, curves.get(task, {}), pen) for task in tasks]
    kept = {task: epoch for task in tasks if (epoch := curves.get(task, {}).get("kept")) is not None}
    text = ""
    if kept:
        text = (
            "The dotted line is the epoch that is kept; where a metric counts hits or labels are few, the "
            "validation loss chose it."
        )
    return Section(_title(kept, len(history)), pictures, text)


def _title(kept: Mapping[str, int], n_epochs: int) -> str:
    """Say which epochs are kept."""
    said, epochs = counted(n_epochs, "epochs"), set(kept.values())
    if not kept:
        return said
    if epochs == {n_epochs}:
        return f"{said}; the last one is kept"
    if len(epochs) == 1:
        return f"Epoch {min(epochs)} of {n_epochs} is kept{' for all tasks' * (len(kept) > 1)}"
    early = [task for task, epoch in kept.items() if epoch <= n_epochs / 2]
    worse = f"; {listed(early)} got no better in the second half" if early else ""
    return f"Each task keeps its own best epoch{worse}"


def _curve(task: str, history: History, row: Mapping[str, Any], pen: Pen) -> Drawing:
    epochs, kept = [record["epoch"] + 1 for record in history], row.get("kept")
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
