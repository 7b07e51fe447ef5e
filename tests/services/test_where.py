"""Conditions: what they mean, and that an error points at its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError
from dfx.records import RunSummary, Status
from dfx.services.columns import list_columns
from dfx.services.where import parse_condition

RUN = RunSummary(
    run="b4-robust/2",
    id=17,
    experiment="b4-robust",
    number=2,
    uuid="3f0e8f8e-0000-4000-8000-000000000017",
    status=Status.COMPLETED,
    epochs=15,
    best_epoch=11,
    val_accuracy=0.95,
    val_accuracy_low=0.94,
    val_accuracy_high=0.96,
    val_loss=0.2,
    val_auc=None,
    val_f1=0.94,
    seconds=3600.0,
    validation_digest="sha256:ab",
    validation_images=100,
    created_at=datetime(2026, 3, 4, 18, tzinfo=UTC),
    tags=("good", "paper-2"),
    note=None,
)
SETTINGS: dict[str, Any] = ExperimentConfig().replace({"train.seed": 3}).flat()


def meets(text: str, run: RunSummary = RUN) -> bool:
    return parse_condition(text)(run, SETTINGS)


@pytest.mark.parametrize(
    "text",
    [
        'val_accuracy > 0.9 and optim.lr < 1e-3 and status = "completed" and experiment = "b4*"',
        "val_accuracy>0.9 and(status=completed)",
        "val_accuracy >= .95",
        "val_accuracy <= 9.5e-1",
        "epochs == 15",
        "epochs != 14",
        "id = +17",
        "val_loss > -1",
        "experiment = 'b4-r?bust'",
        "experiment != b5*",
        'run = "b4-robust/2"',
        "run = b4-robust/2",
        "not status = failed",
        "not (status = failed or status = lost)",
        "status = failed or status = completed and epochs = 15",
        "(status = failed or status = completed) and epochs = 15",
        "tag = good",
        "tags = 'paper-*' and tag = good",
        "tag != bad",
        "note = none",
        "val_auc = none and val_loss != none",
        "model.pretrained = true",
        "pretrained = TRUE",
        "train.deterministic = false and deterministic != true",
        "lr = 0.0001",
        "seed = 3",
        "train.threads = auto",
        "evaluate.threshold = 0.5",
        "evaluate.threshold != balanced",
        "grad_checkpointing = auto",
        "weights_file = none",
        "weights_file != 'x*'",
        "val_accuracy > val_loss",
        "val_accuracy_low < accuracy",
        "created_at > 2026-03-04",
        "created_at > '2026-03-04 17:59' and created_at < 2026-03-04T18:01",
        "seconds = 3600",
        "number = 2 AND id = 17 OR status = failed",
    ],
)
def test_condition_is_met(text: str) -> None:
    assert meets(text)


@pytest.mark.parametrize(
    "text",
    [
        "val_accuracy > 0.95",
        "val_auc > 0",
        "val_auc <= 1",
        "val_auc = 0.5",
        "not val_accuracy > 0.9",
        "status = failed or status = lost and epochs = 15",
        "experiment = b4",
        "experiment = B4-robust",
        "tag = go",
        "tag = none",
        "tag != good",
        "note != none",
        "model.pretrained = false",
        "created_at < 2026-03-04",
        "train.threads > 1",
        "val_loss > val_accuracy",
        "weights_file = 'x*'",
    ],
)
def test_condition_is_not_met(text: str) -> None:
    """What is none is neither greater nor less; a name is compared letter by letter."""
    assert not meets(text)


def test_no_tags_are_none() -> None:
    assert meets("tag = none", replace(RUN, tags=()))
    assert not meets("tag != none", replace(RUN, tags=()))


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("val_acc > 0.9", "val_acc", "there is no column 'val_acc'"),
        ("epochs > 3 and nothing = 1", "nothing", "there is no column 'nothing'"),
        ("val_accuracy > high", "high", "val_accuracy is a number; high is not"),
        ('val_accuracy > "0.9"', '"0.9"', 'val_accuracy is a number; "0.9" is not'),
        ("status = complete", "complete", "status is never 'complete'"),
        ("status = COMPLETED", "COMPLETED", "status is never 'COMPLETED'"),
        ("pretrained > true", "true", "model.pretrained has no order"),
        ("pretrained = yes", "yes", "model.pretrained is true or false; yes is not"),
        ("tag < b", "b", "tags has no order"),
        ("val_loss > none", "none", "nothing is > none"),
        ("created_at > yesterday", "yesterday", "'yesterday' is not a time"),
        ("epochs", "", "expected =, !=, <, <=, > or >= after 'epochs'"),
        ("epochs >", "", "expected a value for 'epochs', not 'the end'"),
        ("epochs > 3 epochs < 5", "epochs", "expected 'and', 'or' or the end, not 'epochs'"),
        ("(epochs > 3", "", "expected ')', not 'the end'"),
        ("epochs > 3)", ")", "expected 'and', 'or' or the end, not ')'"),
        ("epochs > 3 and", "", "expected a column, not 'the end'"),
        ("3 < epochs", "3", "expected a column, not '3'"),
        ("experiment = 'b4", "'b4", "this text has no end"),
        ("epochs > 3, id = 1", ", id = 1", "this cannot be understood"),
        ("", "", "expected a column, not 'the end'"),
        ("epochs >\n hi", "hi", "epochs is a number; hi is not"),
        ("tags = run", "run", "tags and run cannot be compared"),
        ("__import__('os').system('x') = 1", "__import__", "there is no column '__import__'"),
    ],
)
def test_error_points_at_the_place(text: str, place: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_condition(text)
    said, shown, mark = refusal.value.message.split("\n")
    start = mark.index("^")

    assert said.startswith(f"--where: {reason}")
    assert shown[start : start + mark.count("^")].strip() == place
    assert shown[2:] == text.replace("\n", " ")


def test_unknown_column_names_the_nearest() -> None:
    for text, near in (("acuracy > 1", "accuracy"), ("optim.Lr > 1", "optim.lr")):
        with pytest.raises(ConfigError) as refusal:
            parse_condition(text)
        assert near in str(refusal.value.hint)


@given(st.text(alphabet="abeilnoprstuv_.<>=!()'\"\\ 0129*", max_size=40))
def test_any_text_is_a_condition_or_an_error_of_ours(text: str) -> None:
    try:
        condition = parse_condition(text)
    except ConfigError:
        return
    assert condition(RUN, SETTINGS) in (True, False)


@pytest.mark.parametrize("name", list_columns())
def test_every_column_can_be_asked_for(name: str) -> None:
    """Also by its own value, as the run has it."""
    column = list_columns()[name]
    value = column.read(RUN, SETTINGS)

    assert meets(f"{name} = none") is (value is None or value == ())
    if isinstance(value, bool):
        assert meets(f"{name} = {str(value).lower()}")
    elif isinstance(value, int | float | str):
        assert meets(f"{name} = {str(value)!r}" if isinstance(value, str) else f"{name} = {value}")
