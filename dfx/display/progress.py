"""What a person sees while a run trains.

Progress and notices go to stderr; the validation report at the end is the command's data and goes
to stdout. On a terminal there is a bar for each phase, which goes away when the phase ends, and a
line for each epoch, which stays. Elsewhere there is that line, the notices, and nothing else.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.text import Text

from dfx.display.bars import FittingBar, epoch_line
from dfx.display.console import (
    on_terminal,
    print_notice,
    printable,
    stderr_console,
    write_stdout,
)
from dfx.display.evaluation import evaluation_report
from dfx.display.evaluation_document import evaluation_document
from dfx.display.formats import emit, to_json
from dfx.formats import Format
from dfx.messages import Counting, EpochFinished, Message, Notice, Progress, RunFinished
from dfx.records import Evaluation, Run

_PHASES = {"training": "Training", "validation": "Validation"}


class TrainingDisplay:
    """Shows the messages of a running training, one after the other.

    A context manager: leaving it closes the bar. Where an error or a signal ends the block, the bar
    stays visible as it stood, and the cursor is on a new line.
    """

    def __init__(self, *, report: Format = Format.TABLE) -> None:
        """Prepares; nothing is shown yet.

        Args:
            report: Format of the validation report at the end.
        """
        self._report = report
        self._bar: FittingBar | None = None
        self._shown: object = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close(leave=error is not None)

    def show(self, message: Message) -> None:
        """Shows one message."""
        match message:
            case Progress():
                self._show_progress(message)
            case Counting():
                text = message.text
                self._advance(text, text, message.done, message.total, message.unit)
            case Notice():
                self._show_notice(message)
            case EpochFinished():
                self._show_epoch(message)
            case RunFinished():
                self._show_report(message)

    def _show_progress(self, message: Progress) -> None:
        self._advance(
            (message.epoch, message.phase),
            f"Epoch {message.epoch}/{message.epochs} - {_PHASES[message.phase]}",
            message.batch,
            message.batches,
            "batch",
            f"loss={message.loss:.3f}, acc={message.accuracy:.3f}",
        )

    def _advance(
        self, phase: object, text: str, done: int, total: int, unit: str, figures: str = ""
    ) -> None:
        """Moves the phase's bar, which takes the place of that of another phase."""
        if not on_terminal(sys.stderr):
            return
        if self._bar is None or self._shown != phase:
            self._close(leave=False)
            # A phase taken up half-way starts there, so that the rate counts only what was done.
            self._bar = FittingBar(
                desc=text,
                initial=done,
                total=total,
                unit=unit,
                file=sys.stderr,
                leave=False,
                mininterval=0,
                miniters=1,
                postfix=figures,
            )
            self._shown = phase
            return
        self._bar.set_postfix_str(figures, refresh=False)
        self._bar.update(done - self._bar.n)

    def _show_notice(self, notice: Notice) -> None:
        if self._bar is None:
            print_notice(notice)
            return
        with FittingBar.external_write_mode(file=sys.stderr):
            print_notice(notice)

    def _show_epoch(self, message: EpochFinished) -> None:
        self._close(leave=False)
        console = stderr_console()
        style = "green" if message.improved else ""
        console.print(Text(epoch_line(message, console.width), style=style), soft_wrap=True)

    def _show_report(self, message: RunFinished) -> None:
        self._close(leave=False)
        run = message.run
        if message.evaluation is None:
            print_notice(
                Notice(f"{run.name} {run.status}: there is no validation report of best weights")
            )
            if self._report is Format.JSON:  # whose reader expects a document
                write_stdout(to_json(None))
        else:
            self._emit_report(run, message.evaluation)
        if run.message:
            print_notice(Notice(run.message))
        print_notice(Notice(f"Files: {message.folder}"))

    def _emit_report(self, run: Run, evaluation: Evaluation) -> None:
        title = f"{printable(run.name)} {run.status}: validation report of epoch {evaluation.epoch}"
        document = evaluation_document(run.name, evaluation)
        emit(
            self._report,
            table=evaluation_report(evaluation, title=title),
            rows=[document],
            document=document,
        )

    def _close(self, *, leave: bool) -> None:
        if self._bar is not None:
            self._bar.leave = leave
            self._bar.close()
            self._bar = None
            self._shown = None
