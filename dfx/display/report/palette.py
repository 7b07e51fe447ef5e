"""The colours of a report by their roles, for a light and for a dark page.

Data colours are blue, vermilion and green as in Okabe & Ito ("Color universal design", 2008), made
darker or lighter until they stand out from the page, and from each other whatever kind of colour
blindness one may have. Nothing is told by colour alone: lines differ in strokes and marks too.
"""

from __future__ import annotations

from typing import Literal

Role = Literal[
    "page", "card", "ink", "muted", "rule", "first", "second", "third", "first-soft", "second-soft"
]

LIGHT: dict[Role, str] = {
    "page": "#f4f6f8",
    "card": "#ffffff",
    "ink": "#1b2128",
    "muted": "#56606b",
    "rule": "#d5dbe1",
    "first": "#0069a6",
    "second": "#b34700",
    "third": "#00502e",
    "first-soft": "#bfdcee",
    "second-soft": "#f6d3bd",
}
"""Also of every picture, which is looked at on white."""

DARK: dict[Role, str] = {
    "page": "#0f1318",
    "card": "#171c23",
    "ink": "#e6eaee",
    "muted": "#a3adb8",
    "rule": "#353d47",
    "first": "#62b6ec",
    "second": "#f39a5c",
    "third": "#a0e8b0",
    "first-soft": "#1c4a68",
    "second-soft": "#6a3a1b",
}


def declare(colours: dict[Role, str]) -> str:
    """The colours as custom properties of CSS.

    >>> declare({"ink": "#1b2128"})
    '--ink:#1b2128;'
    """
    return "".join(f"--{role}:{colour};" for role, colour in colours.items())


def mix(first: Role, second: Role, share: float) -> str:
    """A light colour between two, nearer to the second the larger its share.

    >>> mix("card", "ink", 0), mix("card", "ink", 1)
    ('#ffffff', '#1b2128')
    """
    channels = (
        round(a + (b - a) * share)
        for a, b in zip(_channels(LIGHT[first]), _channels(LIGHT[second]), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _channels(colour: str) -> bytes:
    return bytes.fromhex(colour.removeprefix("#"))
