"""Which cautions `dfx.display.report.sections` gives, and which it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dfx.display.report.sections.cautions import Caution, list_cautions, write_cautions
from dfx.records.evaluation import Overlap
from dfx.records.report import EvaluationReport

from .report_samples import draw, make_report, read, replace_detail


@pytest.fixture(scope="module")
def plain() -> EvaluationReport:
    return make_report(draw(120, 120), robust=False)


@pytest.fixture(scope="module")
def in_sample() -> EvaluationReport:
    return make_report(draw(120, 120), robust=False, in_sample=True)


def warnings(report: EvaluationReport) -> list[str]:
    return [caution.text for caution in list_cautions(report) if caution.is_warning]


def test_first_use_of_another_set_is_no_reason_to_warn(plain: EvaluationReport) -> None:
    notes = [caution.text for caution in list_cautions(plain)]

    assert warnings(plain) == []
    assert notes[0] == "This is the 1st use of a test split by this run."
    assert "independent" in notes[-1]


def test_later_use_of_a_test_split_is_a_warning(plain: EvaluationReport) -> None:
    again = replace(plain, evaluation=replace(plain.evaluation, test_use=22))

    assert [text[:32] for text in warnings(again)] == ["This is the 22nd use of a test s"]


def test_set_that_decided_is_told_first_and_its_overlap_is_no_news(
    in_sample: EvaluationReport,
) -> None:
    """All validation images were in the validation set; that is what in-sample means."""
    assert len(warnings(in_sample)) == 1
    assert warnings(in_sample)[0].startswith("The best epoch was chosen on these images")


def test_training_images_among_validation_images_are_told(in_sample: EvaluationReport) -> None:
    leaky = replace_detail(in_sample, overlap=Overlap(train=7, val=240, either=7))

    assert warnings(leaky)[1] == (
        "The run has seen 7 of these 240 images before, by content: 7 in its training set."
        " None is left to be judged without them."
    )


def test_images_seen_before_are_counted_and_the_rest_stands_beside(
    plain: EvaluationReport,
) -> None:
    rest = read(draw(100, 110), "without_overlap")
    known = replace_detail(
        plain,
        overlap=Overlap(train=26, val=5, either=30),
        others=(*plain.detail.others, rest),
    )

    (told,) = warnings(known)
    assert told == (
        "The run has seen 30 of these 240 images before, by content: 26 in its training set and"
        " 5 in its validation set. The numbers without them stand beside."
    )


def test_overlap_that_is_not_known_is_not_none(plain: EvaluationReport) -> None:
    unknown = Overlap(None, 0, 0, "the list of b4/1's training images is not there")

    (told,) = warnings(replace_detail(plain, overlap=unknown))
    assert told == (
        "Whether the run has seen these images before is not fully known: the list of b4/1's"
        " training images is not there."
    )


def test_few_real_images_make_a_low_fpr_coarse(plain: EvaluationReport) -> None:
    data = replace(plain.detail.data, real=40)

    assert warnings(replace_detail(plain, data=data))[0].startswith(
        "With 40 real images FPR goes in steps of 2.5 %."
    )


def test_intervals_of_few_images_are_said_to_be_too_narrow(plain: EvaluationReport) -> None:
    few = make_report(draw(24, 120), robust=False)
    enough, told = (
        [each.text for each in list_cautions(report) if "somewhat too narrow" in each.text]
        for report in (plain, few)
    )

    assert (len(enough), len(told)) == (0, 1)
    assert told[0].startswith("With fewer than 100 images of a class, the intervals of AUC and a")


def test_unreadable_images_are_all_named(plain: EvaluationReport) -> None:
    """The first few at once, the others to unfold."""
    skipped = tuple((f"real/{i}.png", "truncated") for i in range(40))
    report = replace_detail(plain, data=replace(plain.detail.data, skipped=skipped))
    markup = write_cautions(report)

    assert Caution("40 images could not be read, and are in no number:", names=skipped) in set(
        list_cautions(report)
    )
    assert markup.count("truncated") == 40
    assert markup.partition("<details>")[0].count("truncated") == 5


def test_warnings_come_before_notes(plain: EvaluationReport) -> None:
    report = replace_detail(plain, data=replace(plain.detail.data, real=40, limit=40))
    markup = write_cautions(report)

    assert markup.rindex("<b>Warning: </b>") < markup.index("<b>Note: </b>")
