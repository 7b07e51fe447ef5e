from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from rich.console import RenderableType

from dfx.display.findings import (
    FINDING_COLUMNS,
    finding_rows,
    findings_document,
    findings_list,
    summarise,
)
from dfx.display.formats import to_csv, to_json
from dfx.records.findings import Finding, Level

FINDINGS = [
    Finding("python", Level.OK, "3.12.4 (/opt/dfx/bin/python)", values={"version": "3.12.4"}),
    Finding(
        "card",
        Level.PROBLEM,
        "NVIDIA GeForce RTX 4070 Ti is there, but torch 2.6.0+cpu cannot use it",
        "install a torch that fits driver 550.54.14: pip install --force-reinstall torch",
        {"driver": "550.54.14"},
    ),
    Finding("disk", Level.WARNING, "1.9 GB free; a default run keeps 0.9 GB", "enough for a run"),
    Finding("home", Level.OK, "/srv/[runs]/\x1b[31m"),
]


@pytest.mark.parametrize("width", [80, 140])
def test_list_looks_as_kept(
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    text = render(findings_list(FINDINGS), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"doctor-{width}", text)


def test_document_has_everything() -> None:
    document = json.loads(to_json(findings_document(FINDINGS)))

    assert (document["problems"], document["warnings"]) == (1, 1)
    assert document["findings"][1] == {
        "topic": "card",
        "level": "problem",
        "text": FINDINGS[1].text,
        "advice": FINDINGS[1].advice,
        "values": {"driver": "550.54.14"},
    }


def test_rows_have_a_line_each() -> None:
    text = to_csv(finding_rows(FINDINGS), FINDING_COLUMNS)

    assert text.startswith("topic,level,text,advice\npython,ok,")
    assert len(text.splitlines()) == 5


def test_sum_is_in_words() -> None:
    assert summarise(FINDINGS) == "1 problem, 1 warning."
    assert summarise(FINDINGS[:1]) == "Everything is as it should be."
    assert summarise(FINDINGS[1:2] * 2) == "2 problems."
