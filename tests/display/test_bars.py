from __future__ import annotations

import io
from dataclasses import replace

import pytest

from dfx.display.bars import FittingBar, epoch_line
from dfx.messages import EpochFinished
from dfx.records import EpochRecord


def _bar(monkeypatch: pytest.MonkeyPatch, columns: int) -> str:
    """A bar after eight minutes, as it looks on a terminal of that width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    bar = FittingBar(
        desc="Epoch 3/15 - Training",
        total=4375,
        initial=0,
        unit="batch",
        file=io.StringIO(),
        ascii=False,
        postfix="loss=0.213, acc=0.912",
    )
    bar.n = 1794
    bar.start_t -= 482
    line = str(bar)
    bar.leave = False
    bar.close()
    return line


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            101,
            (
                "Epoch 3/15 - Training:  41%|████      | 1794/4375 "
                "[08:02<11:33, 3.72batch/s, loss=0.213, acc=0.912]"
            ),
        ),
        (80, "Epoch 3/15 - Training:  41%|█▏ | 1794/4375 [08:02<11:33, loss=0.213, acc=0.912]"),
        (78, "Epoch 3/15 - Training:  41%|██▍   | 1794/4375 [<11:33, loss=0.213, acc=0.912]"),
        (70, "Epoch 3/15 - Training:  41%|███▎    | [<11:33, loss=0.213, acc=0.912]"),
        (60, "Epoch 3/15 - Training:  41% [<11:33, loss=0.213, acc=0.912]"),
        (40, "Epoch 3/15 - Training:  41%"),
    ],
)
def test_a_bar_leaves_parts_out_where_the_terminal_is_narrow(
    monkeypatch: pytest.MonkeyPatch, columns: int, expected: str
) -> None:
    actual = _bar(monkeypatch, columns)

    assert expected == actual


@pytest.mark.parametrize("columns", range(30, 141))
def test_a_bar_never_reaches_the_last_column(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    assert len(_bar(monkeypatch, columns)) < columns


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            1000,
            (
                "Epoch  2/15  train loss 0.2500 acc 0.8500  val loss 0.3000 acc 0.9125"
                "  lr 5e-05  6m 12s  * best"
            ),
        ),
        (
            94,
            "Epoch  2/15  train loss 0.2500 acc 0.8500  val loss 0.3000 acc 0.9125  6m 12s  * best",
        ),
        (
            80,
            "Epoch  2/15  train/val loss 0.2500/0.3000  acc 0.8500/0.9125  6m 12s  * best",
        ),
        (60, "Epoch  2/15  val loss 0.3000 acc 0.9125  6m 12s  * best"),
    ],
)
def test_an_epoch_is_one_line_at_any_width(
    epochs: tuple[EpochRecord, ...], width: int, expected: str
) -> None:
    actual = epoch_line(EpochFinished(epochs[1], epochs=15, improved=True), width)

    assert expected == actual


def test_only_an_improvement_is_marked(epochs: tuple[EpochRecord, ...]) -> None:
    line = epoch_line(EpochFinished(replace(epochs[2], epoch=12), epochs=15, improved=False), 1000)

    assert line.startswith("Epoch 12/15  ")
    assert "best" not in line
