"""What differs between two runs, as `dfx diff` prints it for a person.

The same for programs is in `dfx.display.diff_document`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from dfx.config import KINDS
from dfx.display.console import printable
from dfx.display.figures import (
    ABSENT,
    format_count,
    format_digest,
    format_duration,
    format_score,
)
from dfx.display.left_out import describe_file, spread_few
from dfx.display.settings import format_value
from dfx.display.status import status_text
from dfx.display.table import Cell, Column, FoldingTable
from dfx.records import Run
from dfx.records.differences import (
    Change,
    CodeDifference,
    PatchedFile,
    Result,
    RunDifference,
    SplitDifference,
)

_DIGEST_LENGTH = 12

_RESULT_NAMES = {
    "val_accuracy": "val acc",
    "val_loss": "val loss",
    "val_auc": "val AUC",
    "val_f1": "val F1",
    "val_precision": "val precision",
    "val_recall": "val recall",
    "val_average_precision": "val average precision",
    "train_loss": "train loss",
    "train_accuracy": "train acc",
    "best_epoch": "best epoch",
    "epochs": "epochs",
    "seconds": "time",
    "images_per_second": "images/s",
}


def diff_page(difference: RunDifference, *, patch: bool) -> RenderableType:
    """The two runs, and section by section what differs; what is the same in one line each.

    Where the terminal is too narrow, long values are broken over lines; of the table of settings
    the column `kind` is left out first, and of that of results `better if` and then `B - A`.

    Args:
        difference: What to show.
        patch: Whether to print the uncommitted changes line by line.
    """
    d = difference
    parts: list[RenderableType] = [
        _head("A", d.a, d.epochs[0]),
        _head("B", d.b, d.epochs[1]),
    ]
    if max(d.attempts) > 1:
        parts.append(_same("Code and environment are those of the latest attempts."))
    parts += _section("Configuration", _settings(d))
    parts += _section("Code", _code(d, patch=patch))
    if patch and d.code.text:
        # Not in the section: what is set in is cut off at the edge.
        parts += [Text(), _patch_text(d.code.text)]
    parts += _section("Environment", _environment(d))
    parts += _section("Initial weights", _weights(d))
    parts += _section("Data", _data(d.data))
    parts += _section("Results at the best epochs", _results(d))
    return Group(*parts)


def _head(side: str, run: Run, epochs: int) -> Text:
    best = "" if run.best_epoch is None else f", best {run.best_epoch}"
    plural = "" if epochs == 1 else "s"
    text = Text.assemble((f"{side}  ", "bold"), (printable(run.name), "bold"), "  ")
    text.append_text(status_text(run.status)).append(f", {epochs} epoch{plural}{best}")
    text.overflow = "fold"
    return text


def _section(title: str, body: Iterable[RenderableType]) -> list[RenderableType]:
    shown = Padding(Group(*body), (0, 0, 0, 2), expand=False)
    return [Text(), Text(title, style="bold underline"), shown]


def _same(text: str) -> Text:
    return Text(text, style="dim", overflow="fold")


def _settings(d: RunDifference) -> list[RenderableType]:
    if not d.settings:
        return [_same("same configuration")]
    columns = (*_sides("key"), Column("kind", drop=1))
    rows = [[*_cells(change), KINDS.get(change.key, "")] for change in d.settings]
    table = FoldingTable(columns, rows)
    if any(KINDS.get(change.key, "recipe") == "recipe" for change in d.settings):
        return [table]
    return [table, _same("same recipe: what differs is where and how long it was trained")]


def _code(d: RunDifference, *, patch: bool) -> Iterator[RenderableType]:
    code = d.code
    if not code.a and not code.b:
        yield _same("not recorded of either: neither was started in a git checkout")
        return
    if not code.changes:
        yield _same(f"same code: {_describe_code(code)}")
        return
    changes, more = spread_few(code.changes)
    yield FoldingTable(_sides(""), map(_cells, changes))
    if more:
        yield _same(f"and {more}")
    if code.a and code.b and code.a.get("patch") == code.b.get("patch"):
        is_clean = code.a.get("patch") is None
        yield _same("nothing uncommitted in either" if is_clean else "same uncommitted changes")
    for note in code.notes:
        yield Text(printable(note), style="yellow", overflow="fold")
    if code.files:
        yield Text()
        yield Text("Uncommitted changes, lines added and removed", style="bold")
        yield FoldingTable(_sides("file"), map(_patched, code.files))
    if code.text and not patch:
        yield _same("line by line with --patch")


def _describe_code(code: CodeDifference) -> str:
    revision, branch = code.a.get("revision"), code.a.get("branch")
    digest = code.a.get("patch")
    changes = (
        "nothing uncommitted"
        if digest is None
        else f"with the same uncommitted changes {format_digest(digest, _DIGEST_LENGTH)}"
    )
    return f"revision {_word(revision)}, branch {_word(branch)}, {changes}"


def _patched(file: PatchedFile) -> list[Cell]:
    return [file.path, *(_lines(lines) for lines in (file.a, file.b))]


def _lines(lines: tuple[int, int] | None) -> Text:
    if lines is None:
        return Text("unchanged", style="dim")
    return Text.assemble((f"+{lines[0]}", "green"), " ", (f"-{lines[1]}", "red"))


def _patch_text(text: str) -> Text:
    """A patch with its lines in their colours; never wrapped, so that it can be copied."""
    styles = {"+": "green", "-": "red", "@": "cyan", "#": "bold"}
    shown = Text(no_wrap=True, overflow="ignore")
    for i, line in enumerate(text.split("\n")):
        plain = printable(line.replace("\t", "    "))
        shown.append("\n" if i else "").append(plain, styles.get(line[:1], ""))
    return shown


def _environment(d: RunDifference) -> Iterator[RenderableType]:
    if not d.environment and not d.packages:
        yield _same("same machine, software and packages")
        return
    yield from _changes(d.environment, "same machine and software, except for packages")
    if d.packages:
        yield Text()
        yield FoldingTable(_sides("package"), [_cells(change) for change in d.packages])
    else:
        yield _same("same packages")


def _weights(d: RunDifference) -> list[RenderableType]:
    is_seed_another = any(change.key == "train.seed" for change in d.settings)
    drawn = "; what is drawn at random of them has another seed" if is_seed_another else ""
    return _changes(d.weights, f"same source of initial weights{drawn}")


def _changes(changes: Sequence[Change], same: str) -> list[RenderableType]:
    if not changes:
        return [_same(same)]
    return [FoldingTable(_sides(""), [_cells(change) for change in changes])]


def _data(splits: Sequence[SplitDifference]) -> Iterator[RenderableType]:
    for i, split in enumerate(splits):
        if i and (split.changes or splits[i - 1].changes):
            yield Text()
        yield from _split(split)


def _split(split: SplitDifference) -> Iterator[RenderableType]:
    if not split.changes:
        if split.digest is None:
            yield _same(f"neither has read its {split.split} images")
        else:
            digest = format_digest(split.digest, _DIGEST_LENGTH)
            yield _same(f"same {split.split} images: {digest}")
        return
    yield FoldingTable(_sides(split.split), [_cells(change) for change in split.changes])
    if split.images is not None:
        images = split.images
        counts = (
            (images.only_a, "only in A"),
            (images.only_b, "only in B"),
            (images.changed, "with changed content"),
            (images.renamed, "under another name"),
        )
        told = ", ".join(f"{format_count(count)} {what}" for count, what in counts if count)
        yield Text(f"images: {told}", overflow="fold")
    if split.note:
        yield _same(split.note)


def _results(d: RunDifference) -> Iterator[RenderableType]:
    if d.a.best_epoch is None and d.b.best_epoch is None:
        yield _same("neither has finished an epoch")
        return
    if all(result.a == result.b for result in d.results):
        yield _same("same results")
        return
    columns = (
        Column(""),
        Column("A", right=True),
        Column("B", right=True),
        Column("B - A", right=True, drop=2),
        Column("better if", drop=1),
        Column("better"),
    )
    yield FoldingTable(columns, map(_result, d.results))
    if d.is_same_validation is False:
        yield Text(
            "They were scored on different validation images, so neither is better by these.",
            style="yellow",
            overflow="fold",
        )
    else:
        yield _same(
            "Scores are those of each run's best epoch, chosen on this same set, hence optimistic."
        )


def _result(result: Result) -> list[Cell]:
    word = {None: "", True: "higher", False: "lower"}[result.higher_is_better]
    better = "" if result.better is None else result.better.upper()
    return [
        _RESULT_NAMES[result.name],
        _figure(result.name, result.a),
        _figure(result.name, result.b),
        _signed(result.name, result.difference),
        Text(word, style="dim"),
        Text(better, style="bold green"),
    ]


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ABSENT
    match name:
        case "seconds":
            return format_duration(value)
        case "images_per_second":
            return f"{value:.1f}"
        case "best_epoch" | "epochs":
            return format_count(int(value))
    return format_score(value)


def _signed(name: str, difference: float | None) -> str:
    if difference is None:
        return ABSENT
    if not difference:
        return "0"
    return f"{'+' if difference > 0 else '-'}{_figure(name, abs(difference))}"


def _sides(heading: str) -> tuple[Column, Column, Column]:
    return Column(heading), Column("A", fold=True), Column("B", fold=True)


def _cells(change: Change) -> list[Cell]:
    return [change.key, _word(change.a), _word(change.b)]


def _word(value: Any) -> str:
    """A value as a person reads it; of a digest or a revision the beginning."""
    if isinstance(value, str) and value.startswith("sha256:"):
        return format_digest(value, _DIGEST_LENGTH)
    if isinstance(value, str) and len(value) == 40 and value.isalnum():
        return value[:_DIGEST_LENGTH]
    if isinstance(value, Mapping) and "bytes" in value:
        return describe_file(value)
    if isinstance(value, list | tuple):
        return " ".join(format_value(item) for item in value)
    return format_value(value)
