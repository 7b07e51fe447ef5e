"""Progress on a real terminal (a pseudo-terminal that a child process writes to) and off one."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from dfx.display.progress import TrainingDisplay
from dfx.formats import Format
from dfx.messages import Counting, EpochFinished, Notice, Progress, RunFinished
from dfx.records import EpochRecord, Evaluation, RunDetail

PRELUDE = """
import time
from datetime import UTC, datetime
from dfx.display.progress import TrainingDisplay
from dfx.messages import Counting, EpochFinished, Notice, Progress
from dfx.records import EpochRecord

def progress(batch, phase="training", epoch=3):
    return Progress(epoch, 15, phase, batch, 4375, 0.2131, 0.9119)

def finished(epoch=3, improved=True):
    record = EpochRecord(epoch, 4375, 0.2131, 0.9119, 0.2, 0.92, 0.97, 0.92, 1e-4, 1176.0, 119.0,
                         1, datetime(2026, 1, 1, tzinfo=UTC))
    return EpochFinished(record, 15, improved)

display = TrainingDisplay()
"""


class Seen(NamedTuple):
    """What a terminal got.

    Attributes:
        raw: As it was sent.
        states: Every state that any line was in.
        screen: The lines that were left at the end.
    """

    raw: str
    states: list[str]
    screen: list[str]


def _run_on_terminal(body: str, columns: int, **environment: str) -> Seen:
    """Runs a script on a terminal of that width, which is not known from COLUMNS."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    hidden = ("COLUMNS", "LINES", "NO_COLOR")
    inherited = {name: value for name, value in os.environ.items() if name not in hidden}
    child = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + body],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**inherited, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    received = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux's end of a terminal that nobody holds any more
            break
        if not part:
            break
        received += part
    os.close(ours)
    child.wait(timeout=30)
    return _look(received.decode())


def _look(text: str) -> Seen:
    """Plays a terminal that knows carriage return and line feed; colours are passed over."""
    states: list[str] = []
    screen: list[str] = []
    for sent in re.sub(r"\x1b\[[0-9;]*m", "", text).replace("\r\n", "\n").split("\n"):
        line = ""
        for state in sent.split("\r"):
            line = state + line[len(state) :]
            states.append(state.rstrip())
        screen.append(line.rstrip())
    assert screen.pop() == ""  # the cursor is at the start of a new line
    return Seen(text, states, screen)


def test_a_bar_a_phase_and_a_line_an_epoch() -> None:
    seen = _run_on_terminal(
        """
with display:
    for batch in (1794, 4375):
        display.show(progress(batch))
    for batch in (10, 4375):
        display.show(progress(batch, "validation"))
    display.show(finished())
    display.show(progress(1, epoch=4))
    display.show(finished(4, improved=False))
""",
        columns=140,
    )

    assert any(
        re.fullmatch(
            r"Epoch 3/15 - Training:  41%\|█+.? *\| 1794/4375 "
            r"\[00:00<\?, \?batch/s, loss=0\.213, acc=0\.912\]",
            state,
        )
        for state in seen.states
    )
    assert any(state.startswith("Epoch 3/15 - Validation: 100%|") for state in seen.states)
    assert seen.screen == [
        (
            "Epoch  3/15  train loss 0.2131 acc 0.9119  val loss 0.2000 acc 0.9200"
            "  lr 0.0001  19m 36s  * best"
        ),
        "Epoch  4/15  train loss 0.2131 acc 0.9119  val loss 0.2000 acc 0.9200  lr 0.0001  19m 36s",
    ]


@pytest.mark.parametrize("columns", [40, 80, 100])
def test_no_line_reaches_the_edge_of_the_terminal(columns: int) -> None:
    seen = _run_on_terminal(
        """
with display:
    display.show(Counting("Reading train images", 10, 140000))
    display.show(Counting("Reading train images", 70000, 140000))
    for epoch in (3, 13):
        for phase in ("training", "validation"):
            for batch in (1, 1794, 4375):
                display.show(progress(batch, phase, epoch))
                time.sleep(0.02)
        display.show(finished(epoch))
""",
        columns=columns,
    )

    assert max(map(len, seen.states)) < columns
    assert len(seen.screen) == 2
    assert any(state.startswith("Reading train images:  50%") for state in seen.states)
    assert any(state.startswith("Epoch 13/15 - Validation:  41%") for state in seen.states)


def test_a_notice_stands_above_the_bar_in_one_piece() -> None:
    seen = _run_on_terminal(
        """
with display:
    display.show(progress(1794))
    display.show(Notice("stopping after this step: writing a checkpoint", "warning"))
    display.show(progress(1795))
    display.show(finished())
""",
        columns=80,
    )

    assert seen.screen == [
        "warning: stopping after this step: writing a checkpoint",
        "Epoch  3/15  train/val loss 0.2131/0.2000  acc 0.9119/0.9200  19m 36s  * best",
    ]
    assert sum("41%" in state for state in seen.states) >= 3  # drawn anew under the notice


def test_a_phase_taken_up_half_way_starts_there_with_the_rate_of_what_was_done() -> None:
    """Ten batches in at least 0.4 s are at most 25 a second, wherever the phase was taken up."""
    seen = _run_on_terminal(
        """
with display:
    display.show(progress(4000))
    time.sleep(0.4)
    display.show(progress(4010))
""",
        columns=140,
    )
    rates = [float(rate) for state in seen.states for rate in re.findall(r"([\d.]+)batch/s", state)]

    assert any("| 4000/4375 [" in state for state in seen.states)
    assert rates
    assert max(rates) <= 25


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "RuntimeError", "SystemExit"])
def test_an_error_leaves_the_bar_as_it_stood_and_a_clean_line(error: str) -> None:
    seen = _run_on_terminal(
        f"""
try:
    with display:
        display.show(progress(1794))
        raise {error}
except {error}:
    print("after")
""",
        columns=80,
    )

    assert len(seen.screen) == 2
    assert seen.screen[0].startswith("Epoch 3/15 - Training:  41%|")
    assert seen.screen[1] == "after"


def test_leaving_without_an_error_takes_the_bar_away() -> None:
    seen = _run_on_terminal(
        "\nwith display:\n    display.show(progress(1794))\nprint('after')", columns=80
    )

    assert seen.screen == ["after"]


def _messages(
    epochs: tuple[EpochRecord, ...],
) -> list[Counting | Progress | Notice | EpochFinished]:
    return [
        Counting("Reading train images", 5, 10),
        Notice("device cpu, float32"),
        Progress(1, 3, "training", 1, 2, 0.5, 0.5),
        Progress(1, 3, "validation", 2, 2, 0.5, 0.5),
        *(EpochFinished(epoch, 3, improved=epoch.epoch < 3) for epoch in epochs),
    ]


def test_off_a_terminal_there_is_a_line_an_epoch_and_the_notices(
    epochs: tuple[EpochRecord, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with TrainingDisplay() as display:
        for message in _messages(epochs):
            display.show(message)
    out, err = capsys.readouterr()

    assert out == ""
    assert "\x1b" not in err
    assert "\r" not in err
    assert err.splitlines() == [
        "device cpu, float32",
        (
            "Epoch 1/3  train loss 0.5000 acc 0.7000  val loss 0.5000 acc 0.8125"
            "  lr 0.0001  6m 12s  * best"
        ),
        (
            "Epoch 2/3  train loss 0.2500 acc 0.8500  val loss 0.3000 acc 0.9125"
            "  lr 5e-05  6m 12s  * best"
        ),
        "Epoch 3/3  train loss 0.1667 acc 0.9000  val loss 0.2333 acc 0.8125  lr 3.33e-05  6m 12s",
    ]


def test_the_report_goes_to_stdout_and_the_rest_to_stderr(
    detail: RunDetail,
    evaluation: Evaluation,
    capsys: pytest.CaptureFixture[str],
    golden: Callable[[str, str], None],
) -> None:
    with TrainingDisplay() as display:
        display.show(RunFinished(detail.run, evaluation, Path("runs/[b4]/2")))
    out, err = capsys.readouterr()

    golden("report", out)
    assert err == "stopped by SIGTERM in epoch 4, step 1500\nFiles: runs/[b4]/2\n"


def test_the_report_has_the_format_asked_for(
    detail: RunDetail, evaluation: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    run = replace(detail.run, message=None)
    with TrainingDisplay(report=Format.CSV) as display:
        display.show(RunFinished(run, evaluation, Path("x")))
    header, row = capsys.readouterr().out.splitlines()

    assert header.startswith("run,epoch,split,dataset_digest,threshold,accuracy,")
    assert row.startswith("b4-baseline/2,2,val,sha256:9f2c")


@pytest.mark.parametrize(("report", "printed"), [(Format.TABLE, ""), (Format.JSON, "null\n")])
def test_a_run_without_best_weights_ends_without_a_report(
    detail: RunDetail, report: Format, printed: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = replace(detail.run, message=None, best_epoch=None)
    with TrainingDisplay(report=report) as display:
        display.show(RunFinished(run, None, Path("x")))
    out, err = capsys.readouterr()

    assert out == printed
    assert err.splitlines() == [
        f"{run.name} {run.status}: there is no validation report of best weights",
        "Files: x",
    ]


def test_no_color_leaves_no_escape_code_for_colour_on_a_terminal() -> None:
    """Bars need none to be drawn over, so there is not one escape code at all."""
    body = "\nwith display:\n    display.show(progress(2))\n    display.show(finished())\n"
    script = body + "    display.show(Notice('x', 'warning'))\n"
    coloured = _run_on_terminal(script, 80)
    plain = _run_on_terminal(script, 80, NO_COLOR="1")

    assert coloured.screen == plain.screen
    assert "\x1b[" in coloured.raw
    assert "\x1b" not in plain.raw
