"""What a person says while a command runs: that something may be lost, and longer texts."""

from __future__ import annotations

import sys

from dfx.errors import ConfigError


def is_agreed(question: str, *, yes: bool) -> bool:
    """Whether the person agrees; the question is put on stderr.

    Args:
        question: Without a question mark.
        yes: Whether `--yes` was given, so that nothing need be asked.

    Raises:
        ConfigError: Where nobody is there to be asked.
    """
    if yes:
        return True
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigError(
            "nobody can be asked, since this is no terminal; nothing was removed",
            hint="look at what would go, then add --yes",
        )
    # typer's own question would put its last character on stdout.
    while True:
        sys.stderr.write(f"{question}? [y/N] ")
        sys.stderr.flush()
        answer = sys.stdin.readline().strip().lower()
        if answer in {"y", "yes"}:
            return True
        if answer in {"", "n", "no"}:
            return False


def read_stdin() -> str:
    """All of stdin.

    Raises:
        ConfigError: Where it is not UTF-8.
    """
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"what comes on stdin is not UTF-8: {error.reason} at byte {error.start}",
            hint="save the text as UTF-8",
        ) from None
