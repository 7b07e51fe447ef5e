from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from dfx.display.diff import diff_page
from dfx.display.diff_document import DIFF_COLUMNS, diff_document, diff_rows
from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.records import RunDetail, Status
from dfx.records.differences import (
    Change,
    CodeDifference,
    ImageDifference,
    PatchedFile,
    Result,
    RunDifference,
    SplitDifference,
)

PATCH = "# x.py: only changed in b4-baseline/3\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\x1b[2J"
DIGESTS = ("sha256:" + "5d" * 32, "sha256:" + "6e" * 32)


@pytest.fixture
def difference(detail: RunDetail) -> RunDifference:
    """A run that was interrupted, and one on other images with other code."""
    code_a = {"revision": "0123abcd" * 5, "branch": "main", "patch": None}
    code_b = {**code_a, "patch": "sha256:" + "ab" * 32}
    return RunDifference(
        a=detail.run,
        b=replace(detail.run, id=18, number=3, status=Status.COMPLETED, best_epoch=11),
        attempts=(2, 1),
        epochs=(3, 15),
        settings=(
            Change("data.root", "my faces", "/srv/a folder with a long name/[faces] of 2026"),
            Change("optim.lr", 1e-4, 3e-4),
            Change("train.epochs", 15, 20),
        ),
        code=CodeDifference(
            a=code_a,
            b=code_b,
            changes=(Change("patch", None, code_b["patch"]),),
            files=(PatchedFile("x.py", None, (1, 1)),),
            text=PATCH,
            notes=(),
        ),
        environment=(Change("torch", "2.6.0", "2.7.0"), Change("cuda", None, "12.8")),
        packages=(Change("timm", "1.0.9", "1.1.0"), Change("torch", "2.6.0", "2.7.0")),
        weights=(),
        data=(
            SplitDifference("train", DIGESTS[0], (), None, None),
            SplitDifference(
                "val",
                DIGESTS[0],
                (Change("digest", *DIGESTS), Change("real", 1200, 1199)),
                ImageDifference(only_a=1234, only_b=1, changed=0, renamed=2),
                None,
            ),
        ),
        results=(
            Result("val_accuracy", 0.9125, 0.9861, 0.0736, True, "b"),
            Result("val_loss", 0.3, 0.31, 0.01, False, "a"),
            Result("val_auc", None, 0.9991, None, True, None),
            Result("best_epoch", 2, 11, 9, None, None),
            Result("seconds", 1114.5, 11520.0, 10405.5, None, None),
        ),
        is_same_validation=True,
    )


@pytest.fixture
def same(difference: RunDifference) -> RunDifference:
    return replace(
        difference,
        b=difference.a,
        attempts=(1, 1),
        epochs=(3, 3),
        settings=(),
        code=CodeDifference(difference.code.a, difference.code.a, (), (), None, ()),
        environment=(),
        packages=(),
        data=tuple(SplitDifference(name, DIGESTS[0], (), None, None) for name in ("train", "val")),
        results=(Result("val_accuracy", 0.9, 0.9, 0.0, True, None),),
    )


@pytest.mark.parametrize("width", [60, 80, 140])
def test_page_looks_as_kept(
    difference: RunDifference,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    text = render(diff_page(difference, patch=True), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"diff-{width}", text)


def test_what_is_the_same_takes_one_line_a_section(
    same: RunDifference,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    golden("diff-same", render(diff_page(same, patch=True), 80))


def test_the_patch_is_printed_only_where_asked_for(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(diff_page(difference, patch=False), 80)

    assert "x.py  unchanged  +1 -1" in text
    assert "line by line with --patch" in text
    assert "@@" not in text


def test_a_patch_has_its_colours_and_cannot_steer_the_terminal(difference: RunDifference) -> None:
    file = io.StringIO()
    Console(file=file, force_terminal=True, color_system="standard", width=80).print(
        diff_page(difference, patch=True)
    )

    assert "\x1b[31m-a\x1b[0m" in file.getvalue()
    assert "\x1b[32m+b\\x1b[2J\x1b[0m" in file.getvalue()


def test_lines_of_a_patch_are_never_cut_or_broken(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    long = "+" + "x" * 300
    code = replace(difference.code, text=f"{PATCH}\n{long}")
    text = render(diff_page(replace(difference, code=code), patch=True), 60)

    assert long in text.splitlines()


def test_scores_on_different_images_say_so(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(diff_page(replace(difference, is_same_validation=False), patch=False), 140)

    assert "scored on different validation images" in text
    assert "hence optimistic" not in text


def test_another_seed_is_not_called_the_same_weights(
    same: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(
        diff_page(replace(same, settings=(Change("train.seed", 0, 1),)), patch=False), 140
    )

    assert "what is drawn at random of them has another seed" in text
    assert "same recipe" not in text


def test_settings_outside_the_recipe_say_so(
    same: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    changes = (Change("data.workers", 4, 0), Change("train.epochs", 15, 20))
    text = render(diff_page(replace(same, settings=changes), patch=False), 140)

    assert "same recipe: what differs is where and how long" in text


def test_code_that_cannot_be_told_apart_says_why(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    nowhere = CodeDifference({}, {}, (), (), None, ())
    lost = replace(difference.code, files=(), text=None, notes=("it is on another machine",))

    assert "neither was started in a git checkout" in render(
        diff_page(replace(difference, code=nowhere), patch=True), 140
    )
    assert "it is on another machine" in render(
        diff_page(replace(difference, code=lost), patch=True), 140
    )


@pytest.mark.parametrize(
    ("digest", "words"),
    [("sha256:" + "ab" * 32, "same uncommitted changes"), (None, "nothing uncommitted in either")],
)
def test_uncommitted_changes_that_are_the_same_on_another_revision_say_so(
    difference: RunDifference,
    render: Callable[[RenderableType, int], str],
    digest: str | None,
    words: str,
) -> None:
    a = {"revision": "0" * 40, "branch": "main", "patch": digest}
    b = {**a, "revision": "1" * 40}
    changes = (Change("revision", a["revision"], b["revision"]),)
    code = CodeDifference(a, b, changes, (), None, ())
    text = render(diff_page(replace(difference, code=code), patch=True), 140)

    assert f"  {words}\n" in text


def test_runs_without_an_epoch_have_no_results(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    a, b = (replace(run, best_epoch=None) for run in (difference.a, difference.b))
    data = tuple(SplitDifference(name, None, (), None, None) for name in ("train", "val"))
    text = render(
        diff_page(replace(difference, a=a, b=b, epochs=(0, 0), data=data), patch=False), 140
    )

    assert "neither has finished an epoch" in text
    assert "neither has read its val images" in text


def test_document_has_the_documented_shape(difference: RunDifference) -> None:
    document = json.loads(to_json(diff_document(difference, patch=True)))

    assert list(document) == [
        *("a", "b", "settings", "code", "environment", "packages", "weights", "data"),
        *("results", "is_same_validation"),
    ]
    assert list(document["a"]) == ["run", "id", "uuid", "status", "best_epoch"]
    assert document["settings"][1] == {"key": "optim.lr", "a": 1e-4, "b": 3e-4}
    assert list(document["code"]) == ["a", "b", "changes", "files", "text", "notes"]
    assert document["code"]["files"] == [{"path": "x.py", "a": None, "b": [1, 1]}]
    assert document["code"]["text"] == PATCH
    assert list(document["data"][1]) == ["split", "digest", "changes", "images", "note"]
    assert document["data"][1]["images"] == {
        "only_a": 1234,
        "only_b": 1,
        "changed": 0,
        "renamed": 2,
    }
    assert document["results"][0] == {
        "name": "val_accuracy",
        "a": 0.9125,
        "b": 0.9861,
        "difference": 0.0736,
        "higher_is_better": True,
        "better": "b",
    }


def test_document_has_the_patch_only_where_asked_for(difference: RunDifference) -> None:
    assert diff_document(difference, patch=False)["code"]["text"] is None


def test_rows_tell_what_differs_and_the_results(difference: RunDifference) -> None:
    rows = diff_rows(difference, patch=True)
    table = list(csv.DictReader(io.StringIO(to_csv(rows, DIFF_COLUMNS))))

    assert all(list(row) == list(DIFF_COLUMNS) for row in rows)
    assert [(row["section"], row["key"]) for row in table] == [
        ("settings", "data.root"),
        ("settings", "optim.lr"),
        ("settings", "train.epochs"),
        ("code", "patch"),
        ("environment", "torch"),
        ("environment", "cuda"),
        ("packages", "timm"),
        ("packages", "torch"),
        ("val", "digest"),
        ("val", "real"),
        ("code", "uncommitted changes"),
        ("val", "images.only_a"),
        ("val", "images.only_b"),
        ("val", "images.changed"),
        ("val", "images.renamed"),
        ("results", "val_accuracy"),
        ("results", "val_loss"),
        ("results", "val_auc"),
        ("results", "best_epoch"),
        ("results", "seconds"),
    ]
    assert table[10]["difference"] == PATCH
    assert len(diff_rows(difference, patch=False)) == len(rows) - 1
    assert len(to_markdown(rows, DIFF_COLUMNS).splitlines()) == 2 + len(rows)


def left_out(count: int, digest: str) -> list[dict[str, object]]:
    return [
        {"path": f"data {n}.bin", "bytes": 3000, "sha256": f"sha256:{digest * 32}"}
        for n in range(count)
    ]


def test_files_beside_the_patch_have_a_line_each(
    difference: RunDifference, render: Callable[[RenderableType, int], str]
) -> None:
    """Only those that differ, a few on the page, and all in cells that hold no JSON."""
    secret = {"path": ".env", "bytes": 12, "sha256": None}
    changes = (
        Change(
            "untracked", [*left_out(9, "80"), secret], [*left_out(1, "80"), *left_out(9, "77")[1:]]
        ),
        Change("submodules", {"lib": "12" * 20}, None),
    )
    d = replace(difference, code=replace(difference.code, changes=changes))
    text = render(diff_page(d, patch=False), 80)
    rows = csv.DictReader(io.StringIO(to_csv(diff_rows(d, patch=False), DIFF_COLUMNS)))
    cells = {row["key"]: (row["a"], row["b"]) for row in rows if row["section"] == "code"}

    assert "  untracked .env        12 B, not read        none\n" in text
    assert "  untracked data 1.bin  3.0 kB, sha256:8080…  3.0 kB, sha256:7777…\n" in text
    assert "data 0.bin" not in text
    assert "data 5.bin" not in text
    assert "  and 4 more untracked files: see --format json\n" in text
    assert "  submodules lib        121212121212" in text
    assert "{" not in text
    assert len(cells) == 10
    assert cells["untracked .env"] == ("12 bytes", "")
    assert cells["untracked data 8.bin"] == ("sha256:" + "80" * 32, "sha256:" + "77" * 32)
    assert cells["submodules lib"] == ("12" * 20, "")
