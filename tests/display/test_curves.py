from __future__ import annotations

import doctest
import io
import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console, RenderableType

from dfx.display import curves
from dfx.display.curves import Curves, format_ticks, nice_ticks
from dfx.records import EpochRecord

BRAILLE = range(0x2801, 0x2900)


def _epochs(count: int) -> list[EpochRecord]:
    """A training that overfits a little."""
    return [
        EpochRecord(
            epoch=epoch,
            step=epoch * 10,
            train_loss=0.62 / epoch**0.7,
            train_accuracy=1 - 0.35 / epoch**0.8,
            val_loss=0.5 / epoch**0.5 + 0.06 + 0.04 * math.sin(epoch),
            val_accuracy=0.93 - 0.2 / epoch + 0.01 * math.sin(2 * epoch),
            val_auc=None,
            val_f1=None,
            lr=1e-4,
            seconds=3.0,
            images_per_second=10.0,
            attempt=1,
            finished_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        for epoch in range(1, count + 1)
    ]


def _print(renderable: RenderableType, width: int, *, encoding: str, color: bool = False) -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    Console(
        file=file,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        legacy_windows=False,
    ).print(renderable, crop=False)
    file.flush()
    buffer = file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(encoding)


def test_examples_hold() -> None:
    assert doctest.testmod(curves).attempted > 0
    assert doctest.testmod(curves).failed == 0


@pytest.mark.parametrize(
    ("count", "best", "width"), [(15, 11, 80), (15, 11, 140), (1, 1, 80), (2, 2, 80), (120, 77, 80)]
)
def test_curves_look_as_kept(
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    count: int,
    best: int,
    width: int,
) -> None:
    text = render(Curves(_epochs(count), best), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"curves-{count}-{width}", text)


@pytest.mark.parametrize("count", [1, 15])
def test_an_encoding_without_braille_gets_ascii(
    golden: Callable[[str, str], None], count: int
) -> None:
    """Everything but the encoding's own characters would raise here."""
    text = _print(Curves(_epochs(count), 1), 80, encoding="ascii")

    golden(f"curves-{count}-ascii", "".join(f"{line.rstrip()}\n" for line in text.splitlines()))


@pytest.mark.parametrize("width", range(20, 200, 7))
def test_they_fit_any_width(render: Callable[[RenderableType, int], str], width: int) -> None:
    for count in (1, 2, 3, 15, 99, 1000):
        lines = render(Curves(_epochs(count), count), width).splitlines()
        assert max(map(len, lines)) <= width
        assert sum("loss" in line for line in lines) == 1
        assert sum(line.count("*") for line in lines) == 3


def test_the_last_epoch_and_the_first_have_their_numbers(
    render: Callable[[RenderableType, int], str],
) -> None:
    """And numbers do not touch."""
    for count in (*range(1, 60), 99, 100, 150, 999):
        numbers = render(Curves(_epochs(count), None), 80).splitlines()[11].split()
        assert numbers[0] == "1"
        assert numbers[-1] == str(count)
        assert [int(n) for n in numbers] == sorted({int(n) for n in numbers})


def test_training_is_dotted_and_validation_solid() -> None:
    """Of the same straight line training has a third of the dots."""
    line = [
        replace(
            epoch, train_loss=0.1 * epoch.epoch, val_loss=9.0, train_accuracy=0.1, val_accuracy=0.1
        )
        for epoch in _epochs(90)
    ]
    other = [replace(epoch, train_loss=9.0, val_loss=epoch.train_loss) for epoch in line]

    def dots(epochs: list[EpochRecord]) -> int:
        rows = _print(Curves(epochs, None), 60, encoding="utf-8").splitlines()[1:9]
        # The upper half is the constant curve, which is the other one of the two.
        signs = [ord(sign) for row in rows[1:] for sign in row]
        return sum((sign - 0x2800).bit_count() for sign in signs if sign in BRAILLE)

    assert dots(line) == pytest.approx(dots(other) / 3, rel=0.1)


def test_the_lines_have_their_colours_where_there_are_some() -> None:
    text = _print(Curves(_epochs(60), 30), 80, encoding="utf-8", color=True)

    assert "\x1b[35m" in text
    assert "\x1b[36m" in text
    assert "\x1b[1;32m*" in text


def test_without_a_best_epoch_there_is_no_star(
    render: Callable[[RenderableType, int], str],
) -> None:
    assert "*" not in render(Curves(_epochs(3), None), 80)


def test_without_epochs_there_is_nothing(render: Callable[[RenderableType, int], str]) -> None:
    assert render(Curves([], None), 80) == ""


@pytest.mark.parametrize("low", [0.0, 1e-9, 0.017, 0.5, 0.98765, 3.0, 812.0])
@pytest.mark.parametrize("span", [0.0, 1e-6, 0.0123, 0.3, 1.0, 7.7, 40_000.0])
def test_ticks_enclose_the_values_and_can_be_told_apart(low: float, span: float) -> None:
    ticks = nice_ticks([low, low + span])

    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= (low + span) * (1 - 1e-6)
    assert 2 <= len(ticks) <= 7
    assert len(set(format_ticks(ticks))) == len(ticks)
