"""Pieces of Markdown, as GitHub and Hugging Face read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from dfx.display.console import printable

_MARKUP = re.compile(r"[\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def plain(text: str) -> str:
    r"""What somebody has chosen, as it reads: no letter of it is markup.

    >>> print(plain("other_faces <b>*|_x"))
    other_faces \<b\>\*\|\_x
    """
    return _MARKUP.sub(r"\\\g<0>", printable(text))


def code(text: str) -> str:
    """Something to be typed or looked up, verbatim.

    >>> code("dfx predict img.png"), code("a`b")
    ('`dfx predict img.png`', '`` a`b ``')
    """
    shown = printable(text)
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def section(title: str, *parts: str, level: int = 2) -> str:
    """A heading and what stands under it; parts that are empty are left out."""
    return "\n\n".join((f"{'#' * level} {title}", *(part for part in parts if part)))


def bullets(lines: Iterable[str]) -> str:
    """A list with a line each."""
    return "\n".join(f"- {line}" for line in lines)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, align: str = "") -> str:
    """A table.

    Args:
        headings: Of the columns.
        rows: Cells in Markdown, in which what is not markup is escaped.
        align: A letter for each column: `l` for words, `r` for numbers. By default the first column
            is words, and the others are numbers.
    """
    letters = align or "l".ljust(len(headings), "r")
    rule = ["---:" if letter == "r" else "---" for letter in letters]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, rule, *rows))


def facts(rows: Iterable[tuple[str, str]]) -> str:
    """Names with their values."""
    return table(("", ""), rows, align="ll")
