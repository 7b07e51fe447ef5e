"""Reports that several tests look at, each rendered once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from dfx.display.report import render_report
from dfx.records.evaluation import Overlap
from dfx.records.report import EvaluationReport

from .report_samples import draw, make_report, make_run, read, replace_detail

EVIL = "</style><script>top.pwned=1</script><img src=x onerror=top.pwned=1>\udcff\u202e\x1b[31m顔"
"""What a name or a note may hold at worst: markup, half a surrogate pair, a turned direction, an
escape code, and a letter that the font of the pictures lacks."""


@pytest.fixture(scope="package")
def report() -> EvaluationReport:
    """Of another data set, with the run's own result beside it, sources and robustness."""
    return make_report(own=True)


@pytest.fixture(scope="package")
def files(report: EvaluationReport) -> Mapping[str, bytes]:
    return render_report(report)


@pytest.fixture(scope="package")
def page(files: Mapping[str, bytes]) -> str:
    return files["report.html"].decode("utf-8")


@pytest.fixture(scope="package")
def hostile_report() -> EvaluationReport:
    """Wherever words come from outside, they are long or mean harm; all cautions are there."""
    scored = draw(40, 44)
    name = EVIL + "/" + "x" * 150
    run = make_run(note=f"{EVIL}\nsecond line", host=EVIL, tags=(EVIL,), weights={EVIL: EVIL})
    made = make_report(
        scored,
        run=run,
        sources=[("real/" if label == 0 else "deepfake/") + name for label in scored.labels],
        in_sample=True,
        robust=False,
        data={
            "name": EVIL,
            "root": "/data/" + "deep/" * 40 + EVIL,
            "skipped": tuple((f"{name}{i}.png", f"cannot identify {EVIL}") for i in range(40)),
            "limit": 44,
        },
        overlap=Overlap(train=9, val=84, either=9, unknown=f"a list is not there: {EVIL}"),
        device=EVIL,
    )
    others = read(draw(31, 44), "without_overlap", threshold=0.5, temperature=1.0)
    made = replace_detail(made, others=(*made.detail.others, others))
    return replace(made, reason=EVIL, evaluation=replace(made.evaluation, test_use=3))


@pytest.fixture(scope="package")
def hostile_page(hostile_report: EvaluationReport) -> str:
    return render_report(hostile_report)["report.html"].decode("utf-8")
