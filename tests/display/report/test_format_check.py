"""What the page says of file formats."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dfx.display.report.sections.robustness import describe_format_check
from dfx.records.evaluation import FormatCheck, Robustness

from .report_samples import draw, make_robustness


@pytest.fixture(scope="module")
def robustness() -> Robustness:
    return make_robustness(draw(30, 30))


@pytest.mark.parametrize(
    ("change", "p", "words"),
    [
        (-0.25, 0.001, "falls by 0.2500 (DeLong's test: p = 0.001). That is more than chance"),
        (-0.02, 0.4, "falls by 0.0200 (DeLong's test: p = 0.4). No fall beyond chance"),
        (0.25, 0.001, "rises by 0.2500 (DeLong's test: p = 0.001). No fall beyond chance"),
        (0.0, 1.0, "the AUC is the same (DeLong's test: p = 1). No fall beyond chance"),
        (-0.25, None, "falls by 0.2500 (no test is possible)."),
        (None, None, "What saving both classes anew as JPEG 90 does to the AUC is undefined."),
    ],
)
def test_fall_is_told_from_chance(
    robustness: Robustness, change: float | None, p: float | None, words: str
) -> None:
    check = FormatCheck({"real": {"JPEG": 9}, "deepfake": {"PNG": 8, "JPEG": 1}}, change, p)
    told = describe_format_check(replace(robustness, format_check=check))

    assert told.startswith("Files by class are real: 9 JPEG; deepfake: 1 JPEG, 8 PNG. ")
    assert words in told
    assert ("more than chance" in told) == (change == -0.25 and p is not None)
