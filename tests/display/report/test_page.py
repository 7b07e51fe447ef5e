"""What the page says, and that nothing in it comes from outside or goes there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from dfx.display.report import render_report
from dfx.display.report.sections.metrics import write_metrics
from dfx.records.evaluation import METRIC_HEADINGS, METRIC_NAMES
from dfx.records.report import EvaluationReport

from .report_samples import draw, make_report

VOID = {"meta", "img", "br", "wbr"}
"""Elements without an end."""


class Outline(HTMLParser):
    """The elements of a page with their attributes; complains where they are not nested."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def find(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.elements if name == tag)


@pytest.fixture(params=["page", "hostile_page"])
def any_page(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_page_can_be_read_without_seeing_it(any_page: str) -> None:
    """Headings, captions, scopes and alternative texts are where they should be."""
    outline = Outline(any_page)
    counts = Counter(tag for tag, _ in outline.elements)

    assert next(outline.find("html"))["lang"] == "en"
    assert counts["h1"] == 1
    assert counts["table"] == counts["caption"] > 3
    assert all(attributes.get("scope") in {"row", "col"} for attributes in outline.find("th"))
    assert all(attributes.get("alt") for attributes in outline.find("img"))
    for drawing in outline.find("svg"):
        assert drawing["role"] == "img" and drawing["aria-label"]


def test_ids_are_unique_and_lead_somewhere(any_page: str) -> None:
    """Charts are drawn apart, and each would call its parts alike."""
    outline = Outline(any_page)
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', any_page))

    assert len(ids) == len(set(ids)) > 0
    assert referred <= set(ids)


def test_nothing_lies_outside_the_file(any_page: str) -> None:
    """Every picture is inline, every reference is to the page itself, and there is no script."""
    outline = Outline(any_page)
    attributes = [pair for _, given in outline.elements for pair in given.items()]
    targets = [str(value) for name, value in attributes if name in {"src", "href", "srcset"}]

    assert targets
    assert [t for t in targets if not t.startswith(("#", "data:image/jpeg;base64,"))] == []
    assert re.findall(r"url\((?!#)|@import|https?:|google", any_page) == []
    assert {"script", "link", "iframe", "object", "form", "base"}.isdisjoint(
        tag for tag, _ in outline.elements
    )
    assert [name for name, _ in attributes if name.startswith("on")] == []


def test_words_from_outside_stay_words(hostile_page: str) -> None:
    """Markup in a name, note or reason is shown and not obeyed; what cannot be shown is escaped."""
    text = "".join(Outline(hostile_page).text)

    assert text.count("<script>top.pwned=1</script>") > 100
    assert r"\udcff\u202e\x1b[31m顔" in text
    assert set("\udcff\u202e\x1b").isdisjoint(hostile_page)


def test_every_metric_has_its_heading_value_and_interval_or_why_not(
    report: EvaluationReport, page: str
) -> None:
    headline = report.detail.headline
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td class="number">(.*?)</td>', page)
    cells = dict(rows[3 : 3 + len(METRIC_NAMES)])

    assert list(cells) == [METRIC_HEADINGS[name] for name in METRIC_NAMES]
    for name in METRIC_NAMES:
        value, interval = headline.values[name], headline.intervals[name]
        cell = cells[METRIC_HEADINGS[name]]
        assert value is not None
        assert f"<span>{value:.4f}</span>" in cell
        if interval is None:
            assert ">no interval<sup>" in cell
            assert f"No interval: {headline.interval_reasons[name]}." in page
        else:
            assert f">{interval.low:.4f} – {interval.high:.4f}" in cell


def test_what_is_undefined_says_why_and_is_never_a_number() -> None:
    report = make_report(draw(20, 0, skill=-1), robust=False)
    page = render_report(report)["report.html"].decode()
    reasons = report.detail.headline.reasons
    rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th><td class="number">(.*?)</td>', page))

    assert set(reasons) > {"auc", "recall", "precision", "eer", "tpr_at_fpr_1pct"}
    for name, reason in reasons.items():
        cell = re.sub(r"<.*?>", " ", rows[METRIC_HEADINGS[name]])
        assert cell.split() == ["undefined", *reason.split()]
    assert "The ROC is undefined: there is no deepfake." in page
    assert "AUC, EER and TPR at 1 % FPR undefined, since there is no deepfake" in page


def test_result_on_its_own_data_stands_beside(report: EvaluationReport, page: str) -> None:
    assert report.own is not None
    own = f"{report.own.accuracy:.4f}"

    assert "Its own data" in page
    c = report.own.confusion
    images = c.tn + c.fp + c.fn + c.tp
    told = (
        f"On the test split of its own data ({images} images): accuracy {own} at threshold 0.4321"
    )
    assert told in page


def test_what_training_recorded_of_its_own_data_is_no_more_than_it_recorded(
    report: EvaluationReport,
) -> None:
    assert report.own is not None
    markup = write_metrics(
        replace(report, own=replace(report.own, detail=None, origin="training", f1=None))
    )
    row = re.search(r">F1 \(deepfake\)</th>.*?</tr>", markup)
    other = re.search(r">Brier score</th>.*?</tr>", markup)

    assert row is not None and "undefined" in row[0]
    assert other is not None and "not recorded" in other[0] and "undefined" not in other[0]
