"""What a report consists of, and how it becomes one HTML file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, final

from cotrain._base import require_extra, visible

TEMPLATES = Path(__file__).parent / "templates"


@final
@dataclass(frozen=True)
class TableCell:
    """One cell of a table.

    Args:
        text: what it says.
        tone: "good", "bad", "plus", "minus", "bar" or "": how it looks; the text alone says it all.
        shade: strength of a "plus", "minus" or "bar" colour, in [0, 1].
        detail: a second, smaller line, such as an interval.
    """

    text: str
    tone: str = ""
    shade: float | None = None
    detail: str = ""


@final
@dataclass(frozen=True)
class Table:
    """A table; wide ones scroll in their own frame.

    Args:
        header: names of the columns.
        rows: cells; the first of each row names it.
        title: states what it shows.
        note: what one has to know to read it.
        folded: whether it waits behind its title until it is opened.
    """

    template: ClassVar[str] = "table.html"

    header: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    title: str = ""
    note: str = ""
    folded: bool = False


@final
@dataclass(frozen=True)
class LegendEntry:
    """A line in a picture: name, number of its colour, dashes."""

    name: str
    number: int
    dash: str


@final
@dataclass(frozen=True)
class Drawing:
    """An inline SVG.

    Args:
        title: states the finding.
        svg: made by `draw`, which escapes; it holds no name of the user's.
        legend: names of the lines; in HTML, so that any script and length is shown by the browser.
    """

    template: ClassVar[str] = "picture.html"

    title: str
    svg: str
    legend: Sequence[LegendEntry] = ()


@final
@dataclass(frozen=True)
class Paragraph:
    """Text as it is, behind a line that opens it."""

    template: ClassVar[str] = "text.html"

    title: str
    text: str
    open: bool = False


@final
@dataclass(frozen=True)
class Panel:
    """A picture or a sound of an example.

    Args:
        caption: what it is.
        image: address of a picture inside the page; "": none.
        alternative: what the picture shows, for those who do not see it.
        svg: markup in the place of a picture, made by `boxes_over`, which escapes.
        sound: address of a sound inside the page; "": none.
        sharp: whether the pixels of a small picture stay sharp.
        wide: whether it takes the whole width where there is little.
    """

    caption: str
    image: str = ""
    alternative: str = ""
    svg: str = ""
    sound: str = ""
    sharp: bool = False
    wide: bool = False


@final
@dataclass(frozen=True)
class TextPart:
    """A part of a line: "" as it is, "deleted" or "inserted"."""

    text: str
    kind: str = ""


@final
@dataclass(frozen=True)
class Line:
    """A name, and what is said of it."""

    name: str
    parts: Sequence[TextPart]


@final
@dataclass(frozen=True)
class Example:
    """A row with its inputs, its labels and what was predicted."""

    template: ClassVar[str] = "example.html"

    title: str
    panels: Sequence[Panel] = ()
    lines: Sequence[Line] = ()


@final
@dataclass(frozen=True)
class Swatch:
    """A colour and what it stands for."""

    name: str
    colour: str


@final
@dataclass(frozen=True)
class Swatches:
    """A legend of colours."""

    template: ClassVar[str] = "swatches.html"

    entries: Sequence[Swatch]


Block = Table | Drawing | Paragraph | Example | Swatches


@final
@dataclass(frozen=True)
class Section:
    """A part of the report under a title that states its finding, with a text or a list of points."""

    title: str
    blocks: Sequence[Block]
    text: str = ""
    points: Sequence[str] = ()


@final
@dataclass(frozen=True)
class Verdict:
    """A line of the verdict: a word with its sign and colour, and the sentence.

    Where there is an interval the line is its `name`, a `strip` that shows it (SVG markup without any name
    of the user's) and `figures`; the sentences are then folded below all lines.
    """

    word: str
    sentence: str
    tone: str = ""
    sign: str = "="
    name: str = ""
    strip: str = ""
    figures: str = ""


@final
@dataclass(frozen=True)
class Page:
    """A report: the verdict first, then what it rests on."""

    title: str
    lead: str
    verdict_title: str
    verdicts: Sequence[Verdict]
    sections: Sequence[Section]
    notes: Sequence[str] = field(default_factory=tuple)
    scale: str = ""


def neutral(text: Any) -> Any:
    """Return text with the marks that turn what follows, and all that steers a terminal, as numbers.

    A name with such a mark would turn the rest of its sentence around; letters of scripts that run from
    right to left need none of them.

    Example:
        >>> neutral("a\u202eb")
        'a[U+202E]b'
    """
    return visible(text) if type(text) is str else text


def render(page: Page) -> str:
    """Return the page as one HTML file that loads nothing.

    Every text goes through the template engine's escaping; only pictures are markup already.

    Raises:
        MissingExtraError: the extra `report` is not installed.
    """
    jinja2 = require_extra("jinja2", "report", "A report")
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=neutral,
    )
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
    return environment.get_template("page.html").render(page=page, style=style) + "\n"
