from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console, RenderableType

from dfx.display.evaluation import (
    confusion_table,
    evaluation_document,
    evaluation_report,
    metrics_table,
)
from dfx.display.formats import to_json
from dfx.records import Confusion, Evaluation


def test_report_looks_as_kept(
    evaluation: Evaluation,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    golden("evaluation", render(evaluation_report(evaluation, title="b4-baseline/2"), 80))


def test_rows_are_the_truth_and_columns_the_verdict(
    render: Callable[[RenderableType, int], str],
) -> None:
    """A deepfake called real stands in the row of deepfakes, under Real."""
    text = render(confusion_table(Confusion(tn=3, fp=1, fn=6, tp=2)), 80)
    (real,) = [line for line in text.splitlines() if "75.0 %" in line and " 3 " in line]
    (deepfake,) = [line for line in text.splitlines() if " 6 " in line]

    assert real.replace("│", " ").split() == ["Real", "3", "75.0", "%", "1", "25.0", "%", "4"]
    assert deepfake.replace("│", " ").split() == [
        "Deepfake",
        "6",
        "75.0",
        "%",
        "2",
        "25.0",
        "%",
        "8",
    ]


def test_right_verdicts_are_green_and_wrong_ones_red() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system="standard", width=80)
    console.print(confusion_table(Confusion(tn=3, fp=1, fn=6, tp=2)))

    for right in ("3   75.0 %", "2   25.0 %"):
        assert f"\x1b[32m{right}" in file.getvalue()
    for wrong in ("1   25.0 %", "6   75.0 %"):
        assert f"\x1b[31m{wrong}" in file.getvalue()


def test_undefined_is_said_and_never_zero(
    evaluation: Evaluation, render: Callable[[RenderableType, int], str]
) -> None:
    one_class = replace(
        evaluation, auc=None, precision=None, confusion=Confusion(tn=4, fp=0, fn=0, tp=0)
    )
    lines = render(metrics_table(one_class), 80).splitlines()
    document = json.loads(to_json(evaluation_document("a/1", one_class)))

    assert "AUC                   undefined" in lines
    assert "precision (deepfake)  undefined" in lines
    assert document["auc"] is None
    assert document["precision"] is None
    assert "0  undefined" in render(confusion_table(one_class.confusion), 80)


def test_document_has_the_documented_keys(evaluation: Evaluation) -> None:
    document = evaluation_document("b4-baseline/2", evaluation)

    assert list(document) == [
        "run",
        "epoch",
        "split",
        "dataset_digest",
        "threshold",
        "accuracy",
        "precision",
        "recall",
        "f1",
        "auc",
        "average_precision",
        "tn",
        "fp",
        "fn",
        "tp",
        "loss",
        "predictions",
        "created_at",
    ]
    assert tuple(document[name] for name in ("tn", "fp", "fn", "tp")) == (1110, 90, 120, 1080)
