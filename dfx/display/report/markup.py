"""Markup built from values: whatever is not markup already is escaped.

A name, note or reason may come from anyone. It becomes text in one place, `escape`, and `element`
calls it for every child that is a plain string, so that nothing has to be remembered where the
page is put together.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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


def path(text: str) -> Html:
    """A path or name that may be broken over lines, first of all after a slash."""
    parts = (escape(part) for part in text.split("/"))
    return element("span", Html("/<wbr>".join(parts)), class_="name")


def join(parts: Iterable[str], separator: str = "") -> Html:
    """The parts one after the other, escaped where they are not markup."""
    return Html(escape(separator).join(escape(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        heading: What stands over it.
        number: Whether its cells are numbers, which stand on the right.
    """

    heading: str
    number: bool = True


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[str]],
    *,
    class_: str | None = None,
    is_tall: bool = False,
) -> Html:
    """A table whose first cells are the headings of their rows, in a box that it may scroll in.

    Args:
        caption: What it shows.
        columns: The first is that of the headings.
        rows: A cell for each column.
        class_: Of the table.
        is_tall: Whether the box is only so high, and scrolls that way too.
    """
    head = element(
        "tr",
        *(
            element("th", column.heading, scope="col", class_="number" if column.number else None)
            for column in columns
        ),
    )
    body = (
        element(
            "tr",
            element("th", cells[0], scope="row"),
            *(
                element("td", cell, class_="number" if column.number else None)
                for column, cell in zip(columns[1:], cells[1:], strict=True)
            ),
        )
        for cells in rows
    )
    content = element(
        "table",
        caption_of(caption),
        element("thead", head),
        element("tbody", *body),
        class_=class_,
    )
    return scroll_box(content, label=caption, class_="tall" if is_tall else None)


def caption_of(text: str) -> Html:
    """What a table shows; it stays in sight where the table is wider than its box."""
    return element("caption", element("span", text))


def scroll_box(content: Html, *, label: str, class_: str | None = None) -> Html:
    """A box that scrolls by itself, also by the keyboard, so that the page never does.

    Args:
        content: What is in it.
        label: What that is.
        class_: Further classes.
    """
    return element(
        "div",
        content,
        class_=f"scroll {class_}" if class_ else "scroll",
        tabindex="0",
        role="region",
        aria_label=label,
    )


def section(heading: str, *children: str) -> Html:
    """A part of the page under its heading."""
    return element("section", element("h2", heading), *children)


def paragraph(*children: str, class_: str | None = None) -> Html:
    """A paragraph."""
    return element("p", *children, class_=class_)


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names with their values."""
    return element("dl", *(join((element("dt", n), element("dd", v))) for n, v in pairs))
