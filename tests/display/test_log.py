from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from dfx.display.log import LOG_COLUMNS, log_document, log_line, print_lines, print_log
from dfx.formats import Format
from dfx.records import RunDetail, Status
from dfx.records.history import LogEntry, RecordedEpoch, RunHistory, list_entries

from .conftest import START


@pytest.fixture
def history(detail: RunDetail) -> RunHistory:
    """The third epoch was recorded before the run was killed, and again after it was resumed."""
    first, second, again = (RecordedEpoch(epoch, None) for epoch in detail.epochs)
    lost = RecordedEpoch(replace(again.record, attempt=1, finished_at=START), 2)
    return RunHistory(detail.run, detail.attempts, (first, second, lost, again))


@pytest.fixture
def entries(history: RunHistory) -> list[LogEntry]:
    killed = replace(history.attempts[0], outcome=Status.LOST)
    return list_entries(replace(history, attempts=(killed, history.attempts[1])))


@pytest.mark.parametrize("width", [80, 140])
def test_lines_look_as_kept(
    entries: list[LogEntry], golden: Callable[[str, str], None], width: int
) -> None:
    lines = [log_line(entry, width).plain for entry in entries]

    assert max(map(len, lines)) <= width
    golden(f"log-{width}", "".join(f"{line}\n" for line in lines))


def test_messages_cannot_steer_the_terminal(entries: list[LogEntry]) -> None:
    text = log_line(replace(entries[-1], message="[b]\x1b[2J\nnext"), 80).plain

    assert text.endswith(": [b]\\x1b[2J\\nnext")


@pytest.mark.parametrize(
    ("status", "outcome", "event"),
    [
        (Status.COMPLETED, Status.COMPLETED, "completed"),
        (Status.INTERRUPTED, Status.INTERRUPTED, "interrupted"),
        (Status.FAILED, Status.FAILED, "failed"),
        (Status.LOST, None, "lost"),
        (Status.RUNNING, None, "epoch"),
    ],
)
def test_how_the_last_attempt_ended_is_the_last_event(
    history: RunHistory, status: Status, outcome: Status | None, event: str
) -> None:
    first, last = history.attempts
    changed = replace(
        history,
        run=replace(history.run, status=status),
        attempts=(first, replace(last, outcome=outcome)),
    )

    assert list_entries(changed)[-1].event == event


def test_a_lost_attempt_was_heard_of_when_it_recorded_an_epoch(history: RunHistory) -> None:
    """Where that was after its last heartbeat."""
    killed = replace(history.attempts[0], outcome=Status.LOST, heartbeat_at=START)
    entries = list_entries(replace(history, attempts=(killed,)))

    assert entries[-1].event == "lost"
    assert entries[-1].at == max(e.record.finished_at for e in history.epochs[:3])


def test_events_have_keys_of_their_own(entries: list[LogEntry]) -> None:
    assert len({entry.key for entry in entries}) == len(entries) == 8


def test_document_has_the_documented_shape(entries: list[LogEntry]) -> None:
    document = json.loads(json.dumps(log_document("b4/1", entries), default=str))

    assert list(document) == ["run", "events"]
    assert list(document["events"][0]) == list(LOG_COLUMNS)
    assert [(e["event"], e["attempt"], e["epoch"]) for e in document["events"]] == [
        ("started", 1, None),
        ("epoch", 1, 1),
        ("epoch", 1, 2),
        ("epoch", 1, 3),
        ("lost", 1, None),
        ("started", 2, None),
        ("epoch", 2, 3),
        ("interrupted", 2, None),
    ]
    assert [e["superseded_by"] for e in document["events"][1:4]] == [None, None, 2]
    assert [e["is_best"] for e in document["events"][1:4]] == [False, True, False]
    assert document["events"][1]["train_loss"] == 0.5
    assert document["events"][-1]["message"] == "SIGTERM"


@pytest.mark.parametrize("fmt", list(Format))
def test_a_complete_log_in_every_format(
    entries: list[LogEntry], capsys: pytest.CaptureFixture[str], fmt: Format
) -> None:
    print_log(fmt, "b4/1", entries)
    text = capsys.readouterr().out

    if fmt is Format.JSON:
        assert len(json.loads(text)["events"]) == 8
    else:
        assert len(text.splitlines()) == 8 + {"table": 0, "csv": 1, "md": 2}[fmt]
    if fmt is Format.CSV:
        rows = list(csv.DictReader(io.StringIO(text)))
        assert (rows[1]["event"], rows[1]["val_accuracy"]) == ("epoch", "0.8125")


@pytest.mark.parametrize("fmt", list(Format))
def test_every_event_is_written_as_it_comes(
    entries: list[LogEntry], capsys: pytest.CaptureFixture[str], fmt: Format
) -> None:
    """As JSON each is an object on a line of its own."""
    lines: list[str] = []

    def coming() -> object:
        for entry in entries:
            yield entry
            lines.extend(capsys.readouterr().out.splitlines())

    print_lines(fmt, coming())

    assert len(lines) == 8 + {"table": 0, "json": 0, "csv": 1, "md": 2}[fmt]
    if fmt is Format.JSON:
        assert [json.loads(line)["event"] for line in lines] == [e.event for e in entries]


def test_nothing_to_tell_is_a_header_or_an_empty_document(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_log(Format.JSON, "b4/1", [])
    print_log(Format.CSV, "b4/1", [])

    assert capsys.readouterr().out == (
        '{\n  "run": "b4/1",\n  "events": []\n}\n' + ",".join(LOG_COLUMNS) + "\n"
    )
