from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from rich.console import RenderableType

from dfx.display.confusion import confusion_table
from dfx.display.evaluation import (
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
