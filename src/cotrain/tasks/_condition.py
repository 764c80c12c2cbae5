"""`when`: a condition on the columns of one row, in the spelling of SQL, parsed before anything is evaluated.

    condition   := and-term (OR and-term)*
    and-term    := negation (AND negation)*
    negation    := NOT negation | predicate
    predicate   := sum [comparison sum | [NOT] IN (sum, ...) | [NOT] BETWEEN sum AND sum
                        | [NOT] LIKE 'pattern' | IS [NOT] NULL]
    sum         := product (("+" | "-") product)*
    product     := factor (("*" | "/" | "%") factor)*
    factor      := "-" factor | number | 'text' | TRUE | FALSE | NULL | column | "column" | `column`
                 | function (sum, ...) | (condition)

There are no subqueries, no tables, no aggregates: what a row's condition is depends on that row alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, final

import polars as pl
import torch
from torch import Tensor

from cotrain._base import DataError, InvalidArgumentError, did_you_mean
from cotrain.tasks._row_functions import FUNCTIONS, Operand, calculate, compare, is_column, text_of

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | (?P<text>'(?:[^']|'')*')
      | (?P<quoted>"(?:[^"]|"")*"|`[^`]*`)
      | (?P<name>[^\W\d]\w*)
      | (?P<mark><=|>=|<>|!=|==|[=<>()+*/%,]|-(?!-))
    )""",
    re.VERBOSE,
)
_WORDS = {"and", "or", "not", "in", "between", "like", "is", "null", "true", "false"}
_COMPARISONS = ("=", "==", "!=", "<>", "<", "<=", ">", ">=")
#: Parentheses and signs within one another; nobody writes more, and Python has an end as well.
DEPTH = 50

Kind = Literal["number", "text", "quoted", "name", "word", "mark", "end"]
Node = Callable[[pl.DataFrame], Operand]


@dataclass(frozen=True)
class _Token:
    kind: Kind
    text: str
    place: int


@final
class Condition:
    """A parsed condition.

    Args:
        text: such as "clicked = 1 AND country IN ('DE', 'FR')".

    Raises:
        InvalidArgumentError: it is no such condition; with the position of what is wrong.

    Example:
        >>> frame = pl.DataFrame({"clicked": [1, 0, None], "country": ["DE", "DE", "FR"]})
        >>> Condition("clicked = 1 AND country IN ('DE', 'FR')").rows(frame).to_list()
        [True, False, False]
        >>> Condition("sum(clicked) > 1")
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: ... at character 1: 'sum' is no function of one row; ...
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.columns: list[str] = []
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0
        self._node = self._condition()
        if self._token.kind != "end":
            raise self._wrong("the condition should end here")

    def rows(self, frame: pl.DataFrame) -> pl.Series:
        """Return per row whether the condition holds; what is unknown, for a missing value, does not.

        Raises:
            DataError: a column is absent, or values are compared that cannot be.
        """
        for column in self.columns:
            if column not in frame.columns:
                raise DataError(f"there is no column {column!r}; {did_you_mean(column, frame.columns)}")
        try:
            holds = self._node(frame)
        except pl.exceptions.PolarsError as error:
            raise DataError(str(error).strip().splitlines()[0]) from error
        if isinstance(holds, bool) or holds is None:
            holds = pl.Series([holds], dtype=pl.Boolean)
        if not is_column(holds) or holds.dtype != pl.Boolean:
            raise DataError("it gives no true or false: compare something")
        # A condition that names no column has one value for all rows.
        holds = holds.fill_null(False)
        return holds if len(holds) == frame.height else holds.new_from_index(0, frame.height)

    # -- grammar ------------------------------------------------------------------------------------

    def _condition(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH:
            raise self._wrong(f"more than {DEPTH} levels within one another")
        left = self._conjunction()
        while self._took("or"):
            left = _either(left, self._conjunction())
        self._depth -= 1
        return left

    def _conjunction(self) -> Node:
        left = self._negation()
        while self._took("and"):
            left = _both(left, self._negation())
        return left

    def _negation(self) -> Node:
        negated = False
        while self._took("not"):
            negated = not negated
        node = self._predicate()
        return _not(node) if negated else node

    def _predicate(self) -> Node:
        left = self._sum()
        if self._token.kind == "mark" and self._token.text in _COMPARISONS:
            operator, right = self._take().text, self._sum()
            return lambda frame: compare(operator, left(frame), right(frame))
        if self._took("is"):
            negated = self._took("not")
            self._need("null")
            node: Node = lambda frame: _is_null(left(frame))  # noqa: E731
            return _not(node) if negated else node
        negated = self._took("not")
        if self._took("in"):
            node = _among(left, self._list())
        elif self._took("between"):
            low = self._sum()
            self._need("and")
            high = self._sum()
            node = _both(
                lambda frame: compare(">=", left(frame), low(frame)),
                lambda frame: compare("<=", left(frame), high(frame)),
            )
        elif self._took("like"):
            if self._token.kind != "text":
                raise self._wrong("LIKE needs a pattern such as 'A%'")
            pattern = _pattern(_unquoted(self._take()))
            node = lambda frame: text_of(left(frame)).str.contains(pattern)  # noqa: E731
        elif negated:
            raise self._wrong("NOT goes with IN, BETWEEN or LIKE here")
        else:
            return left
        return _not(node) if negated else node

    def _sum(self) -> Node:
        return self._chain(self._product, ("+", "-"))

    def _product(self) -> Node:
        return self._chain(self._factor, ("*", "/", "%"))

    def _chain(self, part: Callable[[], Node], operators: Sequence[str]) -> Node:
        left = part()
        while self._token.kind == "mark" and self._token.text in operators:
            left = _calculated(self._take().text, left, part())
        return left

    def _factor(self) -> Node:
        signs = 0
        while self._token.kind == "mark" and self._token.text == "-":
            self._take()
            signs += 1
        node = self._primary()
        return _calculated("-", lambda _: 0, node) if signs % 2 else node

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "number":
            number = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            return lambda _: number
        if token.kind == "text":
            text = _unquoted(token)
            return lambda _: text
        if token.kind == "word" and token.text in ("true", "false", "null"):
            value = {"true": True, "false": False, "null": None}[token.text]
            return lambda _: value
        if token.kind == "mark" and token.text == "(":
            node = self._condition()
            self._need(")")
            return node
        if token.kind == "name" and token.text.lower() == "select":
            raise self._wrong("there is no SELECT here: a condition looks at one row", token)
        if token.kind == "name" and self._token.text == "(" and self._token.kind == "mark":
            return self._call(token)
        if token.kind not in ("name", "quoted"):
            raise self._wrong("expected a column, a number, a 'text' or a function", token)
        name = token.text if token.kind == "name" else _unquoted(token)
        self.columns.append(name)
        return lambda frame: frame[name].fill_nan(None) if frame[name].dtype.is_float() else frame[name]

    def _call(self, token: _Token) -> Node:
        function = FUNCTIONS.get(token.text.lower())
        if function is None:
            known = ", ".join(sorted(FUNCTIONS))
            raise self._wrong(f"{token.text!r} is no function of one row; there are {known}", token)
        arguments = self._list()
        if not function.fewest <= len(arguments) <= function.most:
            raise self._wrong(
                f"{token.text!r} takes another number of arguments than {len(arguments)}", token
            )
        call = function.call
        return lambda frame: call(*(argument(frame) for argument in arguments))

    def _list(self) -> list[Node]:
        self._need("(")
        items = [self._condition()]
        while self._took(","):
            items.append(self._condition())
        self._need(")")
        return items

    # -- tokens -------------------------------------------------------------------------------------

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._token
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _took(self, text: str) -> bool:
        if self._token.kind in ("word", "mark") and self._token.text == text:
            self._take()
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._took(text):
            raise self._wrong(f"expected {text.upper()}")

    def _wrong(self, what: str, token: _Token | None = None) -> InvalidArgumentError:
        token = token or self._token
        found = "the end" if token.kind == "end" else repr(token.text[:40])
        return _error(self.text, token.place, what if repr(token.text) in what else f"{what}, got {found}")


def _tokens(text: str) -> list[_Token]:
    tokens, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            raise _error(text, start, f"cannot read {text[start : start + 20]!r}")
        kind: Any = match.lastgroup
        found = match.group(match.lastgroup)
        if kind == "name" and found.lower() in _WORDS:
            kind, found = "word", found.lower()
        tokens.append(_Token(kind, found, match.start(match.lastgroup)))
        place = match.end()
    return [*tokens, _Token("end", "", len(text))]


def _error(text: str, place: int, what: str) -> InvalidArgumentError:
    shown = text if len(text) <= 120 else text[:119] + "…"
    return InvalidArgumentError(f"when: {shown!r} at character {place + 1}: {what}.")


def _unquoted(token: _Token) -> str:
    mark = token.text[0]
    return token.text[1:-1].replace(mark * 2, mark)


def _pattern(like: str) -> str:
    parts = {"%": "(?s:.*)", "_": "(?s:.)"}
    return "^" + "".join(parts.get(mark, re.escape(mark)) for mark in like) + "$"


def _both(left: Node, right: Node) -> Node:
    return lambda frame: _logical(left(frame)) & _logical(right(frame))


def _either(left: Node, right: Node) -> Node:
    return lambda frame: _logical(left(frame)) | _logical(right(frame))


def _not(node: Node) -> Node:
    return lambda frame: ~_logical(node(frame))


def _logical(value: Operand) -> pl.Series:
    if isinstance(value, bool) or value is None:
        return pl.Series([value], dtype=pl.Boolean)
    if not is_column(value) or value.dtype != pl.Boolean:
        raise DataError("AND, OR and NOT join conditions: compare something")
    return value


def _is_null(value: Operand) -> Operand:
    return value.is_null() if is_column(value) else value is None


def _among(left: Node, items: Sequence[Node]) -> Node:
    def node(frame: pl.DataFrame) -> Operand:
        value = left(frame)
        result = _logical(compare("=", value, items[0](frame)))
        for item in items[1:]:
            result = result | _logical(compare("=", value, item(frame)))
        return result

    return node


def _calculated(operator: str, left: Node, right: Node) -> Node:
    return lambda frame: calculate(operator, left(frame), right(frame))


def require_condition(task: str, when: object) -> None:
    """Raise `InvalidArgumentError` unless a task's `when` is a condition, or `None`."""
    if when is None:
        return
    if not isinstance(when, str):
        raise InvalidArgumentError(
            f"Task {task!r}: when must be a text such as 'clicked == 1', got {when!r}."
        )
    try:
        Condition(when)
    except InvalidArgumentError as error:
        raise InvalidArgumentError(f"Task {task!r}: {error}") from error


def rows_where(frame: pl.DataFrame, condition: str, task: str) -> Tensor:
    """Return a bool tensor [B] of the rows where a condition holds (where it is unknown, it does not).

    Raises:
        InvalidArgumentError: it is no condition on the columns of one row, see `Condition`.
        DataError: a column is absent, or values cannot be compared.
    """
    try:
        holds = Condition(condition).rows(frame)
    except DataError as error:
        raise DataError(
            f"Task {task!r}: cannot evaluate when: {condition!r} on this table: {str(error).rstrip('.')}."
        ) from error
    return torch.from_numpy(holds.to_numpy().copy())
