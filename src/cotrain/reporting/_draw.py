"""Pictures as inline SVG whose colours follow the page, light or dark."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, final

from cotrain._base import require_extra
from cotrain.reporting._document import neutral

#: Colours that stand for a CSS variable of the page: no other part of a picture has them.
_INK, _SOFT, _LINE, _PAPER = "#010203", "#010204", "#010205", "#010206"
_SERIES = [f"#0301{number:02x}" for number in range(8)]
_VARIABLES = {_INK: "ink", _SOFT: "soft", _LINE: "line", _PAPER: "paper"} | {
    colour: f"c{number}" for number, colour in enumerate(_SERIES)
}
#: Dashes tell the lines apart where colours do not: in (on, off, ...) points; () is solid.
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (6, 3),
    (1.5, 2),
    (8, 2, 1.5, 2),
    (3, 1.5),
    (10, 3),
    (1, 1),
    (6, 2, 2, 2),
)
N_STYLES = len(DASHES)


@final
class Pen:
    """Draws SVG pictures for one page, so that no two of them share an id."""

    def __init__(self) -> None:
        self._matplotlib = require_extra("matplotlib", "report", "A report")
        self._numbers = count()

    def draw(self, alternative: str, paint: Callable[[Any], object], *, height: float = 2.5) -> str:
        """Return a picture as SVG markup.

        Args:
            alternative: what the picture shows, for those who do not see it; escaped here.
            paint: gets matplotlib axes and draws. No text of the user's may go in: fonts and their
                measures belong to the browser.
            height: in inches; the width is 4.4.
        """
        from matplotlib.figure import Figure

        settings: dict[str, Any] = {
            "svg.fonttype": "none",
            "svg.hashsalt": "cotrain",
            "font.size": 10,
            "axes.edgecolor": _LINE,
            "axes.labelcolor": _SOFT,
            "text.color": _INK,
            "xtick.color": _LINE,
            "ytick.color": _LINE,
            "xtick.labelcolor": _SOFT,
            "ytick.labelcolor": _SOFT,
            "grid.color": _LINE,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.linewidth": 0.6,
            "lines.linewidth": 1.8,
            "text.parse_math": False,
            "axes.unicode_minus": True,
        }
        with self._matplotlib.rc_context(settings):
            figure = Figure(figsize=(4.4, height), layout="constrained")
            figure.patch.set_alpha(0)
            axes = figure.add_subplot()
            axes.patch.set_alpha(0)
            paint(axes)
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return self._inline(buffer.getvalue(), alternative)

    def _inline(self, svg: str, alternative: str) -> str:
        prefix = f"p{next(self._numbers)}-"
        svg = svg[svg.index("<svg") :]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
        svg = re.sub(r"<!--.*?-->\s*", "", svg, flags=re.DOTALL)
        svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}", svg)
        svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
        svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
        for colour, variable in _VARIABLES.items():
            svg = svg.replace(colour, f"var(--{variable})")
        label = html.escape(neutral(alternative), quote=True)
        return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def style(number: int) -> dict[str, Any]:
    """Return colour and dashes of the n-th line; they come again after eight."""
    dashes = DASHES[number % N_STYLES]
    return {"color": _SERIES[number % N_STYLES], "linestyle": (0, dashes) if dashes else "solid"}


def faint() -> dict[str, Any]:
    """Return the style of a line to compare with, such as a constant or the diagonal."""
    return {"color": _SOFT, "linestyle": (0, (2, 2)), "linewidth": 1.2}


def dash_attribute(number: int) -> str:
    """Return the dashes of the n-th line as SVG writes them, for its legend."""
    return " ".join(f"{length * 1.5:g}" for length in DASHES[number % N_STYLES]) or "none"


def plain_log_axis(axes: Any) -> None:
    """Make the y axis logarithmic, labelled with plain numbers.

    Powers of ten would come as mathematical markup, which text in an SVG shows as it stands.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def whole_ticks(axes: Any) -> None:
    """Put the ticks of the x axis at whole numbers, as for epochs."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))


def finite(values: Sequence[float | None]) -> list[float]:
    """Return values with NaN for what is missing, which leaves a gap in a line."""
    return [float("nan") if value is None else float(value) for value in values]
