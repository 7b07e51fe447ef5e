"""Markup built from values: whatever is not markup already is escaped.

A name, note or reason may come from anyone. It becomes text in one place, `escape`, and `element`
calls it for every child that is a plain string, so that nothing has to be remembered where the
page is put together.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from dfx.display.console import printable

_REORDERING = re.compile(r"[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of what follows, and could make a name read as another."""

_VOID = frozenset({"img", "meta", "br"})


class Html(str):
    """Text that is markup, with everything from outside escaped."""

    __slots__ = ()


def escape(text: str, *, lines: bool = False) -> Html:
    r"""The text as markup, with control characters and lone surrogates made visible.

    >>> escape("<b>\x1b&\udcff")
    '&lt;b&gt;\\x1b&amp;\\udcff'

    Args:
        text: What someone else may have chosen; markup is given back as it is.
        lines: Keep line breaks and tabs.
    """
    if isinstance(text, Html):
        return text
    shown = _REORDERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
    return Html(html.escape(printable(shown, lines=lines)))


def element(tag: str, *children: str, **attributes: str | None) -> Html:
    """An element with its children, escaped where they are not markup.

    >>> element("td", "a < b", class_="number")
    '<td class="number">a &lt; b</td>'

    Args:
        tag: Its name.
        children: What it holds.
        attributes: By name, `_` for `-`, and one at the end where the name is a word of Python;
            None leaves it out.
    """
    words = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{words}>")
    return Html(f"<{tag}{words}>{join(children)}</{tag}>")


def join(parts: Iterable[str], separator: str = "") -> Html:
    """The parts one after the other, escaped where they are not markup."""
    return Html(escape(separator).join(escape(part) for part in parts))
