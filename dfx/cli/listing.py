"""How a group of commands is listed in its help."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

_UNCUT = 1000


class CommandList(TyperGroup):
    """A group whose help lists each command with the whole first sentence about it.

    typer cuts that sentence where the line ends; here it goes on in the next one.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Writes the list."""
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, self.commands[name].get_short_help_str(_UNCUT))
                    for name in self.list_commands(ctx)
                    if not self.commands[name].hidden
                ]
            )
