r"""Names as text that every database takes, and back.

Bytes of a file name that are no UTF-8 are lone surrogates in Python. SQLite's functions for JSON
take them for damage, and PostgreSQL refuses to make text of them, so they are stored as the words
`\udcff`. A name that has such words of its own has its backslashes doubled, so that each name comes
back as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_RAW = re.compile(r"(\\*)([\ud800-\udfff])|(\\+)(?=ud[89a-f][0-9a-f]{2})")
_ESCAPED = re.compile(r"(\\+)(ud[89a-f][0-9a-f]{2})")


def escape(text: str) -> str:
    r"""The text without lone surrogates.

    >>> escape("a\udcff"), escape("größe"), escape("\\udcff")
    ('a\\udcff', 'größe', '\\\\udcff')
    """
    return _RAW.sub(_hide, text)


def unescape(text: str) -> str:
    r"""What was escaped.

    >>> unescape("a\\udcff") == "a\udcff", unescape("\\\\udcff")
    (True, '\\udcff')
    """
    return _ESCAPED.sub(_show, text)


def escape_all(value: Any) -> Any:
    """A plain value with every string within it escaped, names of values too."""
    return _apply(escape, value)


def unescape_all(value: Any) -> Any:
    """What `escape_all` was given; sequences are lists."""
    return _apply(unescape, value)


def _apply(change: Callable[[str], str], value: Any) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {_apply(change, name): _apply(change, each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_apply(change, each) for each in value]
    return value


def _hide(match: re.Match[str]) -> str:
    if match[2] is None:
        return match[3] * 2
    return f"{match[1] * 2}\\u{ord(match[2]):04x}"


def _show(match: re.Match[str]) -> str:
    half, is_surrogate = divmod(len(match[1]), 2)
    return "\\" * half + (chr(int(match[2][1:], 16)) if is_surrogate else match[2])
