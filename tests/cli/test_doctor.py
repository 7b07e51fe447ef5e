"""`dfx doctor` as it is typed: on a bare machine, a broken one, and one without a network."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from dfx.tracking import filesystem

from .conftest import Command
from .test_run import TINY

TOPICS = [
    *(
        "python",
        "torch",
        "torchvision",
        "timm",
        "card",
        "precision",
        "weights cache",
        "hub",
        "processor",
    ),
    *("shared memory", "open files", "git", "home", "database", "file system", "disk"),
]


def test_without_a_home_or_a_network(
    dfx: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented shape; the hub is the one problem, and nothing is made."""
    monkeypatch.setenv("HF_HOME", str(folder / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    outcome = dfx("doctor", "--online", "--format", "json")
    document = outcome.json()
    findings = {finding["topic"]: finding for finding in document["findings"]}

    assert document.keys() == {"problems", "warnings", "findings"}
    assert set(findings) <= set(TOPICS)
    assert {"torch", "timm", "hub", "home", "database", "disk"} <= set(findings)
    for finding in document["findings"]:
        assert finding.keys() == {"topic", "level", "text", "advice", "values"}
        assert finding["level"] in {"ok", "warning", "problem"}
        assert finding["advice"] or finding["level"] == "ok"
    problems = [topic for topic in findings if findings[topic]["level"] == "problem"]
    assert problems == ["hub"]
    assert findings["weights cache"]["values"]["model"] == "efficientnet_b4.ra2_in1k"
    assert findings["disk"]["values"]["free_bytes"] > 0
    assert (outcome.code, document["problems"]) == (4, 1)
    assert outcome.stderr == ""
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("torch", "words"),
    [
        ("raise OSError('libcudart.so.12: cannot open shared object file')", "OSError: libcudart"),
        ("import os; os.abort()", "torch ended the process with -6"),
    ],
)
def test_libraries_and_database_that_are_broken(
    dfx: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, torch: str, words: str
) -> None:
    """Neither what torch does on import nor what lies in the home ends the examination."""
    (folder / "libraries").mkdir()
    (folder / "libraries" / "torch.py").write_text(torch)
    monkeypatch.syspath_prepend(str(folder / "libraries"))
    (folder / "home").mkdir()
    (folder / "home" / "dfx.db").write_bytes(b"no database at all, but long enough" * 99)
    outcome = dfx("doctor", "--home", folder / "home", "--format", "csv")
    rows = {row["topic"]: row for row in csv.DictReader(outcome.stdout.splitlines())}

    assert outcome.code == 4
    assert "Traceback" not in outcome.stderr
    assert {rows[name]["level"] for name in ("torch", "torchvision", "database")} == {"problem"}
    assert words in rows["torch"]["text"]
    assert "pip install" in rows["torch"]["advice"]
    assert "is not a database" in rows["database"]["text"]
    assert rows["disk"]["text"]


def test_unknown_format_is_refused(dfx: Command) -> None:
    outcome = dfx("doctor", "--format", "xml")

    assert outcome.code == 2
    assert "xml" in outcome.stderr


def test_first_start_on_a_network_says_so(
    dfx: Command, folder: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, where a home is made; the doctor says it whenever it is asked."""
    (folder / "mounts").write_text(f"1 0 0:1 / {folder} rw - cifs //server/share rw\n")
    monkeypatch.setattr(filesystem, "_MOUNTS", folder / "mounts")
    options = ("run", "--name", "one", "--data", faces, *TINY, "--epochs", 1)
    first, second = dfx(*options), dfx(*options)

    warning = f"warning: {folder}/runs is on a network file system (cifs), where SQLite is not safe"
    assert (first.code, second.code) == (0, 0)
    assert warning in first.stderr
    assert warning not in second.stderr
