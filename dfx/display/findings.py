"""What `dfx doctor` has found, as a list for a person and as rows and a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dfx.display.console import printable
from dfx.records.findings import Finding, Level

FINDING_COLUMNS = ("topic", "level", "text", "advice")
"""The columns of CSV and Markdown."""

_STYLES = {Level.OK: "green", Level.WARNING: "bold yellow", Level.PROBLEM: "bold red"}


def findings_list(findings: Sequence[Finding]) -> RenderableType:
    """A line each with how it stands, what to do under it, and the sum of it all at the end.

    Nothing is left out on a narrow terminal: what does not fit continues under itself.
    """
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        text = Text(printable(finding.text))
        if finding.advice:
            text.append(f"\n→ {printable(finding.advice)}", "cyan")
        level = Text(finding.level.value, _STYLES[finding.level])
        grid.add_row(level, Text(finding.topic, "bold"), text)
    return Group(grid, Text(), Text(summarise(findings), "bold"))


def summarise(findings: Sequence[Finding]) -> str:
    """How many problems and warnings there are, in words."""
    problems, warnings = (_count(findings, level) for level in (Level.PROBLEM, Level.WARNING))
    if not problems and not warnings:
        return "Everything is as it should be."
    words = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((problems, "problem"), (warnings, "warning"))
        if count
    ]
    return ", ".join(words) + "."


def finding_rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Topic, level, text and advice, one row each."""
    return [{name: getattr(finding, name) for name in FINDING_COLUMNS} for finding in findings]


def findings_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """`{"problems", "warnings", "findings": [{topic, level, text, advice, values}]}`.

    `level` is `ok`, `warning` or `problem`; `values` has what was found as numbers and words, such
    as `free_bytes` of `disk`, and depends on the topic.
    """
    return {
        "problems": _count(findings, Level.PROBLEM),
        "warnings": _count(findings, Level.WARNING),
        "findings": [
            {**row, "values": dict(finding.values)}
            for row, finding in zip(finding_rows(findings), findings, strict=True)
        ],
    }


def _count(findings: Sequence[Finding], level: Level) -> int:
    return sum(finding.level is level for finding in findings)
