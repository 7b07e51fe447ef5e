"""The page of one run: everything `dfx show` prints for a person.

The same as a document for programs is in `dfx.display.run_document`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.constrain import Constrain
from rich.padding import Padding
from rich.text import Text

from dfx.config import ExperimentConfig
from dfx.display.attempts import attempts_report
from dfx.display.by_hand import by_hand_table, describe_uses
from dfx.display.console import printable
from dfx.display.curves import Curves
from dfx.display.epochs import epochs_table
from dfx.display.evaluation import evaluation_report, evaluations_table
from dfx.display.figures import (
    ABSENT,
    format_count,
    format_digest,
    format_duration,
    format_size,
    format_time,
)
from dfx.display.left_out import files_text
from dfx.display.run_document import planned_epochs
from dfx.display.settings import format_value
from dfx.display.status import continuation, status_text
from dfx.display.table import Cell, Column, FoldingTable, facts, unbroken
from dfx.messages import counted
from dfx.records import CheckpointFile, Run, RunDetail, SplitSummary

_TEXT_WIDTH = 120
"""Terminal columns that running text takes at most."""

_SKIPPED_SHOWN = 5
_DIGEST_LENGTH = 12


def run_page(
    detail: RunDetail,
    folder: Path | None,
    *,
    sizes: Mapping[str, int | None] | None = None,
    home: Path | None = None,
) -> RenderableType:
    """Everything there is to know of a run, under headings.

    Args:
        detail: The run.
        folder: Where its files are on this machine; None where they are elsewhere.
        sizes: Bytes of each file by path relative to the home, None for one that is gone; where it
            is not given, the checkpoints are listed as recorded.
        home: As given on the command line, for the commands that are shown.
    """
    run = detail.run
    parts: list[RenderableType] = [*_head(detail, folder, home)]
    parts += _section("Attempts", attempts_report(detail.attempts, run.status))
    parts += _section("Configuration", _configuration(run.config))
    parts += _section("Data", _data(run.data))
    parts += _section("Initial weights", _pairs(run.weights))
    if detail.attempts:
        parts += _section("Environment", _pairs(detail.attempts[-1].environment))
    parts += _section("Epochs", _epochs(detail))
    parts += _section("Evaluations", _evaluations(detail))
    parts += _section("Files", _files(detail, sizes, is_here=folder is not None))
    return Group(*parts)


def _head(detail: RunDetail, folder: Path | None, home: Path | None) -> Iterator[RenderableType]:
    run = detail.run
    yield Text.assemble((printable(run.name), "bold"), "  ", status_text(run.status))
    if run.message:
        yield _lines(run.message)
    best = ABSENT if run.best_epoch is None else str(run.best_epoch)
    pairs: list[tuple[str, str]] = [
        ("id", f"{run.id}  (uuid {run.uuid})"),
        ("created", format_time(run.created_at)),
        ("time", format_duration(run.seconds)),
        ("epochs", f"{len(detail.epochs)} of {planned_epochs(detail)}, best {best}"),
        ("recipe", format_digest(run.recipe_digest, _DIGEST_LENGTH)),
        ("folder", _place(run) if folder is None else str(folder)),
    ]
    command = continuation(run.name, run.status, home)
    if command is not None:
        there = "" if folder is not None else f"  (on {run.host})"
        pairs.append(("continue", command + there))
    for name, value in pairs:
        yield unbroken(Text(f"{name:<10}", "bold"), value)
    words: list[tuple[str, Cell]] = []
    if run.tags:
        words.append((f"{'tags':<8}", "  ".join(run.tags)))
    if run.note is not None:
        words.append((f"{'note':<8}", _lines(run.note)))
    if words:
        yield Constrain(facts(words), _TEXT_WIDTH)


def _place(run: Run) -> str:
    return f"elsewhere: {run.home}/{run.directory} on {run.host}"


def _lines(text: str) -> Text:
    return Text(printable(text, lines=True), overflow="fold")


def _section(title: str, body: RenderableType) -> list[RenderableType]:
    return [Text(), Text(title, style="bold underline"), Padding(body, (0, 0, 0, 2), expand=False)]


def _none(text: str) -> Text:
    return Text(text, style="dim")


def _configuration(config: ExperimentConfig) -> RenderableType:
    default = ExperimentConfig().flat()
    pairs: list[tuple[str, Cell]] = []
    for section, keys in groupby(config.flat().items(), key=lambda pair: pair[0].partition(".")[0]):
        line = Text(overflow="fold")
        for key, value in keys:
            differs = value != default[key]
            word = ("*" if differs else "") + _assignment(key.partition(".")[2], value)
            line.append("  " if line else "").append(word, "bold cyan" if differs else "")
        pairs.append((section, line))
    return Constrain(Group(facts(pairs), Text("* differs from the default", "dim")), _TEXT_WIDTH)


def _assignment(key: str, value: Any) -> str:
    """A setting as it would be typed."""
    return f"{key}={shlex.quote(printable(format_value(value)))}"


def _data(splits: tuple[SplitSummary, ...]) -> RenderableType:
    if not splits:
        return _none("not read yet")
    columns = (
        Column("split"),
        Column("real", right=True),
        Column("deepfake", right=True),
        Column("skipped", right=True),
        Column("digest"),
        Column("content", drop=1),
    )
    rows = [
        [
            split.split,
            format_count(split.real),
            format_count(split.deepfake),
            format_count(len(split.skipped)),
            format_digest(split.digest, _DIGEST_LENGTH),
            format_digest(split.content_digest, _DIGEST_LENGTH),
        ]
        for split in splits
    ]
    skipped = [line for split in splits for line in _skipped(split)]
    return Group(FoldingTable(columns, rows), *skipped)


def _skipped(split: SplitSummary) -> Iterator[Text]:
    for path, reason in split.skipped[:_SKIPPED_SHOWN]:
        yield Text(
            f"skipped in {split.split}: {printable(path)}: {printable(reason)}",
            style="yellow",
            overflow="fold",
        )
    more = len(split.skipped) - _SKIPPED_SHOWN
    if more > 0:
        yield _none(f"and {format_count(more)} more in {split.split}: see --format json")


def _pairs(values: Mapping[str, Any]) -> RenderableType:
    """What is short enough for a page; all of it is in the document."""
    pairs = [(key, _plain(value)) for key, value in _flatten(values)]
    return Constrain(facts(pairs), _TEXT_WIDTH) if pairs else _none("not recorded")


def _flatten(values: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for key, value in values.items():
        name = f"{prefix}{printable(key)}"
        if isinstance(value, Mapping) and len(value) > 8:
            yield name, f"{len(value)} entries: see --format json"
        elif isinstance(value, Mapping):
            yield from _flatten(value, f"{name}.")
        else:
            yield name, value


def _plain(value: Any) -> Cell:
    if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
        return files_text(value)
    if isinstance(value, list | tuple):
        return " ".join(format_value(item) for item in value)
    return format_value(value)


def _epochs(detail: RunDetail) -> RenderableType:
    if not detail.epochs:
        return _none("no epoch has ended")
    best = detail.run.best_epoch
    return Group(epochs_table(detail.epochs, best), Text(), Curves(detail.epochs, best))


def _evaluations(detail: RunDetail) -> RenderableType:
    """Training's own of the best epoch in full; the others, whose weights are gone, in a line."""
    best = detail.find_report(detail.run.best_epoch)
    others = [e for e in detail.evaluations if e.origin == "training" and e is not best]
    by_hand = [e for e in detail.evaluations if e.origin == "evaluate"]
    parts: list[RenderableType] = []
    if best is not None:
        title = f"{best.split} at epoch {best.epoch}"
        parts.append(evaluation_report(best, title=title))
    if others:
        heading = Text("At other epochs", style="bold")
        parts.append(Group(heading, evaluations_table(others)))
    if by_hand:
        heading = Text("Made by hand", style="bold")
        parts.append(Group(heading, by_hand_table(by_hand, detail.run.directory)))
    if detail.test_uses:
        parts.append(Group(*describe_uses(detail.test_uses)))
    spaced = [part for each in parts for part in (each, Text())][:-1]
    return Group(*spaced) if spaced else _none("none")


def _files(
    detail: RunDetail, sizes: Mapping[str, int | None] | None, *, is_here: bool
) -> RenderableType:
    run = detail.run
    kinds = {file.path: _describe(file) for file in detail.checkpoints}
    recorded = {file.path: file.bytes for file in detail.checkpoints}
    named = recorded if sizes is None else sizes
    folders = _gather(detail, named)
    inside = {path for paths in folders.values() for path in paths}
    rows: list[list[Cell]] = [
        [
            _inside(run, path),
            Text("gone", style="red") if size is None else format_size(size),
            kinds.get(path, ""),
        ]
        for path, size in named.items()
        if path not in inside
    ]
    rows += [
        [f"{_inside(run, folder)}/", format_size(sum(paths.values())), counted(len(paths), "file")]
        for folder, paths in folders.items()
    ]
    notes = []
    if not is_here:
        notes.append(Text("They are elsewhere; the sizes are those recorded.", style="yellow"))
    elif sizes is not None and len(rows) > 1:
        total = sum(size for size in sizes.values() if size is not None)
        rows.append([Text("total", style="bold"), Text(format_size(total), style="bold"), ""])
    columns = (Column("file", fold=True), Column("size", right=True), Column("", drop=1))
    table = FoldingTable(columns, rows) if rows else _none("none")
    return Group(table, *notes)


def _gather(detail: RunDetail, sizes: Mapping[str, int | None]) -> dict[str, dict[str, int]]:
    """What is there of each evaluation's folder, which has a line as a whole."""
    folders = [each.folder for each in detail.evaluations if each.folder is not None]
    found = {
        folder: {
            path: size
            for path, size in sizes.items()
            if size is not None and path.startswith(f"{folder}/")
        }
        for folder in folders
    }
    return {folder: paths for folder, paths in found.items() if paths}


def _describe(file: CheckpointFile) -> str:
    return f"{file.kind} checkpoint, epoch {file.epoch}, step {file.step}"


def _inside(run: Run, path: str) -> str:
    return path.removeprefix(run.directory.rstrip("/") + "/")
