from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from rich.console import RenderableType

from dfx.display.confusion import confusion_table
from dfx.display.evaluation import (
    evaluation_report,
    evaluations_table,
    metrics_table,
)
from dfx.display.evaluation_document import evaluation_document
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
        "origin",
        "dataset",
        "test_use",
        "folder",
    ]
    assert tuple(document[name] for name in ("tn", "fp", "fn", "tp")) == (1110, 90, 120, 1080)


def test_many_evaluations_have_a_line_each(
    evaluation: Evaluation, render: Callable[[RenderableType, int], str]
) -> None:
    """Columns leave in the docstring's order as the terminal narrows."""
    table = evaluations_table([evaluation, replace(evaluation, split="test", epoch=3, auc=None)])
    order = []
    for width in range(140, 20, -1):
        wide, narrow = (
            [table.columns[i].heading for i in table.fitting(w)] for w in (width, width - 1)
        )
        order += [heading for heading in wide if heading not in narrow]

    assert order == ["avg precision", "precision", "recall", "F1", "data"]
    assert render(table, 100).splitlines()[1:] == [
        (
            "    2  val      0.9125  0.2213  0.9731  0.9136     0.9250  0.9024         0.9688"
            "  sha256:9f2c…"
        ),
        (
            "    3  test     0.9125  0.2213       –  0.9136     0.9250  0.9024         0.9688"
            "  sha256:9f2c…"
        ),
    ]
