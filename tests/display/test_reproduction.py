from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import RenderableType

from dfx.display.formats import to_csv, to_json
from dfx.display.reproduction import (
    DRIFT_COLUMNS,
    drift_rows,
    reproduction_document,
    reproduction_page,
)
from dfx.records.findings import Drift, Reproduction

COMMAND = (
    "dfx run --name b4-baseline --config /dev/null --data '/srv/my faces' --seed 7 --device cuda:0"
)
REVISION = "0123456789abcdef0123456789abcdef01234567"
DIGEST = "sha256:" + "9f2c" * 16
REPRODUCTION = Reproduction(
    run="b4-baseline/2",
    id=17,
    uuid="4a4ee0a2-0000-4000-8000-000000000000",
    commands=[COMMAND, "dfx resume b4-baseline --epochs 20"],
    notes=["train.deterministic is false: the result may differ in its last digits"],
    drift=[
        Drift("data", "val", DIGEST, "data folder '/srv/my faces' does not exist", "put it back"),
        Drift("code", "revision", REVISION, None, f"git checkout {REVISION}"),
        *(Drift("package", f"package-{n}", f"1.{n}", f"2.{n}") for n in range(7)),
    ],
    reason=None,
)


@pytest.mark.parametrize("width", [80, 140])
def test_page_looks_as_kept(
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    """What is advised runs over the edge, so that it can be copied whole."""
    text = render(reproduction_page(REPRODUCTION), width)

    assert (f"  {COMMAND}\n" in text) == (width == 140)
    assert f"git checkout {REVISION}\n" in text
    golden(f"reproduce-{width}", text)


@pytest.mark.parametrize("width", [45, 80, 1000])
@pytest.mark.parametrize(
    "words",
    [
        ["dfx", "run", "--no-pretrained", "--data", '/my data/it\'s "here"', "--seed", "7"],
        ["torchrun", "--nproc-per-node=2", "-m", "dfx", "run", "--lr=-1", *["--set", "a=b"] * 30],
    ],
)
def test_long_command_can_be_pasted_as_it_stands(
    render: Callable[[RenderableType, int], str], words: list[str], width: int
) -> None:
    """The shell reads the same words from however many lines."""
    page = reproduction_page(
        replace(REPRODUCTION, commands=[shlex.join(words)], notes=[], drift=[])
    )
    text = render(page, width).partition("\n")[2].partition("\n\n")[0]
    pasted = subprocess.run(
        ["bash", "-c", f"{words[0]}() {{ printf '%s\\0' {words[0]} \"$@\"; }}\n{text}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert pasted.stdout.split("\0")[:-1] == words
    assert max(map(len, text.splitlines())) <= width
    assert (" \\\n" in text) == (len(shlex.join(words)) + 2 > width)
    assert "--set \\" not in text


def test_topic_goes_first_on_a_narrow_terminal(
    render: Callable[[RenderableType, int], str],
) -> None:
    assert "topic" in render(reproduction_page(REPRODUCTION), 140)
    assert "topic" not in render(reproduction_page(REPRODUCTION), 40)


def test_nothing_is_said_to_have_drifted(render: Callable[[RenderableType, int], str]) -> None:
    text = render(reproduction_page(replace(REPRODUCTION, drift=[], notes=[])), 80)

    assert "nothing: code, packages, device, data and initial weights are as they were" in text
    assert "Mind" not in text


def test_document_has_everything_in_full() -> None:
    document = json.loads(to_json(reproduction_document(REPRODUCTION)))

    assert document["commands"] == list(REPRODUCTION.commands)
    assert (document["drifted"], len(document["drift"])) == (True, 9)
    assert document["drift"][1] == {
        "topic": "code",
        "name": "revision",
        "then": REVISION,
        "now": None,
        "advice": f"git checkout {REVISION}",
        "is_refused": False,
    }


def test_csv_has_a_line_for_each() -> None:
    text = to_csv(drift_rows(REPRODUCTION), DRIFT_COLUMNS)

    assert text.startswith("topic,name,then,now,advice\n")
    assert len(text.splitlines()) == 10
