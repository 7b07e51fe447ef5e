"""What `render_report` writes, whatever was evaluated."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace

import matplotlib as mpl
import pytest
from PIL import Image

from dfx.display.report import render_report
from dfx.records.report import EvaluationReport

from .report_samples import draw, make_report, make_run

PICTURES = {
    "roc.png",
    "precision_recall.png",
    "confusion.png",
    "reliability.png",
    "curves.png",
    "examples.png",
}


def next_to_nothing() -> EvaluationReport:
    made = make_report(draw(1, 0), sources=[], robust=False, epochs=0)
    return replace(made, run=make_run(best_epoch=None), examples=())


EXTREMES: dict[str, Callable[[], EvaluationReport]] = {
    "no real image": lambda: make_report(draw(0, 30), epochs=3),
    "no error": lambda: make_report(draw(40, 40, skill=30), robust=False, epochs=1),
    "worse than chance": lambda: make_report(draw(40, 9, skill=-1), epochs=60, robust=False),
    "one image": next_to_nothing,
}


def test_every_promised_file_is_there(files: Mapping[str, bytes]) -> None:
    assert {"report.html", "robustness.png", *PICTURES} == set(files)


def test_page_is_small(files: Mapping[str, bytes]) -> None:
    assert len(files["report.html"]) < 1_000_000


@pytest.mark.parametrize("name", EXTREMES)
def test_every_picture_is_one_whatever_was_evaluated(name: str) -> None:
    """Where a chart is undefined, its file is a picture all the same."""
    report = EXTREMES[name]()
    files = render_report(report)
    expected = PICTURES | ({"robustness.png"} if report.detail.robustness else set())

    assert expected == {file for file in files if file.endswith(".png")}
    for file in expected:
        with Image.open(io.BytesIO(files[file])) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert 600 <= picture.width <= 2000
            assert 100 <= picture.height <= 2000
            assert len(picture.getcolors(1 << 24) or []) > 8, f"{file} is empty"


def test_same_report_gives_the_same_bytes_whatever_matplotlib_is_told(
    report: EvaluationReport, files: Mapping[str, bytes]
) -> None:
    """A matplotlibrc cannot spoil a chart, and what it says holds after as before."""
    told = {"font.size": 30.0, "svg.fonttype": "none", "axes.facecolor": "red", "text.usetex": True}
    with mpl.rc_context(told):
        before = dict(mpl.rcParams)
        again = render_report(report)
        assert before == dict(mpl.rcParams)

    assert files == again


def test_no_date_is_in_a_picture(files: Mapping[str, bytes]) -> None:
    for name in PICTURES:
        with Image.open(io.BytesIO(files[name])) as picture:
            assert picture.info == {}, name


def test_charts_of_the_page_take_its_colours(page: str) -> None:
    """In the dark they are dark too, since no colour in them is fixed."""
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)

    assert len(drawings) == 7
    for drawing in drawings:
        assert re.findall(r"(?<=[: ])#[0-9a-f]{3,6}\b", drawing) == []
        assert "var(--ink)" in drawing


def test_detail_is_needed(report: EvaluationReport) -> None:
    training = replace(report, evaluation=replace(report.evaluation, detail=None))

    with pytest.raises(ValueError, match="needs an evaluation with its detail"):
        render_report(training)


def test_pyplot_and_torch_stay_out() -> None:
    """Rendering leaves no state of matplotlib behind, and needs no heavy module beside it."""
    code = (
        "import sys, dfx.display.report\n"
        "needless = {'matplotlib.pyplot', 'torch', 'sklearn', 'pandas', 'sqlalchemy'}\n"
        "print(needless & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"
