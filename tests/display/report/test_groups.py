"""The examples in their groups."""

from __future__ import annotations

from dataclasses import replace

from dfx.display.report.groups import group_examples
from dfx.records import DEEPFAKE, REAL
from dfx.records.report import EvaluationReport

from .report_samples import draw, make_report


def test_wrong_verdicts_come_first_and_the_surest_of_each(report: EvaluationReport) -> None:
    groups = group_examples(report)
    called = [[e.p_deepfake for e in group.examples] for group in groups]

    assert [group.title for group in groups] == [
        "Real images called deepfake: wrong, 29 in all",
        "Deepfakes called real: wrong, 14 in all",
        "Real images called real: right, 121 in all",
        "Deepfakes called deepfake: right, 136 in all",
    ]
    assert [e.truth for group in groups for e in group.examples] == (
        [REAL] * 6 + [DEEPFAKE] * 6
    ) * 2
    assert called == [
        sorted(called[0], reverse=True),
        sorted(called[1]),
        sorted(called[2]),
        sorted(called[3], reverse=True),
    ]


def test_group_without_an_image_says_why() -> None:
    report = make_report(draw(9, 0, skill=30), robust=False)
    lost = replace(report, examples=())

    assert [group.none for group in group_examples(report) if not group.examples] == [
        "No real image was called a deepfake.",
        "There is no deepfake.",
        "There is no deepfake.",
    ]
    assert group_examples(lost)[2].none == "None of them could be shown."
