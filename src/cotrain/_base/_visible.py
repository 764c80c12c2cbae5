"""Text that does what it says: no character of a name reaches a terminal or a report as a command."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

#: Controls, formats, half characters, and separators of lines that are none of the text's own.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
#: Needed in ordinary text: line ends, joiners of letters and emoji, marks of direction, the soft hyphen.
_KEPT = set("\n\t\u200c\u200d\u200e\u200f\u00ad")


def visible(text: str) -> str:
    r"""Return text with the characters that steer a terminal or turn what follows shown by their numbers.

    Example:
        >>> visible("red\x1b[31m, turned\u202e")
        'red[U+001B][31m, turned[U+202E]'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"[U+{ord(char):04X}]" if _is_hidden(char) else char for char in text)


def visible_line(text: str) -> str:
    """Return `visible` text on one line, with single spaces."""
    return visible(" ".join(text.split()))


def visible_json(text: str) -> str:
    r"""Return JSON with the same characters written as its own escapes; it means what it meant.

    Example:
        >>> visible_json('{"a": "\x9b"}')
        '{"a": "\\u009b"}'
    """
    if text.isascii():
        return text.replace("\x7f", "\\u007f")
    return "".join(_json_escape(char) if _is_hidden(char) else char for char in text)


def safe_console(**options: Any) -> Console:
    """Return a console of rich's that shows whatever it is given by `visible`.

    Args:
        options: of `rich.console.Console`.
    """
    from rich.console import Console
    from rich.text import Text

    class VisibleConsole(Console):
        def print(self, *objects: Any, **how: Any) -> None:
            shown = [visible(one) if isinstance(one, str) else one for one in objects]
            super().print(*(Text(visible(t.plain)) if type(t) is Text else t for t in shown), **how)

    return VisibleConsole(**options)


def _is_hidden(char: str) -> bool:
    return char not in _KEPT and unicodedata.category(char) in _HIDDEN


def _json_escape(char: str) -> str:
    code = ord(char)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"
