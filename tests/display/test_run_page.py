from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from by_hand_samples import make_evaluation_by_hand
from rich.console import Console, RenderableType

from dfx.config import KINDS
from dfx.display.run_page import run_page
from dfx.records import RunDetail, Status
from dfx.records.evaluation import TestUse

FOLDER = Path("/srv/faces/runs/b4-baseline/2")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_page_looks_as_kept(
    detail: RunDetail,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    sizes = {file.path: file.bytes for file in detail.checkpoints}
    sizes |= {"b4-baseline/2/log.csv": 512, "b4-baseline/2/predictions-val.csv": None}
    noted = replace(
        detail.run,
        tags=("candidate", "night"),
        note="Cropped by hand.\nSee also seed 8.",
    )
    text = render(run_page(replace(detail, run=noted), FOLDER, sizes=sizes), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"show-{width}", text)


def test_a_run_of_which_there_is_nothing_yet_has_a_page(
    empty_detail: RunDetail,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    golden("show-empty", render(run_page(empty_detail, FOLDER), 80))


def test_every_key_is_there_and_only_what_differs_is_marked(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, FOLDER), 140)

    for key in KINDS:
        assert f"{key.partition('.')[2]}=" in text
    assert text.count("*") - text.count("* best") - 2 == 4
    assert "*seed=7" in text
    assert "*root='my faces'" in text
    assert "*pretrained=false" in text


def test_an_attempt_says_what_was_new_with_it(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    """Settings, code, environment and packages, and nothing that is as it was."""
    first, second = detail.attempts
    packages = {"timm": "1.0.9", "torch": "2.6.0"}
    code = {"revision": "0123abcd", "branch": "main", "patch": None}
    same = {"dfx": "0.1.0", "packages": packages, "code": code}
    first = replace(first, environment=same)
    for changes, words in (
        ({}, "attempt 2 with data.workers=2 (was 4)\n"),
        ({"code": {**code, "revision": "4567"}}, "code.revision=4567 (was 0123abcd)\n"),
        ({"code": {**code, "patch": "sha256:" + "ab" * 32}}, "code.patch=sha256:abababababab…"),
        (
            {"code": {**code, "untracked": [{"path": "a b.bin", "bytes": 9, "sha256": None}]}},
            "; code.untracked a b.bin=9 B, not read (was none)",
        ),
        ({"packages": {**packages, "timm": "1.1"}}, "; packages.timm=1.1 (was 1.0.9)\n"),
        ({"cuda": "12.8"}, "; cuda=12.8 (was none)\n"),
        ({"command": ["dfx", "resume"]}, "attempt 2 with data.workers=2 (was 4)\n"),
    ):
        second = replace(second, environment={**same, **changes})
        text = render(run_page(replace(detail, attempts=(first, second)), FOLDER), 140)
        assert words in text
        assert "attempt 1 with" not in text


def test_attempts_that_had_all_in_common_say_nothing(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    attempts = (detail.attempts[0], replace(detail.attempts[0], number=2))

    assert "attempt 2 with" not in render(run_page(replace(detail, attempts=attempts), FOLDER), 140)


def test_files_that_are_elsewhere_are_not_said_to_be_gone(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, None), 100)

    assert "folder    elsewhere: /srv/faces/runs/b4-baseline/2 on gpu-box\n" in text
    assert "continue  dfx resume b4-baseline/2  (on gpu-box)\n" in text
    assert "They are elsewhere; the sizes are those recorded.\n" in text
    assert "gone" not in text


def test_only_evaluations_of_the_best_epoch_are_shown_in_full(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    (best,) = detail.evaluations
    earlier = replace(best, epoch=1, accuracy=0.8125)
    several = replace(detail, evaluations=(earlier, best))
    text = render(run_page(several, FOLDER), 100)

    assert text.count("Confusion matrix") == 1
    assert "val at epoch 2" in text
    assert "      1  val      0.8125" in text
    assert "At other epochs" not in render(run_page(detail, FOLDER), 100)


def test_training_has_the_headline_beside_evaluations_by_hand(
    detail: RunDetail,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    """Those are a line each, with how often a test split was used and what came of it."""
    used_at = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    uses = tuple(
        TestUse(number, 2, "other_faces", "sha256:test", used_at, is_recorded=number != 2)
        for number in (1, 2, 4)
    )
    by_hand = (
        make_evaluation_by_hand("b4-baseline/2", epoch=2),
        make_evaluation_by_hand("b4-baseline/2", 4, epoch=2, detail=None),
        make_evaluation_by_hand("b4-baseline/2", 5, epoch=2, split="val", folder=None),
    )
    several = replace(detail, evaluations=(*by_hand, *detail.evaluations), test_uses=uses)
    text = render(run_page(several, FOLDER), 120)
    section = text[text.index("Evaluations") : text.index("Files")]

    assert text.count("Confusion matrix") == 1
    golden("show-by-hand", section)


def test_sizes_have_a_total(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    sizes = {"b4-baseline/2/a.pt": 3_000_000, "b4-baseline/2/b.pt": 400_000, "c": None}
    lines = render(run_page(detail, FOLDER, sizes=sizes), 100).splitlines()

    assert lines[-1] == "  total  3.4 MB"


def test_without_sizes_the_checkpoints_are_listed_as_recorded(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, FOLDER), 100)

    assert "last-s1500.pt" in text
    assert "211 MB" in text


def test_a_few_of_many_skipped_images_are_named(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    split = replace(
        detail.run.data[1], skipped=tuple((f"real/{i}.jpg", "torn") for i in range(1234))
    )
    run = replace(detail.run, data=(split,))
    text = render(run_page(replace(detail, run=run), FOLDER), 100)

    assert text.count(": torn") == 5
    assert "and 1 229 more in val" in text


def test_names_and_messages_are_shown_verbatim(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    run = replace(
        detail.run,
        status=Status.FAILED,
        message="[bold]cannot[/bold] write \x1b[31m/d/[a]\x1b[0m",
        weights={"path": "/w/[b4].pth"},
    )
    text = render(run_page(replace(detail, run=run), Path("/srv/[runs]/ü")), 100)

    assert r"[bold]cannot[/bold] write \x1b[31m/d/[a]\x1b[0m" in text
    assert "/w/[b4].pth" in text
    assert "/srv/[runs]/ü" in text


def test_nothing_is_filled_up_to_the_edge(detail: RunDetail) -> None:
    """Off a terminal, where lines may be as long as they need to be."""
    file = io.StringIO()
    Console(file=file, width=1000, color_system=None).print(run_page(detail, FOLDER))

    assert max(map(len, file.getvalue().splitlines())) <= 140


@pytest.mark.parametrize("status", [Status.RUNNING, Status.LOST])
def test_an_attempt_that_has_not_ended_stands_as_its_run_does(
    detail: RunDetail, render: Callable[[RenderableType, int], str], status: Status
) -> None:
    attempts = (detail.attempts[0],)
    run = replace(detail.run, status=status)
    text = render(run_page(replace(detail, run=run, attempts=attempts), FOLDER), 100)
    (line,) = [line for line in text.splitlines() if line.startswith("  1  2026")]

    assert line.split()[-5:] == [status.value, "0", "4711", "on", "atelier"]


def test_files_beside_the_patch_have_a_line_each(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    """A few of them, with sizes and the beginnings of their digests."""
    files = [{"path": f"{n}\n.bin", "bytes": 3000, "sha256": "sha256:805ca1"} for n in range(45)]
    attempt = replace(detail.attempts[0], environment={"code": {"untracked": files}})
    text = render(run_page(replace(detail, attempts=(attempt,)), FOLDER), 80)

    assert "  code.untracked  0\\n.bin (3.0 kB, sha256:805c…)\n" in text
    assert f"\n{' ' * 18}4\\n.bin (3.0 kB, sha256:805c…)\n" in text
    assert f"\n{' ' * 18}45 files: see --format json\n" in text
    assert "5\\n.bin" not in text


def test_report_of_an_evaluation_is_one_line_among_the_files(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    by_hand = make_evaluation_by_hand("b4-baseline/2", epoch=2)
    sizes: dict[str, int | None] = {
        f"{by_hand.folder}/report.html": 4000,
        f"{by_hand.folder}/roc.png": 2000,
        "b4-baseline/2/log.csv": 512,
    }
    several = replace(detail, evaluations=(*detail.evaluations, by_hand))
    text = render(run_page(several, FOLDER, sizes=sizes), 80)
    files = text[text.index("\nFiles\n") :]

    lines = [line.split() for line in files.splitlines()]
    assert ["evaluations/0001-test-e0002/", "6.0", "kB", "2", "files"] in lines
    assert "roc.png" not in files
    assert "6.5 kB" in files
