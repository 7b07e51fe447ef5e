from __future__ import annotations

import io
import sys
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.text import Text

from dfx.display.console import (
    PIPE_WIDTH,
    print_error,
    print_notice,
    stderr_console,
    stdout_console,
    write_stdout,
)
from dfx.errors import DataError
from dfx.messages import Notice


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_an_error_has_a_hint_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(DataError("no class folder 'real' in x", hint="make one"))

    assert capsys.readouterr() == ("", "error: no class folder 'real' in x\nhint: make one\n")


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(DataError("x"))

    assert capsys.readouterr().err == "error: x\n"


def test_paths_are_shown_verbatim(capsys: pytest.CaptureFixture[str]) -> None:
    """Brackets are no markup, colons no emoji, and numbers not picked out."""
    print_error(DataError("cannot read /data/[bold]x[/bold]/:smile:/1 2.png", hint="[/]"))

    assert capsys.readouterr().err == (
        "error: cannot read /data/[bold]x[/bold]/:smile:/1 2.png\nhint: [/]\n"
    )


def test_long_messages_are_never_wrapped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    command = "dfx resume " + "x" * 200 + "/1 --set data.root='a b c'"
    print_error(DataError("lost", hint=command))

    assert f"error: lost\nhint: {command}\n" == capsys.readouterr().err


def test_a_file_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_error(DataError("cannot read a\x1b[2Jb\r.png: \udcff"))

    assert capsys.readouterr().err == "error: cannot read a\\x1b[2Jb\\r.png: \\udcff\n"


def test_notices_go_to_stderr_and_warnings_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_notice(Notice("using run 17"))
    print_notice(Notice("3 images skipped", level="warning"))

    assert capsys.readouterr() == ("", "using run 17\nwarning: 3 images skipped\n")


@pytest.mark.parametrize("factory", [stdout_console, stderr_console])
def test_off_a_terminal_there_is_no_colour_and_room_for_every_column(
    factory: Callable[[], Console],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even where the surroundings ask for colour."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = factory()
    console.print(Text("x", style="bold red"))

    assert "".join(capsys.readouterr()) == "x\n"
    assert console.width == PIPE_WIDTH


@pytest.mark.parametrize("factory", [stdout_console, stderr_console])
def test_columns_is_honoured(
    factory: Callable[[], Console], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "77")

    assert factory().width == 77


COLOURED = "\x1b[1;31merror: \x1b[0mx\n\x1b[1;36mhint: \x1b[0my\n"


@pytest.mark.parametrize(
    ("no_color", "expected"),
    [(None, COLOURED), ("", COLOURED), ("1", "error: x\nhint: y\n")],
)
def test_colour_on_a_terminal_unless_it_is_refused(
    monkeypatch: pytest.MonkeyPatch, no_color: str | None, expected: str
) -> None:
    """NO_COLOR takes bold away too: not one escape code is left."""
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    if no_color is not None:
        monkeypatch.setenv("NO_COLOR", no_color)
    print_error(DataError("x", hint="y"))

    assert expected == terminal.getvalue()


def test_a_dumb_terminal_gets_no_escape_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "dumb")
    print_error(DataError("x"))

    assert terminal.getvalue() == "error: x\n"


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_what_the_encoding_cannot_say_is_escaped(
    monkeypatch: pytest.MonkeyPatch, errors: str
) -> None:
    """In an ASCII locale Python opens stdout with the second, which raises too."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors=errors))
    write_stdout("Größe …\n")
    stdout_console().print(Text("→"))

    assert raw.getvalue() == b"Gr\\xf6\\xdfe \\u2026\n\\u2192\n"
