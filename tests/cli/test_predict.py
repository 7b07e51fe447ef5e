"""`dfx predict`: what is given on the command line and on stdin, and what comes out."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pinned import WEIGHTS

from dfx import Detector

from .conftest import Command

HERE = ("--weights", WEIGHTS, "--device", "cpu", "--precision", "float32")


@pytest.fixture
def photos(folder: Path) -> Path:
    """Six images below `photos/`, of which one is truncated."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "sub/c.webp", "sub/d.bmp", "sub/[e].tif", "sub/f.gif"):
        path = folder / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(path)
    whole = (folder / "photos/b.jpg").read_bytes()
    (folder / "photos/b.jpg").write_bytes(whole[: len(whole) // 2])
    return folder / "photos"


def feed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """Puts something on stdin."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_a_line_for_each_image_in_the_order_given(dfx: Command, photos: Path) -> None:
    """One that cannot be read has its error in its place, and the exit code tells."""
    outcome = dfx("predict", "photos/sub", "photos/b.jpg", "photos/a.png", *HERE)
    lines = outcome.stdout.splitlines()

    assert outcome.code == 5
    assert [line.split()[0] for line in lines] == [
        "photos/sub/[e].tif",
        "photos/sub/c.webp",
        "photos/sub/d.bmp",
        "photos/sub/f.gif",
        "photos/b.jpg",
        "photos/a.png",
    ]
    assert "error: " in lines[4]
    assert all("Real" in line or "Deepfake" in line for line in [*lines[:4], lines[5]])
    assert "1 of 6 images could not be read" in outcome.stderr
    assert outcome.stderr.startswith(f"Using small/1, epoch 1: {WEIGHTS}\n")
    assert "Threshold: p_deepfake 0.5459, fitted" in outcome.stderr


def test_command_line_and_python_say_the_same(dfx: Command, photos: Path) -> None:
    rows = dfx("predict", "photos", *HERE, "-f", "json").json()
    paths = [row["path"] for row in rows]
    found = Detector.load(WEIGHTS, device="cpu", precision="float32").predict(paths)

    assert len(rows) == 6
    assert [row["error"] for row in rows] == [each.error for each in found]
    for row, each in zip(rows, found, strict=True):
        assert row["p_deepfake"] == pytest.approx(each.p_deepfake, abs=1e-6)
        assert (row["label"], row["width"], row["height"]) == (each.label, each.width, each.height)


@pytest.mark.parametrize("data", [b"photos/a.png\n\nphotos/sub\r\n", b"photos/a.png\0photos/sub\0"])
def test_a_list_of_paths_on_stdin(
    dfx: Command, photos: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    feed(monkeypatch, data)
    outcome = dfx("predict", "-", *HERE, "-f", "jsonl")

    assert outcome.code == 0, outcome.stderr
    assert [json.loads(line)["path"] for line in outcome.stdout.splitlines()] == [
        "photos/a.png",
        "photos/sub/[e].tif",
        "photos/sub/c.webp",
        "photos/sub/d.bmp",
        "photos/sub/f.gif",
    ]


def test_patterns_that_the_shell_has_left(dfx: Command, photos: Path) -> None:
    """A name with brackets is taken as it is where there is such a file."""
    rows = dfx("predict", "photos/**/*.[wb]*", "photos/sub/[e].tif", *HERE, "-f", "json").json()

    assert [row["path"] for row in rows] == [
        "photos/sub/c.webp",
        "photos/sub/d.bmp",
        "photos/sub/[e].tif",
    ]


def test_what_is_not_there_and_loops_are_lines_too(dfx: Command, photos: Path) -> None:
    shutil.rmtree(photos / "sub")
    (photos / "loop").symlink_to(".")
    (photos / "b.jpg").write_bytes(b"")
    outcome = dfx("predict", "nowhere.png", "photos", "none*.jpg", *HERE, "-f", "csv")
    rows = list(csv.DictReader(io.StringIO(outcome.stdout)))

    assert outcome.code == 5
    assert {row["path"] for row in rows if not row["error"]} == {"photos/a.png"}
    assert {row["path"] for row in rows if row["error"]} == {
        "nowhere.png",
        "photos/b.jpg",
        "photos/loop",
        "none*.jpg",
    }
    assert next(row["error"] for row in rows if row["path"] == "photos/b.jpg").endswith("is empty")


def test_uncertain(dfx: Command, photos: Path) -> None:
    rows = dfx("predict", "photos/sub", *HERE, "--uncertain", "1", "-f", "json").json()

    assert [row["label"] for row in rows] == ["Uncertain"] * 4
    assert all(row["probability"] is None and row["p_deepfake"] is not None for row in rows)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--uncertain", "2"], "--uncertain"),
        (["--precision", "half"], "--precision"),
        (["--batch-size", "0"], "--batch-size"),
        (["--device", "gpu"], "'gpu'; expected auto, cuda"),
        (["--format", "xml"], "--format"),
        (["--weights", "none.pt"], "'none.pt' does not exist"),
        (["--run", "best"], "both say which weights"),
    ],
)
def test_a_mistake_in_every_option(
    dfx: Command, photos: Path, options: list[str], words: str
) -> None:
    outcome = dfx("predict", "photos/a.png", "--weights", WEIGHTS, *options)

    assert outcome.code == 2
    assert words in outcome.stderr
    assert outcome.stdout == ""


def test_explanations_are_pictures_with_a_contact_sheet(dfx: Command, photos: Path) -> None:
    outcome = dfx("predict", "photos", *HERE, "--explain", "out")
    written = sorted(path.name for path in Path("out").iterdir())

    again = dfx("predict", ".", *HERE, "-f", "json").json()

    assert outcome.code == 5
    assert not any("explained" in row["path"] or "contact" in row["path"] for row in again)
    assert len([name for name in written if "contact-sheet" in name]) == 1
    assert len(written) == 5 + 1
    assert "out" in outcome.stderr


def test_progress_is_shown_where_the_verdicts_go_elsewhere(
    dfx: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bar on stderr, if that is a terminal, and none between lines that a person sees come."""
    monkeypatch.setattr("dfx.display.progress.on_terminal", lambda _stream: True)

    assert "Judging" in dfx("predict", "photos", *HERE, "-f", "csv").stderr
    monkeypatch.setattr("dfx.display.predictions.on_terminal", lambda _stream: True)
    assert "Judging" not in dfx("predict", "photos", *HERE, "-f", "csv").stderr
