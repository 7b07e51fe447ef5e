"""Which board options ask for; none is accepted and then ignored."""

from __future__ import annotations

import re

import pytest

from dfx.config import KINDS
from dfx.errors import ConfigError
from dfx.services.boards import Board, ask_board, choose_board


@pytest.mark.parametrize(
    ("split", "matrix", "robustness", "board"),
    [
        (None, False, False, "val"),
        ("val", False, False, "val"),
        ("test", False, False, "test"),
        (None, True, False, "matrix"),
        (None, False, True, "robustness"),
    ],
)
def test_options_name_one_board(
    split: str | None, matrix: bool, robustness: bool, board: Board
) -> None:
    assert choose_board(split=split, matrix=matrix, robustness=robustness) == board


@pytest.mark.parametrize(
    ("split", "matrix", "robustness", "words"),
    [
        ("test", True, False, "--split test and --matrix cannot go together"),
        ("val", False, True, "--split val and --robustness cannot go together"),
        (None, True, True, "--matrix and --robustness cannot go together"),
        ("test", True, True, "--split test and --matrix and --robustness"),
        ("train", False, False, "not compared on 'train'; expected val or test"),
    ],
)
def test_two_boards_and_unknown_splits_are_refused(
    split: str | None, matrix: bool, robustness: bool, words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        choose_board(split=split, matrix=matrix, robustness=robustness)


@pytest.mark.parametrize(
    ("board", "option", "words"),
    [
        ("test", {"by_recipe": True}, "--split test and --group"),
        ("matrix", {"by_recipe": True}, "--matrix and --group"),
        ("robustness", {"by_recipe": True}, "--robustness and --group"),
        ("matrix", {"columns": "lr"}, "--matrix and --columns"),
        ("matrix", {"all_settings": True}, "--matrix and --all"),
        ("robustness", {"columns": "lr"}, "--robustness and --columns"),
        ("robustness", {"all_settings": True}, "--robustness and --all"),
        ("test", {"metric": "val_auc"}, "'val_auc' is not known"),
        ("matrix", {"metric": "test_auc"}, "'test_auc' is not known"),
        ("robustness", {"metric": "eer"}, "'eer' is not known"),
        ("test", {"sort": "test_auc"}, "no column 'test_auc'"),
        ("matrix", {"where": "test_auc > 0.5"}, "no column 'test_auc'"),
        ("test", {"columns": "test_nothing"}, "no column 'test_nothing'"),
    ],
)
def test_what_says_nothing_on_a_board_is_refused_with_a_way_out(
    board: Board, option: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as refused:
        ask_board(board, **option)  # type: ignore[arg-type]

    assert refused.value.hint


def test_metrics_that_there_are_are_named() -> None:
    with pytest.raises(ConfigError) as refused:
        ask_board("test", metric="f3")

    assert "test_accuracy" in str(refused.value.hint)
    assert "test_average_precision" in str(refused.value.hint)


def test_columns_may_be_of_the_run_and_of_its_test() -> None:
    asked = ask_board("test", columns="test_auc,lr,threshold,test_uses,val_loss")

    assert asked.columns == ("test_auc", "optim.lr", "threshold", "test_uses", "val_loss")


def test_all_settings_come_after_the_metric() -> None:
    columns = ask_board("test", metric="auc", all_settings=True).columns

    assert columns == ("test_auc", *KINDS)
