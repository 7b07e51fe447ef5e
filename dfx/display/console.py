"""The two consoles and what is said on them: data on stdout, everything else on stderr.

Paths and names that users chose are shown verbatim: no markup, no highlighting, no emoji, and
control characters made visible. Messages are never wrapped by us, so that a path or a command can
be copied whole. Colour is for terminals only, and not with `NO_COLOR`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import IO

from rich.console import Console
from rich.text import Text

from dfx.errors import DfxError
from dfx.messages import Notice

_REFUSING = frozenset({"strict", "surrogateescape"})
"""What streams do with letters that they cannot say: raise, by the second in an ASCII locale."""

PIPE_WIDTH = 1000
"""Columns off a terminal, unless COLUMNS says otherwise: tables in a pipe lose nothing."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def stdout_console() -> Console:
    """A console for data."""
    return _console(sys.stdout, stderr=False)


def stderr_console() -> Console:
    """A console for notices, errors and progress."""
    return _console(sys.stderr, stderr=True)


def on_terminal(stream: IO[str]) -> bool:
    """Whether a person is looking at the stream, as far as can be told."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def printable(text: str, *, lines: bool = False) -> str:
    r"""The text with control characters escaped, so that a file name cannot steer a terminal.

    >>> printable("a\x1b[31mb\nc")
    'a\\x1b[31mb\\nc'

    Args:
        text: What someone else may have chosen.
        lines: Keep line breaks and tabs.
    """
    shown = _CONTROL.sub(_escape, text)
    return shown if lines else shown.replace("\n", "\\n").replace("\t", "\\t")


def print_error(error: DfxError) -> None:
    """Says on stderr what went wrong and the way out."""
    _say(("error: ", "bold red"), error.message)
    if error.hint is not None:
        _say(("hint: ", "bold cyan"), error.hint)


def print_notice(notice: Notice) -> None:
    """Says on stderr what should be read once."""
    prefix = ("warning: ", "bold yellow") if notice.level == "warning" else ("", "")
    _say(prefix, notice.text)


def write_stdout(text: str) -> None:
    """Writes data as it is and flushes it."""
    _tolerate(sys.stdout)
    sys.stdout.write(text)
    sys.stdout.flush()


def _say(prefix: tuple[str, str], text: str) -> None:
    # Soft wrapping leaves long lines to the terminal, which does not break what is copied.
    message = Text.assemble(prefix, printable(text, lines=True))
    stderr_console().print(message, soft_wrap=True)


def _console(stream: IO[str], *, stderr: bool) -> Console:
    _tolerate(stream)
    terminal = on_terminal(stream)
    return Console(
        stderr=stderr,
        force_terminal=terminal,
        # Without a colour system rich also leaves out bold and dim: no escape codes at all.
        color_system="auto" if terminal and not os.environ.get("NO_COLOR") else None,
        width=None if terminal or os.environ.get("COLUMNS", "").isdigit() else PIPE_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
    )


def _tolerate(stream: IO[str]) -> None:
    """Makes a stream escape what its encoding cannot say, where it would raise."""
    if isinstance(stream, io.TextIOWrapper) and stream.errors in _REFUSING:
        stream.reconfigure(errors="backslashreplace")


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")
