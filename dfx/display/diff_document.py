"""What differs between two runs, as `dfx diff` gives it to a program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dfx.display.left_out import spread
from dfx.records import Run
from dfx.records.differences import Change, RunDifference

DIFF_COLUMNS = ("section", "key", "a", "b", "difference", "better")
"""The columns of CSV and Markdown."""


def diff_document(difference: RunDifference, *, patch: bool) -> dict[str, Any]:
    """Two runs and what differs, in full precision; what is the same is not there.

    `{a: {run, id, uuid, status, best_epoch}, b: {…}, settings: [{key, a, b}],
    code: {a: {revision, branch, patch}, b: {…}, changes: [{key, a, b}], files: [{path, a, b}],
    text, notes: []}, environment: [{key, a, b}], packages: [{key, a, b}], weights: [{key, a, b}],
    data: [{split, digest, changes: [{key, a, b}], images: {only_a, only_b, changed, renamed},
    note}], results: [{name, a, b, difference, higher_is_better, better}], is_same_validation}`

    Of `files`, `a` and `b` are lines added and removed, or null. `text` is null unless the patch
    was asked for. `difference` is B less A; `better` is `a`, `b` or null.
    """
    d = difference
    return {
        "a": _run(d.a),
        "b": _run(d.b),
        "settings": _changes(d.settings),
        "code": {**asdict(d.code), "text": d.code.text if patch else None},
        "environment": _changes(d.environment),
        "packages": _changes(d.packages),
        "weights": _changes(d.weights),
        "data": [asdict(split) for split in d.data],
        "results": [asdict(result) for result in d.results],
        "is_same_validation": d.is_same_validation,
    }


def diff_rows(difference: RunDifference, *, patch: bool) -> list[dict[str, Any]]:
    """One row for each thing that differs, and one for each result, by `DIFF_COLUMNS`.

    The patch, where it was asked for, is the difference of `code`, `uncommitted changes`.
    """
    return [dict.fromkeys(DIFF_COLUMNS) | row for row in _rows(difference, patch=patch)]


def _rows(d: RunDifference, *, patch: bool) -> Iterator[dict[str, Any]]:
    for section, changes in (
        ("settings", d.settings),
        ("code", d.code.changes),
        ("environment", d.environment),
        ("packages", d.packages),
        ("weights", d.weights),
        *((split.split, split.changes) for split in d.data),
    ):
        for change in spread(changes):
            a, b = (_flat(side) for side in (change.a, change.b))
            yield {"section": section, "key": change.key, "a": a, "b": b}
    if patch and d.code.text is not None:
        yield {"section": "code", "key": "uncommitted changes", "difference": d.code.text}
    for split in d.data:
        if split.images is not None:
            for key, count in asdict(split.images).items():
                yield {"section": split.split, "key": f"images.{key}", "difference": count}
    for result in d.results:
        yield {
            "section": "results",
            "key": result.name,
            "a": result.a,
            "b": result.b,
            "difference": result.difference,
            "better": result.better,
        }


def _flat(value: Any) -> Any:
    """A value for a cell: of a file its digest, or its size where it was not read."""
    if isinstance(value, Mapping) and "bytes" in value:
        return value["sha256"] or f"{value['bytes']} bytes"
    return value


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.name,
        "id": run.id,
        "uuid": run.uuid,
        "status": run.status,
        "best_epoch": run.best_epoch,
    }


def _changes(changes: Sequence[Change]) -> list[dict[str, Any]]:
    return [asdict(change) for change in changes]
