"""The Pareto front of a search as a picture."""

from __future__ import annotations

import html
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

#: Panels in a row; width of a panel; space around it.
PER_ROW, SIZE, GAP = 3, 260, 70
_STYLE = (
    "text{font:12px sans-serif;fill:#333}.a{stroke:#888;fill:none}.o{fill:none;stroke:#888}"
    ".f{fill:#0072b2}.l{stroke:#0072b2;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.f{fill:#56b4e9}.l{stroke:#56b4e9}}"
)


def front_svg(results: Mapping[str, Any]) -> str:
    """Return an SVG with a panel for every pair of tasks: all trials, those of the front filled and numbered.

    Args:
        results: with "trials" and "front".
    """
    done = [trial for trial in results["trials"] if trial["state"] == "complete"]
    pairs = list(itertools.combinations(done[0]["gains"], 2))
    front = set(results["front"])
    title = f"Pareto front: no trial is as good on all tasks as any of these {len(front)} of {len(done)}"
    panels = [_panel(pair, done, front, place) for place, pair in enumerate(pairs)]
    n_rows = -(-len(pairs) // PER_ROW)
    width = max(620, GAP + min(PER_ROW, len(pairs)) * (SIZE + GAP))
    height = 40 + n_rows * (SIZE + GAP)
    points = "; ".join(f"trial {t['number']}: {_gains(t)}" for t in done if t["number"] in front)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width} {height}" '
        f'aria-label="{html.escape(f"Pareto front. {points}", quote=True)}"><style>{_STYLE}</style>'
        f'<text x="{GAP}" y="24" font-weight="bold">{html.escape(title)}</text>{"".join(panels)}</svg>\n'
    )


def _gains(trial: Mapping[str, Any]) -> str:
    return ", ".join(f"{task} {gain:.3f}" for task, gain in trial["gains"].items())


def _panel(pair: tuple[str, str], trials: Sequence[Mapping[str, Any]], front: set[int], place: int) -> str:
    row, column = divmod(place, PER_ROW)
    left, top = GAP + column * (SIZE + GAP), 45 + row * (SIZE + GAP)
    scales = [_scale([trial["gains"][task] for trial in trials]) for task in pair]

    def at(trial: Mapping[str, Any]) -> tuple[float, float]:
        x, y = (
            (trial["gains"][task] - low) / (high - low)
            for task, (low, high) in zip(pair, scales, strict=True)
        )
        return left + x * SIZE, top + (1 - y) * SIZE

    marks = [f'<rect class="a" x="{left}" y="{top}" width="{SIZE}" height="{SIZE}"/>']
    on_front = sorted((trial for trial in trials if trial["number"] in front), key=at)
    if len(pair) == 2 and len(trials[0]["gains"]) == 2:
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(at, on_front))
        marks.append(f'<polyline class="l" points="{points}"/>')
    for trial in trials:
        x, y = at(trial)
        number = trial["number"]
        name = f"<title>trial {number}: {html.escape(_gains(trial))}</title>"
        shape = "f" if number in front else "o"
        marks.append(f'<circle class="{shape}" cx="{x:.1f}" cy="{y:.1f}" r="4">{name}</circle>')
        if number in front:
            marks.append(f'<text x="{x + 6:.1f}" y="{y - 5:.1f}">{number}</text>')
    (x_low, x_high), (y_low, y_high) = scales
    below = top + SIZE
    x_name, y_name = (html.escape(f"gain of {task[:30]} over a constant") for task in pair)
    marks += [
        f'<text x="{left}" y="{below + 16}">{x_low:.3f}</text>',
        f'<text x="{left + SIZE}" y="{below + 16}" text-anchor="end">{x_high:.3f}</text>',
        f'<text x="{left + SIZE / 2}" y="{below + 34}" text-anchor="middle">{x_name}</text>',
        f'<text x="{left - 4}" y="{below}" text-anchor="end">{y_low:.3f}</text>',
        f'<text x="{left - 4}" y="{top + 10}" text-anchor="end">{y_high:.3f}</text>',
        f'<text transform="translate({left - 10},{top + SIZE / 2}) rotate(-90)" '
        f'text-anchor="middle">{y_name}</text>',
    ]
    return "".join(marks)


def _scale(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.01
    return low - margin, high + margin
