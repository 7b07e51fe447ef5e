"""Conditions on runs, as `val_accuracy > 0.9 and experiment = "b4*"`: their grammar and meaning.

    condition  = both { "or" both }
    both       = one { "and" one }
    one        = "not" one | "(" condition ")" | comparison
    comparison = column operator value
    operator   = "=" | "==" | "!=" | "<" | "<=" | ">" | ">="
    value      = number | "text" | 'text' | word | true | false | none | column

Text is compared as a pattern (`*`, `?`, `[…]`) by `=` and `!=`; the tags of a run are equal to a
text where one of them is. None is equal to none alone, and neither greater nor less than anything.
Nothing is ever evaluated as a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from operator import ge, gt, le, lt
from typing import Any, NoReturn

from dfx.errors import ConfigError
from dfx.records import RunSummary
from dfx.services.columns import Column, find_column, suggest_column

Condition = Callable[[RunSummary, Mapping[str, Any]], bool]
"""Whether a run, with its settings, is meant."""

_TOKENS = re.compile(
    r"""(?P<space>\s+)
      | (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.:-]))
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<operator><=|>=|!=|==|=|<|>)
      | (?P<paren>[()])
      | (?P<word>[^\s()<>=!"',]+)""",
    re.VERBOSE,
)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_KIND_NAMES = {
    "number": "a number",
    "text": "text",
    "truth": "true or false",
    "time": "a time, as '2026-01-31' or '2026-01-31 18:00' (UTC)",
    "tags": "tags, that is text",
}


def parse_condition(text: str) -> Condition:
    """What a text of the grammar above means.

    Raises:
        ConfigError: Pointing at the place that cannot be understood.
    """
    return _Parser(text).parse()


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


class _Parser:
    """Recursive descent; one method for each line of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._position = 0

    def parse(self) -> Condition:
        condition = self._condition()
        if (rest := self._peek()).kind != "end":
            self._fail(rest, f"expected 'and', 'or' or the end, not {rest.text!r}")
        return condition

    def _split(self) -> list[_Token]:
        tokens: list[_Token] = []
        place = 0
        while place < len(self._text):
            match = _TOKENS.match(self._text, place)
            if match is None:
                here = _Token("", self._text[place], place, len(self._text))
                quote = self._text[place] in "\"'"
                self._fail(here, "this text has no end" if quote else "this cannot be understood")
            if match.lastgroup != "space":
                tokens.append(_Token(match.lastgroup or "", match[0], *match.span()))
            place = match.end()
        return [*tokens, _Token("end", "the end", len(self._text), len(self._text) + 1)]

    def _peek(self) -> _Token:
        return self._tokens[self._position]

    def _take(self) -> _Token:
        token = self._peek()
        self._position += token.kind != "end"
        return token

    def _take_word(self, word: str) -> bool:
        token = self._peek()
        found = token.kind in ("word", "paren") and token.text.lower() == word
        self._position += found
        return found

    def _condition(self) -> Condition:
        parts = [self._both()]
        while self._take_word("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda *run: any(part(*run) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._take_word("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else lambda *run: all(part(*run) for part in parts)

    def _one(self) -> Condition:
        if self._take_word("not"):
            inner = self._one()
            return lambda *run: not inner(*run)
        if self._take_word("("):
            condition = self._condition()
            if not self._take_word(")"):
                self._fail(self._peek(), f"expected ')', not {self._peek().text!r}")
            return condition
        return self._comparison()

    def _comparison(self) -> Condition:
        name = self._take()
        if name.kind != "word":
            self._fail(name, f"expected a column, not {name.text!r}")
        column = find_column(name.text)
        if column is None:
            self._fail(name, f"there is no column {name.text!r}", suggest_column(name.text))
        sign = self._take()
        if sign.kind != "operator":
            self._fail(sign, f"expected =, !=, <, <=, > or >= after {name.text!r}")
        operator = "=" if sign.text == "==" else sign.text
        value = self._take()
        if value.kind not in ("number", "text", "word"):
            self._fail(value, f"expected a value for {name.text!r}, not {value.text!r}")
        other = find_column(value.text) if value.kind == "word" else None
        if other is not None and value.text.lower() not in _WORDS:
            return self._compare_columns(column, operator, other, value)
        return _compare(column, operator, self._read(column, operator, value))

    def _compare_columns(
        self, column: Column, operator: str, other: Column, at: _Token
    ) -> Condition:
        if not column.kinds & other.kinds or "tags" in column.kinds | other.kinds:
            self._fail(at, f"{column.name} and {other.name} cannot be compared")
        return lambda *run: _holds(column.read(*run), operator, other.read(*run), pattern=False)

    def _read(self, column: Column, operator: str, token: _Token) -> Any:
        """The value that a token says, as one that the column can be compared with."""
        value = self._value(token)
        if value is None:
            if operator in _ORDERS:
                self._fail(token, f"nothing is {operator} none; use = or !=")
            return None
        if isinstance(value, float) and column.kinds <= {"text", "tags"}:
            value = token.text  # a name may look like a number
        kind = _kind_of(value)
        if kind == "text" and "time" in column.kinds:
            return self._time(token, str(value))
        if kind == "text" and "tags" in column.kinds:
            kind = "tags"
        if kind not in column.kinds:
            expected = " or ".join(_KIND_NAMES[each] for each in sorted(column.kinds))
            self._fail(token, f"{column.name} is {expected}; {token.text} is not")
        if kind in ("tags", "truth") and operator in _ORDERS:
            self._fail(token, f"{column.name} has no order; use = or !=")
        if column.choices and not any(fnmatchcase(each, str(value)) for each in column.choices):
            self._fail(token, f"{column.name} is never {value!r}", _choices(column))
        return value

    def _value(self, token: _Token) -> Any:
        if token.kind == "number":
            return float(token.text)
        if token.kind == "text":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        return _WORDS.get(token.text.lower(), token.text)

    def _time(self, token: _Token, text: str) -> datetime:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self._fail(token, f"{text!r} is not {_KIND_NAMES['time']}")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

    def _fail(self, token: _Token, reason: str, hint: str | None = None) -> NoReturn:
        # One line of its own, so that the mark stands under the place.
        shown = re.sub(r"\s", " ", self._text)
        mark = " " * token.start + "^" * max(1, min(token.end, len(shown) + 1) - token.start)
        raise ConfigError(f"--where: {reason}\n  {shown}\n  {mark}", hint=hint)


def _compare(column: Column, operator: str, value: Any) -> Condition:
    return lambda *run: _holds(column.read(*run), operator, value, pattern=True)


def _holds(actual: Any, operator: str, value: Any, *, pattern: bool) -> bool:
    if operator in _ORDERS:
        # A setting that takes a number or a word may hold either.
        if actual is None or value is None or _kind_of(actual) != _kind_of(value):
            return False
        return _ORDERS[operator](actual, value)
    return _equals(actual, value, pattern=pattern) is (operator == "=")


def _equals(actual: Any, value: Any, *, pattern: bool) -> bool:
    if isinstance(actual, tuple):
        return not actual if value is None else any(fnmatchcase(each, value) for each in actual)
    if pattern and isinstance(actual, str) and isinstance(value, str):
        return fnmatchcase(actual, value)
    # In Python, True equals 1.
    return isinstance(actual, bool) is isinstance(value, bool) and bool(actual == value)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "truth"
    if isinstance(value, int | float):
        return "number"
    return "time" if isinstance(value, datetime) else "text"


def _choices(column: Column) -> str:
    return f"one of {', '.join(column.choices)}"
