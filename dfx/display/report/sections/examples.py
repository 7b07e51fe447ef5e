"""The surest verdicts as pictures."""

from __future__ import annotations

from base64 import b64encode

from dfx.display.figures import format_metric
from dfx.display.report.groups import ExampleGroup, group_examples
from dfx.display.report.markup import Html, element, join, paragraph, path, section
from dfx.records import LABELS
from dfx.records.report import EvaluationReport, Example


def write_examples(report: EvaluationReport) -> Html:
    """Four groups, the wrong verdicts first; a group without an image says so."""
    groups = (_write_group(group) for group in group_examples(report))
    words = "What the network was surest of. p is p_deepfake, as the headline has it."
    return section("Examples", paragraph(words, class_="quiet"), *groups)


def _write_group(group: ExampleGroup) -> Html:
    heading = element("h3", group.title)
    if not group.examples:
        return join((heading, paragraph(group.none)))
    figures = (_show(example) for example in group.examples)
    return join((heading, element("div", *figures, class_="examples")))


def _show(example: Example) -> Html:
    truth = LABELS[example.truth].lower()
    verdict = LABELS[example.truth if example.is_right else 1 - example.truth].lower()
    p = format_metric(example.p_deepfake)
    picture = element(
        "img",
        src=f"data:image/jpeg;base64,{b64encode(example.picture).decode('ascii')}",
        alt=f"{truth}, called {verdict}, p_deepfake {p}: {example.name}",
    )
    caption = element(
        "figcaption",
        element("b", f"p = {p}"),
        f"{truth}, called {verdict}",
        path(example.name),
    )
    return element("figure", picture, caption)
