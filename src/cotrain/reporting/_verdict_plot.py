"""The differences of all tasks to alone as one plot of intervals, a line of the verdict each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from cotrain.reporting._document import Verdict
from cotrain.reporting._formatting import shown, word_verdict

#: Units that a strip is wide and high; half of it is the zero line's distance from either end.
_WIDE, _HIGH = 300, 22
#: An interval that reaches farther than so many times the usual one is cut, and the cut is shown.
_FARTHEST = 4.0
_COLOURS = {"good": "var(--c2)", "bad": "var(--c1)"}


def verdict_lines(
    verdicts: Sequence[Mapping[str, Any]],
    over_all: Mapping[str, Any] | None,
    alone: Mapping[str, float | None],
) -> tuple[list[Verdict], float]:
    """Return a line for each task and one for delta_m, and how far the strips reach.

    Args:
        verdicts: of one method: task, word, sentence, difference and interval in the unit of the metric,
            positive = better than alone.
        over_all: that of delta_m, whose difference is a share already; `None`: there is none.
        alone: task -> value of the network for it alone; a difference is drawn as a share of it.

    Returns:
        lines: with a strip where there is an interval; a sentence alone where there is none.
        reach: the share that either end of a strip stands for; 0 where no strip is drawn.
    """
    scaled: list[tuple[Mapping[str, Any], list[float] | None]] = [
        (verdict, _shares(verdict, abs(alone.get(verdict["task"]) or 0.0))) for verdict in verdicts
    ]
    if over_all is not None:
        scaled.append((over_all, _shares(over_all, 1.0)))
    ends = [max(abs(end) for end in shares) for _, shares in scaled if shares]
    reach = min(max(ends), _FARTHEST * median(ends)) if ends else 0.0
    lines = []
    for verdict, shares in scaled:
        line = word_verdict(verdict["word"], verdict["sentence"])
        if shares is not None and reach > 0:
            unit = verdict is over_all
            line = replace(
                line,
                name="all tasks (delta_m)" if unit else verdict["task"],
                strip=_strip(shares, reach, line.tone),
                figures=_figures(verdict, share=unit),
            )
        lines.append(line)
    return lines, reach


def _shares(verdict: Mapping[str, Any], scale: float) -> list[float] | None:
    """Return difference, low and high end as shares; `None` where they are none."""
    if not verdict["interval"] or verdict["difference"] is None or not scale > 0:
        return None
    return [float(value) / scale for value in (verdict["difference"], *verdict["interval"])]


def _figures(verdict: Mapping[str, Any], *, share: bool) -> str:
    values = (verdict["difference"], *verdict["interval"])
    middle, low, high = (f"{value:+.1%}" if share else shown(value, signed=True) for value in values)
    return f"{middle} [{low}, {high}]"


def _strip(shares: Sequence[float], reach: float, tone: str) -> str:
    """Return an interval around the zero line as SVG markup; the text beside it says the same."""
    middle, low, high = (_WIDE / 2 * (1 + max(-1.0, min(1.0, share / reach)) * 0.96) for share in shares)
    colour, y = _COLOURS.get(tone, "var(--c6)"), _HIGH / 2
    cuts = [(high, 1)] * (shares[2] > reach) + [(low, -1)] * (shares[1] < -reach)
    arrows = "".join(f"M{x - 5 * way:.1f} {y - 4}l{5 * way} 4l{-5 * way} 4" for x, way in cuts)
    marker = {"good": f"M{middle:.1f} {y - 6}l6 11h-12z", "bad": f"M{middle:.1f} {y + 6}l6 -11h-12z"}.get(
        tone, f"M{middle - 5:.1f} {y}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z"
    )
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" aria-hidden="true">'
        f'<line x1="{_WIDE / 2}" y1="0" x2="{_WIDE / 2}" y2="{_HIGH}" stroke="var(--soft)" '
        'stroke-dasharray="2 2"/>'
        f'<line x1="{low:.1f}" y1="{y}" x2="{high:.1f}" y2="{y}" stroke="{colour}" stroke-width="2.5"/>'
        f'<path d="{arrows}" fill="none" stroke="{colour}" stroke-width="2"/>'
        f'<path d="{marker}" fill="{colour}"/></svg>'
    )
