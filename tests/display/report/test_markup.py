"""Whatever is put into the page as words comes out of it as the same words."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dfx.display.report.markup import Html, element, escape, path

ANY = st.text(st.characters(exclude_categories=[]), max_size=40)


class Words(HTMLParser):
    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.title: str | None = None
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.title = dict(attrs).get("title", self.title)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(ANY)
def test_text_is_never_markup(text: str) -> None:
    """In an element, in an attribute and in a path it reads alike, and can be written as UTF-8."""
    markup = element("p", text, element("b", text), path(text), title=text)
    words = Words(markup)
    markup.encode("utf-8")

    assert words.tags == ["p", "b", "span", *["wbr"] * text.count("/")]
    assert words.title is not None
    assert words.text == words.title * 3


def test_markup_is_escaped_once() -> None:
    inner = escape("a & b")

    assert element("p", inner) == "<p>a &amp; b</p>"
    assert escape(inner) is inner
    assert isinstance(element("p"), Html)
