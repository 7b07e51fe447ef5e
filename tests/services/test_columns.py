"""Names of columns, metrics and orders as they are typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dfx.config import KINDS
from dfx.errors import ConfigError
from dfx.records.leaderboard import METRICS
from dfx.services.columns import find_column, list_columns, parse_columns, parse_metric, parse_order


def test_every_setting_and_metric_is_a_column() -> None:
    assert set(KINDS) | set(METRICS) <= set(list_columns())


def test_columns_know_what_their_values_are() -> None:
    assert list_columns()["val_accuracy"].kinds == {"number"}
    assert list_columns()["created_at"].kinds == {"time"}
    assert list_columns()["tags"].kinds == {"tags"}
    assert list_columns()["evaluate.threshold"].kinds == {"number", "text"}
    assert list_columns()["model.grad_checkpointing"].kinds == {"number", "text", "truth"}
    assert list_columns()["train.class_weights"].kinds == {"text"}
    assert "lost" in list_columns()["status"].choices


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr", "optim.lr"),
        ("optim.lr", "optim.lr"),
        ("tag", "tags"),
        ("accuracy", "val_accuracy"),
        ("seed", "train.seed"),
        ("name", "model.name"),
    ],
)
def test_short_names_are_understood(typed: str, meant: str) -> None:
    column = find_column(typed)

    assert column is not None
    assert column.name == meant


def test_lists_are_read_in_their_order_each_name_once() -> None:
    assert parse_columns("lr, val_auc,,optim.lr") == ("optim.lr", "val_auc")
    assert parse_columns(None) is None


@pytest.mark.parametrize("typed", ["val_auc", "auc"])
def test_metric_may_leave_out_val(typed: str) -> None:
    assert parse_metric(typed) == "val_auc"


def test_metric_of_training_is_named_in_full() -> None:
    assert parse_metric("train_loss") == "train_loss"


@pytest.mark.parametrize(
    ("typed", "name", "descending"),
    [
        ("lr", "optim.lr", False),
        ("lr:desc", "optim.lr", True),
        ("val_auc", "val_auc", True),
        ("val_auc:asc", "val_auc", False),
        ("val_loss", "val_loss", False),
        ("seconds:desc", "seconds", True),
    ],
)
def test_orders(typed: str, name: str, *, descending: bool) -> None:
    """A metric alone begins with its better end."""
    order = parse_order(typed)

    assert order is not None
    assert (order.column.name, order.descending) == (name, descending)


@pytest.mark.parametrize(
    ("ask", "message", "hint"),
    [
        (lambda: parse_columns("val_auc,lrr"), "--columns: there is no column 'lrr'", "lr"),
        (lambda: parse_columns(" , "), "--columns names none", "val_auc"),
        (lambda: parse_metric("f2"), "--metric: 'f2' is not a metric", "val_f1"),
        (lambda: parse_order("spede"), "--sort: there is no column 'spede'", "columns are"),
        (lambda: parse_order("lr:down"), "--sort: 'down' is no direction", "optim.lr:desc"),
    ],
)
def test_unknown_names_are_refused(ask: Callable[[], object], message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ask()

    assert refusal.value.message.startswith(message)
    assert hint in str(refusal.value.hint)
